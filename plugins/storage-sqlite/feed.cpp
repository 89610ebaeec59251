#include "feed.hpp"

#include "row.hpp"

#include <engram/cpp/text.hpp>

#include <cstring>
#include <map>

namespace engram::storage_sqlite {
namespace {

engram_uuid uuidOf(std::string_view bytes) {
    engram_uuid id{};
    if (bytes.size() == sizeof id.bytes) std::memcpy(id.bytes, bytes.data(), sizeof id.bytes);
    return id;
}

engram_status pushRow(Connection& reader, uint64_t lsn, const engram_changes& sink) {
    Statement s = reader.statement("SELECT " ENGRAM_ROW_COLUMNS " FROM versions WHERE rid = ?");
    s.bind(1, lsn);
    if (!s.step()) return ENGRAM_OK;
    Row row(s);
    const engram_record* record = row.record(~0u);
    const engram_change change = {sizeof change, row.deleted() ? uint32_t(ENGRAM_CHANGE_DELETE) : uint32_t(ENGRAM_CHANGE_PUT),
                                  lsn, record, nullptr};
    return sink.change(sink.ctx, &change);
}

engram_status pushEdge(Connection& reader, uint64_t lsn, const engram_changes& sink) {
    Statement s = reader.statement(
        "SELECT source, target, type, weight, valid_from, valid_until, created_at, metadata, deleted, lsn_to FROM edges"
        " WHERE lsn = ?");
    s.bind(1, lsn);
    if (!s.step()) return ENGRAM_OK;
    auto time = [&](int column) { return s.isNull(column) ? ENGRAM_TIME_NONE : s.integer(column); };
    engram_edge edge{};
    edge.size = sizeof edge;
    edge.from = uuidOf(s.blob(0));
    edge.to = uuidOf(s.blob(1));
    edge.type = borrow(s.text(2));
    edge.weight = s.real(3);
    edge.valid_from = time(4);
    edge.valid_until = time(5);
    edge.created_at = time(6);
    edge.metadata = borrow(s.text(7));
    edge.deleted = s.integer(8) != 0 ? 1 : 0;
    edge.lsn_from = lsn;
    edge.lsn_to = Row::lsnOf(s.integer(9));
    const engram_change change = {
        sizeof change, edge.deleted ? uint32_t(ENGRAM_CHANGE_DELETE_EDGE) : uint32_t(ENGRAM_CHANGE_PUT_EDGE), lsn, nullptr,
        &edge};
    return sink.change(sink.ctx, &change);
}

engram_status pushPurge(Connection& reader, uint64_t lsn, const engram_changes& sink) {
    Statement s = reader.statement("SELECT id FROM purges WHERE lsn = ?");
    s.bind(1, lsn);
    if (!s.step()) return ENGRAM_OK;
    engram_record record{};
    record.size = sizeof record;
    record.id = uuidOf(s.blob(0));
    const engram_change change = {sizeof change, ENGRAM_CHANGE_PURGE, lsn, &record, nullptr};
    return sink.change(sink.ctx, &change);
}

enum class Source { Row, Edge, Purge };

}  // namespace

engram_status pushChanges(Tenant& tenant, Connection& reader, uint64_t after, uint32_t limit, const engram_changes& sink) {
    // An LSN belongs to exactly one of the tables; those that a purge took are nowhere.
    const uint64_t until = tenant.lsn();
    const uint64_t generation = tenant.generation();
    if (!reader.holdsSnapshot(generation)) reader.takeSnapshot(generation);
    std::map<uint64_t, Source> order;
    auto collect = [&](const char* sql, Source source) {
        Statement s = reader.statement(sql);
        s.bind(1, after).bind(2, until).bind(3, int64_t(limit));
        while (s.step()) order.emplace(static_cast<uint64_t>(s.integer(0)), source);
    };
    collect("SELECT rid FROM versions WHERE rid > ? AND rid <= ? ORDER BY rid LIMIT ?", Source::Row);
    collect("SELECT lsn FROM edges WHERE lsn > ? AND lsn <= ? ORDER BY lsn LIMIT ?", Source::Edge);
    collect("SELECT lsn FROM purges WHERE lsn > ? AND lsn <= ? ORDER BY lsn LIMIT ?", Source::Purge);
    uint32_t n = 0;
    for (const auto& [lsn, source] : order) {
        if (n++ == limit) break;
        const engram_status status = source == Source::Row    ? pushRow(reader, lsn, sink)
                                     : source == Source::Edge ? pushEdge(reader, lsn, sink)
                                                              : pushPurge(reader, lsn, sink);
        if (status != ENGRAM_OK) return status;
    }
    return ENGRAM_OK;
}

}  // namespace engram::storage_sqlite
