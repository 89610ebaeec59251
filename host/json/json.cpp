#include "json/json.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <charconv>
#include <cmath>
#include <unordered_set>
#include <vector>

namespace engram::json {
namespace {

// Feeds a Document and adds what the parser does not check.
class StrictHandler {
public:
    StrictHandler(Document& out, unsigned max_depth) : out_(out), max_depth_(max_depth) {}

    const char* refusal() const { return refusal_; }

    bool Null() { return out_.Null(); }
    bool Bool(bool b) { return out_.Bool(b); }
    bool Int(int i) { return out_.Int(i); }
    bool Uint(unsigned u) { return out_.Uint(u); }
    bool Int64(int64_t i) { return out_.Int64(i); }
    bool Uint64(uint64_t u) { return out_.Uint64(u); }
    bool Double(double d) { return out_.Double(d); }
    bool String(const char* s, rapidjson::SizeType n, bool) {
        return isUnicode({s, n}) ? out_.String(s, n, true) : refuse("lone surrogate");
    }

    bool RawNumber(const char* s, rapidjson::SizeType n, bool) {
        const char* end = s + n;
        if (std::string_view(s, n).find_first_of(".eE") == std::string_view::npos) {
            int64_t i = 0;
            if (auto r = std::from_chars(s, end, i); r.ec == std::errc() && r.ptr == end) {
                if (i == 0 && *s == '-') return out_.Double(-0.0);
                return out_.Int64(i);
            }
            uint64_t u = 0;
            if (auto r = std::from_chars(s, end, u); r.ec == std::errc() && r.ptr == end) return out_.Uint64(u);
            return refuse("integer out of range");
        }
        double d = 0;
        auto r = std::from_chars(s, end, d);
        if (r.ec != std::errc() || r.ptr != end || !std::isfinite(d)) return refuse("number out of range");
        return out_.Double(d);
    }

    bool StartObject() {
        keys_.emplace_back();
        return enter() && out_.StartObject();
    }
    bool Key(const char* s, rapidjson::SizeType n, bool) {
        if (!isUnicode({s, n})) return refuse("lone surrogate");
        if (!keys_.back().emplace(s, n).second) return refuse("member name given twice");
        return out_.Key(s, n, true);
    }
    bool EndObject(rapidjson::SizeType n) {
        keys_.pop_back();
        --depth_;
        return out_.EndObject(n);
    }
    bool StartArray() { return enter() && out_.StartArray(); }
    bool EndArray(rapidjson::SizeType n) {
        --depth_;
        return out_.EndArray(n);
    }

private:
    // The parser validates raw UTF-8 but turns the escape of a lone low surrogate into its three bytes.
    static bool isUnicode(std::string_view s) {
        for (size_t i = s.find('\xED'); i != std::string_view::npos; i = s.find('\xED', i + 1))
            if (i + 1 < s.size() && static_cast<unsigned char>(s[i + 1]) >= 0xA0) return false;
        return true;
    }
    bool enter() { return ++depth_ <= max_depth_ || refuse("nested too deeply"); }
    bool refuse(const char* why) {
        refusal_ = why;
        return false;
    }

    Document& out_;
    unsigned max_depth_, depth_ = 0;
    const char* refusal_ = nullptr;
    std::vector<std::unordered_set<std::string>> keys_;
};

Error invalid(const char* why, size_t offset) {
    return {"invalid_json", std::string("not valid JSON at byte ") + std::to_string(offset) + ": " + why,
            "send one RFC 8259 JSON text in UTF-8", ""};
}

}  // namespace

Result<Document> parse(std::string_view text, unsigned max_depth) {
    constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                                rapidjson::kParseNumbersAsStringsFlag;
    // A NUL ends the text for RapidJSON's stream, so one inside would hide what follows.
    if (size_t nul = text.find('\0'); nul != std::string_view::npos) return invalid("NUL byte", nul);
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // RFC 8259, section 8.1: may be ignored
    Document out;
    rapidjson::MemoryStream stream(text.data(), text.size());
    rapidjson::Reader reader;
    const char* refusal = nullptr;
    rapidjson::ParseResult result;
    auto generate = [&](Document& document) {
        StrictHandler handler(document, max_depth);
        result = reader.Parse<kFlags>(stream, handler);
        refusal = handler.refusal();
        return !result.IsError();
    };
    out.Populate(generate);
    if (refusal) return invalid(refusal, result.Offset());
    if (result.IsError()) return invalid(rapidjson::GetParseError_En(result.Code()), result.Offset());
    return out;
}

std::string write(const Value& value) {
    Buffer buffer;
    Writer writer(buffer);
    value.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

const Value* find(const Value& object, std::string_view name) {
    if (!object.IsObject()) return nullptr;
    for (auto it = object.MemberBegin(); it != object.MemberEnd(); ++it)
        if (view(it->name) == name) return &it->value;
    return nullptr;
}

}  // namespace engram::json
