#include "posting_cache.hpp"

#include <algorithm>

namespace engram::storage_sqlite {
namespace {

constexpr size_t kEntryBytes = 256;  // of an entry beside its key and postings, about

std::string keyOf(uint64_t tenant, const std::string& term) {
    return std::string(reinterpret_cast<const char*>(&tenant), sizeof tenant) + term;
}

}  // namespace

uint64_t PostingCache::newTenant() {
    std::lock_guard lock(mutex_);
    return next_tenant_++;
}

PostingCache::ListPointer PostingCache::find(uint64_t tenant, const std::string& term) {
    std::lock_guard lock(mutex_);
    auto place = places_.find(keyOf(tenant, term));
    if (place == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, place->second);
    return place->second->list;
}

void PostingCache::keep(uint64_t tenant, const std::string& term, ListPointer list) {
    std::string key = keyOf(tenant, term);
    const size_t bytes = kEntryBytes + 2 * key.size() + list->postings.capacity() * sizeof(PlacedPosting);
    std::lock_guard lock(mutex_);
    if (auto place = places_.find(key); place != places_.end()) drop(place->second);
    if (bytes > most_bytes_) return;
    while (bytes_ + bytes > most_bytes_) drop(std::prev(entries_.end()));
    entries_.push_front({tenant, key, std::move(list), bytes});
    places_.emplace(std::move(key), entries_.begin());
    bytes_ += bytes;
}

void PostingCache::forget(uint64_t tenant) {
    std::lock_guard lock(mutex_);
    for (auto it = entries_.begin(); it != entries_.end();) {
        const auto entry = it++;
        if (entry->tenant == tenant) drop(entry);
    }
}

size_t PostingCache::bytes() const {
    std::lock_guard lock(mutex_);
    return bytes_;
}

void PostingCache::drop(Entries::iterator entry) {
    bytes_ -= entry->bytes;
    places_.erase(entry->key);
    entries_.erase(entry);
}

size_t TermPostings::seek(size_t from, uint32_t place) const {
    auto before = [](const PlacedPosting& posting, uint32_t wanted) { return posting.place < wanted; };
    if (from < folded_count) {
        const auto begin = folded->postings.begin(), end = begin + static_cast<std::ptrdiff_t>(folded_count);
        const auto at = std::lower_bound(begin + static_cast<std::ptrdiff_t>(from), end, place, before);
        if (at != end) return static_cast<size_t>(at - begin);
        from = folded_count;
    }
    const auto begin = tail.begin() + static_cast<std::ptrdiff_t>(from - folded_count);
    return folded_count + static_cast<size_t>(std::lower_bound(begin, tail.end(), place, before) - tail.begin());
}

}  // namespace engram::storage_sqlite
