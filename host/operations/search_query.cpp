#include "operations/search_query.hpp"

#include "json/utf8.hpp"
#include "operations/memory_json.hpp"

namespace engram::operations {
namespace {

using engine::Filter;

Filter::Value text(const json::Value& value) { return {ENGRAM_VALUE_STRING, std::string(json::view(value)), 0, 0, false}; }

Filter::Node compares(uint32_t op, uint32_t field, Filter::Value value) { return {op, field, {}, {std::move(value)}, {}}; }

Filter::Node oneOf(uint32_t field, const json::Value& values) {
    Filter::Node node{ENGRAM_IN, field, {}, {}, {}};
    for (const auto& value : values.GetArray()) node.values.push_back(text(value));
    return node;
}

// When it occurred, or was written if that is not known: op value.
Filter::Node when(uint32_t op, int64_t time) {
    const Filter::Value value{ENGRAM_VALUE_INTEGER, {}, time, 0, false};
    Filter::Node unknown{ENGRAM_NOT, 0, {}, {}, {{ENGRAM_EXISTS, ENGRAM_FIELD_OCCURRED_AT, {}, {}, {}}}};
    Filter::Node written{ENGRAM_AND, 0, {}, {}, {std::move(unknown), compares(op, ENGRAM_FIELD_CREATED_AT, value)}};
    return {ENGRAM_OR, 0, {}, {}, {compares(op, ENGRAM_FIELD_OCCURRED_AT, value), std::move(written)}};
}

// types, tags, since and until, which all must hold; one node, since the depth of a filter has a limit.
Result<Filter::Node> readShorthands(const json::Value& input) {
    Filter::Node all{ENGRAM_AND, 0, {}, {}, {}};
    if (auto* types = json::find(input, "types")) all.children.push_back(oneOf(ENGRAM_FIELD_TYPE, *types));
    if (auto* tags = json::find(input, "tags"))
        for (const auto& tag : tags->GetArray()) all.children.push_back(compares(ENGRAM_EQ, ENGRAM_FIELD_TAG, text(tag)));
    auto since = readTime(input, "since", "");
    if (!since) return since.error();
    auto until = readTime(input, "until", "");
    if (!until) return until.error();
    if (*since && *until && ***until <= ***since) return Error{"invalid_value", "until is not after since", "", "/until"};
    if (*since) all.children.push_back(when(ENGRAM_GE, ***since));
    if (*until) all.children.push_back(when(ENGRAM_LT, ***until));
    return all;
}

engine::SearchWeights readWeights(const json::Value& input) {
    const auto number = [&](const char* name) {
        const json::Value* value = json::find(input, name);
        return value ? std::optional<double>(value->GetDouble()) : std::nullopt;
    };
    engine::SearchWeights weights{number("vector"), number("session"), number("dates"), number("importance"), number("recency"), {}};
    if (auto days = number("half_life_days")) weights.half_life = static_cast<int64_t>(*days * 86400 * 1000);
    return weights;
}

}  // namespace

Result<engine::SearchQuery> readSearchQuery(const json::Value& input) {
    engine::SearchQuery query;
    query.text = textOr(input, "query", "");
    if (auto* workspace = json::find(input, "workspace")) query.workspaces.emplace_back(json::view(*workspace));
    if (auto* filter = json::find(input, "filter")) {
        auto parsed = engine::parseFilter(*filter);
        if (!parsed) return parsed.error();
        query.filter = std::move(*parsed);
    }
    auto shorthands = readShorthands(input);
    if (!shorthands) return shorthands.error();
    if (!shorthands->children.empty()) query.filter.require(std::move(*shorthands));
    query.limit = static_cast<uint32_t>(numberOr(input, "limit", 10));
    query.cursor = textOr(input, "cursor", "");
    if (auto* weights = json::find(input, "weights")) query.weights = readWeights(*weights);
    auto valid_at = readTime(input, "valid_at", "");
    if (!valid_at) return valid_at.error();
    if (*valid_at) query.valid_at = **valid_at;
    const json::Value* explain = json::find(input, "explain");
    query.explain = explain && explain->IsTrue() ? engine::SearchQuery::Explain::Yes : engine::SearchQuery::Explain::No;
    const std::string_view mode = textOr(input, "mode", "hybrid");
    query.mode = mode == "lexical"  ? engine::SearchQuery::Mode::Lexical
                 : mode == "vector" ? engine::SearchQuery::Mode::Vector
                                    : engine::SearchQuery::Mode::Hybrid;
    query.context = textOr(input, "context", "session") == "none" ? engine::SearchQuery::Context::None
                                                                  : engine::SearchQuery::Context::Session;
    query.dates = textOr(input, "dates", "favour") == "ignore" ? engine::SearchQuery::Dates::Ignore
                                                               : engine::SearchQuery::Dates::Favour;
    if (auto* id = json::find(input, "why_not")) {
        query.why_not = engine::Uuid::parse(json::view(*id));
        if (!query.why_not)
            return Error{"invalid_value", "'" + json::brief(json::view(*id)) + "' is not the id of a memory", "", "/why_not"};
    }
    if (auto* as_of = json::find(input, "as_of")) {
        if (as_of->IsUint64()) query.as_of_lsn = as_of->GetUint64();
        else {
            auto time = readTime(input, "as_of", "");
            if (!time) return time.error();
            query.as_of_time = **time;
        }
    }
    query.fuzzy = textOr(input, "fuzzy", "auto") == "off" ? engine::SearchQuery::Fuzzy::Off : engine::SearchQuery::Fuzzy::Auto;
    return query;
}

uint64_t tokensOf(std::string_view text) { return (text.size() + 3) / 4; }

size_t cutToTokens(std::vector<engine::Hit>& hits, uint64_t most) {
    size_t keep = 0;
    for (uint64_t spent = 0; keep < hits.size(); ++keep) {
        const uint64_t tokens = tokensOf(hits[keep].memory.content);
        if (tokens > most - spent) break;
        spent += tokens;
    }
    const size_t omitted = hits.size() - keep;
    hits.resize(keep);
    return omitted;
}

}  // namespace engram::operations
