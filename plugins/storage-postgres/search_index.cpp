#include "search_index.hpp"

#include "codec.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace engram::storage_postgres {
namespace {

constexpr int32_t kChunk = 10000;  // rows of one answer

// The compiler makes a version for AVX2 and picks at load time.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
__attribute__((target_clones("avx2", "default"), optimize("O3")))
#endif
int32_t dot(const int8_t* a, const int8_t* b, uint32_t n) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < n; ++i) sum += static_cast<int16_t>(a[i]) * static_cast<int16_t>(b[i]);
    return sum;
}

const int8_t* codesOf(std::string_view bytes) { return reinterpret_cast<const int8_t*>(bytes.data()); }

Parameters range(uint64_t after, uint64_t upto) {
    Parameters out;
    out.add(after).add(upto);
    return out;
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

uint32_t TagSets::number(std::string_view encoded) {
    const auto [it, fresh] = numbers_.emplace(std::string(encoded), static_cast<uint32_t>(sets_.size()));
    if (!fresh) return it->second;
    std::vector<std::string> tags;
    const bool sound = decodeTexts(encoded, tags);
    bytes_ += 3 * encoded.size() + 128 + tags.size() * sizeof(std::string);
    sets_.push_back(sound ? std::optional(std::move(tags)) : std::nullopt);
    return it->second;
}

const std::vector<std::string>& TagSets::tags(uint32_t number) const {
    if (!sets_[number]) throw PostgresError("XX001", "damaged tags");
    return *sets_[number];
}

void VectorSet::put(uint32_t slot, std::string_view codes) {
    if (codes.size() != dimensions_) return;
    const auto [place, fresh] = places_.emplace(slot, slots_.size());
    if (fresh) {
        slots_.push_back(slot);
        norms_.push_back(0);
        codes_.append(codes);
    }
    norms_[place->second] = std::sqrt(static_cast<float>(dot(codesOf(codes), codesOf(codes), dimensions_)));
    codes_.replace(place->second * dimensions_, dimensions_, codes);
}

void VectorSet::scan(const float* query, const std::function<void(uint32_t, float)>& scored) const {
    const std::string wanted = quantise(query, dimensions_).codes;
    const float norm = std::sqrt(static_cast<float>(dot(codesOf(wanted), codesOf(wanted), dimensions_)));
    if (norm == 0) return;
    for (size_t i = 0; i < slots_.size(); ++i) {
        if (norms_[i] == 0) continue;
        const int32_t product = dot(codesOf(wanted), codesOf(codes_) + i * dimensions_, dimensions_);
        scored(slots_[i], static_cast<float>(product) / (norm * norms_[i]));
    }
}

std::optional<float> VectorSet::similarity(uint32_t slot, const float* query, float inverse) const {
    const auto place = places_.find(slot);
    if (place == places_.end() || norms_[place->second] == 0) return std::nullopt;
    const int8_t* codes = codesOf(codes_) + place->second * dimensions_;
    float product = 0;
    for (uint32_t d = 0; d < dimensions_; ++d) product += query[d] * static_cast<float>(codes[d]);
    return product * inverse * (1.0f / norms_[place->second]);
}

const VectorSet* SearchIndex::vectors(uint32_t space) const {
    auto it = vectors_.find(space);
    return it == vectors_.end() ? nullptr : &it->second;
}

const std::vector<Posting>* SearchIndex::groupOf(uint32_t slot) const {
    return slot < group_of_.size() ? group_of_[slot] : nullptr;
}

uint64_t SearchIndex::lag(uint64_t lsn) const {
    const uint64_t words = words_upto_.load();
    return words == 0 || words >= lsn ? 0 : lsn - words;
}

std::optional<uint32_t> SearchIndex::slotOf(uint64_t rid) const {
    const auto it = std::lower_bound(rids_.begin(), rids_.end(), rid);
    if (it == rids_.end() || *it != rid) return std::nullopt;
    const auto slot = static_cast<uint32_t>(it - rids_.begin());
    return rows_[slot].rid == rid ? std::optional(slot) : std::nullopt;
}

const RowFacts* SearchIndex::find(uint64_t rid) const {
    const auto slot = slotOf(rid);
    return slot ? &rows_[*slot] : nullptr;
}

void SearchIndex::reset() {
    rows_.clear();
    rids_.clear();
    postings_.clear();
    group_of_.clear();
    vectors_.clear();
    totals_.clear();
    workspaces = {};
    types = {};
    tag_sets = {};
    n_postings_ = purged_ = 0;
    facts_upto_ = words_upto_ = purges_upto_ = 0;
}

void SearchIndex::forget(const Result& purges) {
    for (int i = 0; i < purges.rows(); ++i) {
        const auto lsn = static_cast<uint64_t>(purges.integer(i, 0));
        const engram_uuid id = binary::toUuid(purges.bytes(i, 1));
        for (RowFacts& row : rows_)
            if (row.rid != 0 && row.rid < lsn && std::memcmp(&row.id, &id, sizeof id) == 0) {
                count(row, -1);
                row.rid = 0;
                ++purged_;
            }
    }
}

std::optional<Totals> SearchIndex::totals(uint64_t at, uint32_t workspace, uint32_t kind) const {
    if (at != facts_upto_) return std::nullopt;
    auto it = totals_.find(uint64_t(workspace) << 16 | kind);
    return it == totals_.end() ? Totals{} : it->second;
}

void SearchIndex::count(const RowFacts& row, int sign) {
    if (row.deleted || row.lsn_to != ENGRAM_LSN_MAX) return;
    Totals& totals = totals_[uint64_t(row.workspace) << 16 | row.kind];
    totals.documents += static_cast<uint64_t>(sign);
    totals.length += static_cast<uint64_t>(sign) * row.length;
}

void SearchIndex::close(RowFacts& row, uint64_t lsn_to) {
    count(row, -1);
    row.lsn_to = lsn_to;
}

// Of a version that is closed above `upto` the closing version is yet to come.
void SearchIndex::addFacts(const Result& r, uint64_t upto) {
    for (int i = 0; i < r.rows(); ++i) {
        RowFacts row;
        row.rid = static_cast<uint64_t>(r.integer(i, 0));
        const int64_t lsn_to = r.integer(i, 1);
        row.lsn_to = static_cast<uint64_t>(lsn_to) > upto ? ENGRAM_LSN_MAX : static_cast<uint64_t>(lsn_to);
        row.id = binary::toUuid(r.bytes(i, 3));
        row.kind = static_cast<uint16_t>(r.small(i, 4));
        row.workspace = workspaces.number(r.bytes(i, 5));
        row.type = types.number(r.bytes(i, 6));
        row.importance = binary::toReal(r.bytes(i, 7));
        row.occurred_at = r.time(i, 8);
        row.created_at = r.time(i, 9);
        row.updated_at = r.time(i, 10);
        row.expires_at = r.time(i, 11);
        row.valid_from = r.time(i, 12);
        row.valid_until = r.time(i, 13);
        row.length = static_cast<uint32_t>(r.small(i, 14));
        row.deleted = r.small(i, 15) != 0 ? 1 : 0;
        row.pinned = r.small(i, 16) != 0 ? 1 : 0;
        row.tags = tag_sets.number(r.bytes(i, 17));
        if (!r.isNull(i, 2))
            if (const auto closed = slotOf(static_cast<uint64_t>(r.integer(i, 2)))) close(rows_[*closed], row.rid);
        count(row, +1);
        rows_.push_back(row);
        rids_.push_back(row.rid);
    }
}

// The caller has `loading_`.
void SearchIndex::follow(Session& session, const engram_uuid& tenant, std::string_view incarnation, uint64_t upto) {
    if (incarnation != incarnation_ || (purged_ > 1024 && purged_ > rows_.size() / 4)) {
        std::unique_lock lock(mutex_);
        reset();
        incarnation_ = incarnation;
    }
    while (facts_upto_ < upto) {
        const bool purges_first = purges_upto_ < upto;
        const auto answers = read(session, tenant, {{kFacts, range(facts_upto_, upto).add(kChunk)},
                                                    {kPurgesSince, range(purges_upto_, purges_first ? upto : 0)}});
        std::unique_lock lock(mutex_);
        forget(answers[1]);
        addFacts(answers[0], upto);
        purges_upto_ = upto;
        facts_upto_ = answers[0].rows() < kChunk ? upto : rids_.back();
    }
}

void SearchIndex::followWords(Session& session, const engram_uuid& tenant, uint64_t upto) {
    std::vector<TermCount> terms;
    while (words_upto_ < upto) {
        const auto answers = read(session, tenant, {{kTerms, range(words_upto_, upto).add(kChunk)}});
        const Result& rows = answers[0];
        std::unique_lock lock(mutex_);
        for (int i = 0; i < rows.rows(); ++i) {
            const auto slot = slotOf(static_cast<uint64_t>(rows.integer(i, 0)));
            if (!slot) continue;
            terms.clear();
            if (!decodeTerms(rows.bytes(i, 1), terms)) throw PostgresError("XX001", "damaged terms");
            for (const TermCount& term : terms) {
                auto it = postings_.find(term.term);
                if (it == postings_.end()) it = postings_.emplace(std::string(term.term), std::vector<Posting>()).first;
                it->second.push_back({*slot, term.tf});
                if (!term.term.starts_with(ENGRAM_GROUP_MARK)) continue;
                if (group_of_.size() <= *slot) group_of_.resize(*slot + 1);
                group_of_[*slot] = &it->second;
            }
            n_postings_ += terms.size();
        }
        words_upto_ = rows.rows() < kChunk ? upto : static_cast<uint64_t>(rows.integer(rows.rows() - 1, 0));
    }
}

void SearchIndex::followVectors(Session& session, const engram_uuid& tenant, uint64_t upto, const Needs& needs) {
    VectorSet* set = nullptr;
    {
        std::unique_lock lock(mutex_);
        const auto [it, fresh] = vectors_.emplace(needs.space, VectorSet(needs.dimensions));
        set = &it->second;
        if (fresh) set->fills = needs.fills;  // what is read from now on has those
    }
    while (set->upto < upto) {
        Parameters parameters;
        parameters.add(static_cast<int32_t>(needs.space)).add(set->upto).add(upto).add(kChunk);
        const auto answers = read(session, tenant, {{kVectors, parameters}});
        const Result& rows = answers[0];
        std::unique_lock lock(mutex_);
        for (int i = 0; i < rows.rows(); ++i)
            if (const auto slot = slotOf(static_cast<uint64_t>(rows.integer(i, 0)))) set->put(*slot, rows.bytes(i, 1));
        set->upto = rows.rows() < kChunk ? upto : static_cast<uint64_t>(rows.integer(rows.rows() - 1, 0));
    }
    if (set->fills >= needs.fills) return;
    const auto answers = read(session, tenant, {{kFilled, Parameters().add(static_cast<int32_t>(needs.space)).add(set->fills)}});
    std::unique_lock lock(mutex_);
    for (int i = 0; i < answers[0].rows(); ++i)
        if (const auto slot = slotOf(static_cast<uint64_t>(answers[0].integer(i, 0)))) set->put(*slot, answers[0].bytes(i, 1));
    set->fills = needs.fills;
}

bool SearchIndex::has(std::string_view incarnation, uint64_t upto, const Needs& needs) const {
    if (incarnation != incarnation_ || facts_upto_ < upto) return false;
    if (needs.words == Needs::Words::Yes && words_upto_ < upto) return false;
    const VectorSet* set = needs.space ? vectors(needs.space) : nullptr;
    return needs.space == 0 || (set && set->upto >= upto && set->fills >= needs.fills);
}

std::shared_lock<std::shared_mutex> SearchIndex::ensure(Session& session, const engram_uuid& tenant,
                                                        std::string_view incarnation, uint64_t upto,
                                                        const Needs& needs) {
    while (true) {
        if (std::shared_lock lock(mutex_); has(incarnation, upto, needs)) return lock;
        std::lock_guard loading(loading_);
        follow(session, tenant, incarnation, upto);
        if (needs.words == Needs::Words::Yes) followWords(session, tenant, facts_upto_);
        if (needs.space != 0) followVectors(session, tenant, facts_upto_, needs);
        weigh();
    }
}

void SearchIndex::weigh() {
    std::shared_lock lock(mutex_);
    size_t bytes = rows_.size() * (sizeof(RowFacts) + sizeof(uint64_t)) + n_postings_ * sizeof(Posting);
    bytes += postings_.size() * 128 + group_of_.size() * sizeof(void*) + tag_sets.bytes();
    for (const auto& [space, set] : vectors_) bytes += set.bytes();
    bytes_ = bytes;
}

}  // namespace engram::storage_postgres
