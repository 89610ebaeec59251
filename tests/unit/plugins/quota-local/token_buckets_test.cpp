#include "quota-local/token_buckets.hpp"

#include "support/test.hpp"

#include <atomic>
#include <thread>

using namespace engram::quota_local;

namespace {

constexpr uint64_t kSecond = 1'000'000'000, kStart = 1'000'000 * kSecond;
constexpr Rate kRate{60, 10};  // one a second, ten at once

int takeAll(TokenBuckets& buckets, const std::string& name, uint64_t now, Rate rate = kRate) {
    int taken = 0;
    while (taken < 100'000 && buckets.take(name, rate, 1, now).granted) ++taken;
    return taken;
}

}  // namespace

TEST("a bucket gives its burst, then a token at a time as they come back") {
    TokenBuckets buckets(100);
    CHECK_EQ(10, takeAll(buckets, "a", kStart));
    CHECK_EQ(0, takeAll(buckets, "a", kStart + kSecond - 1));
    CHECK_EQ(1, takeAll(buckets, "a", kStart + kSecond));
    CHECK_EQ(4, takeAll(buckets, "a", kStart + 5 * kSecond));
    CHECK_EQ(10, takeAll(buckets, "a", kStart + 10'000 * kSecond));
}

TEST("what is told of a bucket is what happens") {
    TokenBuckets buckets(100);
    Taken taken = buckets.take("a", kRate, 3, kStart);
    CHECK(taken.granted);
    CHECK_EQ(uint64_t(7), taken.remaining);
    CHECK_EQ(3 * kSecond, taken.reset_ns);
    CHECK_EQ(uint64_t(0), taken.retry_ns);
    taken = buckets.take("a", kRate, 9, kStart);
    CHECK(!taken.granted);
    CHECK_EQ(uint64_t(7), taken.remaining);
    CHECK_EQ(2 * kSecond, taken.retry_ns);
    CHECK(!buckets.take("a", kRate, 9, kStart + 2 * kSecond - 1).granted);
    CHECK(buckets.take("a", kRate, 9, kStart + 2 * kSecond).granted);
}

TEST("more than a bucket holds is never given, and takes nothing") {
    TokenBuckets buckets(100);
    for (uint64_t n : {uint64_t(11), uint64_t(1000), UINT64_MAX}) CHECK(!buckets.take("a", kRate, n, kStart).granted);
    CHECK_EQ(10, takeAll(buckets, "a", kStart));
}

TEST("nothing a minute is no limit") {
    TokenBuckets buckets(100);
    CHECK(buckets.take("a", {0, 0}, UINT64_MAX, kStart).granted);
    CHECK_EQ(size_t(0), buckets.size());
}

TEST("what is given back can be taken again, but no more than a bucket holds") {
    TokenBuckets buckets(100);
    takeAll(buckets, "a", kStart);
    buckets.give("a", kRate, 3, kStart);
    CHECK_EQ(3, takeAll(buckets, "a", kStart));
    buckets.give("a", kRate, 1'000'000, kStart);
    CHECK_EQ(10, takeAll(buckets, "a", kStart));
    buckets.give("stranger", kRate, 5, kStart);
    CHECK_EQ(10, takeAll(buckets, "stranger", kStart));
}

TEST("buckets are apart") {
    TokenBuckets buckets(100);
    takeAll(buckets, "a", kStart);
    CHECK_EQ(10, takeAll(buckets, "b", kStart));
}

TEST("a clock that stands still or a rate that changes gives no tokens away") {
    TokenBuckets buckets(100);
    takeAll(buckets, "a", kStart);
    CHECK_EQ(0, takeAll(buckets, "a", kStart));
    CHECK_EQ(0, takeAll(buckets, "a", kStart, {60, 10}));
    const int after = takeAll(buckets, "a", kStart, {600, 10});  // ten times as fast: its ten seconds are a hundred tokens
    CHECK_EQ(0, after);
}

TEST("names without end do not fill the memory, and do not free one that is out of tokens") {
    TokenBuckets buckets(640);
    takeAll(buckets, "victim", kStart);
    for (int i = 0; i < 20'000; ++i) buckets.take("name" + std::to_string(i), kRate, 1, kStart);
    CHECK(buckets.size() <= 640 + 64);
    CHECK_EQ(0, takeAll(buckets, "victim", kStart));
}

TEST("threads get no more than the burst together") {
    TokenBuckets buckets(100);
    std::atomic<int> granted{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i)
                if (buckets.take("a", {60, 500}, 1, kStart).granted) ++granted;
        });
    for (std::thread& thread : threads) thread.join();
    CHECK_EQ(500, granted.load());
}
