#include "mcp/protocol.hpp"

#include <algorithm>
#include <cstdlib>

#include <sys/random.h>

namespace engram::mcp {
namespace {

constexpr std::string_view kLegacy[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};
constexpr std::string_view kModern[] = {"2026-07-28"};
constexpr std::string_view kPrefix = "engram.";
constexpr size_t kRandom = 26;
constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";

}  // namespace

std::span<const std::string_view> legacyRevisions() { return kLegacy; }
std::span<const std::string_view> modernRevisions() { return kModern; }

bool isLegacy(std::string_view revision) { return std::ranges::find(kLegacy, revision) != std::end(kLegacy); }
bool isModern(std::string_view revision) { return std::ranges::find(kModern, revision) != std::end(kModern); }

std::string_view negotiate(std::string_view asked) {
    const auto found = std::ranges::find(kLegacy, asked);
    return found == std::end(kLegacy) ? kLegacy[0] : *found;
}

std::string mintSession(std::string_view revision) {
    unsigned char random[kRandom];
    if (getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) std::abort();
    std::string session(kPrefix);
    session.append(revision).push_back('.');
    for (unsigned char byte : random) session.push_back(kAlphabet[byte & 31]);
    return session;
}

std::optional<std::string_view> revisionOf(std::string_view session) {
    if (!session.starts_with(kPrefix)) return std::nullopt;
    session.remove_prefix(kPrefix.size());
    const size_t dot = session.find('.');
    if (dot == std::string_view::npos || !isLegacy(session.substr(0, dot))) return std::nullopt;
    const std::string_view random = session.substr(dot + 1);
    if (random.size() != kRandom || random.find_first_not_of(kAlphabet) != std::string_view::npos) return std::nullopt;
    return session.substr(0, dot);
}

}  // namespace engram::mcp
