#include "lexical_index.hpp"

#include <algorithm>

namespace engram::storage_sqlite {
namespace {

constexpr size_t kSegmentRows = 1000;

void append(Segment& to, const Segment& from) {
    to.last = from.last;
    to.rows += from.rows;
    for (const auto& [term, postings] : from.postings) {
        auto& all = to.postings[term];
        all.insert(all.end(), postings.begin(), postings.end());
    }
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
    const auto place = static_cast<uint32_t>(rows_.size() - 1);
    occurred_at_.push_back(row.occurred_at);
    any_expires_ = any_expires_ || row.expires_at != ENGRAM_TIME_NONE;
    if (runs_.empty() || row.rid != runs_.back().rid + (place - runs_.back().place)) runs_.push_back({row.rid, place});
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
    for (auto* numbers : {&group_of_, &lengths_, &type_of_, &tags_of_}) numbers->reserve(rows);
    occurred_at_.reserve(rows);
}

// The row is no longer live.
void Facts::leave(uint32_t place) {
    if (const uint32_t group = group_of_[place]; group != 0) {
        --groups_[group].totals.documents;
        groups_[group].totals.length -= lengths_[place];
        ++departures_;
    }
    group_of_[place] = 0;
}

uint32_t Facts::endOf(Runs::const_iterator run) const {
    return std::next(run) == runs_.end() ? static_cast<uint32_t>(rows_.size()) : std::next(run)->place;
}

// The last that begins at or before a row number, from one on that does; end(): none.
Facts::Runs::const_iterator Facts::runOf(uint64_t rid, Runs::const_iterator from) const {
    if (from != runs_.end() && (std::next(from) == runs_.end() || rid < std::next(from)->rid) && from->rid <= rid) return from;
    const auto after = std::upper_bound(from, runs_.end(), rid, [](uint64_t r, const Run& run) { return r < run.rid; });
    return after == runs_.begin() ? runs_.end() : std::prev(after);
}

uint32_t Facts::placesUpTo(uint64_t rid) const {
    const auto run = runOf(rid, runs_.begin());
    if (run == runs_.end()) return 0;
    return static_cast<uint32_t>(std::min<uint64_t>(rid - run->rid, endOf(run) - run->place - 1)) + run->place + 1;
}

uint32_t Facts::placeOf(uint64_t rid) const {
    const auto run = runOf(rid, runs_.begin());
    if (run == runs_.end() || rid - run->rid >= endOf(run) - run->place) return kNowhere;
    const auto place = static_cast<uint32_t>(run->place + (rid - run->rid));
    return rows_[place].rid == rid ? place : kNowhere;
}

void Facts::place(const std::vector<Posting>& postings, std::vector<PlacedPosting>& out) const {
    out.reserve(out.size() + postings.size());
    auto run = runs_.begin();
    for (const Posting& posting : postings) {
        const auto found = runOf(posting.rid, run);
        if (found == runs_.end()) continue;
        run = found;
        const uint64_t ahead = posting.rid - run->rid;
        if (ahead < endOf(run) - run->place) out.push_back({static_cast<uint32_t>(run->place + ahead), posting.tf});
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
    size_t sum = rows_.capacity() * sizeof(RowFacts) + runs_.capacity() * sizeof(Run) + types_.bytes() + tags_.bytes();
    sum += occurred_at_.capacity() * sizeof(engram_time);
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
            auto both = std::make_shared<Segment>(*segments_.back());
            append(*both, *newest);
            newest = std::move(both);
            segments_.pop_back();
        }
        segments_.push_back(newest);
    }
}

std::pair<std::shared_ptr<const Segment>, size_t> Tail::oldest(size_t rows) const {
    size_t n = 0, sum = 0;
    for (const auto& segment : segments_) {
        if (n > 0 && sum + segment->rows > rows) break;
        sum += segment->rows;
        ++n;
    }
    if (n <= 1) return {n == 0 ? nullptr : segments_.front(), n};
    auto all = std::make_shared<Segment>(*segments_.front());
    for (size_t i = 1; i < n; ++i) append(*all, *segments_[i]);
    return {std::move(all), n};
}

void Tail::dropFirst(size_t n) {
    for (size_t i = 0; i < n; ++i) sealed_rows_ -= segments_[i]->rows;
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(n));
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
