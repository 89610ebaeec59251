// What makes a batch malformed (ENGRAM_APPLY_REFUSED), the same for every storage plugin: the limits that storage.h and
// record.h state. Looks at nothing but the batch and the dimensions of the spaces its vectors name. Thread-safe.
#pragma once

#include <engram/cpp/text.hpp>
#include <engram/storage.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace engram::batch_check {

inline constexpr size_t kMaxOps = 10000, kMaxLimits = 1000, kMaxKey = 512, kHash = 32;

inline bool hasNul(engram_str s) { return s.len > 0 && std::memchr(s.ptr, 0, s.len) != nullptr; }

// Empty, or why the tags and terms cannot be stored.
inline std::string complaintOfLists(const engram_record& r) {
    if (r.n_tags > 1000 || r.n_terms > 1000000 || r.n_vectors > 16) return "too many tags, terms or vectors";
    for (size_t i = 0; i < r.n_tags; ++i)
        if (r.tags[i].len == 0 || r.tags[i].len > 512 || hasNul(r.tags[i])) return "a tag has 1 to 512 bytes without NUL";
    std::vector<std::string_view> terms;
    terms.reserve(r.n_terms);
    for (size_t i = 0; i < r.n_terms; ++i) {
        if (r.terms[i].term.len == 0 || r.terms[i].term.len > 64 || r.terms[i].tf == 0)
            return "a term has 1 to 64 bytes and occurs at least once";
        terms.push_back(view(r.terms[i].term));
    }
    std::sort(terms.begin(), terms.end());
    if (std::adjacent_find(terms.begin(), terms.end()) != terms.end()) return "a term twice in a record";
    return "";
}

// `dimensions_of(space)`: the dimensions of a space that exists, else 0.
template <class DimensionsOf>
std::string complaintOfVectors(const engram_record& r, const DimensionsOf& dimensions_of) {
    std::set<uint32_t> spaces;
    for (size_t i = 0; i < r.n_vectors; ++i) {
        const engram_vector& vector = r.vectors[i];
        if (!spaces.insert(vector.space).second) return "two vectors of a space in a record";
        if (vector.dimensions == 0 || dimensions_of(vector.space) != vector.dimensions)
            return "a vector does not fit its space";
        for (uint32_t d = 0; d < vector.dimensions; ++d)
            if (!std::isfinite(vector.values[d])) return "a vector with a number that is not finite";
    }
    return "";
}

template <class DimensionsOf>
std::string complaint(const engram_record& r, const DimensionsOf& dimensions_of) {
    if (r.kind == ENGRAM_KIND_ANY || r.kind > 1000) return "unknown kind of record";
    if (r.workspace.len == 0 || r.workspace.len > 128) return "a workspace has 1 to 128 bytes";
    if (r.name.len > 512) return "a name has at most 512 bytes";
    if (r.type.len > 256) return "a type has at most 256 bytes";
    for (engram_str s : {r.workspace, r.name, r.type, r.text, r.metadata})
        if (hasNul(s)) return "NUL in a text";
    if (!std::isfinite(r.importance) || r.importance < 0 || r.importance > 1) return "importance must be from 0 to 1";
    if (r.pinned > 1) return "pinned is 0 or 1";
    if (r.position > static_cast<uint64_t>(INT64_MAX)) return "a position is below 2^63";
    if (std::string why = complaintOfLists(r); !why.empty()) return why;
    return complaintOfVectors(r, dimensions_of);
}

inline std::string complaint(const engram_edge& e) {
    if (e.type.len == 0 || e.type.len > 256 || hasNul(e.type)) return "an edge's type has 1 to 256 bytes without NUL";
    if (hasNul(e.metadata)) return "NUL in a text";
    if (!std::isfinite(e.weight)) return "an edge's weight must be finite";
    return "";
}

// Empty, or why the batch is refused before anything of it is tried.
template <class DimensionsOf>
std::string complaint(const engram_batch& batch, const DimensionsOf& dimensions_of) {
    if (batch.n_ops > kMaxOps) return "more than 10000 operations in a batch";
    if (batch.n_limits > kMaxLimits) return "more than 1000 limits in a batch";
    if (batch.idempotency_key.len > kMaxKey) return "an idempotency key has at most 512 bytes";
    if (batch.idempotency_key.len > 0 && batch.request_hash.len != kHash) return "a request's hash has 32 bytes";
    std::set<std::string_view> records;
    for (size_t i = 0; i < batch.n_ops; ++i) {
        const engram_op& op = batch.ops[i];
        const bool on_edge = op.kind == ENGRAM_OP_PUT_EDGE || op.kind == ENGRAM_OP_DELETE_EDGE;
        if (op.kind < ENGRAM_OP_PUT || op.kind > ENGRAM_OP_DELETE_EDGE) return "unknown operation";
        if (on_edge ? !op.edge : !op.record) return "an operation without its record or edge";
        if (on_edge) {
            if (std::string why = complaint(*op.edge); !why.empty()) return why;
            continue;
        }
        const std::string_view id(reinterpret_cast<const char*>(op.record->id.bytes), sizeof op.record->id.bytes);
        if (!records.insert(id).second) return "a record twice in a batch";
        if (op.kind != ENGRAM_OP_PUT) continue;
        if (std::string why = complaint(*op.record, dimensions_of); !why.empty()) return why;
    }
    return "";
}

}  // namespace engram::batch_check
