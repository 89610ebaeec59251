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

void Facts::count(const RowFacts& row, int sign) {
    if (row.deleted || row.lsn_to != ENGRAM_LSN_MAX) return;
    Totals& totals = totals_[uint64_t(row.workspace) << 16 | row.kind];
    totals.documents += static_cast<uint64_t>(sign);
    totals.length += static_cast<uint64_t>(sign) * row.length;
}

Totals Facts::totals(uint32_t workspace, uint32_t kind) const {
    auto it = totals_.find(uint64_t(workspace) << 16 | kind);
    return it == totals_.end() ? Totals{} : it->second;
}

void Facts::add(const RowFacts& row) {
    rows_.push_back(row);
    rids_.push_back(row.rid);
    count(row, +1);
}

size_t Facts::placeOf(uint64_t rid) const {
    if (rids_.empty() || rid < rids_.front() || rid > rids_.back()) return SIZE_MAX;
    // Row numbers have gaps only where an edge or a purge took an LSN: the guess is nearly always right.
    const size_t guess = static_cast<size_t>(rid - rids_.front());
    const size_t at = guess < rids_.size() && rids_[guess] == rid
                          ? guess
                          : static_cast<size_t>(std::lower_bound(rids_.begin(), rids_.end(), rid) - rids_.begin());
    return at < rids_.size() && rows_[at].rid == rid ? at : SIZE_MAX;
}

const RowFacts* Facts::find(uint64_t rid) const {
    const size_t at = placeOf(rid);
    return at == SIZE_MAX ? nullptr : &rows_[at];
}

void Facts::close(uint64_t rid, uint64_t lsn_to) {
    const size_t at = placeOf(rid);
    if (at == SIZE_MAX) return;
    count(rows_[at], -1);
    rows_[at].lsn_to = lsn_to;
}

void Facts::remove(uint64_t rid) {
    const size_t at = placeOf(rid);
    if (at == SIZE_MAX) return;
    count(rows_[at], -1);
    rows_[at].rid = 0;
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
