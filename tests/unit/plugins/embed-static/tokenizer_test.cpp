#include "embed-static/tokenizer.hpp"

#include "embed-static/charsmap.hpp"
#include "model_files.hpp"

using namespace engram;
using namespace engram::embed_static;
using testing::bert;
using testing::contains;
using testing::refusalOf;

namespace {

std::string numbers(const Tokenizer& tokenizer, const std::string& text, size_t most = 512) {
    std::string out;
    for (uint32_t token : tokenizer.tokens(text, most)) out += (out.empty() ? "" : " ") + std::to_string(token);
    return out;
}

std::string unigram(const std::string& vocabulary, const std::string& normalizer = "null", const std::string& more = "") {
    return R"({"normalizer": )" + normalizer + R"(, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
        "model": {"type": "Unigram", "unk_id": 0, "vocab": )" + vocabulary + more + "}}";
}

void refused(const std::string& part, const std::string& json) {
    contains(part, refusalOf([&] { const Tokenizer tokenizer(json); }));
}

std::string withNormalizer(const std::string& normalizer) {
    return R"({"normalizer": )" + normalizer + R"(, "model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 1, "##b": 2, "x y": 3, "- a": 4}}})";
}

}  // namespace

TEST("WordPiece takes the longest piece first, and a word with an unknown part is left out whole") {
    const Tokenizer tokenizer(bert({"[UNK]", "un", "##aff", "##able", "##a", "the", "##ff", "##ab"}));
    CHECK_EQ(uint32_t(8), tokenizer.size());
    CHECK_TEXT("1 2 3", numbers(tokenizer, "unaffable"));
    CHECK_TEXT("5 5", numbers(tokenizer, "The THE"));
    CHECK_TEXT("5", numbers(tokenizer, "the unaffableness"));
    CHECK_TEXT("", numbers(tokenizer, "[UNK] aff"));
    CHECK_TEXT("", numbers(tokenizer, std::string(101, 'u')));
}

TEST("BERT's normalizer: lower case, no accents, no control characters, ideographs alone") {
    const Tokenizer tokenizer(bert({"[UNK]", "cafe", "uber", "\xE6\x9D\xB1", "\xE4\xBA\xAC", "a", "!", "##b"}));
    CHECK_TEXT("1", numbers(tokenizer, "Caf\xC3\xA9"));
    CHECK_TEXT("1", numbers(tokenizer, "cafe\xCC\x81"));
    CHECK_TEXT("2", numbers(tokenizer, "\xC3\x9C" "BER"));
    CHECK_TEXT("3 4", numbers(tokenizer, "\xE6\x9D\xB1\xE4\xBA\xAC"));
    CHECK_TEXT("5 7 6 6", numbers(tokenizer, "a\x01" "b!!"));
    CHECK_TEXT("5 5", numbers(tokenizer, "a\xC2\xA0\xE2\x80\x83" "a"));
    CHECK_TEXT("5", numbers(tokenizer, "\xFF\xC3 a \xED\xA0\x80"));
}

TEST("an accent stays where the file says so") {
    std::string json = bert({"[UNK]", "cafe", "caf\xC3\xA9"});
    json.replace(json.find("null"), 4, "false");
    CHECK_TEXT("2", numbers(Tokenizer(json), "CAF\xC3\x89"));
}

TEST("Unigram takes the pieces whose scores sum up to the most") {
    const Tokenizer tokenizer(unigram(R"([["<unk>", 0], ["▁", -3], ["▁hello", -9], ["▁hel", -2], ["lo", -2.5], ["l", -4], ["o", -4]])"));
    CHECK_TEXT("3 4", numbers(tokenizer, "hello"));            // -4.5 beats -9
    CHECK_TEXT("3 4 3 5", numbers(tokenizer, "hello hell"));
    CHECK_TEXT("1 4", numbers(tokenizer, "?lo"));              // the unknown character is left out
    CHECK_TEXT("", numbers(tokenizer, ""));
}

TEST("a long word is taken apart in parts, in time") {
    const Tokenizer tokenizer(unigram(R"([["<unk>", 0], ["▁", -1], ["a", -2], ["aaaa", -3]])"));
    const std::string text(100000, 'a');
    CHECK_EQ(size_t(512), tokenizer.tokens(text, 512).size());
}

TEST("no more pieces than asked for") {
    const Tokenizer tokenizer(bert({"[UNK]", "a"}));
    CHECK_TEXT("1 1", numbers(tokenizer, "a a a a", 2));
    CHECK_TEXT("", numbers(tokenizer, "a", 0));
}

TEST("normalizers of other kinds do what they say, in sequence") {
    auto one = [](const std::string& normalizer, const std::string& text) { return numbers(Tokenizer(withNormalizer(normalizer)), text); };
    CHECK_TEXT("1", one(R"({"type": "Lowercase"})", "A"));
    CHECK_TEXT("1", one(R"({"type": "Strip"})", " \ta\n"));
    CHECK_TEXT("", one(R"({"type": "Strip", "strip_right": false})", "a "));
    CHECK_TEXT("1", one(R"({"type": "NFKC"})", "\xEF\xBD\x81"));
    CHECK_TEXT("1", one(R"({"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]})", "\xC3\xA1"));
    CHECK_TEXT("3", one(R"({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})", "x     y"));
    CHECK_TEXT("3", one(R"({"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "})", "x\n\t y"));
    CHECK_TEXT("3", one(R"({"type": "Replace", "pattern": {"String": "--"}, "content": " "})", "x--y"));
    CHECK_TEXT("4", one(R"({"type": "Prepend", "prepend": "- "})", "a"));
}

TEST("pre-tokenizers of other kinds take texts apart as they say") {
    auto one = [](const std::string& kind, const std::string& text) {
        return numbers(Tokenizer(R"({"pre_tokenizer": )" + kind +
                                 R"(, "model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 1, ",": 2, ",,": 3, "a,": 4, "b1": 5, "▁a": 6}}})"), text);
    };
    CHECK_TEXT("1 3 5", one(R"({"type": "Whitespace"})", "a,, b1"));
    CHECK_TEXT("4 1", one(R"({"type": "WhitespaceSplit"})", "a, \n a"));
    CHECK_TEXT("1 2 2", one(R"({"type": "Punctuation"})", "a,,"));
    CHECK_TEXT("6 6", one(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"})", "a a"));
    CHECK_TEXT("1 6", one(R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"})", "a a"));
    CHECK_TEXT("6 1", one(R"({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"},
        {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}]})", "a a"));
    CHECK_TEXT("6 6", one(R"({"type": "Metaspace", "replacement": "▁", "add_prefix_space": true})", "a a"));
}

TEST("a charsmap replaces its longest match, and one that leads outside of itself ends the look-up") {
    // A trie made by hand: 'A' (0x41) to "b", "AA" to "c". Units: offset in bits 10 and up, bit 8: a value follows, low byte: label.
    std::vector<uint32_t> units(256, 0);
    auto link = [&](uint32_t from, uint32_t base) { return (from ^ base) << 10; };
    units[0] = link(0, 0x80);                      // root: children at 0x80 ^ label
    const uint32_t a = 0x80 ^ 0x41;                // 0xC1
    units[a] = link(a, 0x20) | 0x100 | 0x41;       // its value at 0x20, its children at 0x20 ^ label
    units[0x20] = 0x80000000u | 0;                 // "b"
    const uint32_t aa = 0x20 ^ 0x41;
    units[aa] = link(aa, 0x10) | 0x100 | 0x41;
    units[0x10] = 0x80000000u | 2;                 // "c"
    auto encode = [](const std::vector<uint32_t>& trie, const std::string& texts) {
        const uint32_t size = static_cast<uint32_t>(trie.size() * 4);
        const std::string bytes = std::string(reinterpret_cast<const char*>(&size), 4) + testing::bytesOf(trie) + texts;
        constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        std::string out;
        for (size_t i = 0; i < bytes.size(); i += 3) {
            uint32_t bits = 0;
            for (size_t k = 0; k < 3; ++k) bits = bits << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0);
            for (size_t k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : kAlphabet[bits >> (18 - 6 * k) & 63];
        }
        return out;
    };
    const std::string texts("b\0c\0", 4);
    const Charsmap map(encode(units, texts));
    CHECK_TEXT("b.c.cb\xC3\xA9", map.apply("A.AA.AAA\xC3\xA9"));
    units[a] = link(a, 0xFFFFF) | 0x100 | 0x41;
    CHECK_TEXT("A.", Charsmap(encode(units, texts)).apply("A."));
    units[a] = link(a, 0x20) | 0x100 | 0x41;
    units[0x20] = 0x80000000u | 77;
    CHECK_TEXT("A", Charsmap(encode(units, texts)).apply("A"));
    contains("base64", refusalOf([] { Charsmap("not base64!"); }));
    contains("cut short", refusalOf([] { Charsmap("////"); }));
    contains("cut short", refusalOf([] { Charsmap(""); }));
}

TEST("a file that is not a tokenizer is refused with the reason") {
    refused("not a JSON object", "");
    refused("not a JSON object", "[]");
    refused("not a JSON object", std::string(100000, '['));
    refused("no 'model'", "{}");
    refused("'BPE' is not supported", R"({"model": {"type": "BPE"}})");
    refused("'' is not supported", R"({"model": {}})");
    refused("no object 'vocab'", R"({"model": {"type": "WordPiece"}})");
    refused("no array 'vocab'", R"({"model": {"type": "Unigram"}})");
    refused("vocabulary is empty", R"({"model": {"type": "WordPiece", "vocab": {}}})");
    refused("no whole number", R"({"model": {"type": "WordPiece", "vocab": {"a": -1}}})");
    refused("no whole number", R"({"model": {"type": "WordPiece", "vocab": {"a": "1"}}})");
    refused("above the limit", R"({"model": {"type": "WordPiece", "vocab": {"a": 4294967295}}})");
    refused("above the limit", R"({"model": {"type": "WordPiece", "vocab": {"a": 18446744073709551615}}})");
    refused("bytes", R"({"model": {"type": "WordPiece", "vocab": {")" + std::string(2000, 'a') + R"(": 1}}})");
    refused("between 1 and", R"({"model": {"type": "WordPiece", "vocab": {"a": 1}, "max_input_chars_per_word": 0}})");
    refused("a text with a score", R"({"model": {"type": "Unigram", "vocab": [["a"]]}})");
    refused("a text with a score", R"({"model": {"type": "Unigram", "vocab": [[1, 2]]}})");
    refused("byte_fallback", unigram(R"([["a", 0]])", "null", R"(, "byte_fallback": true)"));
    refused("'Nmt' is not supported", withNormalizer(R"({"type": "Nmt"})"));
    refused("'.*' is not supported", withNormalizer(R"({"type": "Replace", "pattern": {"Regex": ".*"}, "content": ""})"));
    refused("empty pattern", withNormalizer(R"({"type": "Replace", "pattern": {"String": ""}, "content": "x"})"));
    refused("no normalizers", withNormalizer(R"({"type": "Sequence"})"));
    refused("is not a string", withNormalizer(R"({"type": 7})"));
    std::string deep = R"({"type": "Lowercase"})";
    for (int i = 0; i < 20; ++i) deep = R"({"type": "Sequence", "normalizers": [)" + deep + "]}";
    refused("too many parts", withNormalizer(deep));
    refused("'ByteLevel' is not supported", R"({"pre_tokenizer": {"type": "ByteLevel"}, "model": {"type": "WordPiece", "vocab": {"a": 0}}})");
    refused("one character", R"({"pre_tokenizer": {"type": "Metaspace", "replacement": "ab"}, "model": {"type": "WordPiece", "vocab": {"a": 0}}})");
}

TEST("a normalizer that makes a text longer and longer is held in check") {
    std::string steps;
    for (int i = 0; i < 40; ++i) steps += std::string(i ? "," : "") + R"({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"})";
    const Tokenizer tokenizer(withNormalizer(R"({"type": "Sequence", "normalizers": [)" + steps + "]}"));
    CHECK_TEXT("", numbers(tokenizer, std::string(100, 'a')));
}
