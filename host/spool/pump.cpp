#include "spool/pump.hpp"

#include <engram/cpp/arena_call.hpp>

#include <pthread.h>

namespace engram::spool {
namespace {

constexpr size_t kBatch = 2000;
constexpr std::chrono::milliseconds kFirstBackoff{100}, kLongestBackoff{5000}, kWait{500};
// Between batches, so that a plugin commits some hundred events at a time rather than each.
constexpr std::chrono::milliseconds kGather{200};

engram_event abiEvent(const Event& event, std::vector<engram_counter>& counters) {
    engram_event out{};
    out.size = sizeof out;
    out.status_code = event.status_code;
    out.id = event.id;
    out.occurred_at = event.occurred_at;
    out.tenant = borrow(event.tenant);
    out.workspace = borrow(event.workspace);
    out.route = borrow(event.route);
    out.subject = borrow(event.subject);
    out.json = borrow(event.json);
    for (const auto& [unit, n] : event.counters) counters.push_back({borrow(unit), n});
    out.counters = counters.data();
    out.n_counters = counters.size();
    return out;
}

}  // namespace

Pump::Pump(Spool& spool, Target target, std::function<void(const std::string&)> on_failure)
    : spool_(spool), target_(std::move(target)), on_failure_(std::move(on_failure)) {
    spool_.subscribe(target_.name);
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "pump");
}

Pump::Turn Pump::handOver() {
    Position next;
    const std::vector<Event> all = spool_.read(target_.name, kBatch, next);
    if (all.empty() && next == committed_) return Turn::Idle;  // else there were records that are no events
    std::vector<engram_event> events;
    std::vector<std::vector<engram_counter>> counters(all.size());
    for (size_t i = 0; i < all.size(); ++i)
        if (all[i].stream == target_.stream) events.push_back(abiEvent(all[i], counters[i]));
    size_t taken = 0;
    ArenaCall call;
    const engram_status status =
        events.empty() ? ENGRAM_OK : target_.sink.consume(target_.self, call, events.data(), events.size(), &taken);
    // Events are idempotent: unless all were taken the whole batch comes again.
    if (status != ENGRAM_OK || taken < events.size()) {
        on_failure_(call.message().empty() ? "not all events were taken" : call.message());
        return Turn::Failed;
    }
    if (auto committed = spool_.commit(target_.name, next); !committed) {
        on_failure_(committed.error().message);
        return Turn::Failed;
    }
    committed_ = next;
    return all.size() < kBatch ? Turn::Caught : Turn::Behind;
}

void Pump::flush(std::chrono::steady_clock::time_point deadline) {
    if (!spool_.waitFor(target_.name, std::chrono::milliseconds(0))) return;
    std::unique_lock lock(mutex_);
    const uint64_t mine = ++asked_;
    wake_.notify_all();
    spool_.wake();
    answered_changed_.wait_until(lock, deadline, [&] { return answered_ >= mine || phase_ != Phase::Running; });
}

void Pump::run() {
    auto backoff = kFirstBackoff;
    std::unique_lock lock(mutex_);
    while (phase_ == Phase::Running) {
        const uint64_t asked = asked_;
        const auto wait = asked == answered_ ? kWait : std::chrono::milliseconds(0);
        lock.unlock();
        Turn done = Turn::Failed;
        try {
            done = spool_.waitFor(target_.name, wait) ? handOver() : Turn::Idle;
        } catch (const std::bad_alloc&) {
            // The batch comes again.
        }
        lock.lock();
        if (phase_ == Phase::Left) return;
        if (done == Turn::Behind) continue;
        answered_ = asked;
        answered_changed_.notify_all();
        if (done != Turn::Failed) backoff = kFirstBackoff;
        if (done != Turn::Idle)
            wake_.wait_for(lock, done == Turn::Failed ? backoff : kGather,
                           [this] { return phase_ != Phase::Running || asked_ != answered_; });
        if (done == Turn::Failed) backoff = std::min(backoff * 2, kLongestBackoff);
    }
    phase_ = Phase::Ended;
    ended_.notify_all();
}

bool Pump::stop(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    if (phase_ == Phase::Left) return false;
    if (phase_ == Phase::Running) phase_ = Phase::Stopping;
    wake_.notify_all();
    answered_changed_.notify_all();
    spool_.wake();
    auto ended = [this] { return phase_ == Phase::Ended; };
    bool done = true;
    if (deadline == std::chrono::steady_clock::time_point::max()) ended_.wait(lock, ended);
    else done = ended_.wait_until(lock, deadline, ended);
    if (!done) phase_ = Phase::Left;
    lock.unlock();
    if (!thread_.joinable()) return done;
    if (done) thread_.join();
    else thread_.detach();
    return done;
}

}  // namespace engram::spool
