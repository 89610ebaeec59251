#include "engine/query_embeddings.hpp"

#include <algorithm>

#include <pthread.h>

namespace engram::engine {

void QueryEmbeddings::submit(const Embedder& embedder, std::string tenant, std::string text, Done done) {
    Error refusal;
    {
        std::lock_guard lock(mutex_);
        if (phase_ == Phase::Stopping) {
            refusal = {"unavailable", "the server is stopping", "", ""};
        } else if (waiting_.size() >= options_.waiting) {
            refusal = {"overloaded", "too many queries wait for the embedder", "", ""};
        } else {
            auto query = std::make_shared<Query>();
            query->embedder = &embedder;
            query->tenant = std::move(tenant);
            query->text = std::move(text);
            query->deadline = Clock::now() + options_.patience;
            query->done = std::move(done);
            waiting_.push_back(query);
            unanswered_.push_back(std::move(query));
            startThreads();
        }
    }
    if (!refusal.code.empty()) return done(std::move(refusal));
    wake_.notify_one();
    watch_.notify_one();
}

// Under the lock. The first thread is the one that watches the deadlines.
void QueryEmbeddings::startThreads() {
    auto start = [this](const char* name, void (QueryEmbeddings::*body)()) {
        ++running_;
        threads_.emplace_back([this, body] { (this->*body)(); });
        pthread_setname_np(threads_.back().native_handle(), name);
    };
    if (threads_.empty()) start("query-watch", &QueryEmbeddings::watch);
    if (idle_ < waiting_.size() && threads_.size() <= options_.threads) start("query-vector", &QueryEmbeddings::run);
}

QueryEmbeddings::Done QueryEmbeddings::take(Query& query) {
    Done done = std::move(query.done);
    query.done = nullptr;
    return done;
}

void QueryEmbeddings::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        ++idle_;
        wake_.wait(lock, [this] { return !waiting_.empty() || phase_ == Phase::Stopping; });
        --idle_;
        if (phase_ == Phase::Stopping) break;
        const QueryPtr query = waiting_.front();
        waiting_.pop_front();
        if (!query->done) continue;  // too late
        lock.unlock();
        std::vector<float> vector(query->embedder->dimensions);
        query->call.setTenant(query->tenant);
        const std::string_view text = query->text;
        auto embedded = embedTexts(*query->embedder, query->call, ENGRAM_EMBED_QUERY, {&text, 1}, query->deadline, vector);
        lock.lock();
        const Done done = take(*query);
        std::erase(unanswered_, query);
        if (!done) continue;
        lock.unlock();
        if (embedded) done(std::move(vector));
        else done(embedded.error());
        lock.lock();
    }
    --running_;
    ended_.notify_all();
}

void QueryEmbeddings::watch() {
    std::unique_lock lock(mutex_);
    while (phase_ == Phase::Running) {
        if (unanswered_.empty()) {
            watch_.wait(lock);
            continue;
        }
        const Clock::time_point deadline = unanswered_.front()->deadline;
        if (Clock::now() < deadline) {
            watch_.wait_until(lock, deadline);
            continue;
        }
        const QueryPtr late = unanswered_.front();
        unanswered_.pop_front();
        std::erase(waiting_, late);
        const Done done = take(*late);
        if (!done) continue;
        lock.unlock();
        late->call.cancel();
        done(Error{"deadline_exceeded", "the embedder '" + late->embedder->name + "' did not answer in time", "", ""});
        lock.lock();
    }
    --running_;
    ended_.notify_all();
}

bool QueryEmbeddings::stop(Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    phase_ = Phase::Stopping;
    std::vector<Done> orphans;
    for (const QueryPtr& query : unanswered_) {
        query->call.cancel();
        if (Done done = take(*query)) orphans.push_back(std::move(done));
    }
    unanswered_.clear();
    waiting_.clear();
    wake_.notify_all();
    watch_.notify_all();
    lock.unlock();
    for (const Done& done : orphans) done(Error{"unavailable", "the server is stopping", "", ""});
    lock.lock();
    const auto ended = [this] { return running_ == 0; };
    if (deadline == Clock::time_point::max()) ended_.wait(lock, ended);
    else if (!ended_.wait_until(lock, deadline, ended)) return false;
    std::list<std::thread> threads;
    threads.swap(threads_);
    lock.unlock();
    for (std::thread& thread : threads) thread.join();
    return true;
}

}  // namespace engram::engine
