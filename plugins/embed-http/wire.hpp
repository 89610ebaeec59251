// The texts and JSON of POST /v1/embeddings, as OpenAI defines it and Ollama, TEI, vLLM and others speak it. Pure functions;
// what a provider answers is hostile until parsed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engram::embed_http {

// The first `limit` bytes of a text, cut between characters.
std::string_view cut(std::string_view text, size_t limit);

// {"model": …, "input": […]}, with "dimensions" unless they are 0. Bytes that are not UTF-8 become U+FFFD.
std::string requestBody(std::string_view model, std::span<const std::string> texts, uint32_t dimensions);

// Takes `n` vectors of `dimensions` numbers out of an answer, in the order of the texts, scaled to length 1 (a vector of zeros
// stays one). `tokens` gets what the provider says it counted, else 0. Returns why the answer is refused, empty if it is good.
std::string readAnswer(std::string_view body, size_t n, uint32_t dimensions, float* out, uint64_t& tokens);

// What a provider says of an error, one short line for the log: {"error": {"message": …}} or {"error": …}, without any `secret`.
std::string errorOf(std::string_view body, std::string_view secret);

// Retry-After (RFC 9110, section 10.2.3) in seconds from `now` (Unix time); nothing if it is neither a number nor a date.
std::optional<uint64_t> retryAfter(const std::string& value, int64_t now);

}  // namespace engram::embed_http
