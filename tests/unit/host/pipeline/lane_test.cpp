#include "pipeline/lane.hpp"

#include "support/test.hpp"

#include <future>

using namespace engram::pipeline;

namespace {

// Keeps the only thread of a lane busy until it is opened.
class Gate {
public:
    Task task() {
        return [this] {
            entered_.set_value();
            opened_.get_future().wait();
        };
    }
    void waitUntilEntered() { entered_.get_future().wait(); }
    void open() { opened_.set_value(); }

private:
    std::promise<void> entered_, opened_;
};

Lane::Options options(size_t limit, unsigned threads = 1) {
    Lane::Options out;
    out.name = "a-lane-with-a-long-name";
    out.threads = threads;
    out.queue_limit = limit;
    return out;
}

}  // namespace

TEST("a busy tenant's queue does not delay another's task") {
    Gate gate;
    std::vector<std::string> order;
    Lane lane(options(1000));
    lane.submit("gate", gate.task());
    gate.waitUntilEntered();
    for (int i = 0; i < 100; ++i) lane.submit("busy", [&order] { order.push_back("busy"); });
    for (const char* key : {"a", "b"})
        for (int i = 0; i < 2; ++i) lane.submit(key, [&order, key] { order.push_back(key); });
    gate.open();
    lane.stop();
    CHECK_EQ(size_t(104), order.size());
    const std::vector<std::string> wanted = {"busy", "a", "b", "busy", "a", "b", "busy", "busy"};
    CHECK((std::vector<std::string>(order.begin(), order.begin() + 8) == wanted));
}

TEST("tasks of one key run in order") {
    std::vector<int> order;
    Lane lane(options(1000));
    for (int i = 0; i < 100; ++i) lane.submit("t", [&order, i] { order.push_back(i); });
    lane.stop();
    for (int i = 0; i < 100; ++i) CHECK_EQ(i, order.at(static_cast<size_t>(i)));
}

TEST("a full lane takes nothing more until something has left") {
    Gate gate;
    std::atomic<int> ran{0};
    Lane lane(options(3));
    lane.submit("gate", gate.task());
    gate.waitUntilEntered();
    for (const char* key : {"a", "a", "b"}) CHECK(lane.submit(key, [&] { ++ran; }) == Lane::Admission::Accepted);
    CHECK_EQ(size_t(3), lane.depth());
    CHECK(lane.submit("c", [&] { ++ran; }) == Lane::Admission::Full);
    gate.open();
    while (lane.depth() > 0) std::this_thread::yield();
    CHECK(lane.submit("c", [&] { ++ran; }) == Lane::Admission::Accepted);
    lane.stop();
    CHECK_EQ(4, ran.load());
}

TEST("a refused task is destroyed, not kept") {
    Lane lane(options(0));
    auto held = std::make_shared<int>(0);
    CHECK(lane.submit("a", [held] {}) == Lane::Admission::Full);
    CHECK_EQ(1L, held.use_count());
}

TEST("stop runs what is queued and takes nothing more") {
    Gate gate;
    std::atomic<int> ran{0};
    Lane lane(options(100));
    lane.submit("gate", gate.task());
    gate.waitUntilEntered();
    for (int i = 0; i < 10; ++i) lane.submit("t", [&] { ++ran; });
    auto stopped = std::async(std::launch::async, [&] { lane.stop(); });
    gate.open();
    stopped.get();
    CHECK_EQ(10, ran.load());
    CHECK(lane.submit("t", [&] { ++ran; }) == Lane::Admission::Full);
    lane.stop();  // twice does no harm
    CHECK_EQ(10, ran.load());
}

TEST("what a task holds is let go as soon as it has run") {
    Lane lane(options(10));
    auto held = std::make_shared<int>(0);
    std::promise<void> next;
    lane.submit("a", [held] {});
    lane.submit("a", [&] { next.set_value(); });
    next.get_future().wait();
    CHECK_EQ(1L, held.use_count());
}

TEST("several threads run every task once") {
    std::atomic<int> ran{0};
    {
        Lane lane(options(100000, 4));
        std::vector<std::thread> submitters;
        for (int t = 0; t < 4; ++t)
            submitters.emplace_back([&lane, &ran, t] {
                for (int i = 0; i < 1000; ++i) lane.submit(std::to_string((t + i) % 7), [&ran] { ++ran; });
            });
        for (std::thread& submitter : submitters) submitter.join();
    }
    CHECK_EQ(4000, ran.load());
}

TEST("another thread takes the place of one whose task hangs, and goes when that one is back") {
    Gate hanging, others;
    Lane::Options with = options(100);
    with.stuck_after = std::chrono::milliseconds(20);
    std::atomic<int> told{0};
    with.on_stuck = [&told](std::string_view, std::string_view key) { told += key == "hangs"; };
    Lane lane(with);
    lane.submit("hangs", hanging.task());
    hanging.waitUntilEntered();
    lane.submit("t", others.task());
    others.waitUntilEntered();  // on the only thread there was it would never be
    CHECK_EQ(size_t(1), lane.stuck());
    hanging.open();
    others.open();
    lane.stop();
    CHECK_EQ(size_t(0), lane.stuck());
    CHECK_EQ(1, told.load());
}

TEST("a key with too many hanging tasks gets no more, others do") {
    Gate hanging, next;
    Lane::Options with = options(100);
    with.stuck_after = std::chrono::milliseconds(20);
    with.stuck_per_key = 1;
    Lane lane(with);
    lane.submit("hangs", hanging.task());
    hanging.waitUntilEntered();
    lane.submit("t", next.task());
    next.waitUntilEntered();
    CHECK(lane.submit("hangs", [] {}) == Lane::Admission::Full);
    CHECK(lane.submit("t", [] {}) == Lane::Admission::Accepted);
    hanging.open();
    next.open();
}

TEST("a stop does not wait for a task that hangs beyond its deadline") {
    static Gate hanging;  // never opened: the lane is left alone with it, as the process does
    static Lane* const lane = new Lane(options(100));
    lane->submit("hangs", hanging.task());
    hanging.waitUntilEntered();
    CHECK(!lane->stop(Lane::Clock::now() + std::chrono::milliseconds(20)));
    CHECK(lane->submit("t", [] {}) == Lane::Admission::Full);
}

TEST("a task that throws takes its thread with it no more than it must") {
    std::promise<void> ran;
    Lane lane(options(100));
    lane.submit("t", [] { throw std::bad_alloc(); });
    lane.submit("t", [&ran] { ran.set_value(); });
    ran.get_future().wait();
}
