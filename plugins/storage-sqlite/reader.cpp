#include "reader.hpp"

#include "row.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

namespace engram::storage_sqlite {
namespace {

std::string_view bytesOf(const engram_uuid& id) { return {reinterpret_cast<const char*>(id.bytes), sizeof id.bytes}; }

int compareIds(const engram_uuid& a, const engram_uuid& b) { return std::memcmp(a.bytes, b.bytes, sizeof a.bytes); }

// A record's place in an order: absent values last both ways, ties by id in the direction of the order.
struct Place {
    bool absent = false;
    double number = 0;
    int64_t time = 0;
    engram_uuid id{};
};

Place placeOf(const RowFacts& row, uint32_t order) {
    if (order == ENGRAM_ORDER_IMPORTANCE) return {false, row.importance, 0, row.id};
    const engram_time time = order == ENGRAM_ORDER_UPDATED    ? row.updated_at
                             : order == ENGRAM_ORDER_OCCURRED ? row.occurred_at
                                                              : row.created_at;
    return {time == ENGRAM_TIME_NONE, 0, time == ENGRAM_TIME_NONE ? 0 : time, row.id};
}

bool before(const Place& a, const Place& b, bool descending) {
    if (a.absent != b.absent) return b.absent;
    if (a.number != b.number) return descending ? a.number > b.number : a.number < b.number;
    if (a.time != b.time) return descending ? a.time > b.time : a.time < b.time;
    const int c = compareIds(a.id, b.id);
    return descending ? c > 0 : c < 0;
}

constexpr char kDigits[] = "0123456789abcdef";

void hex(std::string& out, const void* bytes, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        const auto b = static_cast<const unsigned char*>(bytes)[i];
        out += kDigits[b >> 4];
        out += kDigits[b & 15];
    }
}

bool unhex(std::string_view& text, void* bytes, size_t n) {
    if (text.size() < 2 * n) return false;
    for (size_t i = 0; i < n; ++i) {
        const char* high = std::char_traits<char>::find(kDigits, 16, text[2 * i]);
        const char* low = std::char_traits<char>::find(kDigits, 16, text[2 * i + 1]);
        if (!high || !low) return false;
        static_cast<unsigned char*>(bytes)[i] = static_cast<unsigned char>((high - kDigits) << 4 | (low - kDigits));
    }
    text.remove_prefix(2 * n);
    return true;
}

// "s1", then order, direction, absent, number, time, id in hex.
std::string cursorOf(const Place& place, const engram_list_query& query) {
    std::string out = "s1";
    const unsigned char head[3] = {static_cast<unsigned char>(query.order), static_cast<unsigned char>(query.descending != 0),
                                   static_cast<unsigned char>(place.absent)};
    hex(out, head, sizeof head);
    hex(out, &place.number, sizeof place.number);
    hex(out, &place.time, sizeof place.time);
    hex(out, place.id.bytes, sizeof place.id.bytes);
    return out;
}

std::optional<Place> readCursor(std::string_view text, const engram_list_query& query) {
    Place place;
    unsigned char head[3];
    if (!text.starts_with("s1")) return std::nullopt;
    text.remove_prefix(2);
    if (!unhex(text, head, sizeof head) || !unhex(text, &place.number, sizeof place.number) ||
        !unhex(text, &place.time, sizeof place.time) || !unhex(text, place.id.bytes, sizeof place.id.bytes) || !text.empty())
        return std::nullopt;
    if (head[0] != query.order || head[1] != (query.descending != 0) || head[2] > 1 || std::isnan(place.number))
        return std::nullopt;
    place.absent = head[2] != 0;
    return place;
}

// A row's fields from memory, and from the file only where memory does not have them.
class Fields {
public:
    Fields(const RowFacts& facts, const Facts& all, Connection& db) : facts_(facts), all_(all), db_(db) {}

    std::optional<filter::Scalar> field(const engram_filter_node& n) {
        using filter::Scalar;
        switch (n.field) {
            case ENGRAM_FIELD_WORKSPACE: return Scalar::ofText(all_.workspace_names.text(facts_.workspace));
            case ENGRAM_FIELD_TYPE: {
                const std::string& type = all_.type_names.text(facts_.type);
                if (type.empty()) return std::nullopt;
                return Scalar::ofText(type);
            }
            case ENGRAM_FIELD_IMPORTANCE: return Scalar::ofReal(facts_.importance);
            case ENGRAM_FIELD_CREATED_AT: return time(facts_.created_at);
            case ENGRAM_FIELD_UPDATED_AT: return time(facts_.updated_at);
            case ENGRAM_FIELD_OCCURRED_AT: return time(facts_.occurred_at);
            case ENGRAM_FIELD_EXPIRES_AT: return time(facts_.expires_at);
            default: return row().field(n);
        }
    }
    const std::vector<std::string>& tags() { return row().tags(); }

private:
    static std::optional<filter::Scalar> time(engram_time t) {
        if (t == ENGRAM_TIME_NONE) return std::nullopt;
        return filter::Scalar::ofInteger(t);
    }

    Row& row() {
        if (!row_) {
            statement_ = std::make_unique<Statement>(db_, db_.prepared(
                "SELECT " ENGRAM_ROW_COLUMNS " FROM versions WHERE rid = ?"));
            statement_->bind(1, facts_.rid);
            if (!statement_->step()) throw SqliteError(SQLITE_CORRUPT, "a row of the index is not in the file");
            row_.emplace(*statement_);
        }
        return *row_;
    }

    const RowFacts& facts_;
    const Facts& all_;
    Connection& db_;
    std::unique_ptr<Statement> statement_;
    std::optional<Row> row_;
};

}  // namespace

// A scope with its workspaces as numbers.
struct Reader::Scope {
    const engram_scope& abi;
    std::vector<uint32_t> workspaces;

    Scope(const engram_scope& scope, const Facts& facts) : abi(scope) {
        for (size_t i = 0; i < scope.n_workspaces; ++i) workspaces.push_back(facts.workspace_names.known(view(scope.workspaces[i])));
    }
    // Everything but the filter.
    bool holds(const RowFacts& row, uint64_t at) const {
        if (!row.visibleAt(at) || row.deleted) return false;
        if (abi.kind != ENGRAM_KIND_ANY && abi.kind != row.kind) return false;
        return abi.n_workspaces == 0 || std::find(workspaces.begin(), workspaces.end(), row.workspace) != workspaces.end();
    }
};

Reader::~Reader() { tenant_->giveReader(std::move(db_)); }

// For reads of rows alone: any snapshot that has what was published when the view began will do.
void Reader::beginRows() {
    const uint64_t generation = tenant_->generation();
    if (!searching_ && !db_->holdsSnapshot(generation)) db_->takeSnapshot(generation);
}

engram_status Reader::get(const engram_ref* refs, size_t n, uint32_t want, const engram_rows& rows) {
    constexpr const char* kById =
        "SELECT " ENGRAM_ROW_COLUMNS " FROM versions WHERE id = ?1 AND rid <= ?2 ORDER BY version DESC LIMIT 1";
    constexpr const char* kByRid = "SELECT " ENGRAM_ROW_COLUMNS " FROM versions WHERE rid = ?1 AND rid <= ?2";
    constexpr const char* kByName = "SELECT " ENGRAM_ROW_COLUMNS
                                    " FROM versions WHERE workspace = ?3 AND kind = ?4 AND name = ?5 AND name <> '' AND"
                                    " deleted = 0 AND rid <= ?2 AND lsn_to > ?2 LIMIT 1";
    beginRows();
    for (size_t i = 0; i < n; ++i) {
        const engram_ref& ref = refs[i];
        Statement s = db_->statement(ref.by == ENGRAM_BY_ID ? kById : ref.by == ENGRAM_BY_RID ? kByRid : kByName);
        s.bind(2, at_);
        if (ref.by == ENGRAM_BY_ID) s.bindBlob(1, bytesOf(ref.id));
        else if (ref.by == ENGRAM_BY_RID) s.bind(1, ref.rid);
        else s.bindText(3, view(ref.workspace)).bind(4, int64_t(ref.kind)).bindText(5, view(ref.name));
        if (!s.step()) continue;
        Row row(s);
        if (row.lsnTo() <= at_) continue;
        if (row.deleted() && !(want & ENGRAM_WANT_DELETED)) continue;
        if (const engram_status status = rows.row(rows.ctx, i, row.record(want)); status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

engram_status Reader::history(const engram_uuid& id, uint32_t want, const engram_rows& rows) {
    beginRows();
    Statement s = db_->statement("SELECT " ENGRAM_ROW_COLUMNS " FROM versions WHERE id = ? AND rid <= ? ORDER BY version");
    s.bindBlob(1, bytesOf(id)).bind(2, at_);
    for (size_t index = 0; s.step(); ++index) {
        Row row(s);
        if (const engram_status status = rows.row(rows.ctx, index, row.record(want)); status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

engram_status Reader::edges(const engram_uuid& id, bool incoming, const engram_edges& sink) {
    constexpr const char* kOutgoing =
        "SELECT source, target, type, weight, valid_from, valid_until, created_at, metadata, lsn, lsn_to FROM edges"
        " WHERE source = ?1 AND deleted = 0 AND lsn <= ?2 AND lsn_to > ?2 ORDER BY type, target";
    constexpr const char* kIncoming =
        "SELECT source, target, type, weight, valid_from, valid_until, created_at, metadata, lsn, lsn_to FROM edges"
        " WHERE target = ?1 AND deleted = 0 AND lsn <= ?2 AND lsn_to > ?2 ORDER BY type, source";
    beginRows();
    Statement s = db_->statement(incoming ? kIncoming : kOutgoing);
    s.bindBlob(1, bytesOf(id)).bind(2, at_);
    while (s.step()) {
        auto uuid = [&](int column) {
            engram_uuid out{};
            const std::string_view bytes = s.blob(column);
            if (bytes.size() == sizeof out.bytes) std::memcpy(out.bytes, bytes.data(), sizeof out.bytes);
            return out;
        };
        auto time = [&](int column) { return s.isNull(column) ? ENGRAM_TIME_NONE : s.integer(column); };
        engram_edge edge{};
        edge.size = sizeof edge;
        edge.from = uuid(0);
        edge.to = uuid(1);
        edge.type = borrow(s.text(2));
        edge.weight = s.real(3);
        edge.valid_from = time(4);
        edge.valid_until = time(5);
        edge.created_at = time(6);
        edge.metadata = borrow(s.text(7));
        edge.lsn_from = static_cast<uint64_t>(s.integer(8));
        edge.lsn_to = Row::lsnOf(s.integer(9));
        if (const engram_status status = sink.edge(sink.ctx, &edge); status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

bool Reader::passes(const Scope& scope, const RowFacts& row) {
    if (!scope.holds(row, at_)) return false;
    if (scope.abi.filter.n_nodes == 0) return true;
    Fields fields(row, tenant_->facts, *db_);
    return filter::Evaluator<Fields>(scope.abi.filter, fields).passes();
}

engram_status Reader::list(const engram_list_query& query, const engram_rows& rows, std::string& next_cursor) {
    std::optional<Place> after;
    if (query.cursor.len > 0 && !(after = readCursor(view(query.cursor), query))) return ENGRAM_INVALID_ARGUMENT;
    const bool descending = query.descending != 0;
    std::vector<uint64_t> page;
    tenant_->loadIndex();
    {
        std::shared_lock lock(tenant_->index_mutex);
        beginRows();
        const Scope scope(query.scope, tenant_->facts);
        std::vector<std::pair<Place, const RowFacts*>> candidates;
        for (const RowFacts& row : tenant_->facts.rows()) {
            if (!scope.holds(row, at_)) continue;
            const Place place = placeOf(row, query.order);
            if (!after || before(*after, place, descending)) candidates.emplace_back(place, &row);
        }
        // A heap with the first of the order on top: only as many are put in order as the page and its filter need.
        auto later = [&](const auto& a, const auto& b) { return before(b.first, a.first, descending); };
        std::make_heap(candidates.begin(), candidates.end(), later);
        Place last;
        while (!candidates.empty()) {
            std::pop_heap(candidates.begin(), candidates.end(), later);
            const auto [place, row] = candidates.back();
            candidates.pop_back();
            if (!passes(scope, *row)) continue;
            if (page.size() == query.limit) {
                next_cursor = cursorOf(last, query);
                break;
            }
            page.push_back(row->rid);
            last = place;
        }
    }
    for (size_t i = 0; i < page.size(); ++i) {
        Statement s = db_->statement("SELECT " ENGRAM_ROW_COLUMNS " FROM versions WHERE rid = ?");
        s.bind(1, page[i]);
        if (!s.step()) continue;
        Row row(s);
        if (const engram_status status = rows.row(rows.ctx, i, row.record(query.want)); status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

// Fixes what the folded index and the segments say together for the rest of the view.
void Reader::beginSearch() {
    if (searching_) return;
    tenant_->loadIndex();
    {
        std::shared_lock lock(tenant_->index_mutex);
        if (!tenant_->tail.unsealed()) return fixSearch();
    }
    std::unique_lock lock(tenant_->index_mutex);
    tenant_->tail.seal();
    fixSearch();
}

void Reader::fixSearch() {
    const uint64_t generation = tenant_->generation();
    if (!db_->holdsSnapshot(generation)) db_->takeSnapshot(generation);
    segments_ = tenant_->tail.segments();
    searching_ = true;
}

const std::vector<Posting>& Reader::postingsOf(const std::string& term) {
    auto [it, fresh] = postings_.emplace(term, std::vector<Posting>());
    if (!fresh) return it->second;
    Statement s = db_->statement("SELECT block FROM postings WHERE term = ? ORDER BY last");
    s.bindBlob(1, term);
    while (s.step())
        if (!decodePostings(s.blob(0), it->second)) throw SqliteError(SQLITE_CORRUPT, "damaged postings");
    for (const auto& segment : segments_)
        if (auto found = segment->postings.find(term); found != segment->postings.end())
            it->second.insert(it->second.end(), found->second.begin(), found->second.end());
    return it->second;
}

uint64_t Reader::countIn(const Scope& scope, const std::vector<Posting>& postings) const {
    uint64_t n = 0;
    for (const Posting& posting : postings)
        if (const RowFacts* row = tenant_->facts.find(posting.rid); row && scope.holds(*row, at_)) ++n;
    return n;
}

engram_term_stats Reader::terms(const engram_scope& abi, const engram_str* terms, size_t n, uint64_t* df) {
    beginSearch();
    for (size_t i = 0; i < n; ++i) postingsOf(std::string(view(terms[i])));
    std::shared_lock lock(tenant_->index_mutex);
    const Scope scope(abi, tenant_->facts);
    for (size_t i = 0; i < n; ++i) df[i] = countIn(scope, postingsOf(std::string(view(terms[i]))));
    engram_term_stats stats{};
    stats.size = sizeof stats;
    if (at_ == tenant_->lsn() && abi.kind != ENGRAM_KIND_ANY && abi.n_workspaces > 0) {
        const std::set<uint32_t> distinct(scope.workspaces.begin(), scope.workspaces.end());
        for (uint32_t workspace : distinct) {
            const Totals totals = tenant_->facts.totals(workspace, abi.kind);
            stats.documents += totals.documents;
            stats.total_length += totals.length;
        }
        return stats;
    }
    for (const RowFacts& row : tenant_->facts.rows()) {
        if (!scope.holds(row, at_)) continue;
        ++stats.documents;
        stats.total_length += row.length;
    }
    return stats;
}

engram_status Reader::expand(const engram_scope& abi, std::string_view prefix, uint32_t limit, void* ctx,
                             engram_status (*term)(void*, engram_str, uint64_t)) {
    beginSearch();
    std::set<std::string> known;
    {
        Statement s = db_->statement("SELECT DISTINCT term FROM postings WHERE term >= ? ORDER BY term");
        s.bindBlob(1, prefix);
        while (s.step() && s.blob(0).starts_with(prefix)) known.emplace(s.blob(0));
    }
    for (const auto& segment : segments_)
        for (const auto& [text, postings] : segment->postings)
            if (text.starts_with(prefix)) known.insert(text);
    std::vector<std::pair<std::string, uint64_t>> ranked;
    for (const std::string& text : known) postingsOf(text);
    {
        std::shared_lock lock(tenant_->index_mutex);
        const Scope scope(abi, tenant_->facts);
        for (const std::string& text : known)
            if (const uint64_t df = countIn(scope, postingsOf(text)); df > 0) ranked.emplace_back(text, df);
    }
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    for (size_t i = 0; i < ranked.size() && i < limit; ++i)
        if (const engram_status status = term(ctx, borrow(ranked[i].first), ranked[i].second); status != ENGRAM_OK)
            return status;
    return ENGRAM_OK;
}

engram_status Reader::match(const engram_scope& abi, const engram_str* terms, size_t n, const engram_postings& sink) {
    beginSearch();
    std::vector<const std::vector<Posting>*> lists;
    for (size_t i = 0; i < n; ++i) postingsOf(std::string(view(terms[i])));
    for (size_t i = 0; i < n; ++i) lists.push_back(&postingsOf(std::string(view(terms[i]))));
    std::vector<size_t> at(n, 0);
    constexpr size_t kBlock = 256;
    std::vector<uint32_t> counts;
    std::vector<engram_posting> block;
    counts.reserve(kBlock * n);
    auto flush = [&]() -> engram_status {
        for (size_t i = 0; i < block.size(); ++i) block[i].tf = counts.data() + i * n;
        const engram_status status = block.empty() ? ENGRAM_OK : sink.push(sink.ctx, block.data(), block.size());
        block.clear();
        counts.clear();
        return status;
    };
    std::shared_lock lock(tenant_->index_mutex);
    const Scope scope(abi, tenant_->facts);
    while (true) {
        uint64_t rid = UINT64_MAX;
        for (size_t i = 0; i < n; ++i)
            if (at[i] < lists[i]->size()) rid = std::min(rid, (*lists[i])[at[i]].rid);
        if (rid == UINT64_MAX) break;
        const size_t first = counts.size();
        for (size_t i = 0; i < n; ++i) {
            const bool here = at[i] < lists[i]->size() && (*lists[i])[at[i]].rid == rid;
            counts.push_back(here ? (*lists[i])[at[i]++].tf : 0);
        }
        const RowFacts* row = tenant_->facts.find(rid);
        if (!row || !passes(scope, *row)) {
            counts.resize(first);
            continue;
        }
        block.push_back({rid, nullptr, row->length, 0});
        if (block.size() == kBlock)
            if (const engram_status status = flush(); status != ENGRAM_OK) return status;
    }
    return flush();
}

engram_status Reader::nearest(const engram_scope& abi, uint32_t space, const float* vector, uint32_t k,
                              engram_neighbour* out, size_t* n_out) {
    tenant_->loadIndex();
    const VectorSet* set = tenant_->loadVectors(space);
    if (!set) return ENGRAM_NOT_FOUND;
    std::shared_lock lock(tenant_->index_mutex);
    beginRows();
    const Scope scope(abi, tenant_->facts);
    const auto found = set->nearest(vector, k, [&](uint64_t rid) {
        const RowFacts* row = tenant_->facts.find(rid);
        return row && passes(scope, *row);
    });
    for (size_t i = 0; i < found.size(); ++i) out[i] = {found[i].rid, found[i].similarity, 0};
    *n_out = found.size();
    return ENGRAM_OK;
}

}  // namespace engram::storage_sqlite
