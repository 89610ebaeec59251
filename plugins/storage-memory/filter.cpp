#include "filter.hpp"

#include <rapidjson/document.h>

#include <algorithm>

namespace engram::storage_memory {
namespace {

using filter::Scalar;

class Fields {
public:
    explicit Fields(const Version& version) : version_(version) {}

    const std::vector<std::string>& tags() const { return version_.tags; }

    std::optional<Scalar> field(const engram_filter_node& n) {
        switch (n.field) {
            case ENGRAM_FIELD_ID:
                return Scalar::ofText(text_ = filter::uuidText(abiId(version_.id).bytes));
            case ENGRAM_FIELD_WORKSPACE:
                return Scalar::ofText(version_.workspace);
            case ENGRAM_FIELD_TYPE:
                return text(version_.type);
            case ENGRAM_FIELD_IMPORTANCE:
                return Scalar::ofReal(version_.importance);
            case ENGRAM_FIELD_OCCURRED_AT:
                return time(version_.occurred_at);
            case ENGRAM_FIELD_CREATED_AT:
                return time(version_.created_at);
            case ENGRAM_FIELD_UPDATED_AT:
                return time(version_.updated_at);
            case ENGRAM_FIELD_EXPIRES_AT:
                return time(version_.expires_at);
            case ENGRAM_FIELD_VALID_FROM:
                return time(version_.valid_from);
            case ENGRAM_FIELD_VALID_UNTIL:
                return time(version_.valid_until);
            case ENGRAM_FIELD_NAME:
                return text(version_.name);
            case ENGRAM_FIELD_PARENT:
                if (version_.parent == Id{}) return std::nullopt;
                return Scalar::ofText(text_ = filter::uuidText(abiId(version_.parent).bytes));
            case ENGRAM_FIELD_POSITION:
                return Scalar::ofInteger(static_cast<int64_t>(version_.position));
            case ENGRAM_FIELD_PINNED:
                return Scalar::ofBool(version_.pinned);
            case ENGRAM_FIELD_TEXT:
                return text(version_.text);
            case ENGRAM_FIELD_METADATA:
                return filter::scalarOf(metadata(view(n.path)));
            default:
                return std::nullopt;
        }
    }

    bool anyElement(const engram_filter_node& n, const filter::ElementTest& test) {
        return filter::anyElementOf(metadata(view(n.path)), test);
    }

private:
    static std::optional<Scalar> time(engram_time t) {
        return t == ENGRAM_TIME_NONE ? std::nullopt : std::optional<Scalar>(Scalar::ofInteger(t));
    }
    static std::optional<Scalar> text(const std::string& s) {
        return s.empty() ? std::nullopt : std::optional<Scalar>(Scalar::ofText(s));
    }

    // Null if the path leads nowhere.
    const rapidjson::Value* metadata(std::string_view path) {
        if (!parsed_) {
            constexpr unsigned kStrict = rapidjson::kParseIterativeFlag |
                                         rapidjson::kParseValidateEncodingFlag |
                                         rapidjson::kParseFullPrecisionFlag;
            metadata_.Parse<kStrict>(version_.metadata.data(), version_.metadata.size());
            parsed_ = true;
        }
        return metadata_.HasParseError() ? nullptr : follow(path);
    }

    const rapidjson::Value* follow(std::string_view path) const {
        const rapidjson::Value* value = &metadata_;
        const auto tokens = filter::pointerTokens(path).value_or(std::vector<std::string>());
        for (const std::string& token : tokens) {
            if (value->IsObject()) {
                const auto member = value->FindMember(token);
                if (member == value->MemberEnd()) return nullptr;
                value = &member->value;
            } else {
                const auto index = value->IsArray() ? filter::arrayIndex(token) : std::nullopt;
                if (!index || *index >= value->Size()) return nullptr;
                value = &(*value)[*index];
            }
        }
        return value;
    }

    const Version& version_;
    std::string text_;
    bool parsed_ = false;
    rapidjson::Document metadata_;
};

}  // namespace

bool passes(const engram_filter& filter, const Version& version) {
    Fields fields(version);
    return filter::Evaluator<Fields>(filter, fields).passes();
}

bool inScope(const engram_scope& scope, const Version& version) {
    if (version.deleted) return false;
    if (scope.kind != ENGRAM_KIND_ANY && scope.kind != version.kind) return false;
    if (scope.n_workspaces > 0 && std::none_of(scope.workspaces, scope.workspaces + scope.n_workspaces,
                                               [&](engram_str w) { return view(w) == version.workspace; }))
        return false;
    return passes(scope.filter, version);
}

}  // namespace engram::storage_memory
