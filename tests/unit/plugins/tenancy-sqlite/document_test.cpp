#include "tenancy-sqlite/document.hpp"

#include "json/json.hpp"
#include "support/test.hpp"

using namespace engram;
using namespace engram::tenancy_sqlite;

namespace {

const char* const kTenant =
    R"({"id":"1","slug":"acme","name":"Acme","status":"active","owner_user_id":"u","plan":"free"})";

// The document with one member replaced (or added; or left out, if `json` is empty).
std::string with(const std::string& document, const char* name, const std::string& json) {
    auto parsed = json::parse(document);
    json::Document& d = *parsed;
    d.RemoveMember(name);
    if (!json.empty()) {
        auto value = json::parse(json);
        json::Value copy(*value, d.GetAllocator());
        d.AddMember(json::copy(name, d.GetAllocator()), copy, d.GetAllocator());
    }
    return json::write(d);
}

std::string complaint(uint32_t kind, const std::string& document) { return split(*kindOf(kind), document).error; }

void refused(uint32_t kind, const std::string& document, const char* why) {
    const std::string error = complaint(kind, document);
    CHECK_MESSAGE(document + ": '" + error + "'", error.find(why) != std::string::npos);
}

}  // namespace

TEST("a document comes back with every member it had, known to the table or not") {
    const std::string document =
        with(with(kTenant, "settings", R"({"deep":[1,{"x":null}],"n":1.5})"), "created_at", "\"2026-01-01T00:00:00Z\"");
    const Split parts = split(*kindOf(ENGRAM_DOC_TENANT), document);
    CHECK_TEXT("", parts.error);
    auto back = json::parse(join(*kindOf(ENGRAM_DOC_TENANT), parts.row));
    CHECK(back.ok());
    auto before = json::parse(document);
    for (const auto& member : before->GetObject())
        CHECK_MESSAGE(member.name.GetString(), back->HasMember(member.name) && (*back)[member.name] == member.value);
    CHECK((*back)["updated_at"].IsNull());
}

TEST("members that a kind needs are there, of their type and not empty") {
    for (const char* name : {"id", "slug", "name", "status", "owner_user_id", "plan"}) {
        refused(ENGRAM_DOC_TENANT, with(kTenant, name, ""), (std::string(name) + " is missing").c_str());
        refused(ENGRAM_DOC_TENANT, with(kTenant, name, "null"), (std::string(name) + " is missing").c_str());
        refused(ENGRAM_DOC_TENANT, with(kTenant, name, "7"), (std::string(name) + " must be text").c_str());
    }
    refused(ENGRAM_DOC_TENANT, with(kTenant, "name", "\"\""), "name is empty");
    refused(ENGRAM_DOC_TENANT, with(kTenant, "name", "\"" + std::string(4097, 'x') + "\""), "over 4096");
    refused(ENGRAM_DOC_TENANT, with(kTenant, "name", "\"a\\u0000b\""), "NUL");
}

TEST("a status, a role and a slug are among the allowed") {
    for (const char* status : {"active", "suspended", "deleted"})
        CHECK_TEXT("", complaint(ENGRAM_DOC_TENANT, with(kTenant, "status", '"' + std::string(status) + '"')));
    for (const char* status : {"Active", "activ", "active|suspended", "|", "gone"})
        refused(ENGRAM_DOC_TENANT, with(kTenant, "status", '"' + std::string(status) + '"'), "must be one of");
    for (const char* slug : {"a", "acme-2", "0"})
        CHECK_TEXT("", complaint(ENGRAM_DOC_TENANT, with(kTenant, "slug", '"' + std::string(slug) + '"')));
    for (const char* slug : {"-a", "a-", "A", "a.b", "a_b", "\xC3\xA9", "a b"})
        refused(ENGRAM_DOC_TENANT, with(kTenant, "slug", '"' + std::string(slug) + '"'), "slug must be");
    refused(ENGRAM_DOC_TENANT, with(kTenant, "slug", '"' + std::string(41, 'a') + '"'), "slug must be");
    const char* member = R"({"tenant_id":"1","user_id":"u","role":"owner"})";
    CHECK_TEXT("", complaint(ENGRAM_DOC_MEMBER, member));
    refused(ENGRAM_DOC_MEMBER, with(member, "role", "\"root\""), "role must be one of");
}

TEST("limits of a plan are whole numbers or none") {
    const char* plan = R"({"plan":"free","memories":1000,"rpm":null})";
    const Split parts = split(*kindOf(ENGRAM_DOC_PLAN), plan);
    CHECK_TEXT("", parts.error);
    auto back = json::parse(join(*kindOf(ENGRAM_DOC_PLAN), parts.row));
    CHECK_EQ(1000, (*back)["memories"].GetInt());
    CHECK((*back)["rpm"].IsNull() && (*back)["burst"].IsNull());
    for (const char* wrong : {"-1", "1.5", "\"5\"", "1e3", "true", "18446744073709551615"})
        refused(ENGRAM_DOC_PLAN, with(plan, "memories", wrong), "memories must be a whole number");
}

TEST("scopes of a key are a list of texts") {
    const char* key =
        R"({"id":"1","tenant_id":"t","name":"n","prefix":"p","key_hash":"h","scopes":["memory:read","a\"b"],"created_by":"u"})";
    const Split parts = split(*kindOf(ENGRAM_DOC_API_KEY), key);
    CHECK_TEXT("", parts.error);
    auto back = json::parse(join(*kindOf(ENGRAM_DOC_API_KEY), parts.row));
    CHECK_TEXT("a\"b", (*back)["scopes"][1].GetString());
    refused(ENGRAM_DOC_API_KEY, with(key, "scopes", "\"memory:read\""), "list of text");
    refused(ENGRAM_DOC_API_KEY, with(key, "scopes", "[1]"), "list of text");
}

TEST("what is no JSON object is no document") {
    for (const char* json : {"", "[]", "1", "{", "{}x", "{\"id\":\"\xFF\"}", "null"})
        refused(ENGRAM_DOC_TENANT, json, "not a JSON object");
}

// RFC 8259 leaves open which of two counts; a document that came back with both could not be read by the host.
TEST("a member that is there twice is refused") {
    std::string twice = kTenant;
    twice.insert(1, R"("slug":"other",)");
    refused(ENGRAM_DOC_TENANT, twice, "slug is there twice");
    std::string extra = kTenant;
    extra.insert(1, R"("x":1,"x":2,)");
    refused(ENGRAM_DOC_TENANT, extra, "x is there twice");
}

TEST("every kind has a table with its keys among its columns") {
    for (const Kind& kind : kinds()) {
        CHECK(kindOf(kind.id) == &kind);
        auto has = [&](const char* name) {
            for (const Column& column : kind.columns)
                if (std::string_view(column.name) == name) return true;
            return false;
        };
        CHECK_MESSAGE(kind.table, has(kind.id_column) && has(kind.name_column));
        CHECK_MESSAGE(kind.table, !kind.tenant_column || has(kind.tenant_column));
    }
    CHECK(!kindOf(0) && !kindOf(99));
}
