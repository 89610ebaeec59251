// How a word becomes the numbers of its pieces: WordPiece and Unigram, the `model` of tokenizer.json. A piece that is unknown gives
// no number. Immutable; any thread.
#pragma once

#include "json_fields.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace engram::embed_static {

class Vocabulary {
public:
    virtual ~Vocabulary() = default;
    // Appends the pieces of a word.
    virtual void split(const std::u32string& word, std::vector<uint32_t>& out) const = 0;

    // One more than the highest number.
    uint32_t size() const { return size_; }

    // Throws Malformed; a kind that is not known is named.
    static std::unique_ptr<Vocabulary> from(const Json& description);

protected:
    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    template <class T>
    using ByPiece = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

    // Checks the number and the piece.
    void count(std::string_view piece, uint64_t number);
    size_t longest_ = 0;  // piece, in bytes

private:
    uint32_t size_ = 0;
};

}  // namespace engram::embed_static
