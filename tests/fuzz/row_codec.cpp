// The blobs of storage-sqlite's rows: decoders take any bytes, and what they accept survives being encoded and read again.
#include "fuzz/harness.hpp"

#include "plugins/storage-sqlite/codec.hpp"

#include <string>
#include <vector>

namespace {

using namespace engram;
using namespace engram::storage_sqlite;

void terms(std::string_view bytes) {
    std::vector<TermCount> first, second;
    if (!decodeTerms(bytes, first)) return;
    std::string again;
    for (const TermCount& term : first) encodeTerm(again, term.term, term.tf);
    fuzz::require(decodeTerms(again, second) && first.size() == second.size(), "terms survive");
    for (size_t i = 0; i < first.size(); ++i)
        fuzz::require(first[i].term == second[i].term && first[i].tf == second[i].tf, "each term");
}

void postings(std::string_view bytes) {
    std::vector<Posting> first, second;
    if (!decodePostings(bytes, first)) return;
    for (size_t i = 1; i < first.size(); ++i) fuzz::require(first[i - 1].rid < first[i].rid, "rows ascend");
    fuzz::require(decodePostings(encodePostings(first), second) && first.size() == second.size(), "postings survive");
}

void texts(std::string_view bytes) {
    std::vector<std::string> first, second;
    if (!decodeTexts(bytes, first)) return;
    std::string again;
    for (const std::string& text : first) encodeText(again, text);
    fuzz::require(decodeTexts(again, second) && first == second, "texts survive");
}

void vectors(std::string_view bytes) {
    std::vector<QuantisedVector> all;
    std::vector<uint32_t> spaces;
    const bool whole = decodeVectors(bytes, all);
    fuzz::require(decodeSpaces(bytes, spaces) == whole, "both decoders judge alike");
    if (!whole) return;
    fuzz::require(spaces.size() == all.size(), "a space a vector");
    size_t components = 0;
    for (const QuantisedVector& vector : all) components += vector.codes.size();
    fuzz::require(components <= bytes.size(), "no more components than bytes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    const std::string_view input = fuzz::text(bytes, size);
    terms(input);
    postings(input);
    texts(input);
    vectors(input);
    return 0;
}
