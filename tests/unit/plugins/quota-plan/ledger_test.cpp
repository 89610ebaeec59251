#include "ledger.hpp"

#include "support/test.hpp"

#include <atomic>
#include <thread>

using namespace engram::quota_plan;

namespace {

constexpr int64_t kDay = 24LL * 3600 * 1000;
constexpr int64_t kNoon = 20000 * kDay + kDay / 2;
constexpr uint64_t kSecond = 1'000'000'000;

}  // namespace

TEST("calls are granted up to the limit and refused until the day ends") {
    Ledger ledger;
    for (uint64_t n = 1; n <= 3; ++n) {
        const Taken taken = ledger.call("t", 3, kNoon);
        CHECK(taken.granted);
        CHECK_EQ(3 - n, taken.remaining);
    }
    const Taken refused = ledger.call("t", 3, kNoon);
    CHECK(!refused.granted);
    CHECK_EQ(uint64_t(kDay / 2), refused.wait_ms);
    CHECK(ledger.call("other", 3, kNoon).granted);
    CHECK(!ledger.call("t", 3, kNoon + kDay / 2 - 1).granted);
    CHECK(ledger.call("t", 3, kNoon + kDay / 2).granted);
}

TEST("a clock that goes back does not give the day's calls again") {
    Ledger ledger;
    CHECK(ledger.call("t", 1, kNoon).granted);
    CHECK(!ledger.call("t", 1, kNoon - kDay).granted);
    CHECK(!ledger.call("t", 1, kNoon - 100 * kDay).granted);
    CHECK(!ledger.call("t", 1, kNoon).granted);
}

TEST("a call that was given back can be made again, but not on another day") {
    Ledger ledger;
    CHECK(ledger.call("t", 1, kNoon).granted);
    const int64_t day = ledger.day(kNoon);
    ledger.giveBack("t", day - 1);
    CHECK(!ledger.call("t", 1, kNoon).granted);
    ledger.giveBack("t", day);
    CHECK(ledger.call("t", 1, kNoon).granted);
    ledger.giveBack("nobody", day);
    ledger.giveBack("t", day);
    ledger.giveBack("t", day);
    CHECK_EQ(uint64_t(0), ledger.used("t", kNoon).remaining);
}

TEST("what was written is counted after a restart, on the same day only") {
    Ledger before;
    for (int n = 0; n < 5; ++n) before.call("t", 10, kNoon);
    before.call("u", 10, kNoon);
    const std::string text = before.changes(kNoon);
    CHECK(!text.empty());
    CHECK(before.changes(kNoon).empty());
    Ledger after;
    CHECK(after.restore(text));
    CHECK_EQ(uint64_t(5), after.used("t", kNoon).remaining);
    CHECK_EQ(uint64_t(1), after.used("u", kNoon).remaining);
    CHECK_EQ(uint64_t(0), after.used("t", kNoon + kDay).remaining);
}

TEST("a torn file counts as far as it can be read") {
    Ledger before;
    before.call("t", 10, kNoon);
    before.call("u", 10, kNoon);
    const std::string text = before.changes(kNoon);
    for (size_t n = 0; n < text.size(); ++n) {
        Ledger after;
        if (after.restore(text.substr(0, n))) CHECK_EQ('\n', text[n - 1]);
    }
    Ledger after;
    CHECK(!after.restore("something else\n"));
    CHECK(!after.restore(""));
}

TEST("parallel calls never pass the limit") {
    Ledger ledger;
    std::atomic<int> granted{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&] {
            for (int n = 0; n < 1000; ++n) granted += ledger.call("t", 777, kNoon).granted ? 1 : 0;
        });
    for (std::thread& thread : threads) thread.join();
    CHECK_EQ(777, granted.load());
}

TEST("a bucket gives its burst at once and then its rate") {
    Ledger ledger;
    const Rate rate{60, 3};
    uint64_t now = 1000 * kSecond;
    for (int n = 0; n < 3; ++n) CHECK(ledger.request("t", rate, now).granted);
    const Taken refused = ledger.request("t", rate, now);
    CHECK(!refused.granted);
    CHECK_EQ(uint64_t(1000), refused.wait_ms);
    CHECK(!ledger.request("t", rate, now + kSecond - 1'000'000).granted);
    CHECK(ledger.request("t", rate, now + kSecond).granted);
    CHECK(!ledger.request("t", rate, now + kSecond).granted);
    now += 3600 * kSecond;
    for (int n = 0; n < 3; ++n) CHECK(ledger.request("t", rate, now).granted);
    CHECK(!ledger.request("t", rate, now).granted);
}

TEST("a smaller plan does not make a tenant wait for what the larger one gave") {
    Ledger ledger;
    const uint64_t now = 1000 * kSecond;
    for (int n = 0; n < 600; ++n) CHECK(ledger.request("t", {1, 600}, now).granted);
    const Taken refused = ledger.request("t", {60, 2}, now);
    CHECK(!refused.granted);
    CHECK(refused.wait_ms <= 1000);
}
