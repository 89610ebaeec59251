#include "loader/task_pool.hpp"

#include <future>

#include <engram/cpp/plugin.hpp>

#include "support/test.hpp"

using namespace std::chrono_literals;
using engram::loader::TaskPool;

namespace {

constexpr auto kPatience = 20s;

// Counts the runs of a task; may hold them until it is told.
struct Counter {
    std::atomic<int> runs{0}, at_once{0}, most_at_once{0};
    std::promise<void> entered, third;
    std::shared_future<void> leave;
    std::atomic<bool> saw_cancel{false};

    static void count(void* arg, engram_call*) {
        auto& self = *static_cast<Counter*>(arg);
        const int now = ++self.at_once;
        if (now > self.most_at_once) self.most_at_once = now;
        if (++self.runs == 3) self.third.set_value();
        --self.at_once;
    }
    static void countAndThrow(void* arg, engram_call* call) {
        count(arg, call);
        throw std::bad_alloc();
    }
    static void untilCancelled(void* arg, engram_call* call) {
        auto& self = *static_cast<Counter*>(arg);
        self.entered.set_value();
        while (!call->ops->cancelled(call)) std::this_thread::yield();
        self.saw_cancel = true;
    }
    static void hold(void* arg, engram_call*) {
        auto& self = *static_cast<Counter*>(arg);
        self.entered.set_value();
        self.leave.wait_for(kPatience);
        ++self.runs;
    }
};

bool arrives(std::promise<void>& promise) {
    return promise.get_future().wait_for(kPatience) == std::future_status::ready;
}

const int kOwner = 0, kOther = 0;

}  // namespace

TEST("a task of a plugin that runs out of memory has its next turn") {
    TaskPool pool;
    pool.start();
    Counter counter;
    uint64_t id = 0;
    CHECK_EQ(ENGRAM_OK + 0, pool.post(&kOwner, &engram::guardedTask<&Counter::countAndThrow>, &counter, {0ms, 1ms}, id) + 0);
    CHECK(arrives(counter.third));
    CHECK(pool.drain(&kOwner, TaskPool::Clock::now() + kPatience));
}

TEST("a periodic task runs again and again, never twice at the same time") {
    TaskPool pool;
    pool.start();
    Counter counter;
    uint64_t id = 0;
    CHECK_EQ(ENGRAM_OK + 0, pool.post(&kOwner, &Counter::count, &counter, {0ms, 1ms}, id) + 0);
    CHECK(arrives(counter.third));
    pool.cancel(&kOwner, id);
    const int after = counter.runs;
    CHECK_EQ(1, counter.most_at_once.load());
    CHECK(pool.drain(&kOwner, TaskPool::Clock::now() + kPatience));
    CHECK_EQ(after, counter.runs.load());
}

TEST("tasks posted before the start run after it") {
    TaskPool pool;
    Counter counter;
    uint64_t id = 0;
    for (int i = 0; i < 3; ++i) pool.post(&kOwner, &Counter::count, &counter, {}, id);
    CHECK_EQ(0, counter.runs.load());
    pool.start();
    CHECK(arrives(counter.third));
}

TEST("cancelling tells the running function and returns after it has ended") {
    TaskPool pool;
    pool.start();
    Counter counter;
    uint64_t id = 0;
    pool.post(&kOwner, &Counter::untilCancelled, &counter, {}, id);
    CHECK(arrives(counter.entered));
    pool.cancel(&kOwner, id);
    CHECK(counter.saw_cancel.load());
}

TEST("a task of another owner is not cancelled") {
    TaskPool pool;
    Counter counter;
    uint64_t id = 0;
    for (int i = 0; i < 3; ++i) {
        pool.post(&kOwner, &Counter::count, &counter, {}, id);
        pool.cancel(&kOther, id);
    }
    pool.start();
    CHECK(arrives(counter.third));
}

TEST("draining gives up at the deadline and refuses new tasks") {
    TaskPool pool;
    pool.start();
    Counter counter;
    std::promise<void> leave;
    counter.leave = leave.get_future().share();
    uint64_t id = 0;
    pool.post(&kOwner, &Counter::hold, &counter, {}, id);
    CHECK(arrives(counter.entered));
    CHECK(!pool.drain(&kOwner, TaskPool::Clock::now()));
    CHECK_EQ(ENGRAM_FAILED_PRECONDITION + 0, pool.post(&kOwner, &Counter::count, &counter, {}, id) + 0);
    leave.set_value();
    CHECK(pool.drain(&kOwner, TaskPool::Clock::now() + kPatience));
    CHECK_EQ(1, counter.runs.load());
}

TEST("an owner has a limit of tasks, and a delay of centuries does no harm") {
    TaskPool pool;
    pool.start();
    Counter counter;
    uint64_t id = 0;
    for (size_t i = 0; i < TaskPool::kMaxTasksPerOwner; ++i)
        CHECK_EQ(ENGRAM_OK + 0,
                 pool.post(&kOwner, &Counter::count, &counter, {std::chrono::milliseconds::max()}, id) + 0);
    CHECK_EQ(ENGRAM_RESOURCE_EXHAUSTED + 0, pool.post(&kOwner, &Counter::count, &counter, {}, id) + 0);
    CHECK(pool.drain(&kOwner, TaskPool::Clock::now() + kPatience));
    CHECK_EQ(0, counter.runs.load());
}
