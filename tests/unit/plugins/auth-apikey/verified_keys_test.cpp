#include "auth-apikey/verified_keys.hpp"

#include "support/test.hpp"

#include <atomic>
#include <optional>
#include <thread>

using namespace engram::auth_apikey;

namespace {

constexpr VerifiedKeys::Clock::time_point kStart{std::chrono::hours(1)};

std::shared_ptr<const VerifiedKey> key(const std::string& id) {
    auto made = std::make_shared<VerifiedKey>();
    made->id = id;
    return made;
}

Digest onThread(const VerifiedKeys& keys, std::string_view token) {
    Digest out{};
    std::thread([&] { out = keys.digest(token); }).join();
    return out;
}

}  // namespace

TEST("a token is found by its digest, and only the one that was remembered") {
    VerifiedKeys keys(1000);
    keys.remember(keys.digest("a"), key("1"));
    CHECK_TEXT("1", keys.find(keys.digest("a"))->id);
    CHECK(!keys.find(keys.digest("b")));
    CHECK(!keys.find(keys.digest("")));
    CHECK(!keys.find(keys.digest("aa")));
}

TEST("remembering again replaces, so that what a control plane changed is seen") {
    VerifiedKeys keys(1000);
    keys.remember(keys.digest("a"), key("1"));
    const auto held = keys.find(keys.digest("a"));
    keys.remember(keys.digest("a"), key("2"));
    CHECK_TEXT("2", keys.find(keys.digest("a"))->id);
    CHECK_TEXT("1", held->id);  // who still uses the old one may
}

TEST("every thread makes the same digest, every instance another") {
    VerifiedKeys one(10), two(10);
    const Digest here = one.digest("a");
    CHECK(here == onThread(one, "a"));
    CHECK(here == one.digest("a"));
    CHECK(here != two.digest("a"));
    CHECK(here == one.digest("a"));  // another instance was used in between
    CHECK(here != one.digest("b"));
}

TEST("an instance that lies where an old one was has a secret of its own in every thread") {
    std::optional<VerifiedKeys> keys;
    keys.emplace(10);
    const Digest before = keys->digest("a");
    keys.emplace(10);
    CHECK(keys->digest("a") != before);
    CHECK(keys->digest("a") == onThread(*keys, "a"));
}

TEST("a wrong token is known for a minute") {
    VerifiedKeys keys(1000);
    const Digest wrong = keys.digest("wrong");
    CHECK(!keys.knownWrong(wrong, kStart));
    keys.rememberWrong(wrong, kStart);
    CHECK(keys.knownWrong(wrong, kStart + std::chrono::seconds(59)));
    CHECK(!keys.knownWrong(wrong, kStart + std::chrono::seconds(60)));
    CHECK(!keys.knownWrong(keys.digest("other"), kStart));
    CHECK(!keys.find(wrong));
}

TEST("tokens without end do not fill the memory") {
    VerifiedKeys keys(160);
    std::vector<Digest> digests;
    for (int i = 0; i < 5000; ++i) {
        digests.push_back(keys.digest(std::to_string(i)));
        keys.remember(digests.back(), key("k"));
        keys.rememberWrong(digests.back(), kStart);
    }
    size_t found = 0, wrong = 0;
    for (const Digest& digest : digests) {
        found += keys.find(digest) != nullptr;
        wrong += keys.knownWrong(digest, kStart);
    }
    CHECK(found > 0 && found <= 160 + 16);
    CHECK(wrong > 0 && wrong <= 160 + 16);
}

TEST("remembering a key again drops no other") {
    VerifiedKeys keys(16);  // two a shard
    std::vector<Digest> shard;
    for (int i = 0; shard.size() < 2; ++i) {
        const Digest digest = keys.digest(std::to_string(i));
        if (digest[31] % 16 == 0) shard.push_back(digest);
    }
    for (const Digest& digest : shard) keys.remember(digest, key("k"));
    for (int i = 0; i < 10; ++i) keys.remember(shard[static_cast<size_t>(i) % 2], key("k"));
    CHECK(keys.find(shard[0]) && keys.find(shard[1]));
}

TEST("many threads may look up and remember at once") {
    VerifiedKeys keys(64);
    std::atomic<int> strange{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 2000; ++i) {
                const std::string token = std::to_string(i % 100);
                const Digest digest = keys.digest(token);
                if (auto found = keys.find(digest); found && found->id != token) ++strange;
                keys.remember(digest, key(token));
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK_EQ(0, strange.load());
}
