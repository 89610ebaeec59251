// Reads on a view. A view is an LSN and holds nothing in PostgreSQL: each read is a transaction of its own that asks for
// the versions of that LSN, which no later write changes (a purge takes them from every view). One thread at a time.
#pragma once

#include "list_page.hpp"
#include "tenants.hpp"

#include <engram/storage.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engram::storage_postgres {

struct View {
    std::shared_ptr<Tenant> tenant;
    uint64_t at = 0;      // what it shows
    uint64_t newest = 0;  // the newest LSN when it began
    std::string incarnation;
    uint64_t fills = 0;
};

class Reader {
public:
    // Sets *pushed once something was handed out: then the read must not be tried again.
    Reader(const View& view, Session& session, bool* pushed) : view_(view), session_(session), pushed_(pushed) {}

    // Each returns the first status of a sink that is not OK, else OK. They throw PostgresError.
    engram_status get(const engram_ref* refs, size_t n, uint32_t want, const engram_rows& rows);
    engram_status history(const engram_uuid& id, uint32_t want, const engram_rows& rows);
    engram_status edges(const engram_uuid& id, uint32_t incoming, const engram_edges& sink);
    // INVALID_ARGUMENT for a cursor that is not one of this query.
    engram_status list(const engram_list_query& query, const engram_rows& rows, std::string& next_cursor);
    engram_term_stats terms(const engram_scope& scope, const engram_str* terms, size_t n, uint64_t* df);
    engram_status expand(const engram_scope& scope, std::string_view prefix, uint32_t limit, void* ctx,
                         engram_status (*term)(void*, engram_str, uint64_t));
    // INVALID_ARGUMENT for a distance, a limit or a term that is not one.
    engram_status similarTerms(const engram_scope& scope, std::string_view term, uint32_t most, uint32_t limit,
                               const engram_similar_terms& sink);
    engram_status companions(const engram_scope& scope, const uint64_t* rids, size_t n, uint64_t most, const engram_groups& sink);
    engram_status match(const engram_scope& scope, const engram_str* terms, size_t n, const engram_postings& sink);
    // INVALID_ARGUMENT for a ranking that is not one.
    engram_status matchBest(const engram_scope& scope, const engram_str* terms, size_t n, const engram_ranking& ranking,
                            const engram_postings& sink);
    // NOT_FOUND for an unknown space, INVALID_ARGUMENT for a vector with a number that is not finite.
    engram_status nearest(const engram_scope& scope, uint32_t space, const float* vector, uint32_t k,
                          engram_neighbour* out, size_t* n_out);

    // NOT_FOUND for an unknown space.
    engram_status unfilled(uint32_t space, uint32_t kind, uint64_t after, uint32_t limit, uint32_t want,
                           const engram_rows& rows);

private:
    engram_status getFacts(const engram_ref* refs, size_t n, const engram_rows& rows);
    uint32_t dimensionsOf(uint32_t space);  // 0: no such space
    // The rows of a view's row numbers that pass a filter that needs the row.
    std::vector<bool> passing(const engram_filter& filter, const std::vector<uint64_t>& rids);
    std::vector<engram_neighbour> passingBest(const engram_filter& filter, std::vector<engram_neighbour> found, size_t most);
    void rescore(const SearchIndex::Needs& needs, const float* query, std::vector<engram_neighbour>& found);
    // The first rows of a list after a place, as firstRows() has them.
    std::vector<ListedRow> firstOf(const engram_list_query& query, const std::optional<listing::Place>& after, size_t most);
    // Those of the candidates that pass a filter that needs the row, in their order, until the page has as many as wanted.
    void addPassing(const engram_filter& filter, const std::vector<ListedRow>& candidates, size_t wanted,
                    std::vector<ListedRow>& page);
    engram_status pushPage(const std::vector<uint64_t>& rids, uint32_t want, const engram_rows& rows);
    std::shared_lock<std::shared_mutex> ensure(SearchIndex& index, const SearchIndex::Needs& needs);

    const View& view_;
    Session& session_;
    bool* pushed_;
};

}  // namespace engram::storage_postgres
