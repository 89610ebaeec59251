#include "wire.hpp"

#include <Poco/DateTime.h>
#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeParser.h>
#include <Poco/Timestamp.h>

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace engram::embed_http {
namespace {

constexpr size_t kMaxError = 200;
constexpr uint64_t kMaxWait = 24 * 3600;
constexpr size_t kHttpDate = 29;  // characters of an IMF-fixdate

// How many bytes the well-formed character at the beginning has (Unicode, table 3-7); 0: it is none.
size_t characterLength(std::string_view text) {
    auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    auto follows = [&](size_t i) { return i < text.size() && (at(i) & 0xC0) == 0x80; };
    const unsigned char first = at(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        if (!follows(1) || !follows(2)) return 0;
        if ((first == 0xE0 && at(1) < 0xA0) || (first == 0xED && at(1) > 0x9F)) return 0;
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        if (!follows(1) || !follows(2) || !follows(3)) return 0;
        if ((first == 0xF0 && at(1) < 0x90) || (first == 0xF4 && at(1) > 0x8F)) return 0;
        return 4;
    }
    return 0;
}

std::string wellFormed(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const size_t n = characterLength(text);
        if (n == 0) out += "\xEF\xBF\xBD";
        else out.append(text.substr(0, n));
        text.remove_prefix(std::max<size_t>(1, n));
    }
    return out;
}

using Parsed = rapidjson::Document;

bool parse(std::string_view body, Parsed& out) {
    out.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(body.data(), body.size());
    return !out.HasParseError();
}

const rapidjson::Value* member(const rapidjson::Value& value, const char* name) {
    if (!value.IsObject()) return nullptr;
    auto it = value.FindMember(name);
    return it == value.MemberEnd() ? nullptr : &it->value;
}

// One vector; empty, or what is wrong with it.
std::string readVector(const rapidjson::Value& values, uint32_t dimensions, float* out) {
    if (!values.IsArray()) return "an embedding is not an array of numbers";
    if (values.Size() != dimensions)
        return "an embedding has " + std::to_string(values.Size()) + " dimensions, expected " + std::to_string(dimensions);
    double largest = 0, squares = 0;
    for (rapidjson::SizeType i = 0; i < values.Size(); ++i) {
        if (!values[i].IsNumber()) return "an embedding contains what is not a number";
        const double value = values[i].GetDouble();
        if (!std::isfinite(value) || std::fabs(value) > static_cast<double>(std::numeric_limits<float>::max()))
            return "an embedding contains a number that is not finite";
        largest = std::max(largest, std::fabs(value));
    }
    auto scaled = [&](rapidjson::SizeType i) { return largest > 0 ? values[i].GetDouble() / largest : 0; };
    for (rapidjson::SizeType i = 0; i < values.Size(); ++i) squares += scaled(i) * scaled(i);
    const double length = std::sqrt(squares);
    for (rapidjson::SizeType i = 0; i < values.Size(); ++i) out[i] = length > 0 ? static_cast<float>(scaled(i) / length) : 0.0f;
    return {};
}

// Not what errors say of a request, but what can stand in a line of a log.
std::string oneLine(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    return wellFormed(cut(text, kMaxError));
}

}  // namespace

std::string_view cut(std::string_view text, size_t limit) {
    if (text.size() <= limit) return text;
    size_t end = limit;
    while (end > 0 && limit - end < 3 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end);
}

std::string requestBody(std::string_view model, std::span<const std::string> texts, uint32_t dimensions) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
    auto text = [&](const std::string& value) { out.String(value.data(), static_cast<rapidjson::SizeType>(value.size())); };
    out.StartObject();
    out.Key("model");
    text(wellFormed(model));
    out.Key("input");
    out.StartArray();
    for (const std::string& value : texts) text(wellFormed(value));
    out.EndArray();
    if (dimensions > 0) {
        out.Key("dimensions");
        out.Uint(dimensions);
    }
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

std::string readAnswer(std::string_view body, size_t n, uint32_t dimensions, float* out, uint64_t& tokens) {
    tokens = 0;
    Parsed answer;
    if (!parse(body, answer)) return "the answer is not JSON";
    const rapidjson::Value* items = member(answer, "data");
    if (!items || !items->IsArray()) return "the answer has no array 'data'";
    if (items->Size() != n) return "the answer has " + std::to_string(items->Size()) + " embeddings for " + std::to_string(n) + " texts";
    std::vector<char> seen(n, 0);
    for (rapidjson::SizeType i = 0; i < items->Size(); ++i) {
        size_t index = i;
        if (const rapidjson::Value* given = member((*items)[i], "index")) {
            if (!given->IsUint() || given->GetUint() >= n) return "an embedding's index is out of range";
            index = given->GetUint();
        }
        if (std::exchange(seen[index], 1)) return "two embeddings have the same index";
        const rapidjson::Value* values = member((*items)[i], "embedding");
        if (!values) return "the answer has an item without 'embedding'";
        if (std::string why = readVector(*values, dimensions, out + index * dimensions); !why.empty()) return why;
    }
    const rapidjson::Value* usage = member(answer, "usage");
    const rapidjson::Value* counted = usage ? member(*usage, "prompt_tokens") : nullptr;
    if (counted && counted->IsUint64()) tokens = counted->GetUint64();
    return {};
}

std::string errorOf(std::string_view body, std::string_view secret) {
    Parsed answer;
    if (!parse(body, answer)) return {};
    const rapidjson::Value* error = member(answer, "error");
    if (error && error->IsObject()) error = member(*error, "message");
    if (!error || !error->IsString()) return {};
    std::string text(error->GetString(), error->GetStringLength());
    if (!secret.empty())
        for (size_t at; (at = text.find(secret)) != std::string::npos;) text.replace(at, secret.size(), "...");
    return oneLine(std::move(text));
}

std::optional<uint64_t> retryAfter(const std::string& value, int64_t now) {
    uint64_t seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error == std::errc() && end == value.data() + value.size() && !value.empty()) return std::min(seconds, kMaxWait);
    if (value.size() != kHttpDate || !value.ends_with(" GMT")) return std::nullopt;  // Poco takes nearly anything for a date
    Poco::DateTime date;
    int zone = 0;
    if (!Poco::DateTimeParser::tryParse(Poco::DateTimeFormat::HTTP_FORMAT, value, date, zone)) return std::nullopt;
    const int64_t at = date.timestamp().epochTime();
    return at <= now ? 0 : std::min(static_cast<uint64_t>(at - now), kMaxWait);
}

}  // namespace engram::embed_http
