#include "engine/duplicates.hpp"

#include "engine/analysis.hpp"
#include "engine/digest.hpp"
#include "engine/filter.hpp"
#include "engine/prepared.hpp"
#include "json/json.hpp"

#include <engram/cpp/text.hpp>

#include <utf8proc.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <set>

namespace engram::engine {
namespace {

constexpr size_t kSameCandidates = 8;  // memories with one digest: any number may have been allowed to be the same
constexpr size_t kMoreWords = 8;         // that those which are alike must share, beside what they may lack
constexpr size_t kMostWords = 64;        // by which they are looked for
constexpr size_t kAlikeCandidates = 256;
constexpr size_t kAlikeChunk = 16;
constexpr size_t kAlikeBytes = 8u << 20;  // of content that is compared with one memory

bool isSpace(utf8proc_int32_t c) {
    const auto category = utf8proc_category(c);
    return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP ||
           (c >= 0x09 && c <= 0x0D) || c == 0x85;
}

std::string normalised(std::string_view text) {
    utf8proc_uint8_t* mapped = nullptr;
    const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                     static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                                     static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(mapped, &std::free);
    if (length < 0) return std::string(text);
    return {reinterpret_cast<const char*>(mapped), static_cast<size_t>(length)};
}

// Rids of what matches one of the terms, each with how many it has.
struct Matches {
    std::vector<std::pair<uint64_t, uint32_t>> found;
    size_t n_terms;
    static engram_status push(void* ctx, const engram_posting* postings, size_t n) {
        auto& self = *static_cast<Matches*>(ctx);
        for (size_t i = 0; i < n; ++i) {
            uint32_t shared = 0;
            for (size_t t = 0; t < self.n_terms; ++t) shared += postings[i].tf[t] > 0 ? 1 : 0;
            self.found.emplace_back(postings[i].rid, shared);
        }
        return ENGRAM_OK;
    }
};

Result<Matches> match(const StorageBinding& storage, const View& view, ArenaCall& call, const std::string& workspace,
                      const std::vector<std::string>& terms, int64_t now) {
    Filter filter;
    filter.require(notExpired(now));
    const LoweredFilter lowered(filter);
    const engram_str name = borrow(workspace);
    const engram_scope scope{sizeof(engram_scope), ENGRAM_KIND_MEMORY, &name, 1, lowered.abi()};
    std::vector<engram_str> words;
    for (const std::string& term : terms) words.push_back(borrow(term));
    Matches matches{{}, words.size()};
    const engram_postings sink{sizeof(engram_postings), 0, &matches, &Matches::push};
    const engram_status status =
        storage.table->match(storage.self, call, view.handle(), &scope, words.data(), words.size(), &sink);
    if (status != ENGRAM_OK) return storageError(status, call);
    return matches;
}

Result<std::vector<Memory>> byRids(const StorageBinding& storage, const View& view, ArenaCall& call,
                                   const std::vector<std::pair<uint64_t, uint32_t>>& rids) {
    std::vector<engram_ref> refs(rids.size());
    for (size_t i = 0; i < rids.size(); ++i) {
        refs[i].by = ENGRAM_BY_RID;
        refs[i].rid = rids[i].first;
    }
    MemoryRows rows;
    const engram_rows sink = rows.sink();
    const engram_status status = storage.table->get(storage.self, call, view.handle(), refs.data(), refs.size(),
                                                    ENGRAM_WANT_TEXT | ENGRAM_WANT_METADATA, &sink);
    if (status != ENGRAM_OK) return storageError(status, call);
    return std::move(rows.memories);
}

bool older(const Memory& a, const Memory& b) {
    if (a.created_at != b.created_at) return a.created_at < b.created_at;
    return a.id.text() < b.id.text();
}

std::set<std::string> wordsOf(const Memory& memory) {
    std::set<std::string> words;
    for (Term& term : analyse(memory.content).terms) words.insert(std::move(term.text));
    return words;
}

double overlap(const std::set<std::string>& a, const std::set<std::string>& b) {
    size_t both = 0;
    for (const std::string& word : a) both += b.count(word);
    const size_t either = a.size() + b.size() - both;
    return either == 0 ? 0 : static_cast<double>(both) / static_cast<double>(either);
}

// The words of the text that the fewest memories have, rarest first.
Result<std::vector<std::string>> rareWords(const StorageBinding& storage, const View& view, ArenaCall& call,
                                           const std::string& workspace, const std::set<std::string>& words, size_t count) {
    const engram_str name = borrow(workspace);
    const engram_scope scope{sizeof(engram_scope), ENGRAM_KIND_MEMORY, &name, 1, {}};
    std::vector<engram_str> asked;
    for (const std::string& word : words) asked.push_back(borrow(word));
    std::vector<uint64_t> df(asked.size());
    engram_term_stats stats{};
    stats.size = sizeof stats;
    const engram_status status =
        storage.table->terms(storage.self, call, view.handle(), &scope, asked.data(), asked.size(), df.data(), &stats);
    if (status != ENGRAM_OK) return storageError(status, call);
    std::vector<std::pair<uint64_t, std::string>> order;
    for (size_t i = 0; i < asked.size(); ++i) order.emplace_back(df[i], std::string(engram::view(asked[i])));
    std::sort(order.begin(), order.end());
    if (order.size() > count) order.resize(count);
    std::vector<std::string> out;
    for (auto& [frequency, word] : order) out.push_back(std::move(word));
    return out;
}

}  // namespace

std::string canonicalText(std::string_view content) {
    const std::string text = normalised(content);
    std::string out;
    out.reserve(text.size());
    bool gap = false;
    for (size_t at = 0; at < text.size();) {
        utf8proc_int32_t c = 0;
        auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                                       static_cast<utf8proc_ssize_t>(text.size() - at), &c);
        const bool space = length > 0 && isSpace(c);
        if (length <= 0) length = 1;
        if (space) {
            gap = true;
        } else {
            if (gap && !out.empty()) out += ' ';
            gap = false;
            out.append(text, at, static_cast<size_t>(length));
        }
        at += static_cast<size_t>(length);
    }
    return out;
}

std::string sameTextTerm(std::string_view canonical) { return "\x01t" + hexDigest(canonical, 8); }
std::string sameTextName(std::string_view canonical) { return "text:" + hexDigest(canonical, 16); }

Result<Same> findSame(const StorageBinding& storage, const View& view, ArenaCall& call, const std::string& workspace,
                      std::string_view canonical, int64_t now) {
    auto matches = match(storage, view, call, workspace, {sameTextTerm(canonical)}, now);
    if (!matches) return matches.error();
    if (matches->found.size() > kSameCandidates) matches->found.resize(kSameCandidates);
    auto candidates = byRids(storage, view, call, matches->found);
    if (!candidates) return candidates.error();

    const std::string name = sameTextName(canonical);
    engram_ref ref{};
    ref.by = ENGRAM_BY_NAME;
    ref.kind = ENGRAM_KIND_MEMORY;
    ref.workspace = borrow(workspace);
    ref.name = borrow(name);
    MemoryRows holder;
    const engram_rows sink = holder.sink();
    const engram_status status = storage.table->get(storage.self, call, view.handle(), &ref, 1,
                                                    ENGRAM_WANT_TEXT | ENGRAM_WANT_METADATA, &sink);
    if (status != ENGRAM_OK) return storageError(status, call);

    Same same;
    for (Memory& memory : holder.memories) {
        if (expired(memory, now)) same.expired_holder = std::move(memory);
        else candidates->push_back(std::move(memory));
    }
    for (Memory& memory : *candidates)
        if (canonicalText(memory.content) == canonical && (!same.memory || older(memory, *same.memory)))
            same.memory = std::move(memory);
    return same;
}

Memory merged(Memory there, const MemoryFields& given) {
    for (const std::string& tag : given.tags)
        if (std::find(there.tags.begin(), there.tags.end(), tag) == there.tags.end()) there.tags.push_back(tag);
    there.importance = std::max(there.importance, given.importance);
    auto old_members = json::parse(there.metadata), new_members = json::parse(given.metadata);
    if (!new_members || !new_members->IsObject() || new_members->ObjectEmpty()) return there;
    if (!old_members || !old_members->IsObject()) {
        there.metadata = given.metadata;
        return there;
    }
    auto& allocator = old_members->GetAllocator();
    for (const auto& member : new_members->GetObject()) {
        json::Value value(member.value, allocator);
        auto known = old_members->FindMember(member.name);
        if (known != old_members->MemberEnd()) known->value = value;
        else old_members->AddMember(json::Value(member.name, allocator), value, allocator);
    }
    there.metadata = json::write(*old_members);
    return there;
}

Result<std::vector<Alike>> findAlike(const StorageBinding& storage, const View& view, ArenaCall& call, const Memory& of,
                                     double threshold, size_t limit, int64_t now) {
    std::vector<Alike> out;
    const std::set<std::string> words = wordsOf(of);
    if (words.empty()) return out;
    // Who shares that much of all words lacks at most so many of these, whichever of them are asked for.
    const auto lacking = static_cast<size_t>((1 - threshold) * static_cast<double>(words.size()) + 1e-9);
    const size_t asked = std::min({words.size(), kMostWords, lacking + 1 + kMoreWords});
    const size_t shared = asked > lacking ? asked - lacking : 1;
    auto rare = rareWords(storage, view, call, of.workspace, words, asked);
    if (!rare) return rare.error();
    auto matches = match(storage, view, call, of.workspace, *rare, now);
    if (!matches) return matches.error();
    std::erase_if(matches->found, [&](const auto& found) { return found.second < shared; });
    std::sort(matches->found.begin(), matches->found.end(),
              [](const auto& a, const auto& b) { return a.second != b.second ? a.second > b.second : a.first < b.first; });
    if (matches->found.size() > kAlikeCandidates) matches->found.resize(kAlikeCandidates);
    const std::string canonical = canonicalText(of.content);
    size_t bytes = 0;
    for (size_t at = 0; at < matches->found.size() && bytes < kAlikeBytes; at += kAlikeChunk) {
        const size_t end = std::min(at + kAlikeChunk, matches->found.size());
        auto candidates = byRids(storage, view, call, {matches->found.begin() + static_cast<std::ptrdiff_t>(at),
                                                       matches->found.begin() + static_cast<std::ptrdiff_t>(end)});
        if (!candidates) return candidates.error();
        for (Memory& memory : *candidates) {
            bytes += memory.content.size();
            if (memory.id == of.id) continue;
            const double score = overlap(words, wordsOf(memory));
            if (score < threshold) continue;
            const auto kind = canonicalText(memory.content) == canonical ? Alike::Kind::Same : Alike::Kind::Near;
            out.push_back({std::move(memory), score, kind});
        }
    }
    std::sort(out.begin(), out.end(), [](const Alike& a, const Alike& b) {
        if (a.score != b.score) return a.score > b.score;
        return a.memory.id.text() < b.memory.id.text();
    });
    if (out.size() > limit) out.resize(limit);
    return out;
}

}  // namespace engram::engine
