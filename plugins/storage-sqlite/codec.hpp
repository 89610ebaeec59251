// The compact forms kept in blobs: a version's terms, a block of postings, quantised vectors, a list of tags.
// Pure; decoders answer false (or nothing) for bytes that are not theirs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engram::storage_sqlite {

struct TermCount {
    std::string_view term;
    uint32_t tf;
};

void encodeTerm(std::string& out, std::string_view term, uint32_t tf);
bool decodeTerms(std::string_view bytes, std::vector<TermCount>& out);

struct Posting {
    uint64_t rid;
    uint32_t tf;
};

std::string encodePostings(const std::vector<Posting>& postings);  // ascending rid
bool decodePostings(std::string_view bytes, std::vector<Posting>& out);  // appends

// One vector: eight bits a component and a scale. The error of a component is at most half a 127th of the largest.
struct QuantisedVector {
    uint32_t space;
    float scale;  // component = code * scale
    std::vector<int8_t> codes;
};

void encodeVector(std::string& out, uint32_t space, const float* values, uint32_t dimensions);
bool decodeVectors(std::string_view bytes, std::vector<QuantisedVector>& out);
// The spaces of the vectors alone.
bool decodeSpaces(std::string_view bytes, std::vector<uint32_t>& out);

// Tags as a sequence of length-prefixed texts.
void encodeText(std::string& out, std::string_view text);
bool decodeTexts(std::string_view bytes, std::vector<std::string>& out);

}  // namespace engram::storage_sqlite
