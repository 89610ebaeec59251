#include "scope.hpp"

#include <algorithm>

namespace engram::storage_postgres {
namespace {

using filter::Scalar;

bool inMemory(uint32_t field) {
    switch (field) {
        case ENGRAM_FIELD_NAME:
        case ENGRAM_FIELD_METADATA:
        case ENGRAM_FIELD_PARENT:
        case ENGRAM_FIELD_POSITION:
        case ENGRAM_FIELD_TEXT: return false;
        default: return true;
    }
}

class Fields {
public:
    Fields(const RowFacts& row, const SearchIndex& index) : row_(row), index_(index) {}

    std::optional<Scalar> field(const engram_filter_node& n) {
        switch (n.field) {
            case ENGRAM_FIELD_ID: return Scalar::ofText(text_ = filter::uuidText(row_.id.bytes));
            case ENGRAM_FIELD_WORKSPACE: return Scalar::ofText(index_.workspaces.text(row_.workspace));
            case ENGRAM_FIELD_TYPE: {
                const std::string& type = index_.types.text(row_.type);
                if (type.empty()) return std::nullopt;
                return Scalar::ofText(type);
            }
            case ENGRAM_FIELD_IMPORTANCE: return Scalar::ofReal(row_.importance);
            case ENGRAM_FIELD_OCCURRED_AT: return time(row_.occurred_at);
            case ENGRAM_FIELD_CREATED_AT: return time(row_.created_at);
            case ENGRAM_FIELD_UPDATED_AT: return time(row_.updated_at);
            case ENGRAM_FIELD_EXPIRES_AT: return time(row_.expires_at);
            case ENGRAM_FIELD_VALID_FROM: return time(row_.valid_from);
            case ENGRAM_FIELD_VALID_UNTIL: return time(row_.valid_until);
            case ENGRAM_FIELD_PINNED: return Scalar::ofBool(row_.pinned != 0);
            default: return std::nullopt;
        }
    }
    // Metadata is not in memory.
    static bool anyElement(const engram_filter_node&, const filter::ElementTest&) { return false; }
    const std::vector<std::string>& tags() const { return index_.tag_sets.tags(row_.tags); }

private:
    static std::optional<Scalar> time(engram_time t) {
        if (t == ENGRAM_TIME_NONE) return std::nullopt;
        return Scalar::ofInteger(t);
    }

    const RowFacts& row_;
    const SearchIndex& index_;
    std::string text_;
};

// How many numbers there are of what many rows share, and a row's; 0 for fields that each row has of its own.
size_t numbersOf(uint32_t field, const SearchIndex& index) {
    switch (field) {
        case ENGRAM_FIELD_WORKSPACE: return index.workspaces.size();
        case ENGRAM_FIELD_TYPE: return index.types.size();
        case ENGRAM_FIELD_TAG: return index.tag_sets.size();
        default: return 0;
    }
}

uint32_t numberOf(uint32_t field, const RowFacts& row) {
    return field == ENGRAM_FIELD_WORKSPACE ? row.workspace : field == ENGRAM_FIELD_TYPE ? row.type : row.tags;
}

}  // namespace

bool needsRow(const engram_filter& filter) {
    return std::any_of(filter.nodes, filter.nodes + filter.n_nodes,
                       [](const engram_filter_node& n) { return n.op > ENGRAM_NOT && !inMemory(n.field); });
}

Scope::Scope(const engram_scope& scope, const SearchIndex& index, uint64_t at) : abi_(scope), index_(index), at_(at) {
    for (size_t i = 0; i < scope.n_workspaces; ++i) workspaces_.push_back(index.workspaces.known(view(scope.workspaces[i])));
    decided_.resize(scope.filter.n_nodes);
    for (size_t i = 0; i < scope.filter.n_nodes; ++i)
        if (const engram_filter_node& n = scope.filter.nodes[i]; n.op > ENGRAM_NOT)
            decided_[i].assign(numbersOf(n.field, index), Verdict::Undecided);
}

bool Scope::holds(const RowFacts& row) const {
    if (!row.visibleAt(at_) || row.deleted) return false;
    if (abi_.kind != ENGRAM_KIND_ANY && abi_.kind != row.kind) return false;
    return abi_.n_workspaces == 0 || std::find(workspaces_.begin(), workspaces_.end(), row.workspace) != workspaces_.end();
}

bool Scope::mayPass(const RowFacts& row) {
    return holds(row) && (abi_.filter.n_nodes == 0 || node(0, row) != Verdict::No);
}

Scope::Verdict Scope::node(size_t index, const RowFacts& row) {
    const engram_filter_node& n = abi_.filter.nodes[index];
    if (n.op > ENGRAM_NOT) return condition(index, row);
    if (n.op == ENGRAM_NOT) {
        const Verdict child = node(n.first_child, row);
        return child == Verdict::Undecided ? child : child == Verdict::Yes ? Verdict::No : Verdict::Yes;
    }
    const Verdict decisive = n.op == ENGRAM_AND ? Verdict::No : Verdict::Yes;
    Verdict out = n.op == ENGRAM_AND ? Verdict::Yes : Verdict::No;
    for (uint32_t i = 0; i < n.n_children; ++i) {
        const Verdict child = node(n.first_child + i, row);
        if (child == decisive) return child;
        if (child == Verdict::Undecided) out = child;
    }
    return out;
}

Scope::Verdict Scope::condition(size_t index, const RowFacts& row) {
    const engram_filter_node& n = abi_.filter.nodes[index];
    if (!inMemory(n.field)) return Verdict::Undecided;
    Verdict* decided = decided_[index].empty() ? nullptr : &decided_[index][numberOf(n.field, row)];
    if (decided && *decided != Verdict::Undecided) return *decided;
    Fields fields(row, index_);
    const Verdict verdict = filter::Evaluator<Fields>(abi_.filter, fields).node(index) ? Verdict::Yes : Verdict::No;
    if (decided) *decided = verdict;
    return verdict;
}

}  // namespace engram::storage_postgres
