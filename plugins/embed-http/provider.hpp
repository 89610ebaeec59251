// Texts to vectors by a provider that may be slow, busy, down, or wrong: connections are few and kept, what may succeed later is
// tried again with pauses in between, and all of it ends by the deadline. Any thread.
#pragma once

#include "connection.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace engram::embed_http {

class Provider {
public:
    using Clock = Watchdog::Clock;

    struct Outlets {
        std::function<void(const char* outcome)> requested;  // ok, limited, failed, refused, late, wrong
        std::function<void()> retried;
    };
    struct Answer {
        engram_status status = ENGRAM_OK;
        std::string why;  // not OK: for the log
        uint64_t tokens = 0;
    };

    // Throws Poco::Exception if TLS cannot be set up.
    Provider(Settings settings, Outlets outlets);

    // One request with its repetitions. INVALID_ARGUMENT: the provider refuses the texts; DEADLINE_EXCEEDED; UNAVAILABLE:
    // everything else that may pass.
    Answer embed(const std::vector<std::string>& texts, Clock::time_point deadline, const engram_call* call, float* out);

    // Why the last request failed; empty if it did not.
    std::string trouble() const;

private:
    struct Attempt {
        Answer answer;
        bool again = false;  // it may go better later
        std::optional<std::chrono::milliseconds> wait{};  // as the provider asks
    };

    Attempt attempt(const std::string& body, size_t n, Clock::time_point deadline, const engram_call* call, float* out);
    Attempt judge(const Reply& reply, size_t n, float* out);
    Reply exchange(const std::string& body, Clock::time_point deadline, const engram_call* call);
    std::unique_ptr<Connection> take(Clock::time_point deadline);
    void give(std::unique_ptr<Connection> connection);
    std::chrono::milliseconds backoff(unsigned attempt);
    static bool pause(std::chrono::milliseconds length, const engram_call* call);
    void note(const Answer& answer);

    const Settings settings_;
    const Outlets outlets_;
    Poco::Net::Context::Ptr tls_;
    Watchdog watchdog_;
    mutable std::mutex mutex_;
    std::condition_variable freed_;
    std::vector<std::unique_ptr<Connection>> kept_;
    unsigned in_use_ = 0;
    Clock::time_point not_before_{};  // the provider asked to be left alone until then
    std::string trouble_;
    std::minstd_rand random_{std::random_device{}()};
};

}  // namespace engram::embed_http
