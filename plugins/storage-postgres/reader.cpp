#include "reader.hpp"

#include "row.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace engram::storage_postgres {
namespace {

constexpr size_t kRows = 500;  // fetched at once; with texts of a megabyte that is enough
constexpr size_t kFilterRows = 1000;  // that a filter is asked of at once
constexpr std::string_view kMark = "p1";  // of cursors

std::string idBytes(const engram_uuid& id) { return std::string(binary::uuid(id)); }

int32_t wanted(uint32_t want) { return static_cast<int32_t>(want & 0xFu); }

// Texts are long: they come only to a filter that asks for them.
int32_t wantedBy(const engram_filter& filter) {
    const bool text = std::any_of(filter.nodes, filter.nodes + filter.n_nodes, [](const engram_filter_node& n) {
        return n.op > ENGRAM_NOT && n.field == ENGRAM_FIELD_TEXT;
    });
    return ENGRAM_WANT_METADATA | (text ? int32_t(ENGRAM_WANT_TEXT) : 0);
}

engram_record factsOf(const RowFacts& row) {
    engram_record record{};
    record.size = sizeof record;
    record.kind = row.kind;
    record.id = row.id;
    record.importance = row.importance;
    record.pinned = row.pinned;
    record.created_at = row.created_at;
    record.updated_at = row.updated_at;
    record.occurred_at = row.occurred_at;
    record.expires_at = row.expires_at;
    record.valid_from = row.valid_from;
    record.valid_until = row.valid_until;
    record.length = row.length;
    record.rid = record.lsn_from = row.rid;
    record.lsn_to = row.lsn_to;
    return record;
}

}  // namespace

std::shared_lock<std::shared_mutex> Reader::ensure(SearchIndex& index, const SearchIndex::Needs& needs) {
    return index.ensure(session_, view_.tenant->id, view_.incarnation, view_.newest, needs);
}

// From memory: no round trip once the index has what was written before the view.
engram_status Reader::getFacts(const engram_ref* refs, size_t n, const engram_rows& rows) {
    std::vector<std::pair<size_t, RowFacts>> found;
    {
        const auto index = view_.tenant->index();
        const auto lock = ensure(*index, {});
        for (size_t i = 0; i < n; ++i)
            if (const RowFacts* row = index->find(refs[i].rid); row && row->visibleAt(view_.at) && !row->deleted)
                found.emplace_back(i, *row);
    }
    for (const auto& [i, row] : found) {
        const engram_record record = factsOf(row);
        if (const engram_status status = rows.row(rows.ctx, i, &record); status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

engram_status Reader::get(const engram_ref* refs, size_t n, uint32_t want, const engram_rows& rows) {
    const bool numbered = std::all_of(refs, refs + n, [](const engram_ref& ref) { return ref.by == ENGRAM_BY_RID; });
    if (want == ENGRAM_WANT_FACTS && numbered) return getFacts(refs, n, rows);
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

// A filter that needs rows is asked in the order of the list and of few rows at first, since most filters let most through;
// then of ever more, so that one that lets few through costs few passes over the facts.
engram_status Reader::list(const engram_list_query& query, const engram_rows& rows, std::string& next_cursor) {
    std::optional<listing::Place> after;
    if (query.cursor.len > 0 && !(after = listing::readCursor(kMark, view(query.cursor), query))) return ENGRAM_INVALID_ARGUMENT;
    const bool by_row = needsRow(query.scope.filter);
    const size_t wanted = size_t(query.limit) + 1;  // one more tells whether there is another page
    std::vector<ListedRow> page;
    for (size_t most = by_row ? std::max(kRows, wanted) : wanted; page.size() < wanted; most *= 4) {
        std::vector<ListedRow> first = firstOf(query, after, most);
        const bool more = first.size() == most;
        if (more) after = first.back().place;
        if (by_row) addPassing(query.scope.filter, first, wanted, page);
        else page = std::move(first);
        if (!more) break;
    }
    if (page.size() == wanted) {
        page.pop_back();
        next_cursor = listing::cursorOf(kMark, page.back().place, query);
    }
    std::vector<uint64_t> rids;
    for (const ListedRow& row : page) rids.push_back(row.rid);
    return pushPage(rids, query.want, rows);
}

std::vector<ListedRow> Reader::firstOf(const engram_list_query& query, const std::optional<listing::Place>& after, size_t most) {
    const auto index = view_.tenant->index();
    const auto lock = ensure(*index, {});
    Scope scope(query.scope, *index, view_.at);
    return firstRows(query, *index, scope, after, most);
}

void Reader::addPassing(const engram_filter& filter, const std::vector<ListedRow>& candidates, size_t wanted,
                        std::vector<ListedRow>& page) {
    for (size_t begin = 0; begin < candidates.size() && page.size() < wanted; begin += kFilterRows) {
        const size_t end = std::min(candidates.size(), begin + kFilterRows);
        std::vector<uint64_t> rids;
        for (size_t i = begin; i < end; ++i) rids.push_back(candidates[i].rid);
        const std::vector<bool> passes = passing(filter, rids);
        for (size_t i = begin; i < end && page.size() < wanted; ++i)
            if (passes[i - begin]) page.push_back(candidates[i]);
    }
}

}  // namespace engram::storage_postgres
