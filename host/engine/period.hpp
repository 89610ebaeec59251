// Stretches of time that a question names: "on 3 June, 2023", "in July", "2023-05-23". Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace engram::engine {

struct Period {
    int64_t from, until;  // milliseconds, half open, UTC
    bool contains(int64_t time) const { return from <= time && time < until; }
};

// Months by their English names or the first three letters of them, with a day, a year or both, and dates of ISO 8601
// (2023-05, 2023-05-23). A name alone counts only after a word such as "in" ("may" and "march" are words as well); without
// a year it is that month of this year and of each of the nine before. At most sixteen periods, in the order of the text.
std::vector<Period> periodsIn(std::string_view text, int64_t now);

}  // namespace engram::engine
