#include "scoped_rows.hpp"

#include "row.hpp"

#include <engram/cpp/filter.hpp>
#include <engram/cpp/text.hpp>

#include <algorithm>
#include <optional>

namespace engram::storage_sqlite {
namespace {

bool isInMemory(uint32_t field) {
    switch (field) {
        case ENGRAM_FIELD_ID:
        case ENGRAM_FIELD_WORKSPACE:
        case ENGRAM_FIELD_TYPE:
        case ENGRAM_FIELD_IMPORTANCE:
        case ENGRAM_FIELD_CREATED_AT:
        case ENGRAM_FIELD_UPDATED_AT:
        case ENGRAM_FIELD_OCCURRED_AT:
        case ENGRAM_FIELD_EXPIRES_AT:
        case ENGRAM_FIELD_PINNED: return true;
        default: return false;
    }
}

// A row's fields from memory, and from the file only where memory does not have them.
class Fields {
public:
    Fields(const RowFacts& facts, const Facts& all, Connection& db) : facts_(facts), all_(all), db_(db) {}

    std::optional<filter::Scalar> field(const engram_filter_node& n) {
        using filter::Scalar;
        switch (n.field) {
            case ENGRAM_FIELD_ID: return Scalar::ofText(text_ = filter::uuidText(facts_.id.bytes));
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
            case ENGRAM_FIELD_PINNED: return Scalar::ofBool(facts_.pinned != 0);
            default: return row().field(n);
        }
    }
    bool anyElement(const engram_filter_node& n, const filter::ElementTest& test) { return row().anyElement(n, test); }
    const std::vector<std::string>& tags() { return row().tags(); }

private:
    static std::optional<filter::Scalar> time(engram_time t) {
        if (t == ENGRAM_TIME_NONE) return std::nullopt;
        return filter::Scalar::ofInteger(t);
    }

    Row& row() {
        if (!row_) {
            statement_.emplace(db_, db_.prepared("SELECT " ENGRAM_ROW_COLUMNS " FROM versions WHERE rid = ?"));
            statement_->bind(1, facts_.rid);
            if (!statement_->step()) throw SqliteError(SQLITE_CORRUPT, "a row of the index is not in the file");
            row_.emplace(*statement_);
        }
        return *row_;
    }

    const RowFacts& facts_;
    const Facts& all_;
    Connection& db_;
    std::string text_;
    std::optional<Statement> statement_;
    std::optional<Row> row_;
};

}  // namespace

ScopedRows::ScopedRows(const engram_scope& scope, Tenant& tenant, Connection& db, uint64_t at)
    : scope_(scope), facts_(tenant.facts), db_(db), at_(at), newest_(at == tenant.lsn()) {
    for (size_t i = 0; i < scope.n_workspaces; ++i)
        workspaces_.push_back(facts_.workspace_names.known(view(scope.workspaces[i])));
    if (newest_) {
        wanted_groups_.reserve(facts_.groups().size());
        wanted_groups_.push_back(0);
        for (size_t i = 1; i < facts_.groups().size(); ++i)
            wanted_groups_.push_back(wants(facts_.groups()[i].workspace, facts_.groups()[i].kind) ? 1 : 0);
    }
    verdicts_.resize(scope.filter.n_nodes);
    for (size_t i = 0; i < scope.filter.n_nodes; ++i) {
        const engram_filter_node& node = scope.filter.nodes[i];
        if (node.op > ENGRAM_NOT && !isInMemory(node.field)) verdicts_[i] = tenant.verdicts.of(node, facts_.rows().size());
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
        default: return passesCondition(index, place);
    }
}

bool ScopedRows::passesCondition(size_t index, uint32_t place) {
    using Verdict = ConditionVerdicts::Verdict;
    ConditionVerdicts* known = verdicts_[index].get();
    const Verdict before = known ? known->of(place) : Verdict::Unknown;
    if (before != Verdict::Unknown) return before == Verdict::Yes;
    Fields fields(facts_.rows()[place], facts_, db_);
    const bool passes = filter::Evaluator<Fields>(scope_.filter, fields).node(index);
    if (known) known->note(place, passes ? Verdict::Yes : Verdict::No);
    return passes;
}

}  // namespace engram::storage_sqlite
