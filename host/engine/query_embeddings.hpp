// Vectors of queries from embedders that may wait: no search waits longer than the patience, whatever the embedder does.
//
// submit() from any thread. Completions run on threads of its own, which begin with the first query, and must be short.
#pragma once

#include "engine/embedders.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace engram::engine {

class QueryEmbeddings {
public:
    using Clock = std::chrono::steady_clock;
    // The vector; deadline_exceeded, overloaded, or an error of embedTexts().
    using Done = std::function<void(Result<std::vector<float>>)>;

    struct Options {
        unsigned threads = 4;
        size_t waiting = 256;                      // queries; more are "overloaded"
        std::chrono::milliseconds patience{1500};  // of a search for its vector
    };

    explicit QueryEmbeddings(Options options) : options_(options) {}
    QueryEmbeddings(const QueryEmbeddings&) = delete;
    ~QueryEmbeddings() { stop(Clock::time_point::max()); }

    // `done` is called once, perhaps at once. `embedder` outlives the call.
    void submit(const Embedder& embedder, std::string tenant, std::string text, Done done);
    // Cancels what is under way; what waits is "unavailable". False: an embedder did not come back by the deadline.
    bool stop(Clock::time_point deadline);

private:
    struct Query {
        const Embedder* embedder = nullptr;
        std::string tenant, text;
        Clock::time_point deadline{};
        Done done;  // taken by whoever answers first
        ArenaCall call;
    };
    using QueryPtr = std::shared_ptr<Query>;

    void startThreads();
    void run();
    void watch();
    Done take(Query& query);  // empty: it was answered

    const Options options_;
    std::mutex mutex_;
    std::condition_variable wake_, watch_, ended_;
    std::deque<QueryPtr> waiting_;
    std::deque<QueryPtr> unanswered_;  // in the order of their deadlines, since all have the same patience
    std::list<std::thread> threads_;
    unsigned running_ = 0, idle_ = 0;
    enum class Phase { Running, Stopping } phase_ = Phase::Running;
};

}  // namespace engram::engine
