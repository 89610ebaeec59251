#include "engine/weight.hpp"

#include <algorithm>
#include <cmath>

namespace engram::engine {

Weight weightOf(const engram_record& record, const WeightOptions& options, int64_t now) {
    Weight weight;
    weight.importance = 1 + options.importance * (2 * record.importance - 1);
    const int64_t since = record.occurred_at == ENGRAM_TIME_NONE ? record.created_at : record.occurred_at;
    const double age = record.pinned ? 0 : std::max(0.0, static_cast<double>(now) - static_cast<double>(since));
    weight.recency = 1 + options.recency * std::exp2(-age / static_cast<double>(options.half_life));
    return weight;
}

}  // namespace engram::engine
