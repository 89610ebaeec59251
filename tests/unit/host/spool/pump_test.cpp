#include "spool/pump.hpp"

#include "events.hpp"

#include <engram/cpp/text.hpp>

#include <condition_variable>
#include <deque>

using namespace engram;
using namespace engram::spool;
using namespace engram::testing;

namespace {

constexpr std::chrono::seconds kPatience{60};

// A metering plugin that notes what it is given and answers what it was told to.
class Consumer {
public:
    struct Answer {
        engram_status status = ENGRAM_OK;
        size_t taken = SIZE_MAX;
    };

    Consumer() {
        table_.size = sizeof table_;
        table_.consume = [](void* self, engram_call* call, const engram_event* events, size_t n, size_t* taken) {
            return static_cast<Consumer*>(self)->consume(call, events, n, taken);
        };
    }
    Pump::Target target(const std::string& name, Stream stream = Stream::Usage) { return {name, &table_, this, stream}; }

    void plan(std::deque<Answer> answers) { answers_ = std::move(answers); }
    void hang(bool hanging) {
        std::lock_guard lock(mutex_);
        hanging_ = hanging;
        changed_.notify_all();
    }
    // Waits for `n` calls of consume(), then gives what each got.
    std::vector<std::string> batches(size_t n) {
        std::unique_lock lock(mutex_);
        CHECK(changed_.wait_for(lock, kPatience, [&] { return batches_.size() >= n; }));
        return batches_;
    }

private:
    engram_status consume(engram_call* call, const engram_event* events, size_t n, size_t* taken) {
        std::unique_lock lock(mutex_);
        std::string batch;
        for (size_t i = 0; i < n; ++i) batch += std::string(view(events[i].route)) + " ";
        batches_.push_back(batch);
        changed_.notify_all();
        CHECK(changed_.wait_for(lock, kPatience, [this] { return !hanging_; }));
        Answer answer;
        if (!answers_.empty()) {
            answer = answers_.front();
            answers_.pop_front();
        }
        *taken = std::min(n, answer.taken);
        return answer.status == ENGRAM_OK ? ENGRAM_OK : fail(call, answer.status, "no room");
    }

    engram_metering_v1 table_{};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> batches_;
    std::deque<Answer> answers_;
    bool hanging_ = false;
};

std::chrono::steady_clock::time_point soon() { return std::chrono::steady_clock::now() + kPatience; }

}  // namespace

TEST("events are handed over in order, with all they carry") {
    TemporaryFolder folder;
    auto spool = openSpool(folder.path());
    Consumer consumer;
    Pump pump(*spool, consumer.target("m"), [](const std::string&) {});
    for (const char* route : {"a", "b", "c"}) CHECK(spool->append(event(route)).ok());
    pump.flush(soon());
    pump.stop();
    std::string all;
    for (const std::string& batch : consumer.batches(1)) all += batch;
    CHECK_TEXT("a b c ", all);
    CHECK_EQ(uint64_t(0), spool->bytesWaiting());
}

TEST("a batch that was refused, or taken in part, comes again whole") {
    TemporaryFolder folder;
    auto spool = openSpool(folder.path());
    for (const char* route : {"a", "b"}) CHECK(spool->append(event(route)).ok());
    Consumer consumer;
    consumer.plan({{ENGRAM_UNAVAILABLE, 0}, {ENGRAM_OK, 1}});
    std::mutex mutex;
    std::vector<std::string> failures;
    Pump pump(*spool, consumer.target("m"), [&](const std::string& why) {
        std::lock_guard lock(mutex);
        failures.push_back(why);
    });
    const auto batches = consumer.batches(3);
    pump.stop();
    for (const std::string& batch : batches) CHECK_TEXT("a b ", batch);
    CHECK_EQ(size_t(2), failures.size());
    CHECK_TEXT("no room", failures[0]);
    CHECK(failures[1].find("not all") != std::string::npos);
    CHECK_EQ(uint64_t(0), spool->bytesWaiting());
}

TEST("what was not taken before the end comes to the next pump of that name") {
    TemporaryFolder folder;
    {
        auto spool = openSpool(folder.path());
        Consumer refuses;
        refuses.plan(std::deque<Consumer::Answer>(100, {ENGRAM_UNAVAILABLE, 0}));
        CHECK(spool->append(event("a")).ok());
        Pump pump(*spool, refuses.target("m"), [](const std::string&) {});
        refuses.batches(1);
    }
    auto spool = openSpool(folder.path());
    Consumer consumer;
    Pump pump(*spool, consumer.target("m"), [](const std::string&) {});
    pump.flush(soon());
    CHECK_TEXT("a ", consumer.batches(1)[0]);
}

TEST("a consumer that fails does not keep another from its events") {
    TemporaryFolder folder;
    auto spool = openSpool(folder.path());
    Consumer broken, sound;
    broken.plan(std::deque<Consumer::Answer>(1000, {ENGRAM_INTERNAL, 0}));
    Pump one(*spool, broken.target("broken"), [](const std::string&) {});
    Pump two(*spool, sound.target("sound"), [](const std::string&) {});
    CHECK(spool->append(event("a")).ok());
    two.flush(soon());
    CHECK_TEXT("a ", sound.batches(1)[0]);
    CHECK(spool->bytesWaiting() > 0);
}

TEST("a consumer gets the events of its stream alone and leaves the others behind") {
    TemporaryFolder folder;
    auto spool = openSpool(folder.path());
    CHECK(spool->append(event("usage")).ok());
    CHECK(spool->append(event("audit", Stream::Audit)).ok());
    Consumer audits;
    Pump pump(*spool, audits.target("audits", Stream::Audit), [](const std::string&) {});
    pump.flush(soon());
    CHECK_TEXT("audit ", audits.batches(1)[0]);
    CHECK_EQ(uint64_t(0), spool->bytesWaiting());
}

TEST("flush hands over more than one batch") {
    TemporaryFolder folder;
    auto spool = openSpool(folder.path(), 1 << 20, 8 << 20);
    for (int i = 0; i < 4500; ++i) CHECK(spool->append(event("e")).ok());
    Consumer consumer;
    Pump pump(*spool, consumer.target("m"), [](const std::string&) {});
    pump.flush(soon());
    CHECK_EQ(uint64_t(0), spool->bytesWaiting());
    size_t events = 0;
    for (const std::string& batch : consumer.batches(3)) events += batch.size() / 2;
    CHECK_EQ(size_t(4500), events);
}

TEST("who flushes does not hang with a consumer that hangs") {
    TemporaryFolder folder;
    auto spool = openSpool(folder.path());
    Consumer consumer;
    consumer.hang(true);
    Pump pump(*spool, consumer.target("m"), [](const std::string&) {});
    CHECK(spool->append(event("a")).ok());
    pump.flush(std::chrono::steady_clock::now() + std::chrono::milliseconds(50));
    CHECK(spool->bytesWaiting() > 0);
    consumer.hang(false);
    pump.flush(soon());
    CHECK_EQ(uint64_t(0), spool->bytesWaiting());
}

TEST("records that no event can be made of are passed over") {
    TemporaryFolder folder;
    {
        auto segment = Segment::open(folder / "0000000000000001.events", 4096);
        CHECK((*segment)->append("of another format") == Segment::Room::Enough);
    }
    auto spool = openSpool(folder.path());
    Consumer consumer;
    Pump pump(*spool, consumer.target("m"), [](const std::string&) {});
    pump.flush(soon());
    CHECK_EQ(uint64_t(0), spool->bytesWaiting());
}
