#include "engine/uuid.hpp"

#include "support/test.hpp"

#include <array>
#include <set>
#include <thread>
#include <vector>

using namespace engram::engine;

namespace {

int64_t timeOf(const Uuid& id) {
    int64_t time = 0;
    for (int i = 0; i < 6; ++i) time = time << 8 | id.bytes[static_cast<size_t>(i)];
    return time;
}

bool isVersion7(const Uuid& id) { return id.bytes[6] >> 4 == 7 && id.bytes[8] >> 6 == 2; }

}  // namespace

TEST("the canonical form is read and written") {
    const std::string text = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";  // RFC 9562, appendix A.6
    const auto id = Uuid::parse(text);
    CHECK(id.has_value());
    CHECK_TEXT(text, id->text());
    CHECK(isVersion7(*id));
    CHECK_EQ(int64_t(0x017F22E279B0), timeOf(*id));
    CHECK(Uuid::parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F") == id);
    CHECK(Uuid::from(id->abi()) == *id);
}

TEST("what is not a UUID is none") {
    for (const char* text : {"", "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
                             "017f22e279b0-7cc3-98c4-dc0c0c07398f-", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
                             "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}", "017f22e2_79b0_7cc3_98c4_dc0c0c07398f"})
        CHECK_MESSAGE(text, !Uuid::parse(text));
}

TEST("ids ascend within a millisecond, over many, and across milliseconds") {
    std::thread([] {  // a thread of its own has a sequence of its own
        const int64_t start = 1'800'000'000'000;
        Uuid last = mintUuid(start);
        for (int i = 0; i < 200'000; ++i) {
            const Uuid next = mintUuid(start + i / 50'000);
            CHECK(last < next);
            last = next;
        }
        CHECK(isVersion7(last));
        CHECK_EQ(start + 3, timeOf(last));
    }).join();
}

TEST("a clock that goes back does not make ids go back or come again") {
    std::thread([] {
        const int64_t start = 1'800'000'000'000;
        const Uuid before = mintUuid(start);
        std::set<Uuid> seen = {before};
        for (int i = 0; i < 1000; ++i) CHECK(seen.insert(mintUuid(start - 3'600'000 + i)).second);
        CHECK(*seen.begin() == before);
        CHECK_EQ(start, timeOf(*seen.rbegin()));
        CHECK_EQ(start + 1, timeOf(mintUuid(start + 1)));
    }).join();
}

TEST("threads do not make the same id in one millisecond") {
    constexpr int kThreads = 4, kEach = 5000;
    std::array<std::vector<Uuid>, kThreads> made;
    std::vector<std::thread> threads;
    for (auto& mine : made)
        threads.emplace_back([&mine] {
            for (int i = 0; i < kEach; ++i) mine.push_back(mintUuid(1'800'000'000'000));
        });
    for (std::thread& thread : threads) thread.join();
    std::set<Uuid> all;
    for (const auto& mine : made) all.insert(mine.begin(), mine.end());
    CHECK_EQ(size_t(kThreads * kEach), all.size());
}
