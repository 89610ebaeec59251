#include "scoped_rows.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>

namespace engram::storage_sqlite {

ScopedRows::ScopedRows(const engram_scope& scope, Tenant& tenant, Connection& db, uint64_t at)
    : scope_(scope), tenant_(tenant), facts_(tenant.facts), db_(db), at_(at), newest_(at == tenant.lsn()),
      conditions_(scope.filter.n_nodes) {
    for (size_t i = 0; i < scope.n_workspaces; ++i)
        workspaces_.push_back(facts_.workspace_names.known(view(scope.workspaces[i])));
    if (newest_) {
        wanted_groups_.reserve(facts_.groups().size());
        wanted_groups_.push_back(0);
        for (size_t i = 1; i < facts_.groups().size(); ++i)
            wanted_groups_.push_back(wants(facts_.groups()[i].workspace, facts_.groups()[i].kind) ? 1 : 0);
    }
}

bool ScopedRows::wants(uint32_t workspace, uint32_t kind) const {
    if (scope_.kind != ENGRAM_KIND_ANY && scope_.kind != kind) return false;
    return scope_.n_workspaces == 0 || std::find(workspaces_.begin(), workspaces_.end(), workspace) != workspaces_.end();
}

bool ScopedRows::heldAt(const RowFacts& row) const {
    return row.visibleAt(at_) && !row.deleted && wants(row.workspace, row.kind);
}

Totals ScopedRows::totals() const {
    Totals sum;
    if (newest_) {
        for (size_t i = 1; i < wanted_groups_.size(); ++i) {
            if (!wanted_groups_[i]) continue;
            sum.documents += facts_.groups()[i].totals.documents;
            sum.length += facts_.groups()[i].totals.length;
        }
        return sum;
    }
    for (const RowFacts& row : facts_.rows()) {
        if (!heldAt(row)) continue;
        ++sum.documents;
        sum.length += row.length;
    }
    return sum;
}

// What is folded is not counted again while its rows stay in their groups.
uint64_t ScopedRows::countIn(const TermPostings& postings) const {
    const auto held = [&](const auto& begin, const auto& end) {
        return static_cast<uint64_t>(std::count_if(begin, end, [&](const PlacedPosting& p) { return holds(p.place); }));
    };
    const auto folded = [&] {
        const auto begin = postings.folded->postings.begin();
        return held(begin, begin + static_cast<std::ptrdiff_t>(postings.folded_count));
    };
    const uint64_t unfolded = held(postings.tail.begin(), postings.tail.end());
    constexpr size_t kBits = 64;
    if (!newest_ || wanted_groups_.size() > kBits) return unfolded + folded();
    uint64_t groups = 0;
    for (size_t i = 0; i < wanted_groups_.size(); ++i) groups |= uint64_t(wanted_groups_[i] ? 1 : 0) << i;
    return unfolded + postings.folded->count->get({groups, facts_.departures(), postings.folded_count}, folded);
}

bool ScopedRows::passesNode(size_t index, uint32_t place) {
    const engram_filter_node& node = scope_.filter.nodes[index];
    switch (node.op) {
        case ENGRAM_AND:
            for (uint32_t i = 0; i < node.n_children; ++i)
                if (!passesNode(node.first_child + i, place)) return false;
            return true;
        case ENGRAM_OR:
            for (uint32_t i = 0; i < node.n_children; ++i)
                if (passesNode(node.first_child + i, place)) return true;
            return false;
        case ENGRAM_NOT: return !passesNode(node.first_child, place);
        default: return condition(index).passes(place);
    }
}

// Made when it is first asked for: most scopes are asked for totals and counts alone.
Condition& ScopedRows::condition(size_t index) {
    std::optional<Condition>& condition = conditions_[index];
    if (!condition) condition.emplace(scope_.filter, index, tenant_, db_);
    return *condition;
}

bool ScopedRows::passesCheaply() {
    for (size_t i = 0; i < scope_.filter.n_nodes; ++i)
        if (scope_.filter.nodes[i].op > ENGRAM_NOT && !condition(i).isCheap()) return false;
    return true;
}

}  // namespace engram::storage_sqlite
