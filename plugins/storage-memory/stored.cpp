#include "stored.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <engram/cpp/text.hpp>
#include <string_view>

namespace engram::storage_memory {
namespace {

// Arrays that a lent record points into.
struct Lent {
    std::vector<engram_str> tags;
    std::vector<engram_term> terms;
    std::vector<engram_vector> vectors;
    engram_record record{};
};

void fill(Lent& out, const Version& v, uint32_t want) {
    engram_record& r = out.record;
    r.size = sizeof r;
    r.kind = v.kind;
    r.id = abiId(v.id);
    r.workspace = borrow(v.workspace);
    r.type = borrow(v.type);
    r.parent = abiId(v.parent);
    r.position = v.position;
    r.importance = v.importance;
    r.occurred_at = v.occurred_at;
    r.created_at = v.created_at;
    r.updated_at = v.updated_at;
    r.expires_at = v.expires_at;
    r.valid_from = v.valid_from;
    r.valid_until = v.valid_until;
    r.length = v.length;
    r.deleted = v.deleted ? 1 : 0;
    r.pinned = v.pinned ? 1 : 0;
    r.version = v.version;
    r.lsn_from = v.lsn_from;
    r.lsn_to = v.lsn_to;
    r.rid = v.rid;
    if (want & ENGRAM_WANT_TEXT) r.text = borrow(v.text);
    if (want & ENGRAM_WANT_METADATA) {
        r.name = borrow(v.name);
        r.metadata = borrow(v.metadata);
        for (const std::string& tag : v.tags) out.tags.push_back(borrow(tag));
        r.tags = out.tags.data();
        r.n_tags = out.tags.size();
    }
    if (want & ENGRAM_WANT_TERMS) {
        for (const auto& [term, tf] : v.terms) out.terms.push_back({borrow(term), tf, 0});
        r.terms = out.terms.data();
        r.n_terms = out.terms.size();
    }
    if (want & ENGRAM_WANT_VECTORS) {
        for (const auto& [space, values] : v.vectors)
            out.vectors.push_back({space, static_cast<uint32_t>(values.size()), values.data()});
        r.vectors = out.vectors.data();
        r.n_vectors = out.vectors.size();
    }
}

}  // namespace

bool allFinite(const float* values, size_t n) {
    return n == 0 || (values && std::all_of(values, values + n, [](float f) { return std::isfinite(f); }));
}

Id idOf(const engram_uuid& id) {
    Id out;
    std::memcpy(out.data(), id.bytes, out.size());
    return out;
}

engram_uuid abiId(const Id& id) {
    engram_uuid out;
    std::memcpy(out.bytes, id.data(), id.size());
    return out;
}

Version versionOf(const engram_record& r) {
    Version v;
    v.id = idOf(r.id);
    v.kind = r.kind;
    v.workspace = view(r.workspace);
    v.name = view(r.name);
    v.type = view(r.type);
    v.text = view(r.text);
    v.metadata = view(r.metadata);
    v.parent = idOf(r.parent);
    v.position = r.position;
    for (size_t i = 0; i < r.n_tags; ++i) v.tags.emplace_back(view(r.tags[i]));
    v.importance = r.importance;
    v.occurred_at = r.occurred_at;
    v.created_at = r.created_at;
    v.updated_at = r.updated_at;
    v.expires_at = r.expires_at;
    v.valid_from = r.valid_from;
    v.valid_until = r.valid_until;
    for (size_t i = 0; i < r.n_terms; ++i) v.terms[std::string(view(r.terms[i].term))] = r.terms[i].tf;
    for (size_t i = 0; i < r.n_vectors; ++i)
        v.vectors[r.vectors[i].space] =
            std::vector<float>(r.vectors[i].values, r.vectors[i].values + r.vectors[i].dimensions);
    v.length = r.length;
    v.deleted = r.deleted != 0;
    v.pinned = r.pinned != 0;
    v.version = r.version;
    v.lsn_from = r.lsn_from;
    v.lsn_to = r.lsn_to;
    return v;
}

Edge edgeOf(const engram_edge& e) {
    Edge edge;
    edge.from = idOf(e.from);
    edge.to = idOf(e.to);
    edge.type = view(e.type);
    edge.metadata = view(e.metadata);
    edge.weight = e.weight;
    edge.valid_from = e.valid_from;
    edge.valid_until = e.valid_until;
    edge.created_at = e.created_at;
    edge.deleted = e.deleted != 0;
    return edge;
}

engram_edge abiEdge(const Edge& e) {
    engram_edge out{};
    out.size = sizeof out;
    out.deleted = e.deleted ? 1 : 0;
    out.from = abiId(e.from);
    out.to = abiId(e.to);
    out.type = borrow(e.type);
    out.weight = e.weight;
    out.valid_from = e.valid_from;
    out.valid_until = e.valid_until;
    out.created_at = e.created_at;
    out.metadata = borrow(e.metadata);
    out.lsn_from = e.lsn_from;
    out.lsn_to = e.lsn_to;
    return out;
}

engram_status lend(const Version& version, uint32_t want, const engram_rows& rows, size_t index) {
    Lent lent;
    fill(lent, version, want);
    return rows.row(rows.ctx, index, &lent.record);
}

engram_status lendChange(uint32_t kind, uint64_t lsn, const Version& version, const engram_changes& sink) {
    Lent lent;
    fill(lent, version, ~0u);
    const engram_change change = {sizeof change, kind, lsn, &lent.record, nullptr};
    return sink.change(sink.ctx, &change);
}

}  // namespace engram::storage_memory
