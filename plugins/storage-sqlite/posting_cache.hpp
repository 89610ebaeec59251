// The decoded postings of the words that are asked for, of all tenants together, within a bound of bytes: the longest
// unused are forgotten first. Lists are immutable, so a search keeps those it has. Any thread.
#pragma once

#include "lexical_index.hpp"

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace engram::storage_sqlite {

class PostingCache {
public:
    // How many of a list's first postings are of rows in some groups (a bit each, see Facts), by the last who counted.
    class Count {
    public:
        struct Of {
            uint64_t groups = 0, departures = 0;
            size_t postings = 0;
            bool operator==(const Of&) const = default;
        };
        template <class F>
        uint64_t get(const Of& of, F count) {
            {
                std::lock_guard lock(mutex_);
                if (of == of_) return count_;
            }
            const uint64_t counted = count();
            std::lock_guard lock(mutex_);
            of_ = of;
            return count_ = counted;
        }

    private:
        std::mutex mutex_;
        Of of_;
        uint64_t count_ = 0;
    };

    struct List {
        std::vector<PlacedPosting> postings;  // ascending place
        uint64_t folded = 0;                  // all of the file's index up to this row number
        std::unique_ptr<Count> count = std::make_unique<Count>();
    };
    using ListPointer = std::shared_ptr<const List>;

    explicit PostingCache(size_t most_bytes) : most_bytes_(most_bytes) {}

    // A number for a tenant that is opened; never the same twice.
    uint64_t newTenant();
    ListPointer find(uint64_t tenant, const std::string& term);  // nullptr: not here
    void keep(uint64_t tenant, const std::string& term, ListPointer list);
    void forget(uint64_t tenant);
    size_t bytes() const;

private:
    struct Entry {
        uint64_t tenant;
        std::string key;
        ListPointer list;
        size_t bytes;
    };
    using Entries = std::list<Entry>;  // the last used first
    void drop(Entries::iterator entry);

    const size_t most_bytes_;
    mutable std::mutex mutex_;
    Entries entries_;
    std::unordered_map<std::string, Entries::iterator> places_;
    size_t bytes_ = 0;
    uint64_t next_tenant_ = 1;
};

// A term's postings as a view sees them: a beginning of what is folded, and what is not folded yet.
struct TermPostings {
    PostingCache::ListPointer folded;
    size_t folded_count = 0;
    std::vector<PlacedPosting> tail;

    size_t size() const { return folded_count + tail.size(); }
    const PlacedPosting& operator[](size_t i) const {
        return i < folded_count ? folded->postings[i] : tail[i - folded_count];
    }
    template <class F>
    void each(F&& f) const {
        for (size_t i = 0; i < folded_count; ++i) f(folded->postings[i]);
        for (const PlacedPosting& posting : tail) f(posting);
    }
    // The first at or after a place, looked for from `from` on.
    size_t seek(size_t from, uint32_t place) const;
};

}  // namespace engram::storage_sqlite
