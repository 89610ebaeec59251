#include "engine/filter.hpp"

#include "config/did_you_mean.hpp"
#include "engine/time.hpp"
#include "engine/unicode.hpp"
#include "json/utf8.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>

namespace engram::engine {
namespace {

constexpr unsigned kMaxDepth = 16;
constexpr size_t kMaxNodes = 256, kMaxValues = 256, kMaxText = 1024;

enum class FieldType {
    Text,
    Number,
    Time,
    Bool,
    Tag,
    Tier,  // of whether it expires: storage knows no tiers
    Any
};

struct Field {
    std::string_view name;
    uint32_t id;
    FieldType type;
};

constexpr Field kFields[] = {
    {"id", ENGRAM_FIELD_ID, FieldType::Text},
    {"workspace", ENGRAM_FIELD_WORKSPACE, FieldType::Text},
    {"type", ENGRAM_FIELD_TYPE, FieldType::Text},
    {"tags", ENGRAM_FIELD_TAG, FieldType::Tag},
    {"importance", ENGRAM_FIELD_IMPORTANCE, FieldType::Number},
    {"occurred_at", ENGRAM_FIELD_OCCURRED_AT, FieldType::Time},
    {"created_at", ENGRAM_FIELD_CREATED_AT, FieldType::Time},
    {"updated_at", ENGRAM_FIELD_UPDATED_AT, FieldType::Time},
    {"expires_at", ENGRAM_FIELD_EXPIRES_AT, FieldType::Time},
    {"valid_from", ENGRAM_FIELD_VALID_FROM, FieldType::Time},
    {"valid_until", ENGRAM_FIELD_VALID_UNTIL, FieldType::Time},
    {"pinned", ENGRAM_FIELD_PINNED, FieldType::Bool},
    {"content", ENGRAM_FIELD_TEXT, FieldType::Text},
    {"tier", ENGRAM_FIELD_EXPIRES_AT, FieldType::Tier},
};

constexpr bool isText(FieldType type) { return type == FieldType::Text || type == FieldType::Any; }
constexpr bool isTag(FieldType type) { return type == FieldType::Tag; }
constexpr bool canContain(FieldType type) { return isText(type) || isTag(type); }
constexpr bool equates(FieldType) { return true; }
constexpr bool compares(FieldType type) { return type != FieldType::Tier; }

struct Operator {
    std::string_view name;
    uint32_t op;  // by which storage does it
    bool (*takes)(FieldType);
};

constexpr Operator kOperators[] = {
    {"eq", ENGRAM_EQ, equates}, {"ne", ENGRAM_NE, equates}, {"in", ENGRAM_IN, equates},
    {"lt", ENGRAM_LT, compares}, {"lte", ENGRAM_LE, compares}, {"gt", ENGRAM_GT, compares}, {"gte", ENGRAM_GE, compares},
    {"exists", ENGRAM_EXISTS, compares}, {"contains", ENGRAM_CONTAINS, canContain},
    {"prefix", ENGRAM_GE, isText}, {"any", ENGRAM_IN, isTag}, {"all", ENGRAM_AND, isTag}};

Error invalid(const std::string& pointer, std::string message, std::string hint = {}) {
    return {"invalid_filter", std::move(message), std::move(hint), "/filter" + pointer};
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& names) {
    if (auto close = config::closest(word, names)) return "did you mean '" + std::string(*close) + "'?";
    std::string all = "known are";
    for (std::string_view name : names) all += " " + std::string(name);
    return all;
}

// The least text that is greater, by bytes, than every text that begins with `prefix`; empty if there is none. It is made of
// characters, not bytes, since storage takes nothing but UTF-8, whose order by bytes is that of the characters.
std::string afterPrefix(std::string_view prefix) {
    std::u32string characters;
    for (size_t at = 0; at < prefix.size();) characters.push_back(unicode::next(prefix, at));
    while (!characters.empty() && characters.back() == 0x10FFFF) characters.pop_back();
    if (characters.empty()) return {};
    characters.back() = characters.back() == 0xD7FF ? 0xE000 : characters.back() + 1;  // no surrogates
    std::string out;
    for (char32_t c : characters) unicode::append(out, c);
    return out;
}

// "metadata.a.b" and "metadata:/a/b" to "/a/b"; a dot in a name is written "\.".
std::string metadataPath(std::string_view name) {
    if (name.starts_with("metadata:")) return std::string(name.substr(9));
    std::string path = "/";
    for (size_t i = 9; i < name.size(); ++i) {
        if (name[i] == '\\' && i + 1 < name.size() && name[i + 1] == '.') path += name[++i];
        else if (name[i] == '.') path += '/';
        else if (name[i] == '~') path += "~0";
        else if (name[i] == '/') path += "~1";
        else path += name[i];
    }
    return path;
}

class Parser {
public:
    Result<Filter::Node> object(const json::Value& value, const std::string& at, unsigned depth) {
        if (depth > kMaxDepth) return invalid(at, "the filter is nested more than 16 deep");
        if (!value.IsObject()) return invalid(at, "a condition must be an object");
        Filter::Node all{ENGRAM_AND, 0, {}, {}, {}};
        for (const auto& member : value.GetObject()) {
            const std::string name(json::view(member.name));
            auto node = this->member(name, member.value, at + json::pointerStep(name), depth);
            if (!node) return node.error();
            all.children.push_back(std::move(*node));
        }
        if (auto counted = count(at); !counted) return counted.error();
        if (all.children.size() == 1) return std::move(all.children.front());
        return all;
    }

private:
    Result<void> count(const std::string& at) {
        if (++nodes_ > kMaxNodes) return invalid(at, "the filter has more than 256 conditions");
        return {};
    }

    Result<Filter::Node> member(const std::string& name, const json::Value& value, const std::string& at,
                                unsigned depth) {
        if (name == "and" || name == "or") return list(name == "and" ? ENGRAM_AND : ENGRAM_OR, value, at, depth);
        if (name == "not") {
            auto inner = object(value, at, depth + 1);
            if (!inner) return inner.error();
            return Filter::Node{ENGRAM_NOT, 0, {}, {}, {std::move(*inner)}};
        }
        const bool metadata = name.starts_with("metadata.") || name.starts_with("metadata:");
        if (metadata) {
            std::string path = metadataPath(name);
            if (path.size() > kMaxText || !path.starts_with('/'))
                return invalid(at, "'" + json::brief(name) + "' is not a path into metadata",
                               "write metadata.a.b or metadata:/a/b");
            return conditions({name, ENGRAM_FIELD_METADATA, FieldType::Any}, std::move(path), value, at);
        }
        for (const Field& field : kFields)
            if (field.name == name) return conditions(field, {}, value, at);
        std::vector<std::string_view> names = {"metadata.<name>", "and", "or", "not"};
        for (const Field& field : kFields) names.push_back(field.name);
        return invalid(at, "unknown field '" + json::brief(name) + "'", suggestion(name, names));
    }

    Result<Filter::Node> list(uint32_t op, const json::Value& value, const std::string& at, unsigned depth) {
        if (!value.IsArray()) return invalid(at, "'and' and 'or' take a list of conditions");
        if (auto counted = count(at); !counted) return counted.error();
        Filter::Node node{op, 0, {}, {}, {}};
        for (rapidjson::SizeType i = 0; i < value.Size(); ++i) {
            auto child = object(value[i], at + "/" + std::to_string(i), depth + 1);
            if (!child) return child.error();
            node.children.push_back(std::move(*child));
        }
        return node;
    }

    // One field: a plain value (equals), or an object of operators that must all hold.
    Result<Filter::Node> conditions(const Field& field, std::string path, const json::Value& value,
                                    const std::string& at) {
        if (!value.IsObject()) return named(field, path, "eq", value, at);
        Filter::Node all{ENGRAM_AND, 0, {}, {}, {}};
        for (const auto& member : value.GetObject()) {
            const std::string name(json::view(member.name));
            auto node = named(field, path, name, member.value, at + json::pointerStep(name));
            if (!node) return node.error();
            all.children.push_back(std::move(*node));
        }
        if (all.children.empty()) return invalid(at, "no operator for '" + std::string(field.name) + "'");
        if (all.children.size() == 1) return std::move(all.children.front());
        return all;
    }

    Result<Filter::Node> named(const Field& field, const std::string& path, const std::string& name,
                               const json::Value& value, const std::string& at) {
        const auto* op = std::find_if(std::begin(kOperators), std::end(kOperators),
                                      [&](const Operator& one) { return one.name == name; });
        const bool known = op != std::end(kOperators);
        if (!known || !op->takes(field.type)) {
            std::vector<std::string_view> names;
            for (const Operator& one : kOperators)
                if (one.takes(field.type)) names.push_back(one.name);
            return invalid(at, known ? "'" + name + "' is not for '" + std::string(field.name) + "'"
                                     : "unknown operator '" + json::brief(name) + "'", suggestion(name, names));
        }
        if (field.type == FieldType::Tier) return tier(field, *op, value, at);
        if (name == "prefix") return prefixed(field, path, value, at);
        return name == "all" ? everyTag(field, value, at) : condition(field, path, op->op, value, at);
    }

    Result<Filter::Node> everyTag(const Field& field, const json::Value& value, const std::string& at) {
        if (!value.IsArray()) return invalid(at, "'all' takes a list");
        Filter::Node all{ENGRAM_AND, 0, {}, {}, {}};
        for (const auto& tag : value.GetArray()) {
            auto node = condition(field, {}, ENGRAM_EQ, tag, at);
            if (!node) return node.error();
            all.children.push_back(std::move(*node));
        }
        return all;
    }

    // daily: it expires; permanent: it does not. Of a list any.
    Result<Filter::Node> tier(const Field& field, const Operator& op, const json::Value& value, const std::string& at) {
        Filter::Node any{ENGRAM_OR, 0, {}, {}, {}};
        const auto add = [&](const json::Value& name) -> Result<void> {
            const std::string_view text = name.IsString() ? json::view(name) : std::string_view();
            if (text != "daily" && text != "permanent") return invalid(at, "a tier is daily or permanent");
            Filter::Node expires{ENGRAM_EXISTS, field.id, {}, {}, {}};
            if (text == "permanent") expires = {ENGRAM_NOT, 0, {}, {}, {std::move(expires)}};
            any.children.push_back(std::move(expires));
            return count(at);
        };
        if (op.op != ENGRAM_IN) {
            if (auto added = add(value); !added) return added.error();
        } else {
            if (!value.IsArray() || value.Size() > kMaxValues) return invalid(at, "'in' takes a list of at most 256");
            for (const auto& name : value.GetArray())
                if (auto added = add(name); !added) return added.error();
        }
        if (op.op == ENGRAM_NE) return Filter::Node{ENGRAM_NOT, 0, {}, {}, {std::move(any)}};
        return any;
    }

    // Text that begins with `value` is a range of texts: storage needs no operator for it. Not for tags: a range of them
    // would be two conditions, which two tags could meet.
    Result<Filter::Node> prefixed(const Field& field, const std::string& path, const json::Value& value, const std::string& at) {
        if (!value.IsString()) return invalid(at, "'prefix' takes a text");
        auto from = condition(field, path, ENGRAM_GE, value, at);
        if (!from) return from;
        const std::string end = afterPrefix(json::view(value));
        if (end.empty()) return from;
        if (auto counted = count(at); !counted) return counted.error();
        Filter::Node all{ENGRAM_AND, 0, {}, {}, {}};
        all.children.push_back(std::move(*from));
        all.children.push_back({ENGRAM_LT, field.id, path, {{ENGRAM_VALUE_STRING, end, 0, 0, false}}, {}});
        return all;
    }

    Result<Filter::Node> condition(const Field& field, const std::string& path, uint32_t op, const json::Value& value,
                                   const std::string& at) {
        if (auto counted = count(at); !counted) return counted.error();
        Filter::Node node{op, field.id, path, {}, {}};
        if (op == ENGRAM_EXISTS) {
            if (!value.IsBool()) return invalid(at, "'exists' takes true or false");
            if (value.IsTrue()) return node;
            return Filter::Node{ENGRAM_NOT, 0, {}, {}, {std::move(node)}};
        }
        if (op == ENGRAM_IN) {
            if (!value.IsArray()) return invalid(at, "a list of values is expected");
            if (value.Size() > kMaxValues) return invalid(at, "more than 256 values");
            for (const auto& item : value.GetArray()) {
                auto read = scalar(field, item, at);
                if (!read) return read.error();
                node.values.push_back(std::move(*read));
            }
            return node;
        }
        // Equal to null means absent.
        if (value.IsNull() && (op == ENGRAM_EQ || op == ENGRAM_NE)) {
            node.op = ENGRAM_EXISTS;
            if (op == ENGRAM_NE) return node;
            return Filter::Node{ENGRAM_NOT, 0, {}, {}, {std::move(node)}};
        }
        auto read = scalar(field, value, at);
        if (!read) return read.error();
        node.values.push_back(std::move(*read));
        return node;
    }

    Result<Filter::Value> scalar(const Field& field, const json::Value& value, const std::string& at) {
        switch (field.type) {
            case FieldType::Text:
            case FieldType::Tag:
                if (!value.IsString()) return invalid(at, "'" + std::string(field.name) + "' compares with text");
                break;
            case FieldType::Number:
                if (!value.IsNumber()) return invalid(at, "'" + std::string(field.name) + "' compares with a number");
                return Filter::Value{ENGRAM_VALUE_REAL, {}, 0, value.GetDouble(), false};
            case FieldType::Bool:
                if (!value.IsBool()) return invalid(at, "'" + std::string(field.name) + "' is true or false");
                break;
            case FieldType::Time: {
                const auto time = value.IsString() ? parseTime(json::view(value)) : std::nullopt;
                if (!time)
                    return invalid(at, "'" + std::string(field.name) + "' compares with an RFC 3339 time",
                                   "write it like 2026-01-31T09:30:00Z");
                return Filter::Value{ENGRAM_VALUE_INTEGER, {}, *time, 0, false};
            }
            case FieldType::Tier:
            case FieldType::Any: break;
        }
        if (value.IsString()) {
            if (value.GetStringLength() > kMaxText) return invalid(at, "a text is over 1 KiB");
            return Filter::Value{ENGRAM_VALUE_STRING, std::string(json::view(value)), 0, 0, false};
        }
        if (value.IsInt64()) return Filter::Value{ENGRAM_VALUE_INTEGER, {}, value.GetInt64(), 0, false};
        if (value.IsNumber()) return Filter::Value{ENGRAM_VALUE_REAL, {}, 0, value.GetDouble(), false};
        if (value.IsBool()) return Filter::Value{ENGRAM_VALUE_BOOL, {}, 0, 0, value.GetBool()};
        return invalid(at, "compare with text, a number, true or false");
    }

    size_t nodes_ = 0;
};

// Absent, or not so.
Filter::Node unless(uint32_t field, uint32_t op, int64_t time) {
    Filter::Node node{op, field, {}, {{ENGRAM_VALUE_INTEGER, {}, time, 0, false}}, {}};
    return {ENGRAM_NOT, 0, {}, {}, {std::move(node)}};
}

}  // namespace

Result<Filter> parseFilter(const json::Value& value) {
    auto root = Parser().object(value, "", 1);
    if (!root) return root.error();
    Filter filter;
    filter.root_ = std::move(*root);
    return filter;
}

std::string nameOf(const Filter::Node& node) {
    if (node.op == ENGRAM_AND) return "and";
    if (node.op == ENGRAM_OR) return "or";
    if (node.op == ENGRAM_NOT) return "not";
    std::string name = "metadata:" + node.path;
    for (const Field& field : kFields)
        if (field.id == node.field) name = field.name;
    for (const Operator& op : kOperators)
        if (op.op == node.op) return name + " " + std::string(op.name);
    return name;
}

void Filter::require(Node node) {
    if (!root_) {
        root_ = std::move(node);
        return;
    }
    Node both{ENGRAM_AND, 0, {}, {}, {}};
    both.children.push_back(std::move(*root_));
    both.children.push_back(std::move(node));
    root_ = std::move(both);
}

Filter::Node notExpired(int64_t now) { return unless(ENGRAM_FIELD_EXPIRES_AT, ENGRAM_LE, now); }

Filter::Node validAt(int64_t time) {
    return {ENGRAM_AND, 0, {}, {}, {unless(ENGRAM_FIELD_VALID_FROM, ENGRAM_GT, time), unless(ENGRAM_FIELD_VALID_UNTIL, ENGRAM_LE, time)}};
}

LoweredFilter::LoweredFilter(const Filter& filter) {
    if (filter.empty()) return;
    std::vector<const Filter::Node*> order = {&*filter.root()};
    // Breadth first, so that the children of a node stand together and after it.
    for (size_t i = 0; i < order.size(); ++i)
        for (const Filter::Node& child : order[i]->children) order.push_back(&child);
    uint32_t next_child = 1;
    for (const Filter::Node* node : order) {
        std::vector<engram_value> values;
        for (const Filter::Value& value : node->values)
            values.push_back({value.type, value.boolean ? 1u : 0u, value.integer, value.real, borrow(value.text)});
        values_.push_back(std::move(values));
        engram_filter_node lowered{};
        lowered.op = node->op;
        lowered.field = node->field;
        lowered.path = borrow(node->path);
        lowered.values = values_.back().data();
        lowered.n_values = values_.back().size();
        lowered.first_child = next_child;
        lowered.n_children = static_cast<uint32_t>(node->children.size());
        next_child += lowered.n_children;
        nodes_.push_back(lowered);
    }
}

}  // namespace engram::engine
