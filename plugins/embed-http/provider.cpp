#include "provider.hpp"

#include "wire.hpp"

#include <algorithm>
#include <ctime>
#include <thread>

namespace engram::embed_http {
namespace {

constexpr std::chrono::seconds kKeep{4};  // servers close idle connections, many after five seconds
constexpr std::chrono::milliseconds kFirstPause{250}, kLongestPause{8000}, kSlice{25};

}  // namespace

Provider::Provider(Settings settings, Outlets outlets) : settings_(std::move(settings)), outlets_(std::move(outlets)) {
    if (settings_.secure) tls_ = verifiedTls(settings_);
}

Provider::Answer Provider::embed(const std::vector<std::string>& texts, Clock::time_point deadline, const engram_call* call,
                                 float* out) {
    const std::string body = requestBody(settings_.model, texts, settings_.asks_dimensions ? settings_.dimensions : 0);
    for (unsigned tries = 0;; ++tries) {
        {
            std::lock_guard lock(mutex_);
            if (Clock::now() < not_before_) return {ENGRAM_UNAVAILABLE, "the provider asked to wait", 0};
        }
        Attempt done = attempt(body, texts.size(), deadline, call, out);
        note(done.answer);
        if (!done.again || tries >= settings_.retries) return done.answer;
        const auto wait = done.wait.value_or(backoff(tries));
        if (done.wait) {
            std::lock_guard lock(mutex_);
            not_before_ = std::max(not_before_, Clock::now() + wait);
        }
        if (Clock::now() + wait >= deadline) return done.answer;
        if (outlets_.retried) outlets_.retried();
        if (!pause(wait, call)) return {ENGRAM_CANCELLED, "cancelled", 0};
    }
}

Provider::Attempt Provider::attempt(const std::string& body, size_t n, Clock::time_point deadline, const engram_call* call,
                                    float* out) {
    const Reply reply = exchange(body, deadline, call);
    Attempt done = judge(reply, n, out);
    if (!outlets_.requested) return done;
    if (done.answer.status == ENGRAM_OK) outlets_.requested("ok");
    else if (done.answer.status == ENGRAM_INVALID_ARGUMENT) outlets_.requested("refused");
    else if (reply.outcome == Reply::Outcome::Late) outlets_.requested("late");
    else if (reply.outcome == Reply::Outcome::Answered && reply.status == 429) outlets_.requested("limited");
    else if (reply.outcome == Reply::Outcome::Answered && reply.status == 200) outlets_.requested("wrong");
    else outlets_.requested("failed");
    return done;
}

Provider::Attempt Provider::judge(const Reply& reply, size_t n, float* out) {
    Attempt done;
    if (reply.outcome == Reply::Outcome::Late) {
        done.answer = {ENGRAM_DEADLINE_EXCEEDED, "no answer in time", 0};
        return done;
    }
    if (reply.outcome != Reply::Outcome::Answered) {
        done.answer = {ENGRAM_UNAVAILABLE, reply.why, 0};
        done.again = true;
        return done;
    }
    if (reply.status == 200) {
        std::string why = readAnswer(reply.body, n, settings_.dimensions, out, done.answer.tokens);
        if (why.empty()) return done;
        done.answer.status = ENGRAM_UNAVAILABLE;
        done.answer.why = std::move(why);
        return done;
    }
    const std::string said = errorOf(reply.body, settings_.key);
    done.answer.why = "HTTP " + std::to_string(reply.status) + (said.empty() ? "" : ": " + said);
    const bool about_texts = reply.status == 400 || reply.status == 413 || reply.status == 422;
    done.answer.status = about_texts ? ENGRAM_INVALID_ARGUMENT : ENGRAM_UNAVAILABLE;
    done.again = reply.status == 408 || reply.status == 429 || reply.status >= 500;
    if (done.again)
        if (const auto seconds = retryAfter(reply.retry_after, std::time(nullptr))) done.wait = std::chrono::seconds(*seconds);
    return done;
}

// A kept connection may have been closed by the other side: then a new one is tried at once, which counts as the same attempt.
Reply Provider::exchange(const std::string& body, Clock::time_point deadline, const engram_call* call) {
    Reply reply;
    do {
        auto connection = take(deadline);
        if (!connection) return {Reply::Outcome::Late, "all connections are busy"};
        reply = connection->exchange(body, deadline, call);
        give(std::move(connection));
    } while (reply.outcome == Reply::Outcome::Unsent);
    return reply;
}

std::unique_ptr<Connection> Provider::take(Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    if (!freed_.wait_until(lock, deadline, [this] { return in_use_ < settings_.connections; })) return nullptr;
    ++in_use_;
    std::erase_if(kept_, [](const auto& c) { return Clock::now() - c->lastUse() > kKeep; });
    if (!kept_.empty()) {
        auto connection = std::move(kept_.back());
        kept_.pop_back();
        return connection;
    }
    return std::make_unique<Connection>(settings_, tls_, watchdog_);
}

void Provider::give(std::unique_ptr<Connection> connection) {
    {
        std::lock_guard lock(mutex_);
        --in_use_;
        if (connection->reusable()) kept_.push_back(std::move(connection));
    }
    freed_.notify_one();
}

// Doubled each time, and spread so that those who failed together do not come back together.
std::chrono::milliseconds Provider::backoff(unsigned attempt) {
    const auto longest = std::min(kLongestPause, kFirstPause * (1 << std::min(attempt, 6u)));
    std::lock_guard lock(mutex_);
    return longest / 2 + std::chrono::milliseconds(random_() % static_cast<unsigned>(longest.count() / 2 + 1));
}

// False: the call was cancelled.
bool Provider::pause(std::chrono::milliseconds length, const engram_call* call) {
    const auto end = Clock::now() + length;
    while (Clock::now() < end) {
        if (call->ops->cancelled(call)) return false;
        std::this_thread::sleep_for(std::min<Clock::duration>(kSlice, end - Clock::now()));
    }
    return true;
}

void Provider::note(const Answer& answer) {
    std::lock_guard lock(mutex_);
    // A text that is refused says nothing about the provider.
    if (answer.status != ENGRAM_INVALID_ARGUMENT) trouble_ = answer.why;
}

std::string Provider::trouble() const {
    std::lock_guard lock(mutex_);
    return trouble_;
}

}  // namespace engram::embed_http
