#include "document.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <set>

namespace engram::tenancy_sqlite {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr Column kTenant[] = {
    {"id", Type::Text, nullptr},       {"slug", Type::Text, nullptr},
    {"name", Type::Text, nullptr},     {"status", Type::Text, "active|suspended|deleted"},
    {"owner_user_id", Type::Text, nullptr}, {"plan", Type::Text, nullptr},
    {"created_at", Type::TextOrNull, nullptr}, {"updated_at", Type::TextOrNull, nullptr}};
constexpr Column kMember[] = {
    {"tenant_id", Type::Text, nullptr}, {"user_id", Type::Text, nullptr},
    {"role", Type::Text, "owner|admin|member|viewer"},
    {"created_at", Type::TextOrNull, nullptr}, {"updated_at", Type::TextOrNull, nullptr}};
constexpr Column kInvite[] = {
    {"id", Type::Text, nullptr}, {"tenant_id", Type::Text, nullptr}, {"email", Type::Text, nullptr},
    {"role", Type::Text, "owner|admin|member|viewer"}, {"token_hash", Type::Text, nullptr},
    {"expires_at", Type::TextOrNull, nullptr}, {"accepted_at", Type::TextOrNull, nullptr},
    {"invited_by", Type::Text, nullptr},
    {"created_at", Type::TextOrNull, nullptr}, {"updated_at", Type::TextOrNull, nullptr}};
constexpr Column kWorkspace[] = {
    {"id", Type::Text, nullptr}, {"tenant_id", Type::Text, nullptr}, {"name", Type::Text, nullptr},
    {"created_at", Type::TextOrNull, nullptr}, {"updated_at", Type::TextOrNull, nullptr}};
constexpr Column kApiKey[] = {
    {"id", Type::Text, nullptr}, {"tenant_id", Type::Text, nullptr}, {"name", Type::Text, nullptr},
    {"prefix", Type::Text, nullptr}, {"key_hash", Type::Text, nullptr}, {"scopes", Type::List, nullptr},
    {"last_used_at", Type::TextOrNull, nullptr}, {"expires_at", Type::TextOrNull, nullptr},
    {"revoked_at", Type::TextOrNull, nullptr}, {"created_by", Type::Text, nullptr},
    {"replaced_by", Type::TextOrNull, nullptr},
    {"created_at", Type::TextOrNull, nullptr}, {"updated_at", Type::TextOrNull, nullptr}};
constexpr Column kPlan[] = {
    {"plan", Type::Text, nullptr}, {"memories", Type::IntegerOrNull, nullptr},
    {"workspaces", Type::IntegerOrNull, nullptr}, {"identities", Type::IntegerOrNull, nullptr},
    {"sessions", Type::IntegerOrNull, nullptr}, {"api_calls_day", Type::IntegerOrNull, nullptr},
    {"storage_bytes", Type::IntegerOrNull, nullptr}, {"rpm", Type::IntegerOrNull, nullptr},
    {"burst", Type::IntegerOrNull, nullptr},
    {"created_at", Type::TextOrNull, nullptr}, {"updated_at", Type::TextOrNull, nullptr}};
constexpr Column kSubscription[] = {
    {"tenant_id", Type::Text, nullptr}, {"stripe_customer_id", Type::TextOrNull, nullptr},
    {"stripe_subscription_id", Type::TextOrNull, nullptr},
    {"status", Type::Text, "inactive|active|past_due|canceled"}, {"current_period_end", Type::TextOrNull, nullptr},
    {"created_at", Type::TextOrNull, nullptr}, {"updated_at", Type::TextOrNull, nullptr}};

constexpr Kind kKinds[] = {
    {ENGRAM_DOC_TENANT, "tenants", "id", "slug", nullptr, kTenant},
    {ENGRAM_DOC_MEMBER, "tenant_members", "user_id", "user_id", "tenant_id", kMember},
    {ENGRAM_DOC_INVITE, "tenant_invites", "id", "email", "tenant_id", kInvite},
    {ENGRAM_DOC_WORKSPACE, "workspaces", "id", "name", "tenant_id", kWorkspace},
    {ENGRAM_DOC_API_KEY, "api_keys", "id", "prefix", "tenant_id", kApiKey},
    {ENGRAM_DOC_PLAN, "plan_quotas", "plan", "plan", nullptr, kPlan},
    {ENGRAM_DOC_SUBSCRIPTION, "subscriptions", "tenant_id", "tenant_id", "tenant_id", kSubscription},
};

bool allows(const char* allowed, std::string_view value) {
    if (!allowed) return true;
    std::string_view rest = allowed;
    while (true) {
        const size_t bar = rest.find('|');
        if (rest.substr(0, bar) == value) return true;
        if (bar == std::string_view::npos) return false;
        rest.remove_prefix(bar + 1);
    }
}

// DNS label: the slug may become a host name.
bool isSlug(std::string_view slug) {
    if (slug.empty() || slug.size() > 40 || slug.front() == '-' || slug.back() == '-') return false;
    return slug.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

std::string_view textOf(const rapidjson::Value& value) { return {value.GetString(), value.GetStringLength()}; }

// Name of a member that is there twice, empty if there is none.
std::string repeatedMember(const rapidjson::Document& document) {
    std::set<std::string_view> names;
    for (const auto& member : document.GetObject())
        if (!names.insert(textOf(member.name)).second) return std::string(textOf(member.name));
    return {};
}

// The column's text, or a complaint about the member.
std::string read(const Column& column, const rapidjson::Value* value, std::optional<std::string>& out) {
    const std::string name = column.name;
    const bool absent = !value || value->IsNull();
    if (absent) return column.type == Type::Text ? name + " is missing" : "";
    switch (column.type) {
        case Type::Text:
        case Type::TextOrNull:
            if (!value->IsString()) return name + " must be text";
            if (value->GetStringLength() > 4096) return name + " is over 4096 bytes";
            if (!allows(column.allowed, textOf(*value))) return name + " must be one of " + column.allowed;
            out = std::string(textOf(*value));
            return out->empty() && column.type == Type::Text ? name + " is empty" : "";
        case Type::IntegerOrNull:
            if (!value->IsInt64() || value->GetInt64() < 0) return name + " must be a whole number or null";
            out = std::to_string(value->GetInt64());
            return "";
        case Type::List: {
            if (!value->IsArray()) return name + " must be a list of text";
            for (const auto& item : value->GetArray())
                if (!item.IsString()) return name + " must be a list of text";
            rapidjson::StringBuffer buffer;
            Writer writer(buffer);
            value->Accept(writer);
            out = buffer.GetString();
            return "";
        }
    }
    return name + " has an unknown type";
}

}  // namespace

const Kind* kindOf(uint32_t id) {
    for (const Kind& kind : kKinds)
        if (kind.id == id) return &kind;
    return nullptr;
}

std::span<const Kind> kinds() { return kKinds; }

Split split(const Kind& kind, std::string_view json) {
    Split out;
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
    if (document.HasParseError() || !document.IsObject()) {
        out.error = "the document is not a JSON object";
        return out;
    }
    if (const std::string name = repeatedMember(document); !name.empty()) {
        out.error = name + " is there twice";
        return out;
    }
    for (const Column& column : kind.columns) {
        auto member = document.FindMember(column.name);
        std::optional<std::string> value;
        out.error = read(column, member == document.MemberEnd() ? nullptr : &member->value, value);
        if (!out.error.empty()) return out;
        if (value && value->find('\0') != std::string::npos) {
            out.error = std::string(column.name) + " has a NUL character";
            return out;
        }
        if (kind.id == ENGRAM_DOC_TENANT && std::string_view(column.name) == "slug" && !isSlug(*value)) {
            out.error = "slug must be 1 to 40 lower-case letters, digits and inner hyphens";
            return out;
        }
        out.row.values.push_back(std::move(value));
        document.RemoveMember(column.name);
    }
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    document.Accept(writer);
    out.row.extra = buffer.GetString();
    return out;
}

std::string join(const Kind& kind, const Row& row) {
    rapidjson::StringBuffer buffer;
    Writer out(buffer);
    out.StartObject();
    for (size_t i = 0; i < kind.columns.size(); ++i) {
        const Column& column = kind.columns[i];
        out.Key(column.name);
        const auto& value = row.values[i];
        if (!value) out.Null();
        else if (column.type == Type::Text || column.type == Type::TextOrNull)
            out.String(value->data(), static_cast<rapidjson::SizeType>(value->size()));
        else
            out.RawValue(value->data(), value->size(), rapidjson::kNumberType);
    }
    rapidjson::Document extra;
    extra.Parse<rapidjson::kParseIterativeFlag>(row.extra.data(), row.extra.size());
    if (extra.IsObject())
        for (const auto& member : extra.GetObject()) {
            out.Key(member.name.GetString(), member.name.GetStringLength());
            member.value.Accept(out);
        }
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace engram::tenancy_sqlite
