// Text as code points, and the classes of characters that tokenizers ask for (utf8proc's Unicode data). Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace engram::embed_static {

// Bytes that are not UTF-8 become U+FFFD.
std::u32string decodeText(std::string_view text);
std::string encodeText(std::u32string_view text);

bool isSpace(char32_t c);        // White_Space, as Rust's char::is_whitespace
bool isControl(char32_t c);      // categories Cc, Cf, Cn, Co but tab and line ends
bool isPunctuation(char32_t c);  // ASCII punctuation and category P
bool isMark(char32_t c);         // category M
bool isNonspacing(char32_t c);   // category Mn
bool isWordCharacter(char32_t c);
bool isIdeograph(char32_t c);    // the blocks that BERT puts spaces around
char32_t lower(char32_t c);

enum class Form { C, D, KC, KD };
// Unicode Standard Annex 15.
std::u32string normalised(std::u32string_view text, Form form);

}  // namespace engram::embed_static
