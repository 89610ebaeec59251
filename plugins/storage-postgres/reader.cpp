#include "reader.hpp"

#include "row.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace engram::storage_postgres {
namespace {

constexpr size_t kRows = 500;  // fetched at once; with texts of a megabyte that is enough

std::string idBytes(const engram_uuid& id) { return std::string(binary::uuid(id)); }

int32_t wanted(uint32_t want) { return static_cast<int32_t>(want & 0xFu); }

// Texts are long: they come only to a filter that asks for them.
int32_t wantedBy(const engram_filter& filter) {
    const bool text = std::any_of(filter.nodes, filter.nodes + filter.n_nodes, [](const engram_filter_node& n) {
        return n.op > ENGRAM_NOT && n.field == ENGRAM_FIELD_TEXT;
    });
    return ENGRAM_WANT_METADATA | (text ? int32_t(ENGRAM_WANT_TEXT) : 0);
}

}  // namespace

std::shared_lock<std::shared_mutex> Reader::ensure(SearchIndex& index, const SearchIndex::Needs& needs) {
    return index.ensure(session_, view_.tenant->id, view_.incarnation, view_.newest, needs);
}

engram_status Reader::get(const engram_ref* refs, size_t n, uint32_t want, const engram_rows& rows) {
    Array ids(Type::Uuid), rids(Type::Integer), workspaces(Type::Text), kinds(Type::Small), names(Type::Text);
    std::vector<size_t> named;
    std::set<std::string> distinct;
    for (size_t i = 0; i < n; ++i) {
        if (refs[i].by == ENGRAM_BY_ID && distinct.insert(idBytes(refs[i].id)).second) ids.add(binary::uuid(refs[i].id));
        if (refs[i].by == ENGRAM_BY_RID && refs[i].rid <= uint64_t(kCurrent)) rids.add(static_cast<int64_t>(refs[i].rid));
        if (refs[i].by != ENGRAM_BY_NAME || !isText(view(refs[i].name)) || !isText(view(refs[i].workspace))) continue;
        workspaces.add(view(refs[i].workspace));
        kinds.add(binary::small(static_cast<int32_t>(refs[i].kind)));
        names.add(view(refs[i].name));
        named.push_back(i);
    }
    const int32_t want_columns = wanted(want);
    const auto answers = read(session_, view_.tenant->id,
                              {{kById, Parameters().add(want_columns).add(ids).add(view_.at)},
                               {kByRid, Parameters().add(want_columns).add(rids).add(view_.at)},
                               {kByName, Parameters().add(want_columns).add(workspaces).add(kinds).add(names).add(view_.at)}});
    std::map<std::string, int> by_id;
    std::map<uint64_t, int> by_rid;
    std::map<size_t, int> by_name;
    for (int r = 0; r < answers[0].rows(); ++r) by_id[std::string(answers[0].bytes(r, 1))] = r;
    for (int r = 0; r < answers[1].rows(); ++r) by_rid[static_cast<uint64_t>(answers[1].integer(r, 0))] = r;
    for (int r = 0; r < answers[2].rows(); ++r) by_name[named[static_cast<size_t>(answers[2].integer(r, kRowColumns) - 1)]] = r;
    auto find = [](const auto& map, const auto& key) {
        auto it = map.find(key);
        return it == map.end() ? std::optional<int>() : std::optional<int>(it->second);
    };
    for (size_t i = 0; i < n; ++i) {
        const auto row = refs[i].by == ENGRAM_BY_ID    ? find(by_id, idBytes(refs[i].id))
                         : refs[i].by == ENGRAM_BY_RID ? find(by_rid, refs[i].rid)
                                                       : find(by_name, i);
        if (!row) continue;
        Row found(answers[refs[i].by == ENGRAM_BY_ID ? 0 : refs[i].by == ENGRAM_BY_RID ? 1 : 2], *row);
        if (found.deleted() && !(want & ENGRAM_WANT_DELETED)) continue;
        if (const engram_status status = rows.row(rows.ctx, i, found.record(want)); status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

engram_status Reader::history(const engram_uuid& id, uint32_t want, const engram_rows& rows) {
    const auto answers = read(session_, view_.tenant->id, {{kHistory, Parameters().add(wanted(want)).add(id).add(view_.at)}});
    for (int r = 0; r < answers[0].rows(); ++r) {
        Row row(answers[0], r);
        if (const engram_status status = rows.row(rows.ctx, static_cast<size_t>(r), row.record(want)); status != ENGRAM_OK)
            return status;
    }
    return ENGRAM_OK;
}

engram_status Reader::edges(const engram_uuid& id, uint32_t incoming, const engram_edges& sink) {
    const auto answers =
        read(session_, view_.tenant->id, {{incoming ? kIncoming : kOutgoing, Parameters().add(id).add(view_.at)}});
    for (int r = 0; r < answers[0].rows(); ++r) {
        const engram_edge edge = edgeAt(answers[0], r);
        if (const engram_status status = sink.edge(sink.ctx, &edge); status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

std::vector<bool> Reader::passing(const engram_filter& filter, const std::vector<uint64_t>& rids) {
    std::vector<bool> out(rids.size(), false);
    const int32_t want = wantedBy(filter);
    const size_t piece = want & int32_t(ENGRAM_WANT_TEXT) ? kRows : rids.size();
    for (size_t begin = 0; begin < rids.size(); begin += piece) {
        std::map<uint64_t, size_t> position;
        Array wanted_rids(Type::Integer);
        for (size_t i = begin; i < std::min(rids.size(), begin + piece); ++i) {
            position[rids[i]] = i;
            wanted_rids.add(static_cast<int64_t>(rids[i]));
        }
        const auto answers =
            read(session_, view_.tenant->id, {{kByRid, Parameters().add(want).add(wanted_rids).add(view_.at)}});
        for (int r = 0; r < answers[0].rows(); ++r) {
            Row row(answers[0], r);
            if (filter::Evaluator<Row>(filter, row).passes()) out[position.at(row.rid())] = true;
        }
    }
    return out;
}

engram_status Reader::pushPage(const std::vector<uint64_t>& rids, uint32_t want, const engram_rows& rows) {
    size_t index = 0;
    for (size_t begin = 0; begin < rids.size(); begin += kRows) {
        const size_t end = std::min(rids.size(), begin + kRows);
        Array wanted_rids(Type::Integer);
        for (size_t i = begin; i < end; ++i) wanted_rids.add(static_cast<int64_t>(rids[i]));
        const auto answers =
            read(session_, view_.tenant->id, {{kByRid, Parameters().add(wanted(want)).add(wanted_rids).add(view_.at)}});
        std::map<uint64_t, int> by_rid;
        for (int r = 0; r < answers[0].rows(); ++r) by_rid[static_cast<uint64_t>(answers[0].integer(r, 0))] = r;
        for (size_t i = begin; i < end; ++i) {
            auto found = by_rid.find(rids[i]);
            if (found == by_rid.end()) continue;  // purged in the meantime
            Row row(answers[0], found->second);
            *pushed_ = true;
            if (const engram_status status = rows.row(rows.ctx, index++, row.record(want)); status != ENGRAM_OK)
                return status;
        }
    }
    return ENGRAM_OK;
}

engram_status Reader::list(const engram_list_query& query, const engram_rows& rows, std::string& next_cursor) {
    std::optional<Place> after;
    if (query.cursor.len > 0 && !(after = readCursor(view(query.cursor), query))) return ENGRAM_INVALID_ARGUMENT;
    using Candidate = std::pair<Place, uint64_t>;  // rid
    std::vector<Candidate> candidates;
    const bool by_row = needsRow(query.scope.filter);
    {
        const auto index = view_.tenant->index();
        const auto lock = ensure(*index, {});
        const Scope scope(query.scope, *index, view_.at);
        for (const RowFacts& row : index->rows()) {
            if (!(by_row ? scope.holds(row) : scope.passes(row))) continue;
            const Place place = placeOf(row, query.order);
            if (!after || before(*after, place, query.descending)) candidates.emplace_back(place, row.rid);
        }
    }
    // A heap with the first of the order on top: only as many are put in order as the page and its filter need.
    auto later = [&](const Candidate& a, const Candidate& b) { return before(b.first, a.first, query.descending); };
    std::make_heap(candidates.begin(), candidates.end(), later);
    std::vector<uint64_t> page;
    Place last;
    while (!candidates.empty() && next_cursor.empty()) {
        std::vector<Place> places;
        std::vector<uint64_t> rids;
        const size_t chunk = by_row ? std::max<size_t>(kRows, query.limit) : query.limit + size_t(1);
        for (; !candidates.empty() && rids.size() < chunk; candidates.pop_back()) {
            std::pop_heap(candidates.begin(), candidates.end(), later);
            places.push_back(candidates.back().first);
            rids.push_back(candidates.back().second);
        }
        const std::vector<bool> good = by_row ? passing(query.scope.filter, rids) : std::vector<bool>(rids.size(), true);
        for (size_t i = 0; i < rids.size() && next_cursor.empty(); ++i) {
            if (!good[i]) continue;
            if (page.size() == query.limit) {
                next_cursor = cursorOf(last, query);
                break;
            }
            page.push_back(rids[i]);
            last = places[i];
        }
    }
    return pushPage(page, query.want, rows);
}

}  // namespace engram::storage_postgres
