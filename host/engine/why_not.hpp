// Why a memory is not among the results of a search, for people who expected it there. The view by one thread.
#pragma once

#include "engine/candidates.hpp"
#include "engine/filter.hpp"
#include "engine/storage.hpp"
#include "engine/uuid.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engram::engine {

struct WhyNot {
    enum class Reason {
        Found,         // it is among the results
        NotThere,      // no memory has the id, or had it at the time that was asked about
        Deleted,
        Expired,
        OtherWorkspace,
        Filter,        // `condition` does not hold
        NoCommonTerm,  // none of the query's terms is in it, and its vector is not among the nearest
        NoCandidate,   // better ones of an arm left no place for it
        BelowLimit     // `rank` and `score` say by how much
    };
    Reason reason = Reason::NotThere;
    std::optional<uint64_t> rank{};  // from 1, if it was a candidate
    std::optional<double> score{};
    std::string condition{};  // "importance gte", "metadata:/project eq", "or", "not"

    std::string json() const;
};

// What a search knows when it is over.
struct Searched {
    const StorageBinding& storage;
    const View& view;
    ArenaCall& call;
    const std::vector<std::string>& workspaces;  // none = all
    const Filter& filter;                        // of the request, without what the search adds
    const std::vector<std::string>& terms;       // that were looked for
    const Candidates& candidates;
    size_t limit;
    int64_t now;
};

Result<WhyNot> whyNot(const Searched& search, const Uuid& id);

}  // namespace engram::engine
