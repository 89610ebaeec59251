#include "vocabulary.hpp"

#include "unicode_text.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace engram::embed_static {
namespace {

constexpr uint64_t kMaxPieces = 4'000'000;
constexpr size_t kMaxPiece = 1024;       // bytes
constexpr size_t kMaxUnigramWord = 4096; // bytes; longer ones are taken in parts
constexpr double kUnknownPenalty = 10;   // SentencePiece's, below the worst piece

// Where each character of a word begins, and its end.
std::vector<size_t> boundaries(std::string_view word) {
    std::vector<size_t> out;
    for (size_t i = 0; i < word.size(); ++i)
        if ((static_cast<unsigned char>(word[i]) & 0xC0) != 0x80) out.push_back(i);
    out.push_back(word.size());
    return out;
}

// The longest piece first, from left to right; a word with a part that is no piece is unknown as a whole (BERT's tokenizer).
class WordPiece final : public Vocabulary {
public:
    explicit WordPiece(const Json& description)
        : prefix_(text(description, "continuing_subword_prefix", "##")), unknown_(text(description, "unk_token", "[UNK]")) {
        const Json* vocabulary = find(description, "vocab");
        if (!vocabulary || !vocabulary->IsObject()) throw Malformed("model 'WordPiece' has no object 'vocab'");
        if (const Json* most = find(description, "max_input_chars_per_word")) {
            if (!most->IsUint() || most->GetUint() == 0 || most->GetUint() > 1000)
                throw Malformed("max_input_chars_per_word is not between 1 and 1000");
            most_ = most->GetUint();
        }
        if (prefix_.size() > kMaxPiece) throw Malformed("continuing_subword_prefix is too long");
        for (const auto& entry : vocabulary->GetObject()) {
            if (!entry.value.IsUint64()) throw Malformed("a piece of the vocabulary has no whole number");
            count(textOf(entry.name), entry.value.GetUint64());
            pieces_.emplace(textOf(entry.name), static_cast<uint32_t>(entry.value.GetUint64()));
        }
        pieces_.erase(unknown_);
    }

    void split(const std::u32string& word, std::vector<uint32_t>& out) const override {
        if (word.size() > most_) return;
        const std::string bytes = encodeText(word);
        const std::vector<size_t> at = boundaries(bytes);
        const size_t before = out.size();
        for (size_t from = 0; from + 1 < at.size();) {
            const size_t to = longestFrom(bytes, at, from, out);
            if (to == from) {
                out.resize(before);
                return;
            }
            from = to;
        }
    }

private:
    // The boundary where the longest piece that begins at `from` ends; `from` if there is none.
    size_t longestFrom(std::string_view bytes, const std::vector<size_t>& at, size_t from, std::vector<uint32_t>& out) const {
        std::string piece = from == 0 ? std::string() : prefix_;
        const size_t prefix = piece.size();
        piece.append(bytes.substr(at[from]));
        for (size_t to = at.size() - 1; to > from; --to) {
            piece.resize(prefix + at[to] - at[from]);
            if (piece.size() > longest_) continue;
            if (auto it = pieces_.find(piece); it != pieces_.end()) {
                out.push_back(it->second);
                return to;
            }
        }
        return from;
    }

    ByPiece<uint32_t> pieces_;
    std::string prefix_, unknown_;
    size_t most_ = 100;
};

// The pieces whose scores (logarithms of probabilities) sum up to the most: Viterbi's algorithm (Kudo, 2018).
class Unigram final : public Vocabulary {
public:
    explicit Unigram(const Json& description) {
        const Json* vocabulary = find(description, "vocab");
        if (!vocabulary || !vocabulary->IsArray()) throw Malformed("model 'Unigram' has no array 'vocab'");
        if (flag(description, "byte_fallback", Flag::No) == Flag::Yes) throw Malformed("model 'Unigram' with byte_fallback is not supported");
        const Json* unknown = find(description, "unk_id");
        if (unknown && !unknown->IsUint64()) throw Malformed("unk_id is not a whole number");
        double worst = 0;
        uint64_t number = 0;
        for (const Json& entry : vocabulary->GetArray()) {
            if (!entry.IsArray() || entry.Size() != 2 || !entry[0].IsString() || !entry[1].IsNumber())
                throw Malformed("a piece of the vocabulary is not a text with a score");
            const double score = entry[1].GetDouble();
            if (!std::isfinite(score)) throw Malformed("a score of the vocabulary is not finite");
            worst = std::min(worst, score);
            count(textOf(entry[0]), number);
            if (!unknown || number != unknown->GetUint64())
                pieces_.emplace(textOf(entry[0]), Piece{static_cast<uint32_t>(number), score});
            ++number;
        }
        unknown_score_ = worst - kUnknownPenalty;
    }

    void split(const std::u32string& word, std::vector<uint32_t>& out) const override {
        const std::string bytes = encodeText(word);
        const std::vector<size_t> at = boundaries(bytes);
        for (size_t from = 0; from + 1 < at.size();) {
            size_t to = from + 1;
            while (to + 1 < at.size() && at[to + 1] - at[from] <= kMaxUnigramWord) ++to;
            splitPart(bytes, std::span(at).subspan(from, to - from + 1), out);
            from = to;
        }
    }

private:
    struct Piece {
        uint32_t number;
        double score;
    };
    struct Best {
        double score = -std::numeric_limits<double>::infinity();
        size_t from = 0;
        const Piece* piece = nullptr;  // nullptr: an unknown character
    };

    void splitPart(std::string_view bytes, std::span<const size_t> at, std::vector<uint32_t>& out) const {
        std::vector<Best> best(at.size());
        best[0].score = 0;
        for (size_t from = 0; from + 1 < at.size(); ++from) {
            auto offer = [&](size_t to, double score, const Piece* piece) {
                if (best[from].score + score > best[to].score) best[to] = {best[from].score + score, from, piece};
            };
            bool single = false;
            for (size_t to = from + 1; to < at.size() && at[to] - at[from] <= longest_; ++to) {
                auto it = pieces_.find(bytes.substr(at[from], at[to] - at[from]));
                if (it == pieces_.end()) continue;
                offer(to, it->second.score, &it->second);
                single = single || to == from + 1;
            }
            if (!single) offer(from + 1, unknown_score_, nullptr);
        }
        std::vector<uint32_t> reversed;
        for (size_t end = at.size() - 1; end > 0; end = best[end].from)
            if (best[end].piece) reversed.push_back(best[end].piece->number);
        out.insert(out.end(), reversed.rbegin(), reversed.rend());
    }

    ByPiece<Piece> pieces_;
    double unknown_score_ = 0;
};

}  // namespace

void Vocabulary::count(std::string_view piece, uint64_t number) {
    if (number >= kMaxPieces) throw Malformed("a piece of the vocabulary has the number " + std::to_string(number) + ", above the limit");
    if (piece.size() > kMaxPiece) throw Malformed("a piece of the vocabulary has more than " + std::to_string(kMaxPiece) + " bytes");
    longest_ = std::max(longest_, piece.size());
    size_ = std::max(size_, static_cast<uint32_t>(number) + 1);
}

std::unique_ptr<Vocabulary> Vocabulary::from(const Json& description) {
    const std::string type = text(description, "type", "");
    if (type == "WordPiece") return std::make_unique<WordPiece>(description);
    if (type == "Unigram") return std::make_unique<Unigram>(description);
    throw Malformed("model '" + type.substr(0, 40) + "' is not supported, only WordPiece and Unigram are");
}

}  // namespace engram::embed_static
