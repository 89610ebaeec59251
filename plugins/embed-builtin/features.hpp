// Text to a vector by feature hashing: no model, no download, no state.
//
// A word gives features for itself, for its pieces of three and four letters (so that "climbing" is near "climber") and,
// weaker, for the pair it forms with the next word. A feature's hash picks a place in the vector and a sign (Weinberger
// et al., "Feature Hashing for Large Scale Multitask Learning", 2009). Counts are damped by a square root. The sums are
// whole numbers, so every machine computes the same vector. Thread-safe: pure functions.
#pragma once

#include <cstddef>
#include <string_view>

namespace engram::embed_builtin {

constexpr size_t kDimensions = 256;

// Bytes of a text that are looked at; the rest does not move the vector.
constexpr size_t kMaxBytes = 32 * 1024;

// Writes kDimensions floats of length 1, or zeros when the text has no word. Any bytes are a text: what is not UTF-8
// counts as letters.
void embedText(std::string_view text, float* out);

}  // namespace engram::embed_builtin
