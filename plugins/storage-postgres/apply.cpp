#include "apply.hpp"

#include "codec.hpp"
#include "statements.hpp"

#include <engram/cpp/text.hpp>

#include <cstring>
#include <random>
#include <set>

namespace engram::storage_postgres {
namespace {

constexpr size_t kChunkRows = 1000;
constexpr size_t kChunkBytes = 4u << 20;

engram_uuid randomId() {
    std::random_device random;
    engram_uuid id;
    for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(random());
    return id;
}

template <class F>
void eachOp(const engram_batch* batches, size_t n, F&& f) {
    for (size_t b = 0; b < n; ++b)
        for (size_t i = 0; i < batches[b].n_ops; ++i) f(batches[b].ops[i]);
}

int64_t signedLsn(uint64_t lsn_to) { return lsn_to == ENGRAM_LSN_MAX ? kCurrent : static_cast<int64_t>(lsn_to); }

Array idsOf(const std::map<std::string, uint64_t>& purged) {
    Array ids(Type::Uuid);
    for (const auto& [id, lsn] : purged) ids.add(std::string_view(id));
    return ids;
}

// Columns of `versions` after the tenant, filled row by row.
struct VersionColumns {
    Array rid{Type::Integer}, closes{Type::Integer}, id{Type::Uuid}, kind{Type::Small}, workspace{Type::Text},
        name{Type::Text}, type{Type::Text}, parent{Type::Uuid}, position{Type::Integer}, text{Type::Text},
        metadata{Type::Text}, tags{Type::Bytes}, importance{Type::Real}, occurred_at{Type::Integer},
        created_at{Type::Integer}, updated_at{Type::Integer}, expires_at{Type::Integer}, valid_from{Type::Integer},
        valid_until{Type::Integer}, length{Type::Small}, deleted{Type::Small}, version{Type::Integer},
        lsn_to{Type::Integer}, terms{Type::Bytes}, pinned{Type::Small};
    size_t rows = 0, bytes = 0;

    size_t add(const PendingRow& row) {
        const engram_record& r = row.record;
        std::string all_tags, all_terms;
        for (size_t i = 0; i < r.n_tags; ++i) encodeText(all_tags, view(r.tags[i]));
        for (size_t i = 0; i < r.n_terms; ++i) encodeTerm(all_terms, view(r.terms[i].term), r.terms[i].tf);
        rid.add(static_cast<int64_t>(row.lsn));
        row.closes ? closes.add(static_cast<int64_t>(row.closes)) : closes.addNull();
        id.add(binary::uuid(r.id));
        kind.add(binary::small(static_cast<int32_t>(row.kind)));
        workspace.add(row.deleted ? std::string_view(row.workspace) : view(r.workspace));
        name.add(view(r.name));
        type.add(row.deleted ? std::string_view(row.type) : view(r.type));
        parent.add(binary::uuid(r.parent));
        position.add(static_cast<int64_t>(r.position));
        text.add(view(r.text));
        metadata.add(view(r.metadata));
        tags.add(std::string_view(all_tags));
        importance.add(binary::real(r.importance));
        occurred_at.addTime(r.occurred_at);
        created_at.addTime(row.created_at);
        updated_at.addTime(r.updated_at);
        expires_at.addTime(r.expires_at);
        valid_from.addTime(r.valid_from);
        valid_until.addTime(r.valid_until);
        length.add(binary::small(static_cast<int32_t>(r.length)));
        deleted.add(binary::small(static_cast<int32_t>(row.deleted)));
        version.add(static_cast<int64_t>(row.version));
        lsn_to.add(signedLsn(row.lsn_to));
        terms.add(std::string_view(all_terms));
        pinned.add(binary::small(static_cast<int32_t>(r.pinned)));
        ++rows;
        const size_t size = r.text.len + r.metadata.len + all_terms.size();
        bytes += size;
        return size;
    }

    void queue(Session& session, Parameters parameters) {
        for (const Array* column :
             {&rid, &closes, &id, &kind, &workspace, &name, &type, &parent, &position, &text, &metadata, &tags, &importance,
              &occurred_at, &created_at, &updated_at, &expires_at, &valid_from, &valid_until, &length, &deleted, &version,
              &lsn_to, &terms, &pinned})
            parameters.add(*column);
        session.queue(kInsertVersions, parameters);
    }
};

}  // namespace

Apply::Apply(Session& session, const engram_uuid& tenant, const engram_batch* batches, size_t n)
    : session_(session), tenant_(tenant), batches_(batches), n_(n), nonce_(randomId()) {}

bool Apply::run() {
    TenantState state;
    if (!load(state)) return false;
    loadTouched(state);
    ApplyPlan plan(std::move(state));
    for (size_t i = 0; i < n_; ++i) results_.push_back(plan.add(batches_[i]));
    lsn_ = plan.lsn();
    if (plan.changes()) write(plan);
    else session_.rollback();
    return true;
}

// The tenant's lock first: what is read after it stays true until the end of the transaction.
bool Apply::load(TenantState& state) {
    Array keys(Type::Bytes), counters(Type::Text);
    for (size_t b = 0; b < n_; ++b) {
        if (batches_[b].idempotency_key.len > 0) keys.add(view(batches_[b].idempotency_key));
        for (size_t i = 0; i < batches_[b].n_limits; ++i)
            if (isText(view(batches_[b].limits[i].counter))) counters.add(view(batches_[b].limits[i].counter));
    }
    session_.queue(kBeginWrite).queue(kTenant, forTenant()).queue(kLockTenant, forTenant());
    session_.queue(kSpaces, forTenant());
    session_.queue(kKnownKeys, forTenant().add(keys)).queue(kLimitCounters, forTenant().add(counters));
    const std::vector<Result> answers = session_.flush();
    const Result &tenant = answers[2], &spaces = answers[3], &known = answers[4], &values = answers[5];
    if (tenant.rows() == 0) return false;
    state.lsn = static_cast<uint64_t>(tenant.integer(0, 0));
    for (int i = 0; i < spaces.rows(); ++i)
        state.dimensions[static_cast<uint32_t>(spaces.small(i, 0))] = static_cast<uint32_t>(spaces.small(i, 1));
    for (int i = 0; i < known.rows(); ++i)
        state.keys[std::string(known.bytes(i, 0))] = {std::string(known.bytes(i, 1)), std::string(known.bytes(i, 2)), 0,
                                                      static_cast<uint64_t>(known.integer(i, 3)), known.integer(i, 4)};
    for (int i = 0; i < values.rows(); ++i) state.counters[std::string(values.bytes(i, 0))] = values.integer(i, 1);
    return true;
}

void Apply::loadTouched(TenantState& state) {
    std::set<std::string> ids, purged;
    std::set<Name> names;
    std::set<EdgeKey> edges;
    for (size_t b = 0; b < n_; ++b) {
        if (!ApplyPlan::complaint(batches_[b], state.dimensions).empty()) continue;
        eachOp(batches_ + b, 1, [&](const engram_op& op) {
            if (op.kind >= ENGRAM_OP_PUT_EDGE) {
                edges.emplace(binary::uuid(op.edge->from), binary::uuid(op.edge->to), view(op.edge->type));
                return;
            }
            ids.emplace(binary::uuid(op.record->id));
            if (op.kind == ENGRAM_OP_PURGE) purged.emplace(binary::uuid(op.record->id));
            if (op.kind == ENGRAM_OP_PUT && op.record->name.len > 0)
                names.emplace(view(op.record->workspace), op.record->kind, view(op.record->name));
        });
    }
    Array all_ids(Type::Uuid), workspaces(Type::Text), kinds(Type::Small), texts(Type::Text), sources(Type::Uuid),
        targets(Type::Uuid), types(Type::Text), purged_ids(Type::Uuid), keys(Type::Bytes);
    for (const std::string& id : ids) all_ids.add(std::string_view(id));
    for (const auto& [workspace, kind, name] : names) {
        workspaces.add(std::string_view(workspace));
        kinds.add(binary::small(static_cast<int32_t>(kind)));
        texts.add(std::string_view(name));
    }
    for (const auto& [from, to, type] : edges) {
        sources.add(std::string_view(from));
        targets.add(std::string_view(to));
        types.add(std::string_view(type));
    }
    for (const std::string& id : purged) purged_ids.add(std::string_view(id));
    for (const auto& [key, known] : state.keys) keys.add(std::string_view(key));
    session_.queue(kNewest, forTenant().add(all_ids));
    session_.queue(kNamesTaken, forTenant().add(workspaces).add(kinds).add(texts));
    session_.queue(kLiveEdges, forTenant().add(sources).add(targets).add(types));
    session_.queue(kKeysOfPurged, forTenant().add(purged_ids).add(keys));
    const std::vector<Result> answers = session_.flush();
    for (int i = 0; i < answers[0].rows(); ++i) {
        const Result& r = answers[0];
        Newest& newest = state.newest[std::string(r.bytes(i, 0))];
        newest.rid = static_cast<uint64_t>(r.integer(i, 1));
        newest.version = static_cast<uint64_t>(r.integer(i, 2));
        newest.deleted = static_cast<uint32_t>(r.small(i, 3));
        newest.kind = static_cast<uint32_t>(r.small(i, 4));
        newest.workspace = r.bytes(i, 5);
        newest.type = r.bytes(i, 6);
        newest.created_at = r.time(i, 7);
        newest.bytes = static_cast<uint64_t>(r.integer(i, 8));
        newest.name = r.bytes(i, 9);
    }
    for (int i = 0; i < answers[1].rows(); ++i) {
        const Result& r = answers[1];
        state.names[{std::string(r.bytes(i, 0)), static_cast<uint32_t>(r.small(i, 1)), std::string(r.bytes(i, 2))}] =
            r.bytes(i, 3);
    }
    for (int i = 0; i < answers[2].rows(); ++i) {
        const Result& r = answers[2];
        state.edges[{std::string(r.bytes(i, 0)), std::string(r.bytes(i, 1)), std::string(r.bytes(i, 2))}] = {
            static_cast<uint64_t>(r.integer(i, 4)), static_cast<uint32_t>(r.small(i, 3)), kStored};
    }
    for (int i = 0; i < answers[3].rows(); ++i)
        state.keys_of_record.emplace(answers[3].bytes(i, 0), answers[3].bytes(i, 1));
}

void Apply::write(const ApplyPlan& plan) {
    writePurges(plan);
    writeRows(plan);
    writeVectors(plan);
    writeEdges(plan);
    writeKeysAndCounts(plan);
    session_.queue(kWrittenTenant, forTenant().add(plan.lsn()).add(bytes_).add(nonce_));
    session_.queue(kCommit);
    commit_sent_ = true;
    try {
        session_.flush();
    } catch (const PostgresError& e) {
        if (!e.lost()) commit_sent_ = false;  // the server said no
        throw;
    }
    commit_sent_ = false;
}

void Apply::writePurges(const ApplyPlan& plan) {
    if (plan.purged.empty()) return;
    const Array ids = idsOf(plan.purged);
    Array lsns(Type::Integer);
    for (const auto& [id, lsn] : plan.purged) lsns.add(static_cast<int64_t>(lsn));
    const Parameters parameters = forTenant().add(ids);
    session_.queue(kForgetAnswers, parameters).queue(kPurgeVectors, parameters);
    session_.queue(kPurgeVersions, parameters);
    session_.queue(kPurgeEdgesFrom, parameters).queue(kPurgeEdgesTo, parameters);
    session_.queue(kNotePurges, forTenant().add(lsns).add(ids));
}

void Apply::writeRows(const ApplyPlan& plan) {
    if (!plan.closed_rows.empty()) {
        Array rids(Type::Integer), lsns(Type::Integer);
        for (const auto& [rid, lsn] : plan.closed_rows) {
            rids.add(static_cast<int64_t>(rid));
            lsns.add(static_cast<int64_t>(lsn));
        }
        session_.queue(kCloseVersions, forTenant().add(rids).add(lsns));
    }
    VersionColumns columns;
    for (const PendingRow& row : plan.rows) {
        if (row.dropped) continue;
        bytes_ += static_cast<int64_t>(columns.add(row));
        if (columns.rows < kChunkRows && columns.bytes < kChunkBytes) continue;
        columns.queue(session_, forTenant());
        columns = {};
    }
    if (columns.rows > 0) columns.queue(session_, forTenant());
}

void Apply::writeVectors(const ApplyPlan& plan) {
    Array rids(Type::Integer), spaces(Type::Small), scales(Type::Single), codes(Type::Bytes);
    for (const PendingRow& row : plan.rows) {
        if (row.dropped) continue;
        for (size_t i = 0; i < row.record.n_vectors; ++i) {
            const engram_vector& vector = row.record.vectors[i];
            const Quantised quantised = quantise(vector.values, vector.dimensions);
            rids.add(static_cast<int64_t>(row.lsn));
            spaces.add(binary::small(static_cast<int32_t>(vector.space)));
            scales.add(binary::single(quantised.scale));
            codes.add(std::string_view(quantised.codes));
        }
    }
    if (!rids.empty()) session_.queue(kInsertVectors, forTenant().add(rids).add(spaces).add(scales).add(codes));
}

void Apply::writeEdges(const ApplyPlan& plan) {
    if (!plan.closed_edges.empty()) {
        Array lsns(Type::Integer), ends(Type::Integer);
        for (const auto& [lsn, lsn_to] : plan.closed_edges) {
            lsns.add(static_cast<int64_t>(lsn));
            ends.add(static_cast<int64_t>(lsn_to));
        }
        session_.queue(kCloseEdges, forTenant().add(lsns).add(ends));
    }
    Array lsns(Type::Integer), sources(Type::Uuid), targets(Type::Uuid), types(Type::Text), weights(Type::Real),
        from(Type::Integer), until(Type::Integer), created(Type::Integer), metadata(Type::Text), deleted(Type::Small),
        lsn_to(Type::Integer);
    for (const PendingEdge& edge : plan.edges) {
        if (edge.dropped) continue;
        const engram_edge& e = edge.edge;
        lsns.add(static_cast<int64_t>(edge.lsn));
        sources.add(binary::uuid(e.from));
        targets.add(binary::uuid(e.to));
        types.add(view(e.type));
        weights.add(binary::real(e.weight));
        from.addTime(e.valid_from);
        until.addTime(e.valid_until);
        created.addTime(e.created_at);
        metadata.add(view(e.metadata));
        deleted.add(binary::small(static_cast<int32_t>(edge.deleted)));
        lsn_to.add(signedLsn(edge.lsn_to));
    }
    if (lsns.empty()) return;
    Parameters parameters = forTenant();
    for (const Array* column : {&lsns, &sources, &targets, &types, &weights, &from, &until, &created, &metadata, &deleted, &lsn_to})
        parameters.add(*column);
    session_.queue(kInsertEdges, parameters);
}

void Apply::writeKeysAndCounts(const ApplyPlan& plan) {
    if (!plan.new_keys.empty()) {
        Array keys(Type::Bytes), hashes(Type::Bytes), answers(Type::Bytes), firsts(Type::Integer), lsns(Type::Integer),
            expires(Type::Integer);
        for (const auto& [key, known] : plan.new_keys) {
            keys.add(std::string_view(key));
            hashes.add(std::string_view(known.hash));
            answers.add(std::string_view(known.answer));
            firsts.add(static_cast<int64_t>(known.first_lsn));
            lsns.add(static_cast<int64_t>(known.lsn));
            expires.add(known.expires);
        }
        session_.queue(kExpireKeys, forTenant().add(plan.keys_expire_before));
        session_.queue(kInsertKeys, forTenant().add(keys).add(hashes).add(answers).add(firsts).add(lsns).add(expires));
    }
    Array names(Type::Text), values(Type::Integer);
    for (const auto& [name, value] : plan.counts) {
        if (value == 0) continue;
        names.add(std::string_view(name));
        values.add(value);
    }
    if (names.empty()) return;
    session_.queue(kCount, forTenant().add(names).add(values));
    session_.queue(kDropZeroCounters, forTenant().add(names));
}

Apply::Fate Apply::fate(Session& another) const {
    another.queue(kBeginWrite).queue(kTenant, forTenant()).queue(kLockTenant, forTenant()).queue(kCommit);
    const std::vector<Result> answers = another.flush();
    const Result& tenant = answers[2];
    if (tenant.rows() == 0) return Fate::Unknown;
    const engram_uuid newest = binary::toUuid(tenant.bytes(0, 1));
    if (std::memcmp(&newest, &nonce_, sizeof newest) == 0) return Fate::Committed;
    // Had it been committed, a later write would have a higher LSN.
    return static_cast<uint64_t>(tenant.integer(0, 0)) <= lsn_ ? Fate::Lost : Fate::Unknown;
}

}  // namespace engram::storage_postgres
