#include "engine/period.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>

namespace engram::engine {
namespace {

using std::chrono::sys_days;

constexpr size_t kMost = 16;
constexpr int kYearsBack = 9;

constexpr std::array<std::string_view, 12> kMonths = {"january", "february", "march",     "april",   "may",      "june",
                                                      "july",    "august",   "september", "october", "november", "december"};
constexpr std::array<std::string_view, 15> kLeading = {"in",    "of",   "during", "since", "until", "till",   "by",  "last",
                                                       "this", "next", "before", "after", "early", "late", "around"};

struct Word {
    std::string text;  // lower-case letters, or digits
    size_t from, end;  // in the text
    bool isNumber() const { return text[0] >= '0' && text[0] <= '9'; }
    // Its value if it is a number of so many digits at most.
    std::optional<int> number(size_t digits) const {
        if (!isNumber() || text.size() > digits) return std::nullopt;
        return std::stoi(text);
    }
};

std::vector<Word> wordsOf(std::string_view text) {
    auto kind = [](char c) { return c >= '0' && c <= '9' ? 1 : (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? 2 : 0; };
    std::vector<Word> words;
    for (size_t at = 0; at < text.size();) {
        size_t end = at + 1;
        while (end < text.size() && kind(text[end]) == kind(text[at])) ++end;
        if (kind(text[at]) != 0) {
            Word word{std::string(text.substr(at, end - at)), at, end};
            for (char& c : word.text)
                if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
            words.push_back(std::move(word));
        }
        at = end;
    }
    return words;
}

std::optional<int> monthOf(const std::string& word) {
    for (size_t i = 0; i < kMonths.size(); ++i)
        if (word == kMonths[i] || word == kMonths[i].substr(0, 3)) return static_cast<int>(i) + 1;
    if (word == "sept") return 9;
    return std::nullopt;
}

bool isYear(const std::optional<int>& number) { return number && *number >= 1900 && *number <= 2199; }
bool isDay(const std::optional<int>& number) { return number && *number >= 1 && *number <= 31; }

int64_t millisecondsOf(sys_days day) { return std::chrono::milliseconds(day.time_since_epoch()).count(); }

// A day of a month, or the month if there is none.
std::optional<Period> periodOf(int year, int month, std::optional<int> day) {
    const auto y = std::chrono::year(year);
    const auto m = std::chrono::month(static_cast<unsigned>(month));
    const std::chrono::year_month_day first = y / m / std::chrono::day(static_cast<unsigned>(day.value_or(1)));
    if (!first.ok()) return std::nullopt;
    const sys_days from = first;
    const sys_days until = day ? from + std::chrono::days(1) : sys_days((y / m + std::chrono::months(1)) / 1);
    return Period{millisecondsOf(from), millisecondsOf(until)};
}

class Finder {
public:
    Finder(std::string_view text, int64_t now) : text_(text), words_(wordsOf(text)) {
        const auto day = std::chrono::floor<std::chrono::days>(
            std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(now)));
        this_year_ = static_cast<int>(std::chrono::year_month_day(day).year());
    }

    std::vector<Period> run() {
        for (size_t i = 0; i < words_.size() && found_.size() < kMost; ++i) {
            if (const auto month = monthOf(words_[i].text)) named(i, *month);
            else if (words_[i].text.size() == 4 && isYear(words_[i].number(4))) iso(i);
        }
        if (found_.size() > kMost) found_.resize(kMost);
        return std::move(found_);
    }

private:
    std::optional<int> numberAt(size_t i, size_t digits) const {
        return i < words_.size() ? words_[i].number(digits) : std::nullopt;
    }

    void add(const std::optional<Period>& period) {
        if (period) found_.push_back(*period);
    }

    // "3 June, 2023", "June 3rd, 2023", "3rd of June", "June 2023".
    void named(size_t at, int month) {
        size_t before = at;
        if (before > 0 && words_[before - 1].text == "of") --before;
        if (before > 0 && isOrdinal(words_[before - 1].text)) --before;
        std::optional<int> day = before > 0 ? numberAt(before - 1, 2) : std::nullopt;
        size_t next = at + 1;
        if (isDay(numberAt(next, 2))) {
            day = numberAt(next++, 2);
            if (next < words_.size() && isOrdinal(words_[next].text)) ++next;
        }
        if (!isDay(day)) day.reset();
        const std::optional<int> year = numberAt(next, 4);
        if (isYear(year)) return add(periodOf(*year, month, day));
        const bool led = at > 0 && std::find(kLeading.begin(), kLeading.end(), words_[at - 1].text) != kLeading.end();
        if (!day && !led) return;
        for (int back = 0; back <= kYearsBack; ++back) add(periodOf(this_year_ - back, month, day));
    }

    // "2023-05" and "2023-05-23".
    void iso(size_t at) {
        if (!hyphenated(at)) return;
        const std::optional<int> month = numberAt(at + 1, 2);
        if (!month || *month < 1 || *month > 12) return;
        std::optional<int> day;
        if (hyphenated(at + 1)) day = numberAt(at + 2, 2);
        if (day && !isDay(day)) return;
        add(periodOf(*words_[at].number(4), *month, day));
    }

    bool hyphenated(size_t at) const {
        return at + 1 < words_.size() && words_[at].end + 1 == words_[at + 1].from && text_[words_[at].end] == '-';
    }

    static bool isOrdinal(const std::string& word) { return word == "st" || word == "nd" || word == "rd" || word == "th"; }

    std::string_view text_;
    std::vector<Word> words_;
    int this_year_ = 1970;
    std::vector<Period> found_;
};

}  // namespace

std::vector<Period> periodsIn(std::string_view text, int64_t now) { return Finder(text, now).run(); }

}  // namespace engram::engine
