#include "lexical_index.hpp"

#include <algorithm>

namespace engram::storage_sqlite {
namespace {

constexpr size_t kSegmentRows = 1000;

std::shared_ptr<Segment> merge(const Segment& a, const Segment& b) {
    auto merged = std::make_shared<Segment>(a);
    merged->last = b.last;
    merged->rows += b.rows;
    for (const auto& [term, postings] : b.postings) {
        auto& all = merged->postings[term];
        all.insert(all.end(), postings.begin(), postings.end());
    }
    return merged;
}

}  // namespace

uint32_t Names::number(std::string_view name) {
    auto [it, fresh] = numbers_.emplace(std::string(name), static_cast<uint32_t>(texts_.size()));
    if (fresh) texts_.emplace_back(name);
    return it->second;
}

uint32_t Names::known(std::string_view name) const {
    auto it = numbers_.find(std::string(name));
    return it == numbers_.end() ? UINT32_MAX : it->second;
}

uint32_t Facts::groupNumber(const RowFacts& row) {
    if (row.deleted || row.lsn_to != ENGRAM_LSN_MAX) return 0;
    const auto fresh = static_cast<uint32_t>(groups_.size());
    const auto [it, added] = group_numbers_.emplace(uint64_t(row.workspace) << 16 | row.kind, fresh);
    if (added) groups_.push_back({row.workspace, row.kind, {}});
    return it->second;
}

Totals Facts::totals(uint32_t workspace, uint32_t kind) const {
    auto it = group_numbers_.find(uint64_t(workspace) << 16 | kind);
    return it == group_numbers_.end() ? Totals{} : groups_[it->second].totals;
}

void Facts::add(const RowFacts& row, std::string_view type, std::string_view tags) {
    const uint32_t group = groupNumber(row);
    type_of_.push_back(types_.take(type));
    tags_of_.push_back(tags_.take(tags));
    rows_.push_back(row);
    rids_.push_back(row.rid);
    group_of_.push_back(group);
    lengths_.push_back(row.length);
    if (group == 0) return;
    ++groups_[group].totals.documents;
    groups_[group].totals.length += row.length;
}

// With some room, so that the next write does not copy everything.
void Facts::reserve(size_t rows) {
    rows += rows / 8 + 64;
    rows_.reserve(rows);
    rids_.reserve(rows);
    for (auto* numbers : {&group_of_, &lengths_, &type_of_, &tags_of_}) numbers->reserve(rows);
}

// The row is no longer live.
void Facts::leave(uint32_t place) {
    if (const uint32_t group = group_of_[place]; group != 0) {
        --groups_[group].totals.documents;
        groups_[group].totals.length -= lengths_[place];
    }
    group_of_[place] = 0;
}

uint32_t Facts::placesUpTo(uint64_t rid) const {
    return static_cast<uint32_t>(std::upper_bound(rids_.begin(), rids_.end(), rid) - rids_.begin());
}

uint32_t Facts::placeOf(uint64_t rid) const {
    if (rids_.empty() || rid < rids_.front() || rid > rids_.back()) return kNowhere;
    // Row numbers have gaps only where an edge or a purge took an LSN: a row stands at the guess or a little before it.
    size_t last = std::min(static_cast<size_t>(rid - rids_.front()), rids_.size() - 1), first = last;
    for (size_t step = 1; rids_[first] > rid; step *= 2) {
        last = first;
        first -= std::min(first, step);
    }
    const auto at = static_cast<size_t>(std::lower_bound(rids_.begin() + static_cast<std::ptrdiff_t>(first),
                                                         rids_.begin() + static_cast<std::ptrdiff_t>(last), rid) - rids_.begin());
    return at < rids_.size() && rows_[at].rid == rid ? static_cast<uint32_t>(at) : kNowhere;
}

void Facts::place(const std::vector<Posting>& postings, std::vector<PlacedPosting>& out) const {
    out.reserve(out.size() + postings.size());
    auto from = rids_.begin();
    for (const Posting& posting : postings) {
        if (from == rids_.end()) return;
        // As far ahead as the numbers are apart, unless there are gaps between.
        const uint64_t ahead = posting.rid > *from ? posting.rid - *from : 0;
        auto at = ahead < static_cast<uint64_t>(rids_.end() - from) ? from + static_cast<std::ptrdiff_t>(ahead) : rids_.end();
        if (at == rids_.end() || *at != posting.rid) at = std::lower_bound(from, at, posting.rid);
        if (at != rids_.end() && *at == posting.rid)
            out.push_back({static_cast<uint32_t>(at - rids_.begin()), posting.tf});
        from = at;
    }
}

const RowFacts* Facts::find(uint64_t rid) const {
    const uint32_t at = placeOf(rid);
    return at == kNowhere ? nullptr : &rows_[at];
}

void Facts::close(uint64_t rid, uint64_t lsn_to) {
    const uint32_t at = placeOf(rid);
    if (at == kNowhere) return;
    leave(at);
    rows_[at].lsn_to = lsn_to;
}

void Facts::remove(uint64_t rid) {
    const uint32_t at = placeOf(rid);
    if (at == kNowhere) return;
    leave(at);
    rows_[at].rid = 0;
    types_.giveBack(type_of_[at]);
    tags_.giveBack(tags_of_[at]);
}

size_t Facts::bytes() const {
    size_t sum = rows_.capacity() * sizeof(RowFacts) + rids_.capacity() * sizeof(uint64_t) + types_.bytes() + tags_.bytes();
    for (const auto* numbers : {&group_of_, &lengths_, &type_of_, &tags_of_}) sum += numbers->capacity() * sizeof(uint32_t);
    return sum;
}

void Tail::add(uint64_t rid, std::string terms) { pending_.push_back({rid, std::move(terms)}); }

void Tail::seal() {
    while (!pending_.empty()) {
        auto segment = std::make_shared<Segment>();
        segment->first = pending_.front().rid;
        std::vector<TermCount> terms;
        while (!pending_.empty() && segment->rows < kSegmentRows) {
            const Pending& row = pending_.front();
            terms.clear();
            decodeTerms(row.terms, terms);
            for (const TermCount& t : terms) segment->postings[std::string(t.term)].push_back({row.rid, t.tf});
            segment->last = row.rid;
            ++segment->rows;
            pending_.pop_front();
        }
        sealed_rows_ += segment->rows;
        // Segments double in size as they age, so that a search after every write does not find a thousand of them.
        std::shared_ptr<const Segment> newest = segment;
        while (!segments_.empty() && segments_.back()->rows <= 2 * newest->rows &&
               segments_.back()->rows + newest->rows <= kSegmentRows) {
            newest = merge(*segments_.back(), *newest);
            segments_.pop_back();
        }
        segments_.push_back(newest);
    }
}

void Tail::dropFirst() {
    sealed_rows_ -= segments_.front()->rows;
    segments_.erase(segments_.begin());
}

void Tail::remove(uint64_t rid) {
    std::erase_if(pending_, [&](const Pending& row) { return row.rid == rid; });
    for (auto& segment : segments_) {
        if (rid < segment->first || rid > segment->last) continue;
        auto without = std::make_shared<Segment>(*segment);
        for (auto it = without->postings.begin(); it != without->postings.end();) {
            std::erase_if(it->second, [&](const Posting& p) { return p.rid == rid; });
            it = it->second.empty() ? without->postings.erase(it) : std::next(it);
        }
        segment = without;
    }
}

}  // namespace engram::storage_sqlite
