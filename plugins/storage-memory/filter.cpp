#include "filter.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <engram/cpp/text.hpp>
#include <optional>
#include <vector>

namespace engram::storage_memory {
namespace {

constexpr size_t kMaxNodes = 1024;
constexpr size_t kMaxValues = 10000;
constexpr size_t kMaxPath = 1024;
constexpr unsigned kMaxDepth = 32;

// A value of a record, or one to compare it with.
struct Scalar {
    enum class Type { Text, Number, Bool, Null } type = Type::Null;
    std::string_view text;
    bool is_integer = false;
    int64_t integer = 0;
    double real = 0;
    bool boolean = false;
};

Scalar textScalar(std::string_view s) {
    Scalar out;
    out.type = Scalar::Type::Text;
    out.text = s;
    return out;
}

Scalar integerScalar(int64_t i) {
    Scalar out;
    out.type = Scalar::Type::Number;
    out.is_integer = true;
    out.integer = i;
    out.real = static_cast<double>(i);
    return out;
}

Scalar realScalar(double d) {
    Scalar out;
    out.type = Scalar::Type::Number;
    out.real = d;
    return out;
}

Scalar boolScalar(bool b) {
    Scalar out;
    out.type = Scalar::Type::Bool;
    out.boolean = b;
    return out;
}

Scalar scalarOf(const engram_value& value) {
    switch (value.type) {
        case ENGRAM_VALUE_STRING:
            return textScalar(view(value.string));
        case ENGRAM_VALUE_INTEGER:
            return integerScalar(value.integer);
        case ENGRAM_VALUE_REAL:
            return realScalar(value.real);
        default:
            return boolScalar(value.boolean != 0);
    }
}

std::optional<int> negated(std::optional<int> c) {
    return c ? std::optional<int>(-*c) : c;
}

// By value, so not by way of double: 2^53 + 1 is not 2^53.
std::optional<int> compareMixed(int64_t a, double b) {
    constexpr double kBeyond = 9223372036854775808.0;  // 2^63
    if (b != b) return std::nullopt;
    if (b >= kBeyond) return -1;
    if (b < -kBeyond) return 1;
    const auto whole = static_cast<int64_t>(b);  // towards zero
    if (a != whole) return a < whole ? -1 : 1;
    const double rest = b - static_cast<double>(whole);
    return rest > 0 ? -1 : rest < 0;
}

// -1, 0, 1, or nothing when the two cannot be compared.
std::optional<int> compare(const Scalar& a, const Scalar& b) {
    if (a.type != b.type) return std::nullopt;
    switch (a.type) {
        case Scalar::Type::Text: {
            const int c = a.text.compare(b.text);
            return c < 0 ? -1 : c > 0;
        }
        case Scalar::Type::Number:
            if (a.is_integer && b.is_integer) return a.integer < b.integer ? -1 : a.integer > b.integer;
            if (a.is_integer) return compareMixed(a.integer, b.real);
            if (b.is_integer) return negated(compareMixed(b.integer, a.real));
            if (a.real != a.real || b.real != b.real) return std::nullopt;
            return a.real < b.real ? -1 : a.real > b.real;
        case Scalar::Type::Bool:
            return static_cast<int>(a.boolean) - static_cast<int>(b.boolean);
        case Scalar::Type::Null:
            return std::nullopt;
    }
    return std::nullopt;
}

std::string uuidText(const Id& id) {
    std::string out;
    for (size_t i = 0; i < id.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
        out += "0123456789abcdef"[id[i] >> 4];
        out += "0123456789abcdef"[id[i] & 15];
    }
    return out;
}

// RFC 6901, section 4: a token is a member's name, or an index without leading zeros.
const rapidjson::Value* step(const rapidjson::Value& value, const std::string& token) {
    if (value.IsObject()) {
        for (const auto& member : value.GetObject())
            if (std::string_view(member.name.GetString(), member.name.GetStringLength()) == token)
                return &member.value;
        return nullptr;
    }
    if (!value.IsArray() || token.empty() || token.size() > 9 || (token[0] == '0' && token.size() > 1))
        return nullptr;
    rapidjson::SizeType index = 0;
    for (const char c : token) {
        if (c < '0' || c > '9') return nullptr;
        index = index * 10 + static_cast<rapidjson::SizeType>(c - '0');
    }
    return index < value.Size() ? &value[index] : nullptr;
}

// `path` starts with '/', and each '~' in it is followed by 0 or 1: complaint() saw to that.
const rapidjson::Value* follow(const rapidjson::Value& root, std::string_view path) {
    const rapidjson::Value* value = &root;
    while (value && !path.empty()) {
        path.remove_prefix(1);
        const size_t end = std::min(path.find('/'), path.size());
        std::string token;
        for (size_t i = 0; i < end; ++i) {
            if (path[i] != '~')
                token += path[i];
            else
                token += path[++i] == '0' ? '~' : '/';
        }
        value = step(*value, token);
        path.remove_prefix(end);
    }
    return value;
}

bool isPointer(std::string_view path) {
    if (path.empty() || path.front() != '/') return false;
    for (size_t i = 0; i < path.size(); ++i)
        if (path[i] == '~' && (i + 1 == path.size() || (path[i + 1] != '0' && path[i + 1] != '1')))
            return false;
    return true;
}

class Evaluator {
public:
    Evaluator(const engram_filter& filter, const Version& version) : filter_(filter), version_(version) {}

    bool node(size_t index) {
        const engram_filter_node& n = filter_.nodes[index];
        switch (n.op) {
            case ENGRAM_AND:
                for (uint32_t i = 0; i < n.n_children; ++i)
                    if (!node(n.first_child + i)) return false;
                return true;
            case ENGRAM_OR:
                for (uint32_t i = 0; i < n.n_children; ++i)
                    if (node(n.first_child + i)) return true;
                return false;
            case ENGRAM_NOT:
                return !node(n.first_child);
            default:
                return n.field == ENGRAM_FIELD_TAG ? tags(n) : condition(n);
        }
    }

private:
    bool tags(const engram_filter_node& n) const {
        auto has = [&](const engram_value& value) {
            return value.type == ENGRAM_VALUE_STRING && std::find(version_.tags.begin(), version_.tags.end(),
                                                                  view(value.string)) != version_.tags.end();
        };
        switch (n.op) {
            case ENGRAM_EQ:
                return has(n.values[0]);
            case ENGRAM_NE:
                return !has(n.values[0]);
            case ENGRAM_IN:
                return std::any_of(n.values, n.values + n.n_values, has);
            case ENGRAM_EXISTS:
                return !version_.tags.empty();
            default:  // an order over tags: some tag compares so
                return std::any_of(version_.tags.begin(), version_.tags.end(), [&](const std::string& tag) {
                    return holds(n.op, textScalar(tag), n.values[0]);
                });
        }
    }

    bool condition(const engram_filter_node& n) {
        const std::optional<Scalar> value = field(n);
        if (n.op == ENGRAM_EXISTS) return value.has_value();
        if (n.op == ENGRAM_NE) return !(value && compare(*value, scalarOf(n.values[0])) == 0);
        if (!value) return false;
        if (n.op == ENGRAM_IN)
            return std::any_of(n.values, n.values + n.n_values,
                               [&](const engram_value& v) { return compare(*value, scalarOf(v)) == 0; });
        return holds(n.op, *value, n.values[0]);
    }

    static bool holds(uint32_t op, const Scalar& a, const engram_value& b) {
        const std::optional<int> c = compare(a, scalarOf(b));
        if (!c) return false;
        switch (op) {
            case ENGRAM_EQ:
                return *c == 0;
            case ENGRAM_LT:
                return *c < 0;
            case ENGRAM_LE:
                return *c <= 0;
            case ENGRAM_GT:
                return *c > 0;
            case ENGRAM_GE:
                return *c >= 0;
            default:
                return false;
        }
    }

    static std::optional<Scalar> time(engram_time t) {
        return t == ENGRAM_TIME_NONE ? std::nullopt : std::optional<Scalar>(integerScalar(t));
    }
    static std::optional<Scalar> text(const std::string& s) {
        return s.empty() ? std::nullopt : std::optional<Scalar>(textScalar(s));
    }

    std::optional<Scalar> field(const engram_filter_node& n) {
        switch (n.field) {
            case ENGRAM_FIELD_ID:
                return textScalar(id_ = uuidText(version_.id));
            case ENGRAM_FIELD_WORKSPACE:
                return textScalar(version_.workspace);
            case ENGRAM_FIELD_TYPE:
                return text(version_.type);
            case ENGRAM_FIELD_IMPORTANCE:
                return realScalar(version_.importance);
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
                return textScalar(id_ = uuidText(version_.parent));
            case ENGRAM_FIELD_POSITION:
                return integerScalar(static_cast<int64_t>(version_.position));
            case ENGRAM_FIELD_METADATA:
                return metadata(view(n.path));
            default:
                return std::nullopt;
        }
    }

    std::optional<Scalar> metadata(std::string_view path) {
        if (!parsed_) {
            constexpr unsigned kStrict = rapidjson::kParseIterativeFlag |
                                         rapidjson::kParseValidateEncodingFlag |
                                         rapidjson::kParseFullPrecisionFlag;
            metadata_.Parse<kStrict>(version_.metadata.data(), version_.metadata.size());
            parsed_ = true;
        }
        if (metadata_.HasParseError()) return std::nullopt;
        const rapidjson::Value* value = follow(metadata_, path);
        if (!value || value->IsNull()) return std::nullopt;
        if (value->IsString()) return textScalar({value->GetString(), value->GetStringLength()});
        if (value->IsInt64()) return integerScalar(value->GetInt64());
        if (value->IsNumber()) return realScalar(value->GetDouble());
        if (value->IsBool()) return boolScalar(value->GetBool());
        Scalar structure;  // an object or array is there but equals nothing
        return structure;
    }

    const engram_filter& filter_;
    const Version& version_;
    std::string id_;
    bool parsed_ = false;
    rapidjson::Document metadata_;
};

std::string nodeComplaint(const engram_filter& filter, size_t index, std::vector<unsigned>& depth) {
    const engram_filter_node& n = filter.nodes[index];
    if (depth[index] > kMaxDepth) return "the filter is too deep";
    if (n.op >= ENGRAM_AND && n.op <= ENGRAM_NOT) {
        if (n.op == ENGRAM_NOT && n.n_children != 1) return "NOT has one child";
        if (n.n_children > 0 && (n.first_child <= index || n.first_child > filter.n_nodes ||
                                 n.n_children > filter.n_nodes - n.first_child))
            return "a child must come after its parent";
        for (uint32_t i = 0; i < n.n_children; ++i) {
            if (depth[n.first_child + i] != 0) return "a node has one parent";
            depth[n.first_child + i] = depth[index] + 1;
        }
        return "";
    }
    if (n.op > ENGRAM_EXISTS || n.op == 0) return "unknown operator";
    if (n.field < ENGRAM_FIELD_ID || n.field > ENGRAM_FIELD_POSITION) return "unknown field";
    if (n.n_children > 0) return "a condition has no children";
    if (n.field == ENGRAM_FIELD_METADATA && (n.path.len > kMaxPath || !isPointer(view(n.path))))
        return "not an RFC 6901 pointer into metadata";
    if (n.op == ENGRAM_IN && n.n_values > kMaxValues) return "too many values";
    if (n.op != ENGRAM_EXISTS && n.op != ENGRAM_IN && n.n_values != 1) return "one value is expected";
    for (size_t i = 0; i < n.n_values; ++i)
        if (n.values[i].type < ENGRAM_VALUE_STRING || n.values[i].type > ENGRAM_VALUE_BOOL)
            return "unknown type of value";
    return "";
}

}  // namespace

std::string complaint(const engram_filter& filter) {
    if (filter.n_nodes > kMaxNodes) return "the filter has too many nodes";
    std::vector<unsigned> depth(filter.n_nodes, 0);
    for (size_t i = 0; i < filter.n_nodes; ++i)
        if (std::string why = nodeComplaint(filter, i, depth); !why.empty()) return why;
    return "";
}

bool passes(const engram_filter& filter, const Version& version) {
    return filter.n_nodes == 0 || Evaluator(filter, version).node(0);
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
