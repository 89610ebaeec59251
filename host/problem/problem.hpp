// Error codes and the RFC 9457 problem document that carries them to a client. Pure functions; any thread.
#pragma once

#include <engram/cpp/result.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace engram::problem {

struct Kind {
    std::string_view code;
    int status; // HTTP
    std::string_view title;
    std::string_view hint; // used when an Error has none
};

// All codes of sdk/schema/errors.json.
std::span<const Kind> kinds();

// The kind of a code; that of "internal" for an unknown one.
const Kind& kindOf(std::string_view code);

// Members beside the standard ones, for 402 and 429: limit, used, reset (seconds).
struct Usage {
    uint64_t limit = 0, used = 0, reset = 0;
};

inline constexpr std::string_view kContentType = "application/problem+json";

// {"type","title","status","detail","code","hint","request_id"[,"pointer"][,"limit","used","reset"]}
std::string document(const Error& error, std::string_view request_id, const Usage* usage = nullptr);

}  // namespace engram::problem
