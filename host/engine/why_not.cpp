#include "engine/why_not.hpp"

#include "json/json.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>

namespace engram::engine {
namespace {

struct Looked {
    bool there = false, deleted = false, has_term = false;
    std::string workspace;
    engram_time expires_at = ENGRAM_TIME_NONE;
    uint64_t rid = 0;
};

Result<Looked> look(const Searched& search, const Uuid& id) {
    struct Sink {
        const std::vector<std::string>& terms;
        Looked out;
    } sink{search.terms, {}};
    auto push = [](void* ctx, size_t, const engram_record* record) -> engram_status {
        auto& into = *static_cast<Sink*>(ctx);
        if (record->kind != ENGRAM_KIND_MEMORY) return ENGRAM_OK;
        into.out = {true, record->deleted != 0, false, std::string(engram::view(record->workspace)), record->expires_at, record->rid};
        for (size_t i = 0; i < record->n_terms; ++i)
            if (std::find(into.terms.begin(), into.terms.end(), engram::view(record->terms[i].term)) != into.terms.end())
                into.out.has_term = true;
        return ENGRAM_OK;
    };
    engram_ref ref{};
    ref.by = ENGRAM_BY_ID;
    ref.id = id.abi();
    const engram_rows rows = {sizeof(engram_rows), 0, &sink, push};
    const engram_status status = search.storage.table->get(search.storage.self, search.call, search.view.handle(), &ref, 1,
                                                           ENGRAM_WANT_TERMS | ENGRAM_WANT_DELETED, &rows);
    if (status != ENGRAM_OK) return storageError(status, search.call);
    return sink.out;
}

// Storage says what holds, as it does for the search itself: there is one meaning of a condition.
Result<bool> holds(const Searched& search, const Uuid& id, const Filter::Node& node) {
    Filter filter;
    filter.require({ENGRAM_EQ, ENGRAM_FIELD_ID, {}, {{ENGRAM_VALUE_STRING, id.text(), 0, 0, false}}, {}});
    filter.require(node);
    const LoweredFilter lowered(filter);
    engram_list_query query{};
    query.size = sizeof query;
    query.order = ENGRAM_ORDER_CREATED;
    query.limit = 1;
    query.scope = {sizeof(engram_scope), ENGRAM_KIND_MEMORY, nullptr, 0, lowered.abi()};
    bool found = false;
    auto push = [](void* ctx, size_t, const engram_record*) -> engram_status {
        *static_cast<bool*>(ctx) = true;
        return ENGRAM_OK;
    };
    const engram_rows rows = {sizeof(engram_rows), 0, &found, push};
    engram_str next{};
    const engram_status status =
        search.storage.table->list(search.storage.self, search.call, search.view.handle(), &query, &rows, &next);
    if (status != ENGRAM_OK) return storageError(status, search.call);
    return found;
}

// The first condition that does not hold, as deep as only ANDs lead to it; nullptr if all hold.
Result<const Filter::Node*> failing(const Searched& search, const Uuid& id, const Filter::Node& node) {
    auto good = holds(search, id, node);
    if (!good) return good.error();
    if (*good) return static_cast<const Filter::Node*>(nullptr);
    if (node.op == ENGRAM_AND)
        for (const Filter::Node& child : node.children) {
            auto found = failing(search, id, child);
            if (!found || *found) return found;
        }
    return &node;
}

std::string_view nameOf(WhyNot::Reason reason) {
    switch (reason) {
        case WhyNot::Reason::Found: return "found";
        case WhyNot::Reason::NotThere: return "not_there";
        case WhyNot::Reason::Deleted: return "deleted";
        case WhyNot::Reason::Expired: return "expired";
        case WhyNot::Reason::OtherWorkspace: return "other_workspace";
        case WhyNot::Reason::Filter: return "filter";
        case WhyNot::Reason::NoCommonTerm: return "no_common_term";
        case WhyNot::Reason::NoCandidate: return "no_candidate";
        case WhyNot::Reason::BelowLimit: break;
    }
    return "below_limit";
}

WhyNot ranked(const Searched& search, uint64_t rid, const Candidate& candidate) {
    const double score = candidate.score();
    const auto before = std::count_if(search.candidates.begin(), search.candidates.end(), [&](const auto& other) {
        return other.second.score() > score || (other.second.score() == score && other.first < rid);
    });
    const uint64_t rank = static_cast<uint64_t>(before) + 1;
    return {rank <= search.limit ? WhyNot::Reason::Found : WhyNot::Reason::BelowLimit, rank, score, {}};
}

}  // namespace

Result<WhyNot> whyNot(const Searched& search, const Uuid& id) {
    using Reason = WhyNot::Reason;
    auto looked = look(search, id);
    if (!looked) return looked.error();
    if (!looked->there) return WhyNot{Reason::NotThere};
    if (looked->deleted) return WhyNot{Reason::Deleted};
    if (looked->expires_at != ENGRAM_TIME_NONE && looked->expires_at <= search.now) return WhyNot{Reason::Expired};
    const auto& wanted = search.workspaces;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), looked->workspace) == wanted.end())
        return WhyNot{Reason::OtherWorkspace};
    if (!search.filter.empty()) {
        auto condition = failing(search, id, *search.filter.root());
        if (!condition) return condition.error();
        if (*condition) return WhyNot{Reason::Filter, {}, {}, nameOf(**condition)};
    }
    const auto candidate = search.candidates.find(looked->rid);
    if (candidate != search.candidates.end()) return ranked(search, looked->rid, candidate->second);
    return WhyNot{looked->has_term ? Reason::NoCandidate : Reason::NoCommonTerm};
}

std::string WhyNot::json() const {
    json::Buffer buffer;
    json::Writer out(buffer);
    const std::string_view name = nameOf(reason);
    out.StartObject();
    out.Key("reason");
    out.String(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    if (rank) {
        out.Key("rank");
        out.Uint64(*rank);
    }
    if (score) {
        out.Key("score");
        out.Double(*score);
    }
    if (!condition.empty()) {
        out.Key("condition");
        out.String(condition.data(), static_cast<rapidjson::SizeType>(condition.size()));
    }
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace engram::engine
