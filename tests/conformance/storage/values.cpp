#include "values.hpp"

#include <cstring>
#include <engram/cpp/text.hpp>
#include <iomanip>
#include <sstream>

namespace engram::conformance {
namespace {

std::string time(engram_time t) {
    return t == ENGRAM_TIME_NONE ? "-" : std::to_string(t);
}

std::string quoted(const std::string& s) {
    std::ostringstream out;
    out << '"';
    for (const unsigned char c : s) {
        if (c < 0x20 || c > 0x7e)
            out << "\\x" << std::hex << std::setw(2) << std::setfill('0') << int(c) << std::dec;
        else
            out << c;
    }
    out << '"';
    return out.str();
}

}  // namespace

Id idOf(uint64_t number) {
    Id id{};
    for (int i = 0; i < 8; ++i) id[15 - static_cast<size_t>(i)] = static_cast<uint8_t>(number >> (8 * i));
    id[0] = 1;
    return id;
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

std::string uuidText(const Id& id) {
    std::string out;
    for (size_t i = 0; i < id.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
        out += "0123456789abcdef"[id[i] >> 4];
        out += "0123456789abcdef"[id[i] & 15];
    }
    return out;
}

Record recordOf(const engram_record& r) {
    Record out;
    out.id = idOf(r.id);
    out.kind = r.kind;
    out.workspace = view(r.workspace);
    out.name = view(r.name);
    out.type = view(r.type);
    out.text = view(r.text);
    out.metadata = view(r.metadata);
    out.parent = idOf(r.parent);
    out.position = r.position;
    for (size_t i = 0; i < r.n_tags; ++i) out.tags.emplace_back(view(r.tags[i]));
    out.importance = r.importance;
    out.occurred_at = r.occurred_at;
    out.created_at = r.created_at;
    out.updated_at = r.updated_at;
    out.expires_at = r.expires_at;
    out.valid_from = r.valid_from;
    out.valid_until = r.valid_until;
    for (size_t i = 0; i < r.n_terms; ++i) out.terms[std::string(view(r.terms[i].term))] = r.terms[i].tf;
    for (size_t i = 0; i < r.n_vectors; ++i)
        out.vectors[r.vectors[i].space] = {r.vectors[i].values,
                                           r.vectors[i].values + r.vectors[i].dimensions};
    out.length = r.length;
    out.deleted = r.deleted;
    out.pinned = r.pinned;
    out.version = r.version;
    out.lsn_from = r.lsn_from;
    out.lsn_to = r.lsn_to;
    out.rid = r.rid;
    return out;
}

Edge edgeOf(const engram_edge& e) {
    return {idOf(e.from),
            idOf(e.to),
            std::string(view(e.type)),
            std::string(view(e.metadata)),
            e.weight,
            e.valid_from,
            e.valid_until,
            e.created_at,
            e.deleted,
            e.lsn_from,
            e.lsn_to};
}

Change changeOf(const engram_change& c) {
    Change out;
    out.kind = c.kind;
    out.lsn = c.lsn;
    if (c.record) out.record = recordOf(*c.record);
    if (c.edge) out.edge = edgeOf(*c.edge);
    return out;
}

std::string show(const Record& r) {
    std::ostringstream out;
    out << uuidText(r.id).substr(30) << " kind " << r.kind << " v" << r.version
        << (r.deleted ? " deleted" : "") << (r.pinned ? " pinned" : "") << " [" << r.lsn_from << ','
        << (r.lsn_to == ENGRAM_LSN_MAX ? std::string("now") : std::to_string(r.lsn_to)) << ") in "
        << quoted(r.workspace) << " type " << quoted(r.type) << " name " << quoted(r.name) << " text "
        << quoted(r.text) << " metadata " << quoted(r.metadata) << " parent " << uuidText(r.parent).substr(30)
        << '#' << r.position << " importance " << std::setprecision(17) << r.importance << " times "
        << time(r.occurred_at) << ' ' << time(r.created_at) << ' ' << time(r.updated_at) << ' '
        << time(r.expires_at) << ' ' << time(r.valid_from) << ' ' << time(r.valid_until) << " length "
        << r.length << " tags";
    for (const std::string& tag : r.tags) out << ' ' << quoted(tag);
    out << " terms";
    for (const auto& [term, tf] : r.terms) out << ' ' << quoted(term) << ':' << tf;
    for (const auto& [space, values] : r.vectors) {
        out << " vector " << space << ':';
        for (const float f : values) out << ' ' << f;
    }
    return out.str();
}

std::string show(const Edge& e) {
    std::ostringstream out;
    out << uuidText(e.from).substr(30) << " -" << quoted(e.type) << "-> " << uuidText(e.to).substr(30)
        << " weight " << e.weight << (e.deleted ? " deleted" : "") << " times " << time(e.valid_from) << ' '
        << time(e.valid_until) << ' ' << time(e.created_at) << " metadata " << quoted(e.metadata) << " from "
        << e.lsn_from;
    return out.str();
}

// A post-image's lsn_to is not compared: a feed may tell it as it was written or as it is now.
std::string show(const Change& c) {
    std::string out = std::to_string(c.lsn) + " kind " + std::to_string(c.kind) + ": ";
    if (c.isEdge()) return out + show(c.edge);
    if (c.kind == ENGRAM_CHANGE_PURGE) return out + uuidText(c.record.id);
    Record record = c.record;
    record.lsn_to = ENGRAM_LSN_MAX;
    return out + show(record);
}

std::string show(const std::vector<Record>& records) {
    std::string out;
    for (const Record& record : records) out += show(record) + "\n";
    return out;
}

Op put(Record record, uint64_t expected) {
    return {ENGRAM_OP_PUT, std::move(record), {}, expected};
}

Op remove(const Id& id, uint64_t expected, engram_time at) {
    Op op{ENGRAM_OP_DELETE, {}, {}, expected};
    op.record.id = id;
    op.record.updated_at = at;
    return op;
}

Op purge(const Id& id) {
    Op op{ENGRAM_OP_PURGE, {}, {}, ENGRAM_VERSION_ANY};
    op.record.id = id;
    return op;
}

Op putEdge(Edge edge) {
    return {ENGRAM_OP_PUT_EDGE, {}, std::move(edge), ENGRAM_VERSION_ANY};
}
Op removeEdge(Edge edge) {
    return {ENGRAM_OP_DELETE_EDGE, {}, std::move(edge), ENGRAM_VERSION_ANY};
}

Op replayOf(const Change& change) {
    Op op{change.kind, change.record, change.edge,
          ENGRAM_VERSION_ANY};  // kinds of changes and of ops are the same
    if (change.kind == ENGRAM_CHANGE_PURGE) op.record.lsn_from = change.lsn;
    return op;
}

std::string show(const Outcome& o) {
    std::ostringstream out;
    out << "outcome " << o.outcome;
    switch (o.outcome) {
        case ENGRAM_APPLY_DONE:
            out << " lsn " << o.first_lsn << '-' << o.lsn;
            break;
        case ENGRAM_APPLY_REPLAYED:
            out << " lsn " << o.lsn << " answer " << quoted(o.answer);
            break;
        case ENGRAM_APPLY_VERSION_MISMATCH:
            out << " op " << o.failed_op << " version " << o.current_version;
            break;
        case ENGRAM_APPLY_EXISTS:
        case ENGRAM_APPLY_ABSENT:
        case ENGRAM_APPLY_NAME_TAKEN:
            out << " op " << o.failed_op;
            break;
        case ENGRAM_APPLY_LIMIT:
            out << " limit " << o.failed_limit << " count " << o.current_count;
            break;
        case ENGRAM_APPLY_REFUSED:
            out << (o.message.empty() ? " without a message" : " with a message");
            break;
        default:
            break;
    }
    return out.str();
}

Value text(std::string value) {
    return {ENGRAM_VALUE_STRING, std::move(value), 0, 0, false};
}
Value integer(int64_t value) {
    return {ENGRAM_VALUE_INTEGER, {}, value, 0, false};
}
Value real(double value) {
    return {ENGRAM_VALUE_REAL, {}, 0, value, false};
}
Value boolean(int value) {
    return {ENGRAM_VALUE_BOOL, {}, 0, 0, value != 0};
}

Condition where(uint32_t field, uint32_t op, std::vector<Value> values) {
    return {op, field, {}, std::move(values), {}};
}
Condition whereMetadata(std::string path, uint32_t op, std::vector<Value> values) {
    return {op, ENGRAM_FIELD_METADATA, std::move(path), std::move(values), {}};
}
Condition every(std::vector<Condition> children) {
    return {ENGRAM_AND, 0, {}, {}, std::move(children)};
}
Condition some(std::vector<Condition> children) {
    return {ENGRAM_OR, 0, {}, {}, std::move(children)};
}
Condition negate(Condition child) {
    return {ENGRAM_NOT, 0, {}, {}, {std::move(child)}};
}

std::string show(const Condition& c) {
    std::ostringstream out;
    out << "(op " << c.op << " field " << c.field << ' ' << quoted(c.path);
    for (const Value& v : c.values) {
        if (v.type == ENGRAM_VALUE_STRING)
            out << ' ' << quoted(v.text);
        else if (v.type == ENGRAM_VALUE_INTEGER)
            out << ' ' << v.integer;
        else if (v.type == ENGRAM_VALUE_REAL)
            out << ' ' << v.real << 'r';
        else
            out << (v.boolean ? " true" : " false");
    }
    for (const Condition& child : c.children) out << ' ' << show(child);
    out << ')';
    return out.str();
}

LoweredBatch::LoweredBatch(const Batch& batch) {
    for (const Op& op : batch.ops) {
        const bool on_edge = op.kind == ENGRAM_OP_PUT_EDGE || op.kind == ENGRAM_OP_DELETE_EDGE;
        ops_.push_back({sizeof(engram_op), op.kind, on_edge ? nullptr : lower(op.record),
                        on_edge ? lower(op.edge) : nullptr, op.expected});
    }
    for (const auto& [counter, max] : batch.limits) limits_.push_back({borrow(counter), max});
    batch_ = {sizeof(engram_batch),
              batch.flags,
              ops_.data(),
              ops_.size(),
              limits_.data(),
              limits_.size(),
              borrow(batch.key),
              borrowBytes(batch.hash),
              borrowBytes(batch.answer),
              batch.now};
}

const engram_record* LoweredBatch::lower(const Record& r) {
    auto& tags = tags_.emplace_back();
    for (const std::string& tag : r.tags) tags.push_back(borrow(tag));
    auto& terms = terms_.emplace_back();
    for (const auto& [term, tf] : r.terms) terms.push_back({borrow(term), tf, 0});
    auto& vectors = vectors_.emplace_back();
    for (const auto& [space, values] : r.vectors)
        vectors.push_back({space, static_cast<uint32_t>(values.size()), values.data()});
    engram_record& out = records_.emplace_back();
    out = {};
    out.size = sizeof out;
    out.kind = r.kind;
    out.id = abiId(r.id);
    out.workspace = borrow(r.workspace);
    out.name = borrow(r.name);
    out.type = borrow(r.type);
    out.parent = abiId(r.parent);
    out.position = r.position;
    out.text = borrow(r.text);
    out.metadata = borrow(r.metadata);
    out.tags = tags.data();
    out.n_tags = tags.size();
    out.importance = r.importance;
    out.occurred_at = r.occurred_at;
    out.created_at = r.created_at;
    out.updated_at = r.updated_at;
    out.expires_at = r.expires_at;
    out.valid_from = r.valid_from;
    out.valid_until = r.valid_until;
    out.terms = terms.data();
    out.n_terms = terms.size();
    out.vectors = vectors.data();
    out.n_vectors = vectors.size();
    out.length = r.length;
    out.deleted = r.deleted;
    out.pinned = r.pinned;
    out.version = r.version;
    out.lsn_from = r.lsn_from;
    out.lsn_to = r.lsn_to;
    return &out;
}

const engram_edge* LoweredBatch::lower(const Edge& e) {
    engram_edge& out = edges_.emplace_back();
    out = {};
    out.size = sizeof out;
    out.deleted = e.deleted;
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
    return &out;
}

LoweredScope::LoweredScope(const Scope& scope) {
    for (const std::string& workspace : scope.workspaces) workspaces_.push_back(borrow(workspace));
    if (!scope.filter.empty()) lower(scope.filter.front());
    scope_ = {sizeof(engram_scope),
              scope.kind,
              workspaces_.data(),
              workspaces_.size(),
              {nodes_.data(), nodes_.size()}};
}

// Breadth first, so that children follow their parent and lie side by side.
void LoweredScope::lower(const Condition& root) {
    std::vector<const Condition*> conditions{&root};
    for (size_t i = 0; i < conditions.size(); ++i) {
        const Condition& c = *conditions[i];
        auto& values = values_.emplace_back();
        for (const Value& v : c.values)
            values.push_back({v.type, v.boolean, v.integer, v.real, borrow(v.text)});
        nodes_.push_back({c.op, c.field, borrow(c.path), values.data(), values.size(),
                          static_cast<uint32_t>(conditions.size()),
                          static_cast<uint32_t>(c.children.size())});
        for (const Condition& child : c.children) conditions.push_back(&child);
    }
}

}  // namespace engram::conformance
