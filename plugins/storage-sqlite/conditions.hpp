// One condition of a filter, decided for rows as seldom as can be: of a field whose values many rows share once a value, of
// a time by two comparisons, of what only the file has once a row. It is remembered for rows. What passes is what
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
        if (by_ == By::NoTime) return all_but_;
        if (by_ == By::Time) {
            const engram_time time = times_ ? (*times_)[place] : facts_.rows()[place].*time_;
            return (first_ <= time && time <= last_) != all_but_;
        }
        const Verdict known = of_rows_ ? of_rows_->of(place) : Verdict::Unknown;
        return known == Verdict::Unknown ? decide(place) : known == Verdict::Yes;
    }

    // For any row, at the cost of a few instructions: neither the file nor a text is looked at more than once a value.
    bool isCheap() const;

private:
    using Verdict = ConditionVerdicts::Verdict;
    enum class By {
        NoTime,    // no row has the time
        Time,      // an interval
        Memory,    // the row's facts
        Metadata,  // the value at a path, in a column or in the file
        File,      // the row in the file
    };

    const engram_filter_node& node() const { return filter_.nodes[index_]; }
    bool becomesInterval(engram_time RowFacts::*time);
    bool decide(uint32_t place);
    bool passesByValue(uint32_t place, uint32_t number);
    bool valuePasses(uint32_t number) const;  // of a column
    bool passesInMemory(uint32_t place) const;
    bool passesInFile(uint64_t rid);
    template <class Fields>
    bool evaluate(Fields& fields) const;

    const engram_filter& filter_;
    const size_t index_;
    const Facts& facts_;
    Connection& db_;
    By by_ = By::Memory;
    engram_time RowFacts::*time_ = nullptr;
    const std::vector<engram_time>* times_ = nullptr;  // the same by place, if there is such a column
    engram_time first_ = 0, last_ = 0;  // an absent time is in no interval
    bool all_but_ = false;              // what is not in the interval passes
    const MetadataColumn* column_ = nullptr;
    const std::vector<uint32_t>* numbers_ = nullptr;  // by place, of values that rows share
    std::vector<Verdict> of_values_;                  // by number
    std::shared_ptr<ConditionVerdicts> of_rows_;      // what earlier searches found; a byte is nearer than a number
};

}  // namespace engram::storage_sqlite
