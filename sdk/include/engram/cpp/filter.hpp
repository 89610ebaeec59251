// The filter language of record.h, evaluated over one record: for storage plugins that do not push filters
// into a query language of their own, and the reference for those that do. Pure; any thread.
#pragma once

#include <engram/record.h>

#include <cstdint>
#include <cstring>
#include <engram/cpp/text.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engram::filter {

// A field's value. Text is borrowed from the record.
struct Scalar {
    enum class Type {
        Text,
        Number,
        Bool,
        Structure
    } type = Type::Structure;  // Structure: an object or array of metadata: there, but equals nothing
    std::string_view text{};
    bool is_integer = false;
    int64_t integer = 0;
    double real = 0;
    bool boolean = false;

    static Scalar ofText(std::string_view s) {
        Scalar out;
        out.type = Type::Text;
        out.text = s;
        return out;
    }
    static Scalar ofInteger(int64_t i) {
        Scalar out;
        out.type = Type::Number;
        out.is_integer = true;
        out.integer = i;
        out.real = static_cast<double>(i);
        return out;
    }
    static Scalar ofReal(double d) {
        Scalar out;
        out.type = Type::Number;
        out.real = d;
        return out;
    }
    static Scalar ofBool(bool b) {
        Scalar out;
        out.type = Type::Bool;
        out.boolean = b;
        return out;
    }
    static Scalar of(const engram_value& value) {
        switch (value.type) {
            case ENGRAM_VALUE_STRING:
                return ofText(view(value.string));
            case ENGRAM_VALUE_INTEGER:
                return ofInteger(value.integer);
            case ENGRAM_VALUE_REAL:
                return ofReal(value.real);
            default:
                return ofBool(value.boolean != 0);
        }
    }
};

// By value, so not by way of double: 2^53 + 1 is not 2^53.
inline std::optional<int> compareMixed(int64_t a, double b) {
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
inline std::optional<int> compare(const Scalar& a, const Scalar& b) {
    if (a.type != b.type) return std::nullopt;
    switch (a.type) {
        case Scalar::Type::Text: {
            const int c = a.text.compare(b.text);
            return c < 0 ? -1 : c > 0;
        }
        case Scalar::Type::Number:
            if (a.is_integer && b.is_integer) return a.integer < b.integer ? -1 : a.integer > b.integer;
            if (a.is_integer) return compareMixed(a.integer, b.real);
            if (b.is_integer) {
                const std::optional<int> c = compareMixed(b.integer, a.real);
                return c ? std::optional<int>(-*c) : c;
            }
            if (a.real != a.real || b.real != b.real) return std::nullopt;
            return a.real < b.real ? -1 : a.real > b.real;
        case Scalar::Type::Bool:
            return static_cast<int>(a.boolean) - static_cast<int>(b.boolean);
        case Scalar::Type::Structure:
            return std::nullopt;
    }
    return std::nullopt;
}

inline bool holds(uint32_t op, const Scalar& a, const Scalar& b) {
    const std::optional<int> c = compare(a, b);
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

// By memmem, which takes a time that is linear in both whatever they are; string_view::find does not, and both come from
// clients.
inline bool hasPiece(std::string_view whole, std::string_view piece) {
    if (piece.empty()) return true;
    return piece.size() <= whole.size() && memmem(whole.data(), whole.size(), piece.data(), piece.size()) != nullptr;
}

using ElementTest = std::function<bool(const Scalar&)>;

// What a condition on metadata sees of a value, and of an array's elements. Json: RapidJSON's Value, which this header does not
// need; nullptr: the path leads nowhere. Null is absent.
template <class Json>
std::optional<Scalar> scalarOf(const Json* value) {
    if (!value || value->IsNull()) return std::nullopt;
    if (value->IsString()) return Scalar::ofText({value->GetString(), value->GetStringLength()});
    if (value->IsInt64()) return Scalar::ofInteger(value->GetInt64());
    if (value->IsNumber()) return Scalar::ofReal(value->GetDouble());
    if (value->IsBool()) return Scalar::ofBool(value->GetBool());
    return Scalar{};
}

template <class Json>
bool anyElementOf(const Json* value, const ElementTest& test) {
    if (!value || !value->IsArray()) return false;
    for (const auto& element : value->GetArray())
        if (const std::optional<Scalar> scalar = scalarOf(&element); scalar && test(*scalar)) return true;
    return false;
}

// Evaluates a well-formed filter. Fields has
//   std::optional<Scalar> field(const engram_filter_node&)   nothing if absent; not asked for tags
//   bool anyElement(const engram_filter_node&, const ElementTest&)
//       asked where field() gave a Structure: it is an array and the test holds for one of its elements; elements that are
//       null equal nothing and may be left out
//   const std::vector<std::string>& tags()
template <class Fields>
class Evaluator {
public:
    Evaluator(const engram_filter& filter, Fields& fields) : filter_(filter), fields_(fields) {}

    bool passes() { return filter_.n_nodes == 0 || node(0); }
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
    bool hasTag(const engram_value& value) {
        if (value.type != ENGRAM_VALUE_STRING) return false;
        for (const std::string& tag : fields_.tags())
            if (tag == view(value.string)) return true;
        return false;
    }

    bool tags(const engram_filter_node& n) {
        switch (n.op) {
            case ENGRAM_EQ:
            case ENGRAM_CONTAINS:
                return hasTag(n.values[0]);
            case ENGRAM_NE:
                return !hasTag(n.values[0]);
            case ENGRAM_EXISTS:
                return !fields_.tags().empty();
            case ENGRAM_IN:
                for (size_t i = 0; i < n.n_values; ++i)
                    if (hasTag(n.values[i])) return true;
                return false;
            default:  // an order over tags: some tag compares so
                for (const std::string& tag : fields_.tags())
                    if (holds(n.op, Scalar::ofText(tag), Scalar::of(n.values[0]))) return true;
                return false;
        }
    }

    bool condition(const engram_filter_node& n) {
        const std::optional<Scalar> value = fields_.field(n);
        if (n.op == ENGRAM_EXISTS) return value.has_value();
        if (n.op == ENGRAM_NE) return !(value && compare(*value, Scalar::of(n.values[0])) == 0);
        if (!value) return false;
        if (n.op == ENGRAM_CONTAINS) return contains(n, *value);
        if (n.op != ENGRAM_IN) return holds(n.op, *value, Scalar::of(n.values[0]));
        for (size_t i = 0; i < n.n_values; ++i)
            if (compare(*value, Scalar::of(n.values[i])) == 0) return true;
        return false;
    }

    bool contains(const engram_filter_node& n, const Scalar& whole) {
        const Scalar part = Scalar::of(n.values[0]);
        if (whole.type == Scalar::Type::Text)
            return part.type == Scalar::Type::Text && hasPiece(whole.text, part.text);
        return whole.type == Scalar::Type::Structure &&
               fields_.anyElement(n, [&](const Scalar& element) { return compare(element, part) == 0; });
    }

    const engram_filter& filter_;
    Fields& fields_;
};

// The tokens of an RFC 6901 pointer, unescaped; nothing if it is not one or is "" (the whole document).
inline std::optional<std::vector<std::string>> pointerTokens(std::string_view path) {
    if (path.empty() || path.front() != '/') return std::nullopt;
    std::vector<std::string> tokens;
    for (size_t i = 0; i < path.size(); ++i) {
        if (path[i] == '/') {
            tokens.emplace_back();
            continue;
        }
        if (path[i] != '~') {
            tokens.back() += path[i];
            continue;
        }
        if (++i == path.size() || (path[i] != '0' && path[i] != '1')) return std::nullopt;
        tokens.back() += path[i] == '0' ? '~' : '/';
    }
    return tokens;
}

// The place in an array that a token names: digits without a leading zero.
inline std::optional<uint32_t> arrayIndex(std::string_view token) {
    if (token.empty() || token.size() > 9 || (token[0] == '0' && token.size() > 1)) return std::nullopt;
    uint32_t index = 0;
    for (const char c : token) {
        if (c < '0' || c > '9') return std::nullopt;
        index = index * 10 + static_cast<uint32_t>(c - '0');
    }
    return index;
}

namespace detail {

constexpr size_t kMaxNodes = 1024;
constexpr size_t kMaxValues = 10000;
constexpr size_t kMaxPath = 1024;
constexpr unsigned kMaxDepth = 32;

inline std::string nodeComplaint(const engram_filter& filter, size_t index, std::vector<unsigned>& depth) {
    const engram_filter_node& n = filter.nodes[index];
    if (depth[index] > kMaxDepth) return "the filter is too deep";
    if (n.op >= ENGRAM_AND && n.op <= ENGRAM_NOT) {
        if (n.op == ENGRAM_NOT && n.n_children != 1) return "NOT has one child";
        if (n.n_children > 0 && (n.first_child <= index || n.first_child > filter.n_nodes ||
                                 n.n_children > filter.n_nodes - n.first_child))
            return "a child must come after its parent";
        for (uint32_t i = 0; i < n.n_children; ++i) {
            if (depth[n.first_child + i] != 0)
                return "a node has one parent";  // else the tree is exponential
            depth[n.first_child + i] = depth[index] + 1;
        }
        return "";
    }
    if (n.op > ENGRAM_CONTAINS || n.op == 0) return "unknown operator";
    if (n.field < ENGRAM_FIELD_ID || n.field > ENGRAM_FIELD_TEXT) return "unknown field";
    if (n.n_children > 0) return "a condition has no children";
    if (n.field == ENGRAM_FIELD_METADATA && (n.path.len > kMaxPath || !pointerTokens(view(n.path))))
        return "not an RFC 6901 pointer into metadata";
    if (n.n_values > kMaxValues) return "too many values";
    if (n.op != ENGRAM_EXISTS && n.op != ENGRAM_IN && n.n_values != 1) return "one value is expected";
    for (size_t i = 0; i < n.n_values; ++i)
        if (n.values[i].type < ENGRAM_VALUE_STRING || n.values[i].type > ENGRAM_VALUE_BOOL)
            return "unknown type of value";
    return "";
}

}  // namespace detail

// Empty, or why the filter is malformed.
inline std::string complaint(const engram_filter& filter) {
    if (filter.n_nodes > detail::kMaxNodes) return "the filter has too many nodes";
    std::vector<unsigned> depth(filter.n_nodes, 0);
    for (size_t i = 0; i < filter.n_nodes; ++i)
        if (std::string why = detail::nodeComplaint(filter, i, depth); !why.empty()) return why;
    return "";
}

// RFC 9562 text of an id, for ENGRAM_FIELD_ID and ENGRAM_FIELD_PARENT.
inline std::string uuidText(const uint8_t (&bytes)[16]) {
    std::string out;
    for (int i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
        out += "0123456789abcdef"[bytes[i] >> 4];
        out += "0123456789abcdef"[bytes[i] & 15];
    }
    return out;
}

}  // namespace engram::filter
