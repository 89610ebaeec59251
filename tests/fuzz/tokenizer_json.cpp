// A tokenizer.json from anywhere and a text: refused with a reason, or the text's pieces have numbers that the model can look up.
// The file ends at the first NUL; what follows is the text.
#include "fuzz/harness.hpp"

#include "plugins/embed-static/tokenizer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    using namespace engram;
    const std::string_view input = fuzz::text(bytes, size);
    const size_t end = std::min(input.find('\0'), input.size());
    try {
        const embed_static::Tokenizer tokenizer(input.substr(0, end));
        const std::string_view text = end < input.size() ? input.substr(end + 1) : "The quick brown f\xC3\xB6x \xE6\x9D\xB1 2026!";
        const auto tokens = tokenizer.tokens(text.substr(0, 2000), 64);
        fuzz::require(tokens.size() <= 64, "no more than asked for");
        for (uint32_t token : tokens) fuzz::require(token < tokenizer.size(), "a number below the size");
        fuzz::require(tokens == tokenizer.tokens(text.substr(0, 2000), 64), "the same again");
    } catch (const embed_static::Malformed& e) {
        fuzz::require(*e.what() != 0, "a refusal says why");
    }
    return 0;
}
