// One condition of a filter, decided for rows as seldom as can be: of a field whose values many rows share once a value, of
// a time by two comparisons, of what only the file has once a row, which is remembered. What passes is what
// filter::Evaluator lets pass. Lives under the tenant's shared index lock, see ScopedRows. One thread.
#pragma once

#include "tenant.hpp"

#include <engram/storage.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace engram::storage_sqlite {

class Condition {
public:
    // Of a well-formed filter, which is borrowed: the node at `index`, which is a condition.
    Condition(const engram_filter& filter, size_t index, Tenant& tenant, Connection& db);

    // Throws SqliteError.
    bool passes(uint32_t place) {
        if (by_ != By::Time) return passesOther(place);
        const engram_time time = facts_.rows()[place].*time_;
        return (first_ <= time && time <= last_) != all_but_;
    }

private:
    using Verdict = ConditionVerdicts::Verdict;
    enum class By {
        Time,      // an interval
        Value,     // the number of a value that rows share
        Memory,    // the row's facts
        Metadata,  // the number of a value in a column, and the row in the file where the column has none
        File,      // the row in the file
    };

    const engram_filter_node& node() const { return filter_.nodes[index_]; }
    bool becomesInterval(engram_time RowFacts::*time);
    bool passesOther(uint32_t place);
    uint32_t numberOf(uint32_t place) const;
    template <class Decide>
    bool passesOnce(uint32_t number, Decide&& decide);
    bool passesInMemory(uint32_t place) const;
    bool passesInColumn(uint32_t place);
    bool passesInFile(uint32_t place);
    bool readInFile(uint64_t rid);
    template <class Fields>
    bool evaluate(Fields& fields) const;

    const engram_filter& filter_;
    const size_t index_;
    Tenant& tenant_;
    const Facts& facts_;
    Connection& db_;
    By by_ = By::File;
    engram_time RowFacts::*time_ = nullptr;
    engram_time first_ = 0, last_ = 0;  // an absent time is in no interval
    bool all_but_ = false;              // what is not in the interval passes
    std::vector<Verdict> of_values_;    // by number
    const MetadataColumn* column_ = nullptr;
    std::shared_ptr<ConditionVerdicts> of_rows_;  // of those that the file was asked about; made when the first one is
    bool asked_file_ = false;
};

}  // namespace engram::storage_sqlite
