#include "engine/diff.hpp"

#include "engine/unicode.hpp"

#include <algorithm>
#include <cstddef>

namespace engram::engine {
namespace {

constexpr int kMaxEdits = 500;  // words removed and added; the trace has the square of it

using Words = std::vector<std::string_view>;

// Runs of letters, and every other character by itself: together they are the text.
Words split(std::string_view text) {
    Words words;
    size_t start = 0;
    bool in_word = false;
    for (size_t at = 0; at < text.size();) {
        const size_t before = at;
        const auto kind = unicode::classify(unicode::next(text, at));
        const bool letter = kind == unicode::Class::Letter || kind == unicode::Class::Mark;
        if (in_word && !letter) words.push_back(text.substr(start, before - start));
        if (letter && !in_word) start = before;
        if (!letter) words.push_back(text.substr(before, at - before));
        in_word = letter;
    }
    if (in_word) words.push_back(text.substr(start));
    return words;
}

uint64_t characters(std::string_view text) {
    uint64_t count = 0;
    for (size_t at = 0; at < text.size(); ++count) unicode::next(text, at);
    return count;
}

enum class Step : char { Keep, Remove, Add };

// The steps that make `b` of `a`, or none if they are more than kMaxEdits.
std::vector<Step> script(const Words& a, const Words& b) {
    const int n = static_cast<int>(a.size()), m = static_cast<int>(b.size());
    const int most = std::min(n + m, kMaxEdits);
    std::vector<int> furthest(2 * static_cast<size_t>(most) + 3, 0);
    const auto on = [&](std::vector<int>& v, int k) -> int& { return v[static_cast<size_t>(k + most + 1)]; };
    std::vector<std::vector<int>> trace;
    for (int d = 0; d <= most; ++d) {
        trace.push_back(furthest);
        for (int k = -d; k <= d; k += 2) {
            const bool down = k == -d || (k != d && on(furthest, k - 1) < on(furthest, k + 1));
            int x = down ? on(furthest, k + 1) : on(furthest, k - 1) + 1;
            while (x < n && x - k < m && a[static_cast<size_t>(x)] == b[static_cast<size_t>(x - k)]) ++x;
            on(furthest, k) = x;
            if (x < n || x - k < m) continue;
            std::vector<Step> steps;
            int end = n, end_k = k;
            for (int back = d; back > 0; --back) {
                std::vector<int>& v = trace[static_cast<size_t>(back)];
                const bool added = end_k == -back || (end_k != back && on(v, end_k - 1) < on(v, end_k + 1));
                const int previous_k = added ? end_k + 1 : end_k - 1;
                const int previous = on(v, previous_k);
                const int start = added ? previous : previous + 1;
                steps.insert(steps.end(), static_cast<size_t>(end - start), Step::Keep);
                steps.push_back(added ? Step::Add : Step::Remove);
                end = previous;
                end_k = previous_k;
            }
            steps.insert(steps.end(), static_cast<size_t>(end), Step::Keep);
            std::reverse(steps.begin(), steps.end());
            return steps;
        }
    }
    return {};
}

}  // namespace

std::vector<Hunk> diffWords(std::string_view old_text, std::string_view new_text) {
    if (old_text == new_text) return {};
    Words a = split(old_text), b = split(new_text);
    size_t head = 0, tail = 0;
    while (head < std::min(a.size(), b.size()) && a[head] == b[head]) ++head;
    while (tail < std::min(a.size(), b.size()) - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
    Hunk place;
    for (size_t i = 0; i < head; ++i) place.at_old += characters(a[i]);
    place.at_new = place.at_old;
    const auto middle = [&](const Words& words) {
        return Words(words.begin() + static_cast<std::ptrdiff_t>(head), words.end() - static_cast<std::ptrdiff_t>(tail));
    };
    a = middle(a);
    b = middle(b);
    std::vector<Step> steps = script(a, b);
    if (steps.empty()) {
        steps.assign(a.size(), Step::Remove);
        steps.insert(steps.end(), b.size(), Step::Add);
    }

    std::vector<Hunk> hunks;
    bool open = false;
    size_t i = 0, j = 0;
    for (const Step step : steps) {
        if (step != Step::Keep && !open) hunks.push_back({place.at_old, place.at_new, {}, {}});
        open = step != Step::Keep;
        if (step != Step::Add) {
            place.at_old += characters(a[i]);
            if (step == Step::Remove) hunks.back().removed += a[i];
            ++i;
        }
        if (step != Step::Remove) {
            place.at_new += characters(b[j]);
            if (step == Step::Add) hunks.back().added += b[j];
            ++j;
        }
    }
    return hunks;
}

}  // namespace engram::engine
