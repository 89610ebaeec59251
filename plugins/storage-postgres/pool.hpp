// The connections of an instance: made when they are needed, at most as many as configured, given back clean. Any thread.
#pragma once

#include "session.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace engram::storage_postgres {

class Pool {
public:
    Pool(ConnectOptions options, size_t size) : options_(std::move(options)), size_(size) {}
    Pool(const Pool&) = delete;

    // A session of the pool in use; gives itself back with no transaction open, or is closed.
    class Lease {
    public:
        Lease(Pool& pool, std::unique_ptr<Session> session) : pool_(pool), session_(std::move(session)) {}
        Lease(const Lease&) = delete;
        ~Lease() { pool_.give(std::move(session_)); }
        Session& operator*() const { return *session_; }
        Session* operator->() const { return session_.get(); }

    private:
        Pool& pool_;
        std::unique_ptr<Session> session_;
    };

    // Waits for a free one up to `wait`. Throws PostgresError: none became free, or PostgreSQL cannot be reached.
    std::unique_ptr<Lease> take(std::chrono::milliseconds wait = std::chrono::seconds(5));

    // Runs `work` with a session; once more with a fresh one if the connection turns out to be lost or the transaction
    // met a conflict. `work` must not have committed anything when it throws.
    template <class F>
    auto run(F&& work) {
        try {
            return work(**take());
        } catch (const PostgresError& e) {
            if (!e.lost() && !e.conflict()) throw;
            if (e.lost()) dropIdle();
        }
        return work(**take());
    }

    // Closes the free ones: after the server was away they are all lost.
    void dropIdle();
    const ConnectOptions& options() const { return options_; }

private:
    void give(std::unique_ptr<Session> session) noexcept;

    const ConnectOptions options_;
    const size_t size_;
    std::mutex mutex_;
    std::condition_variable free_;
    std::vector<std::unique_ptr<Session>> idle_;
    size_t open_ = 0;
    std::chrono::steady_clock::time_point no_connect_before_{};
    std::string why_not_;
};

}  // namespace engram::storage_postgres
