#include "pipeline/audit_trail.hpp"

#include "json/json.hpp"
#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <cstring>
#include <memory>

using namespace engram;
using namespace engram::pipeline;

namespace {

constexpr int64_t kStart = 1'700'000'000'000 / 60000 * 60000;

struct Trail {
    testing::TemporaryFolder folder;
    int64_t now = kStart;
    std::vector<std::string> lost;
    std::unique_ptr<spool::Spool> spool;
    std::unique_ptr<AuditTrail> trail;

    explicit Trail(size_t max_bytes = 64u << 20) {
        auto opened = spool::Spool::open({folder.path(), max_bytes, 1u << 20});
        CHECK(opened.ok());
        spool = std::move(*opened);
        spool->subscribe("reader");
        trail = std::make_unique<AuditTrail>(*spool, [this] { return now; }, [this](const std::string& why) { lost.push_back(why); });
    }
    std::vector<spool::Event> events() {
        spool::Position next;
        return spool->read("reader", 100000, next);
    }
    static json::Document details(const spool::Event& event) {
        auto parsed = json::parse(event.json);
        CHECK(parsed.ok());
        return std::move(*parsed);
    }
};

AuditEntry entry(std::string_view subject = "key:1") {
    AuditEntry e;
    e.tenant = "t";
    e.subject = subject;
    e.operation = "key.create";
    e.status = 201;
    e.request_id = "r";
    e.target_kind = "key";
    e.target = "k";
    e.after = "{\"name\":\"n\"}";
    return e;
}

}  // namespace

TEST("a change becomes one audit event with an id of its own and all it was told") {
    Trail t;
    CHECK(t.trail->ready().ok());
    CHECK(t.trail->changed(entry()).ok());
    CHECK(t.trail->changed(entry()).ok());
    const auto events = t.events();
    CHECK_EQ(size_t(2), events.size());
    CHECK(std::memcmp(&events[0].id, &events[1].id, sizeof events[0].id) != 0);
    CHECK(events[0].stream == spool::Stream::Audit);
    CHECK_EQ(kStart, events[0].occurred_at);
    CHECK_TEXT("key.create", events[0].route);
    const auto details = Trail::details(events[0]);
    CHECK_TEXT("done", details["outcome"].GetString());
    CHECK_TEXT("k", details["target"]["id"].GetString());
    CHECK_TEXT("n", details["after"]["name"].GetString());
    CHECK(!details.HasMember("before"));
}

TEST("a subject's refusals are told thirty times a minute, the rest as a number") {
    Trail t;
    AuditEntry refused = entry("key:loud");
    refused.error_code = "permission_denied";
    for (int i = 0; i < 100; ++i) t.trail->refused(refused);
    CHECK_EQ(size_t(AuditTrail::kRefusalsAMinute), t.events().size());
    AuditEntry other = entry("key:quiet");
    other.error_code = "permission_denied";
    t.trail->refused(other);
    CHECK_EQ(size_t(AuditTrail::kRefusalsAMinute + 1), t.events().size());
    t.now += 60000;
    t.trail->refused(refused);
    const auto events = t.events();
    CHECK_EQ(uint64_t(70), Trail::details(events.back())["suppressed"].GetUint64());
}

TEST("failed credentials become one event a minute and none is forgotten") {
    Trail t;
    for (int i = 0; i < 50; ++i) t.trail->authenticationFailed("10.0.0.1", "unauthenticated");
    CHECK_EQ(size_t(1), t.events().size());
    t.now += 60000;
    t.trail->authenticationFailed("10.0.0.2", "key_revoked");
    t.trail->authenticationFailed("10.0.0.2", "key_revoked");
    CHECK_EQ(size_t(2), t.events().size());
    t.trail->flush();
    t.trail->flush();
    const auto events = t.events();
    CHECK_EQ(size_t(3), events.size());
    uint64_t count = 0;
    for (const auto& event : events) count += Trail::details(event)["count"].GetUint64();
    CHECK_EQ(uint64_t(52), count);
    CHECK_EQ(uint64_t(49), Trail::details(events[1])["peers"]["10.0.0.1"].GetUint64());
    CHECK_TEXT("", events[0].tenant);
}

TEST("a clock that goes back does not silence the summaries") {
    Trail t;
    t.trail->authenticationFailed("10.0.0.1", "unauthenticated");
    t.now -= 3600'000;
    t.trail->authenticationFailed("10.0.0.1", "unauthenticated");
    CHECK_EQ(size_t(2), t.events().size());
}

TEST("peers beyond a thousand are counted but not named") {
    Trail t;
    t.trail->authenticationFailed("first", "unauthenticated");
    for (int i = 0; i < 3000; ++i) t.trail->authenticationFailed("10.0." + std::to_string(i), "unauthenticated");
    t.trail->flush();
    const auto details = Trail::details(t.events().back());
    CHECK_EQ(uint64_t(3000), details["count"].GetUint64());
    CHECK(details["peers"].MemberCount() <= 10);
}

TEST("a full spool refuses a change before it is made, and one under way still finds room") {
    Trail t(1u << 20);
    spool::Event filler;
    filler.json.assign(200 * 1024, 'x');
    while (t.spool->append(filler).ok()) {
    }
    while (t.trail->ready().ok() && t.spool->append(filler, spool::Spool::Durability::Disk).ok()) {
    }
    const auto ready = t.trail->ready();
    CHECK(!ready.ok());
    CHECK_TEXT("unavailable", ready.error().code);
    CHECK(t.trail->changed(entry()).ok());
    CHECK(t.lost.empty());
}
