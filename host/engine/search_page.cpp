// Cursors of a search. A page is of the view, the time and the vectors of the first one: pages never overlap or leave a gap,
// whatever is written meanwhile.
#include "engine/cursor.hpp"
#include "engine/search.hpp"

#include <charconv>

namespace engram::engine {
namespace {

// "lsn now first space", decimal.
std::optional<SearchPage> placeIn(std::string_view text) {
    SearchPage page;
    const char* at = text.data();
    const char* const end = at + text.size();
    const auto number = [&](auto& out) {
        if (at != end && *at == ' ') ++at;
        const auto [next, error] = std::from_chars(at, end, out);
        at = next;
        return error == std::errc();
    };
    if (!number(page.lsn) || !number(page.now) || !number(page.first) || !number(page.space) || at != end) return std::nullopt;
    return page;
}

}  // namespace

std::string SearchPage::after(size_t n) const {
    if (n == 0 || first + n >= all) return {};
    return sealCursor(mark, std::to_string(lsn) + ' ' + std::to_string(now) + ' ' + std::to_string(first + n) + ' ' +
                                std::to_string(space));
}

std::string searchMark(const std::string& tenant, const SearchQuery& query) {
    Fingerprint mark(tenant);
    mark.add(query.text);
    for (const std::string& workspace : query.workspaces) mark.add(workspace);
    for (const int64_t choice : {int64_t(query.mode), int64_t(query.context), int64_t(query.dates), int64_t(query.fuzzy)})
        mark.add(choice);
    for (const auto& number : {query.as_of_time, query.valid_at, query.weights.half_life}) mark.add(number.value_or(-1));
    mark.add(static_cast<int64_t>(query.as_of_lsn.value_or(UINT64_MAX)));
    const SearchWeights& w = query.weights;
    for (const auto& weight : {w.vector, w.session, w.dates, w.importance, w.recency})
        mark.add(weight ? std::to_string(*weight) : std::string());
    mark.add(query.filter);
    return mark.bytes();
}

Result<std::optional<SearchPage>> readSearchCursor(const std::string& cursor, const std::string& mark) {
    if (cursor.empty()) return std::optional<SearchPage>();
    auto place = openCursor(cursor, mark);
    if (!place) return place.error();
    auto page = placeIn(*place);
    if (!page) return Error{"invalid_cursor", "the cursor is damaged", "", "/cursor"};
    return page;
}

}  // namespace engram::engine
