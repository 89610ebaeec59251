#include "ledger.hpp"

#include <algorithm>
#include <charconv>

namespace engram::quota_plan {
namespace {

constexpr int64_t kDay = 24LL * 3600 * 1000;
constexpr uint64_t kMinuteNs = 60'000'000'000;

uint64_t untilEndOf(int64_t day, int64_t now_ms) { return static_cast<uint64_t>(std::max<int64_t>(1, (day + 1) * kDay - now_ms)); }

uint64_t milliseconds(uint64_t ns) { return (ns + 999'999) / 1'000'000; }

bool readNumber(std::string_view text, auto& out) {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
    return failed == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

// A new day begins at zero. The lock is held.
void Ledger::turn(int64_t now_ms) {
    const int64_t day = now_ms / kDay;
    if (day <= day_) return;
    day_ = day;
    changed_ = true;
    for (auto& [tenant, account] : accounts_) account.calls = 0;
}

Ledger::Account& Ledger::account(const std::string& tenant) {
    auto it = accounts_.find(tenant);
    if (it != accounts_.end()) return it->second;
    // Full: whoever used least loses least.
    if (accounts_.size() >= kMaxTenants)
        accounts_.erase(std::min_element(accounts_.begin(), accounts_.end(),
                                         [](const auto& a, const auto& b) { return a.second.calls < b.second.calls; }));
    return accounts_[tenant];
}

int64_t Ledger::day(int64_t now_ms) {
    std::lock_guard lock(mutex_);
    turn(now_ms);
    return day_;
}

Taken Ledger::call(const std::string& tenant, uint64_t max, int64_t now_ms) {
    std::lock_guard lock(mutex_);
    turn(now_ms);
    Account& account = this->account(tenant);
    const uint64_t left_ms = untilEndOf(day_, now_ms);
    if (account.calls >= max) return {false, 0, left_ms, left_ms};
    ++account.calls;
    changed_ = true;
    return {true, max - account.calls, 0, left_ms};
}

void Ledger::giveBack(const std::string& tenant, int64_t day) {
    std::lock_guard lock(mutex_);
    auto it = accounts_.find(tenant);
    if (day != day_ || it == accounts_.end() || it->second.calls == 0) return;
    --it->second.calls;
    changed_ = true;
}

Taken Ledger::used(const std::string& tenant, int64_t now_ms) {
    std::lock_guard lock(mutex_);
    turn(now_ms);
    auto it = accounts_.find(tenant);
    return {true, it == accounts_.end() ? 0 : it->second.calls, 0, untilEndOf(day_, now_ms)};
}

Taken Ledger::request(const std::string& tenant, const Rate& rate, uint64_t now_ns) {
    const uint64_t token = std::max<uint64_t>(1, kMinuteNs / rate.per_minute);
    const uint64_t window = token * rate.burst;
    std::lock_guard lock(mutex_);
    Account& account = this->account(tenant);
    // A plan with a smaller bucket than the one before owes no more than it holds.
    const uint64_t before = std::min(std::max(now_ns, account.full_at), now_ns + window);
    const uint64_t after = before + token;
    if (after - now_ns > window) return {false, 0, milliseconds(after - now_ns - window), milliseconds(before - now_ns)};
    account.full_at = after;
    return {true, (window - (after - now_ns)) / token, 0, milliseconds(after - now_ns)};
}

std::string Ledger::changes(int64_t now_ms) {
    std::lock_guard lock(mutex_);
    turn(now_ms);
    if (!changed_) return {};
    changed_ = false;
    std::string text = "engram calls 1 " + std::to_string(day_) + "\n";
    for (const auto& [tenant, account] : accounts_)
        if (account.calls > 0) text += tenant + " " + std::to_string(account.calls) + "\n";
    return text;
}

bool Ledger::restore(std::string_view text) {
    constexpr std::string_view kHead = "engram calls 1 ";
    std::lock_guard lock(mutex_);
    size_t end = text.find('\n');
    if (!text.starts_with(kHead) || end == std::string_view::npos) return false;
    if (!readNumber(text.substr(kHead.size(), end - kHead.size()), day_)) return false;
    for (size_t start = end + 1; start < text.size(); start = end + 1) {
        end = text.find('\n', start);
        if (end == std::string_view::npos) return false;
        const std::string_view line = text.substr(start, end - start);
        const size_t space = line.rfind(' ');
        uint64_t calls = 0;
        if (space == std::string_view::npos || !readNumber(line.substr(space + 1), calls)) return false;
        if (accounts_.size() < kMaxTenants) accounts_[std::string(line.substr(0, space))].calls = calls;
    }
    return true;
}

}  // namespace engram::quota_plan
