// Reads on a view: one LSN, one reading connection, and for searches one snapshot of the folded index with the segments
// that go with it. One thread at a time.
#pragma once

#include "tenant.hpp"

#include <engram/storage.h>

#include <memory>
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
    engram_status match(const engram_scope& scope, const engram_str* terms, size_t n, const engram_postings& sink);
    // NOT_FOUND for an unknown space.
    engram_status nearest(const engram_scope& scope, uint32_t space, const float* vector, uint32_t k,
                          engram_neighbour* out, size_t* n_out);

private:
    struct Scope;
    void beginRows();
    void beginSearch();
    void fixSearch();
    const std::vector<Posting>& postingsOf(const std::string& term);
    bool passes(const Scope& scope, const RowFacts& row);
    uint64_t countIn(const Scope& scope, const std::vector<Posting>& postings) const;

    std::shared_ptr<Tenant> tenant_;
    std::unique_ptr<Connection> db_;
    const uint64_t at_;
    bool searching_ = false;
    Segments segments_;
    std::unordered_map<std::string, std::vector<Posting>> postings_;  // decoded for this view
};

}  // namespace engram::storage_sqlite
