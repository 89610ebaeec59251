#include "engine/memory.hpp"

#include "engine/time.hpp"
#include "support/test.hpp"

#include <limits>

using namespace engram::engine;

namespace {

NewMemory tea() {
    NewMemory memory;
    memory.content = "tea";
    return memory;
}

template <class Change>
void refused(const char* code, const char* pointer, Change change) {
    NewMemory memory = tea();
    change(memory);
    const auto checked = validate(memory);
    CHECK_MESSAGE(std::string(pointer) + " was taken", !checked);
    CHECK_TEXT(code, checked.error().code);
    CHECK_TEXT(pointer, checked.error().pointer);
}

template <class Change>
void taken(Change change) {
    NewMemory memory = tea();
    change(memory);
    const auto checked = validate(memory);
    CHECK_MESSAGE(checked ? "" : checked.error().message, checked.ok());
}

}  // namespace

TEST("content has one byte to a MiB and no NUL") {
    taken([](auto& m) { m.content = std::string(kMaxContent, 'x'); });
    refused("content_too_large", "/content", [](auto& m) { m.content = std::string(kMaxContent + 1, 'x'); });
    refused("invalid_value", "/content", [](auto& m) { m.content.clear(); });
    refused("invalid_value", "/content", [](auto& m) { m.content = std::string("a\0b", 3); });
}

TEST("a workspace's name fits into a path and a log") {
    for (const char* name : {"default", "A", "9", "team/a.b_c:d@e-f"}) CHECK_MESSAGE(name, validateWorkspace(name).ok());
    for (const char* name : {"", "-a", ".a", "/a", "a b", "a\n", "caf\xC3\xA9", "a?b"}) CHECK_MESSAGE(name, !validateWorkspace(name));
    CHECK(validateWorkspace(std::string(128, 'a')).ok());
    CHECK(!validateWorkspace(std::string(129, 'a')));
    CHECK(!validateWorkspace(std::string_view("a\0b", 3)));
    refused("invalid_value", "/workspace", [](auto& m) { m.workspace = "a b"; });
}

TEST("a type is a lower-case word") {
    taken([](auto& m) { m.type = "fact_2-b"; });
    for (const char* type : {"", "Fact", "2b", "a b", "_a"}) refused("invalid_value", "/type", [&](auto& m) { m.type = type; });
    taken([](auto& m) { m.type = std::string(64, 'a'); });
    refused("invalid_value", "/type", [](auto& m) { m.type = std::string(65, 'a'); });
}

TEST("tags are few and short, and the one that is not is named") {
    taken([](auto& m) { m.tags = std::vector<std::string>(kMaxTags, std::string(kMaxTag, 't')); });
    refused("invalid_value", "/tags", [](auto& m) { m.tags = std::vector<std::string>(kMaxTags + 1, "t"); });
    refused("invalid_value", "/tags/1", [](auto& m) { m.tags = {"a", ""}; });
    refused("invalid_value", "/tags/0", [](auto& m) { m.tags = {std::string(kMaxTag + 1, 't')}; });
}

TEST("metadata is a small, shallow JSON object") {
    taken([](auto& m) { m.metadata = R"({"a":{"b":[1,null,"x"]}})"; });
    for (const char* json : {"", "[]", "1", "{", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\\ud800\"}"})
        refused("invalid_value", "/metadata", [&](auto& m) { m.metadata = json; });
    auto nested = [](int depth) {
        std::string json = "{\"a\":";
        for (int i = 1; i < depth; ++i) json += "[";
        json += "1";
        for (int i = 1; i < depth; ++i) json += "]";
        return json + "}";
    };
    taken([&](auto& m) { m.metadata = nested(16); });
    refused("invalid_value", "/metadata", [&](auto& m) { m.metadata = nested(17); });
    refused("invalid_value", "/metadata", [](auto& m) { m.metadata = "{\"a\":\"" + std::string(kMaxMetadata, 'x') + "\"}"; });
}

TEST("importance lies between 0 and 1, times in years of four digits") {
    taken([](auto& m) { m.importance = 0; });
    taken([](auto& m) { m.importance = 1; });
    for (double wrong : {-0.01, 1.01, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
        refused("invalid_value", "/importance", [&](auto& m) { m.importance = wrong; });
    refused("invalid_value", "/occurred_at", [](auto& m) { m.occurred_at = kLatestTime + 1; });
    refused("invalid_value", "/expires_at", [](auto& m) { m.expires_at = kEarliestTime - 1; });
}

TEST("what is pinned does not expire; what holds begins before it ends") {
    taken([](auto& m) { m.pinned = true; });
    refused("invalid_value", "/pinned", [](auto& m) {
        m.pinned = true;
        m.expires_at = 1;
    });
    taken([](auto& m) {
        m.valid_from = 1;
        m.valid_until = 2;
    });
    refused("invalid_value", "/valid_until", [](auto& m) { m.valid_from = m.valid_until = 2; });
    refused("invalid_value", "/valid_from", [](auto& m) { m.valid_from = kLatestTime + 1; });
}

TEST("the tier follows from the time of expiry") {
    NewMemory memory = tea();
    CHECK_TEXT("permanent", tierOf(memory));
    memory.expires_at = 1;
    CHECK_TEXT("daily", tierOf(memory));
}
