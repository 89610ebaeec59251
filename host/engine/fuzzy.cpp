#include "engine/fuzzy.hpp"

#include "engine/analysis.hpp"
#include "engine/unicode.hpp"

#include <engram/cpp/edit_distance.hpp>
#include <engram/cpp/text.hpp>

#include <algorithm>
#include <set>

namespace engram::engine {
namespace {

constexpr size_t kShort = 4, kLong = 8;    // letters from which one and two edits are allowed
constexpr size_t kSureStart = 6;           // the first letter of a shorter word is taken as right
constexpr size_t kMost = 3;                // words that stand in for one
constexpr uint32_t kAsked = 20;            // of storage: some of them say nothing
constexpr size_t kHead = 3;                // letters before an ending, at least
constexpr std::string_view kEndings[] = {"able", "ally", "ance", "ant", "ed",   "ence", "ent",  "er",  "ers", "es",  "ful",
                                         "ies",  "ing",  "ings", "ion", "ions", "ity",  "ive",  "ly",  "ment", "ments",
                                         "ness", "ous",  "s"};

size_t letters(std::string_view term) {
    size_t n = 0;
    for (size_t at = 0; at < term.size(); ++n) unicode::next(term, at);
    return n;
}

bool sameStart(std::string_view a, std::string_view b) {
    size_t at_a = 0, at_b = 0;
    return unicode::next(a, at_a) == unicode::next(b, at_b);
}

bool mayStandIn(std::string_view term, std::string_view candidate) {
    return !isStopWord(candidate) && editsAllowed(candidate) > 0 && (letters(term) >= kSureStart || sameStart(term, candidate));
}

// Those of the stems that are in use, at distance 1.
Result<void> addKnown(const StorageBinding& storage, const View& view, ArenaCall& call, const engram_scope& scope,
                      const std::vector<std::string>& stems, std::vector<StandIn>& out) {
    if (stems.empty()) return {};
    std::vector<engram_str> terms;
    for (const std::string& stem : stems) terms.push_back(borrow(stem));
    std::vector<uint64_t> df(terms.size());
    engram_term_stats stats{};
    stats.size = sizeof stats;
    const engram_status status =
        storage.table->terms(storage.self, call, view.handle(), &scope, terms.data(), terms.size(), df.data(), &stats);
    if (status != ENGRAM_OK) return storageError(status, call);
    for (size_t i = 0; i < df.size(); ++i)
        if (df[i] > 0) out.push_back({stems[i], 1, df[i]});
    return {};
}

Result<void> addSimilar(const StorageBinding& storage, const View& view, ArenaCall& call, const engram_scope& scope,
                        const std::string& term, std::vector<StandIn>& out) {
    auto push = [](void* ctx, engram_str text, uint32_t distance, uint64_t df) -> engram_status {
        static_cast<std::vector<StandIn>*>(ctx)->push_back({std::string(engram::view(text)), distance, df});
        return ENGRAM_OK;
    };
    const engram_similar_terms sink = {sizeof sink, 0, &out, push};
    const engram_status status = storage.table->similar_terms(storage.self, call, view.handle(), &scope, borrow(term),
                                                              editsAllowed(term), kAsked, &sink);
    if (status != ENGRAM_OK) return storageError(status, call);
    return {};
}

}  // namespace

uint32_t editsAllowed(std::string_view term) {
    const bool word = std::all_of(term.begin(), term.end(), [](unsigned char c) { return c > '9'; });
    const size_t n = word ? letters(term) : 0;
    return n < kShort || term.size() > EditDistance::kMaxBytes ? 0 : n < kLong ? 1 : 2;
}

std::vector<std::string> stemsOfEndings(std::string_view term) {
    std::set<std::string> stems;
    for (const std::string_view ending : kEndings)
        for (size_t tail = std::max<size_t>(2, ending.size() - 1); tail <= ending.size() + 1; ++tail) {
            if (term.size() < kHead + tail) continue;
            const std::string_view head = term.substr(0, term.size() - tail);
            if (EditDistance(ending, 1).to(term.substr(head.size())) != 1) continue;
            const Analysis meant = analyse(std::string(head) + std::string(ending));
            if (meant.terms.size() == 1 && meant.terms[0].text != term) stems.insert(meant.terms[0].text);
        }
    return {stems.begin(), stems.end()};
}

Result<std::vector<StandIn>> standInsFor(const StorageBinding& storage, const View& view, ArenaCall& call,
                                         const engram_scope& scope, const std::string& term) {
    std::vector<StandIn> found;
    const bool looks = ENGRAM_HAS(engram_storage_v1, storage.table, similar_terms) && storage.table->similar_terms;
    if (!looks || editsAllowed(term) == 0) return found;
    if (auto added = addKnown(storage, view, call, scope, stemsOfEndings(term), found); !added) return added.error();
    if (auto added = addSimilar(storage, view, call, scope, term, found); !added) return added.error();
    std::erase_if(found, [&](const StandIn& one) { return !mayStandIn(term, one.term); });
    std::sort(found.begin(), found.end(), [](const StandIn& a, const StandIn& b) {
        return a.distance != b.distance ? a.distance < b.distance : a.df != b.df ? a.df > b.df : a.term < b.term;
    });
    found.erase(std::unique(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.term == b.term; }),
                found.end());
    while (found.size() > kMost || (!found.empty() && found.back().distance > found.front().distance)) found.pop_back();
    return found;
}

}  // namespace engram::engine
