// The read of Reader that looks for words like another.
#include "reader.hpp"

#include "scoped_rows.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>
#include <mutex>

namespace engram::storage_sqlite {

std::vector<std::set<std::string>> Reader::nearby(const EditDistance& distance, uint32_t most) {
    std::vector<std::set<std::string>> found(most + 1);  // [0] stays empty
    auto look = [&](const std::string& text) {
        if (const uint32_t away = distance.to(text); away >= 1 && away <= most) found[away].insert(text);
    };
    if (!tenant_->vocabulary.each(folded_, distance, look)) {
        std::vector<std::string> words;
        Statement s = db_->statement("SELECT DISTINCT term FROM postings WHERE term >= x'20' ORDER BY term");
        while (s.step()) words.emplace_back(s.blob(0));
        for (const std::string& text : words) look(text);
        // What was purged since must not come back through here.
        std::shared_lock lock(tenant_->index_mutex);
        if (purges_ == tenant_->purges) tenant_->vocabulary.keep(words, folded_);
    }
    for (const auto& segment : segments_)
        for (const auto& [text, postings] : segment->postings) look(text);
    return found;
}

engram_status Reader::similarTerms(const engram_scope& abi, std::string_view term, uint32_t most, uint32_t limit,
                                   const engram_similar_terms& sink) {
    if (!EditDistance::isQuestion(term, most, limit)) return ENGRAM_INVALID_ARGUMENT;
    beginSearch();
    const auto found = nearby(EditDistance(term, most), most);
    for (uint32_t away = 1; away <= most && limit > 0; ++away) {
        for (const std::string& text : found[away])
            if (!postings_.contains(text)) load(text);
        std::vector<std::pair<std::string, uint64_t>> ranked;
        {
            std::shared_lock lock(tenant_->index_mutex);
            const ScopedRows scope(abi, *tenant_, *db_, at_);
            for (const std::string& text : found[away])
                if (const uint64_t df = scope.countIn(postings_.at(text)); df > 0) ranked.emplace_back(text, df);
        }
        std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
        for (size_t i = 0; i < ranked.size() && limit > 0; ++i, --limit)
            if (const engram_status status = sink.term(sink.ctx, borrow(ranked[i].first), away, ranked[i].second);
                status != ENGRAM_OK)
                return status;
    }
    return ENGRAM_OK;
}

}  // namespace engram::storage_sqlite
