#include "pipeline/peer_buckets.hpp"

#include "support/test.hpp"

using engram::pipeline::PeerBuckets;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr PeerBuckets::Clock::time_point kStart{seconds(1000)};

int payAll(PeerBuckets& peers, std::string_view peer, PeerBuckets::Clock::time_point now) {
    int paid = 0;
    for (; paid < 10000 && peers.has(peer, now); ++paid) peers.pay(peer, now);
    return paid;
}

}  // namespace

TEST("a peer has its burst, then what comes back") {
    PeerBuckets peers({2, 5, 100});
    CHECK_EQ(5, payAll(peers, "a", kStart));
    CHECK(!peers.has("a", kStart + milliseconds(499)));
    CHECK(peers.has("a", kStart + milliseconds(500)));
    CHECK_EQ(4, payAll(peers, "a", kStart + seconds(2)));
    CHECK_EQ(5, payAll(peers, "a", kStart + seconds(1000)));
}

TEST("asking takes nothing, and a peer does not pay for another") {
    PeerBuckets peers({1, 2, 100});
    for (int i = 0; i < 100; ++i) CHECK(peers.has("a", kStart));
    payAll(peers, "a", kStart);
    CHECK_EQ(2, payAll(peers, "b", kStart));
}

TEST("paying without a token is no debt") {
    PeerBuckets peers({1, 2, 100});
    for (int i = 0; i < 100; ++i) peers.pay("a", kStart);
    CHECK(peers.has("a", kStart + seconds(1)));
}

TEST("a full table forgets peers that have nothing to pay before it forgets others") {
    PeerBuckets peers({1, 2, 3});
    for (const char* old : {"a", "b"}) peers.pay(old, kStart);
    payAll(peers, "debtor", kStart + seconds(100));
    peers.pay("new", kStart + seconds(100));
    CHECK(!peers.has("debtor", kStart + seconds(100)));
    CHECK(peers.has("a", kStart + seconds(100)));
}

TEST("a stream of fresh addresses stays within the table") {
    PeerBuckets peers({1, 2, 50});
    for (int i = 0; i < 5000; ++i) peers.pay(std::to_string(i), kStart);
    CHECK_EQ(2, payAll(peers, "someone", kStart));
}
