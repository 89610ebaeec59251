// Reads on a view: one LSN, one reading connection, and for searches one snapshot of the folded index with the segments
// that go with it. One thread at a time.
#pragma once

#include "best_matches.hpp"
#include "posting_cache.hpp"
#include "tenant.hpp"

#include <engram/cpp/edit_distance.hpp>
#include <engram/storage.h>

#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace engram::storage_sqlite {

class Reader {
public:
    Reader(std::shared_ptr<Tenant> tenant, std::unique_ptr<Connection> connection, uint64_t at)
        : tenant_(std::move(tenant)), db_(std::move(connection)), at_(at) {}
    Reader(const Reader&) = delete;
    ~Reader();

    Tenant* tenant() const { return tenant_.get(); }

    // Each returns the first status of a sink that is not OK, else OK. They throw SqliteError.
    engram_status get(const engram_ref* refs, size_t n, uint32_t want, const engram_rows& rows);
    engram_status history(const engram_uuid& id, uint32_t want, const engram_rows& rows);
    engram_status edges(const engram_uuid& id, bool incoming, const engram_edges& sink);
    // INVALID_ARGUMENT for a cursor that is not one of this query.
    engram_status list(const engram_list_query& query, const engram_rows& rows, std::string& next_cursor);
    engram_term_stats terms(const engram_scope& scope, const engram_str* terms, size_t n, uint64_t* df);
    engram_status expand(const engram_scope& scope, std::string_view prefix, uint32_t limit, void* ctx,
                         engram_status (*term)(void*, engram_str, uint64_t));
    // INVALID_ARGUMENT for a distance, a limit or a term that is not one.
    engram_status similarTerms(const engram_scope& scope, std::string_view term, uint32_t most, uint32_t limit,
                               const engram_similar_terms& sink);
    engram_status match(const engram_scope& scope, const engram_str* terms, size_t n, const engram_postings& sink);
    // INVALID_ARGUMENT for a ranking that is not one.
    engram_status matchBest(const engram_scope& scope, const engram_str* terms, size_t n, const engram_ranking& ranking,
                            const engram_postings& sink);
    engram_status companions(const engram_scope& scope, const uint64_t* rids, size_t n, uint64_t most, const engram_groups& sink);
    // NOT_FOUND for an unknown space.
    engram_status nearest(const engram_scope& scope, uint32_t space, const float* vector, uint32_t k,
                          engram_neighbour* out, size_t* n_out);
    // NOT_FOUND for an unknown space.
    engram_status unfilled(uint32_t space, uint32_t kind, uint64_t after, uint32_t limit, uint32_t want, const engram_rows& rows);

private:
    engram_status getFacts(const engram_ref* refs, size_t n, const engram_rows& rows);
    void beginRows();
    void beginSearch();
    void fixSearch();
    // Reads what of the terms' postings is not at hand yet. Call without locks.
    void load(const engram_str* terms, size_t n);
    void load(const std::string& term);
    // Terms of the file's index and of the tail at these distances, in buckets by distance, some of them perhaps not in use.
    std::vector<std::set<std::string>> nearby(const EditDistance& distance, uint32_t most);
    BestMatches& scored(const engram_scope& abi, const ScopedRows& scope, const engram_str* terms, size_t n,
                        const engram_ranking& ranking, const std::vector<const TermPostings*>& lists);
    // Of loaded terms, in their order. Call under the shared index lock.
    std::vector<const TermPostings*> loaded(const engram_str* terms, size_t n) const;

    std::shared_ptr<Tenant> tenant_;
    std::unique_ptr<Connection> db_;
    const uint64_t at_;
    bool searching_ = false;
    Segments segments_;
    uint64_t folded_ = 0, purges_ = 0;  // of the tenant when the search was fixed
    std::unordered_map<std::string, TermPostings> postings_;  // as this view sees them
    struct ScoredFor {
        uint32_t kind;
        std::vector<std::string> workspaces, terms;
        std::vector<double> numbers;  // of the ranking
        bool operator==(const ScoredFor&) const = default;
    };
    std::unique_ptr<BestMatches> scores_;  // of the last ranking
    ScoredFor scored_for_{};
};

}  // namespace engram::storage_sqlite
