// The compact forms kept in bytea columns: a version's terms, its tags, quantised vectors. Pure; decoders answer false
// for bytes that are not theirs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engram::storage_postgres {

struct TermCount {
    std::string_view term;
    uint32_t tf;
};

void encodeTerm(std::string& out, std::string_view term, uint32_t tf);
bool decodeTerms(std::string_view bytes, std::vector<TermCount>& out);

// Tags as a sequence of length-prefixed texts.
void encodeText(std::string& out, std::string_view text);
bool decodeTexts(std::string_view bytes, std::vector<std::string>& out);

// Eight bits a component: component = code * scale, off by at most half a 127th of the largest.
struct Quantised {
    float scale = 0;
    std::string codes;  // int8 each
};
Quantised quantise(const float* values, uint32_t dimensions);
inline int8_t codeAt(std::string_view codes, size_t i) { return static_cast<int8_t>(codes[i]); }

// Well-formed UTF-8 (RFC 3629) without NUL: what PostgreSQL takes as text.
bool isText(std::string_view bytes);

}  // namespace engram::storage_postgres
