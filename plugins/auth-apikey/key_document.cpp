#include "key_document.hpp"

#include <engram/cpp/plugin.hpp>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>

#include <sys/random.h>

namespace engram::auth_apikey {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void text(Writer& out, const char* name, std::string_view value) {
    out.Key(name);
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

}  // namespace

int64_t nowMilliseconds() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string formatTime(int64_t milliseconds) {
    const time_t seconds = static_cast<time_t>(milliseconds / 1000);
    tm parts{};
    gmtime_r(&seconds, &parts);
    char text[40];
    const size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    const int ms = static_cast<int>(milliseconds % 1000);
    return std::string(text, n) + "." + static_cast<char>('0' + ms / 100) + static_cast<char>('0' + ms / 10 % 10) +
           static_cast<char>('0' + ms % 10) + "Z";
}

int64_t parseTime(std::string_view text) {
    tm parts{};
    int ms = 0;
    const std::string copy(text);
    const char* rest = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (!rest) return 0;
    if (*rest == '.') ms = std::atoi(std::string(rest + 1, std::min<size_t>(3, std::strlen(rest + 1))).c_str());
    return static_cast<int64_t>(timegm(&parts)) * 1000 + ms;
}

std::string mintId() {
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) throw Failure(ENGRAM_INTERNAL, "no randomness");
    const auto now = static_cast<uint64_t>(nowMilliseconds());
    for (int i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned char>(now >> (40 - 8 * i));
    bytes[6] = static_cast<unsigned char>(0x70 | (bytes[6] & 15));  // RFC 9562, version 7
    bytes[8] = static_cast<unsigned char>(0x80 | (bytes[8] & 63));
    std::string text;
    for (int i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += "0123456789abcdef"[bytes[i] >> 4];
        text += "0123456789abcdef"[bytes[i] & 15];
    }
    return text;
}

std::optional<rapidjson::Document> readDocument(std::string_view json) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
    if (document.HasParseError() || !document.IsObject()) return std::nullopt;
    return document;
}

std::string writeDocument(const rapidjson::Document& document) {
    rapidjson::StringBuffer buffer;
    Writer out(buffer);
    document.Accept(out);
    return {buffer.GetString(), buffer.GetSize()};
}

std::string_view textOf(const rapidjson::Value& object, const char* name) {
    auto it = object.FindMember(name);
    if (it == object.MemberEnd() || !it->value.IsString()) return {};
    return {it->value.GetString(), it->value.GetStringLength()};
}

void setText(rapidjson::Document& document, const char* name, const std::string& value) {
    auto& allocator = document.GetAllocator();
    document.RemoveMember(name);
    document.AddMember(rapidjson::Value(name, allocator), rapidjson::Value(value.c_str(), allocator), allocator);
}

std::string newDocument(const engram_issue_request& request, const std::string& id, const std::string& prefix,
                        const std::string& hash, Reader reader) {
    rapidjson::StringBuffer buffer;
    Writer out(buffer);
    out.StartObject();
    text(out, "id", id);
    text(out, "tenant_id", view(request.tenant));
    text(out, "name", view(request.name));
    text(out, "prefix", prefix);
    if (reader == Reader::Store) text(out, "key_hash", hash);
    out.Key("scopes");
    out.StartArray();
    for (size_t i = 0; i < request.n_scopes; ++i)
        out.String(request.scopes[i].ptr, static_cast<rapidjson::SizeType>(request.scopes[i].len));
    out.EndArray();
    text(out, "created_by", view(request.created_by));
    if (request.member_id.len > 0) text(out, "member_id", view(request.member_id));
    text(out, "created_at", formatTime(nowMilliseconds()));
    if (request.expires_at != ENGRAM_TIME_NONE) text(out, "expires_at", formatTime(request.expires_at));
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

engram_doc_change documentChange(engram_str tenant, const std::string& id, const std::string& json, uint64_t expected) {
    engram_doc_change change{};
    change.size = sizeof change;
    change.kind = ENGRAM_DOC_API_KEY;
    change.tenant = tenant;
    change.id = borrow(id);
    change.json = borrow(json);
    change.expected = expected;
    return change;
}

}  // namespace engram::auth_apikey
