// What memory.search is asked, read from its input, and the cut of its answer to a budget of tokens. Any thread.
#pragma once

#include "engine/search.hpp"
#include "json/json.hpp"

#include <cstdint>
#include <vector>

namespace engram::operations {

// Of an input that its schema allows. invalid_filter, invalid_value with a pointer.
Result<engine::SearchQuery> readSearchQuery(const json::Value& input);

// What a text is reckoned to cost a language model: a token for every four bytes of UTF-8, and one for a rest. That is about
// right for English, and too much rather than too little for most other writing.
uint64_t tokensOf(std::string_view text);

// Keeps the first results whose contents together stay within the budget; tells how many were left out.
size_t cutToTokens(std::vector<engine::Hit>& hits, uint64_t most);

}  // namespace engram::operations
