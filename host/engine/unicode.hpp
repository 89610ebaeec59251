// The little of Unicode that analysis needs: decoding, classes of characters, folding of case and Latin accents.
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace engram::engine::unicode {

enum class Class { Other, Letter, Mark, Ideograph };  // Letter: digits too; Ideograph: written without spaces

// The character at `at`, which moves behind it. U+FFFD, one byte on, for bytes that are not UTF-8.
char32_t next(std::string_view text, size_t& at);
Class classify(char32_t c);
void append(std::string& out, char32_t c);
// Lower-cased, Latin accents removed ("É" -> "e", "ß" -> "ss").
void appendFolded(std::string& out, char32_t c);

}  // namespace engram::engine::unicode
