// The reads of a view: list with its order and cursor, terms, similar terms, companions, nearest. Need the database's mutex.
#pragma once

#include <engram/storage.h>

#include <string>
#include <string_view>
#include <vector>

#include "database.hpp"

namespace engram::storage_memory {

struct Listed {
    std::vector<const Version*> rows;
    std::string next;  // cursor, empty = no more
    bool bad_cursor = false;
};

Listed list(const Database& database, const engram_list_query& query, uint64_t at);

// Documents and total length of the scope without its filter; a frequency for each term.
engram_term_stats termStats(const Database& database, const engram_scope& scope, uint64_t at,
                            const std::vector<std::string>& terms, uint64_t* df);

struct SimilarTerm {
    std::string text;
    uint32_t distance;
    uint64_t df;
};

std::vector<SimilarTerm> similarTerms(const Database& database, const engram_scope& scope, uint64_t at,
                                      std::string_view term, uint32_t most, uint32_t limit);

// See companions() of storage.h.
struct Group {
    size_t index;  // of the first of the rids that is in it
    std::vector<engram_member> members;
};
std::vector<Group> companions(const Database& database, const engram_scope& scope, uint64_t at, const uint64_t* rids, size_t n,
                              uint64_t most);

std::vector<engram_neighbour> nearest(const Database& database, const engram_scope& scope, uint64_t at,
                                      uint32_t space, const float* vector, uint32_t k);

}  // namespace engram::storage_memory
