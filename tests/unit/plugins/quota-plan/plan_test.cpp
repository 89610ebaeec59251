#include "plan.hpp"

#include "support/test.hpp"

using namespace engram::quota_plan;

namespace {

std::string readInto(Plan& plan, const char* json, Unknown unknown = Unknown::Refuse) {
    rapidjson::Document document;
    document.Parse(json);
    return read(document, unknown, plan);
}

}  // namespace

TEST("a plan has no limits until it is told some") {
    Plan plan;
    for (uint64_t max : plan.max) CHECK_EQ(kUnlimited, max);
    CHECK_TEXT("", readInto(plan, R"({"memories": 5, "rpm": 60, "storage_bytes": 0})"));
    CHECK_EQ(uint64_t(5), plan.max[kMemories]);
    CHECK_EQ(uint64_t(0), plan.max[kStorageBytes]);
    CHECK_EQ(kUnlimited, plan.max[kWorkspaces]);
}

TEST("null and -1 take a limit away") {
    Plan plan;
    CHECK_TEXT("", readInto(plan, R"({"memories": 5, "sessions": 5})"));
    CHECK_TEXT("", readInto(plan, R"({"memories": null, "sessions": -1})"));
    CHECK_EQ(kUnlimited, plan.max[kMemories]);
    CHECK_EQ(kUnlimited, plan.max[kSessions]);
}

TEST("what is no limit is named") {
    Plan plan;
    CHECK_TEXT("memories", readInto(plan, R"({"memories": -2})"));
    CHECK_TEXT("rpm", readInto(plan, R"({"rpm": 1.5})"));
    CHECK_TEXT("burst", readInto(plan, R"({"burst": "5"})"));
    CHECK_TEXT("memorys", readInto(plan, R"({"memorys": 5})"));
    CHECK_TEXT("", readInto(plan, R"({"plan": "free", "created_at": "2026-01-01"})", Unknown::Ignore));
}

TEST("a burst that is not told is a minute's worth") {
    Plan plan;
    readInto(plan, R"({"rpm": 60})");
    CHECK_EQ(uint64_t(60), plan.burst());
    readInto(plan, R"({"burst": 7})");
    CHECK_EQ(uint64_t(7), plan.burst());
}
