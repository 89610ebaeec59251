#include "reads.hpp"

#include <engram/cpp/edit_distance.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "filter.hpp"

namespace engram::storage_memory {
namespace {

// A record's place in an order: absent values last both ways, ties by id in the direction of the order.
struct Place {
    bool absent;
    double number;
    int64_t time;
    Id id;
};

Place placeOf(const Version& v, uint32_t order) {
    if (order == ENGRAM_ORDER_IMPORTANCE) return {false, v.importance, 0, v.id};
    const engram_time time = order == ENGRAM_ORDER_UPDATED    ? v.updated_at
                             : order == ENGRAM_ORDER_OCCURRED ? v.occurred_at
                                                              : v.created_at;
    return {time == ENGRAM_TIME_NONE, 0, time == ENGRAM_TIME_NONE ? 0 : time, v.id};
}

bool before(const Place& a, const Place& b, bool descending) {
    if (a.absent != b.absent) return b.absent;
    if (a.number != b.number) return descending ? a.number > b.number : a.number < b.number;
    if (a.time != b.time) return descending ? a.time > b.time : a.time < b.time;
    return descending ? a.id > b.id : a.id < b.id;
}

constexpr char kDigits[] = "0123456789abcdef";

void hex(std::string& out, const void* bytes, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        const auto b = static_cast<const unsigned char*>(bytes)[i];
        out += kDigits[b >> 4];
        out += kDigits[b & 15];
    }
}

bool unhex(std::string_view& text, void* bytes, size_t n) {
    if (text.size() < 2 * n) return false;
    for (size_t i = 0; i < n; ++i) {
        const char* high = std::char_traits<char>::find(kDigits, 16, text[2 * i]);
        const char* low = std::char_traits<char>::find(kDigits, 16, text[2 * i + 1]);
        if (!high || !low) return false;
        static_cast<unsigned char*>(bytes)[i] =
            static_cast<unsigned char>((high - kDigits) << 4 | (low - kDigits));
    }
    text.remove_prefix(2 * n);
    return true;
}

// "m1" order descending absent number time id
std::string cursorOf(const Place& place, const engram_list_query& query) {
    std::string out = "m1";
    const unsigned char head[3] = {static_cast<unsigned char>(query.order),
                                   static_cast<unsigned char>(query.descending != 0),
                                   static_cast<unsigned char>(place.absent)};
    hex(out, head, sizeof head);
    hex(out, &place.number, sizeof place.number);
    hex(out, &place.time, sizeof place.time);
    hex(out, place.id.data(), place.id.size());
    return out;
}

std::optional<Place> readCursor(std::string_view text, const engram_list_query& query) {
    Place place{};
    unsigned char head[3];
    if (!text.starts_with("m1")) return std::nullopt;
    text.remove_prefix(2);
    if (!unhex(text, head, sizeof head) || !unhex(text, &place.number, sizeof place.number) ||
        !unhex(text, &place.time, sizeof place.time) || !unhex(text, place.id.data(), place.id.size()) ||
        !text.empty())
        return std::nullopt;
    if (head[0] != query.order || head[1] != (query.descending != 0) || std::isnan(place.number))
        return std::nullopt;
    place.absent = head[2] != 0;
    return place;
}

}  // namespace

Listed list(const Database& database, const engram_list_query& query, uint64_t at) {
    Listed out;
    std::optional<Place> after;
    if (query.cursor.len > 0) {
        after = readCursor({query.cursor.ptr, query.cursor.len}, query);
        out.bad_cursor = !after;
        if (out.bad_cursor) return out;
    }
    const bool descending = query.descending != 0;
    std::vector<const Version*> all = database.visible(query.scope, at);
    std::sort(all.begin(), all.end(), [&](const Version* a, const Version* b) {
        return before(placeOf(*a, query.order), placeOf(*b, query.order), descending);
    });
    for (const Version* version : all) {
        const Place place = placeOf(*version, query.order);
        if (after && !before(*after, place, descending)) continue;
        if (out.rows.size() == query.limit) {
            if (!out.rows.empty()) out.next = cursorOf(placeOf(*out.rows.back(), query.order), query);
            break;
        }
        out.rows.push_back(version);
    }
    return out;
}

engram_term_stats termStats(const Database& database, const engram_scope& scope, uint64_t at,
                            const std::vector<std::string>& terms, uint64_t* df) {
    engram_scope unfiltered = scope;
    unfiltered.filter = {};
    engram_term_stats stats{};
    stats.size = sizeof stats;
    for (size_t i = 0; i < terms.size(); ++i) df[i] = 0;
    for (const Version* version : database.visible(unfiltered, at)) {
        ++stats.documents;
        stats.total_length += version->length;
        for (size_t i = 0; i < terms.size(); ++i) df[i] += version->terms.contains(terms[i]) ? 1 : 0;
    }
    return stats;
}

std::vector<SimilarTerm> similarTerms(const Database& database, const engram_scope& scope, uint64_t at,
                                      std::string_view term, uint32_t most, uint32_t limit) {
    engram_scope unfiltered = scope;
    unfiltered.filter = {};
    std::map<std::string, uint64_t> df;
    for (const Version* version : database.visible(unfiltered, at))
        for (const auto& [text, tf] : version->terms) ++df[text];
    const EditDistance distance(term, most);
    std::vector<SimilarTerm> found;
    for (const auto& [text, n] : df)
        if (const uint32_t away = distance.to(text); away >= 1 && away <= most) found.push_back({text, away, n});
    std::stable_sort(found.begin(), found.end(), [](const SimilarTerm& a, const SimilarTerm& b) {
        return a.distance != b.distance ? a.distance < b.distance : a.df > b.df;
    });
    if (found.size() > limit) found.resize(limit);
    return found;
}

std::vector<Group> companions(const Database& database, const engram_scope& scope, uint64_t at, const uint64_t* rids, size_t n,
                              uint64_t most) {
    const auto markOf = [](const Version& version) {
        const auto mark = version.terms.lower_bound(ENGRAM_GROUP_MARK);
        return mark != version.terms.end() && mark->first.starts_with(ENGRAM_GROUP_MARK) ? mark->first : std::string();
    };
    engram_scope everything{}, unfiltered = scope;
    unfiltered.filter = {};
    std::map<uint64_t, std::string> marks;
    for (const Version* version : database.visible(everything, at)) marks[version->rid] = markOf(*version);
    std::map<std::string, uint64_t> sizes;
    for (const Version* version : database.visible(unfiltered, at)) ++sizes[markOf(*version)];
    const std::vector<const Version*> passing = database.visible(scope, at);
    std::vector<Group> groups;
    std::set<std::string> seen;
    for (size_t i = 0; i < n; ++i) {
        const auto mark = marks.find(rids[i]);
        if (mark == marks.end()) continue;
        Group group{i, {}};
        if (!mark->second.empty()) {
            if (!seen.insert(mark->second).second) continue;
            const uint64_t size = sizes[mark->second];
            if (size > most) break;
            most -= size;
            for (const Version* version : passing)
                if (markOf(*version) == mark->second) group.members.push_back({version->rid, version->length, 0});
        }
        groups.push_back(std::move(group));
    }
    return groups;
}

std::vector<engram_neighbour> nearest(const Database& database, const engram_scope& scope, uint64_t at,
                                      uint32_t space, const float* vector, uint32_t k) {
    std::vector<engram_neighbour> found;
    for (const Version* version : database.visible(scope, at)) {
        auto it = version->vectors.find(space);
        if (it == version->vectors.end()) continue;
        double dot = 0, own = 0, query = 0;
        for (size_t i = 0; i < it->second.size(); ++i) {
            dot += static_cast<double>(it->second[i]) * vector[i];
            own += static_cast<double>(it->second[i]) * it->second[i];
            query += static_cast<double>(vector[i]) * vector[i];
        }
        if (own == 0 || query == 0) continue;
        found.push_back({version->rid, static_cast<float>(dot / std::sqrt(own * query)), 0});
    }
    std::sort(found.begin(), found.end(), [](const engram_neighbour& a, const engram_neighbour& b) {
        return a.similarity != b.similarity ? a.similarity > b.similarity : a.rid < b.rid;
    });
    if (found.size() > k) found.resize(k);
    return found;
}

}  // namespace engram::storage_memory
