#include "entry.hpp"

#include <engram/cpp/text.hpp>

#include <openssl/evp.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <charconv>
#include <ctime>

namespace engram::audit_log {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr std::string_view kHash = ",\"hash\":\"", kEnd = "\"}", kPrev = "\"prev\":\"", kSeq = "{\"seq\":", kId = ",\"id\":\"";
constexpr size_t kDigits = 64;

void text(Writer& out, const char* name, std::string_view value) {
    out.Key(name);
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

std::string hex(const unsigned char* bytes, size_t n) {
    std::string out;
    for (size_t i = 0; i < n; ++i) {
        out += "0123456789abcdef"[bytes[i] >> 4];
        out += "0123456789abcdef"[bytes[i] & 15];
    }
    return out;
}

std::string sha256(std::string_view bytes) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr);
    return hex(digest, length);
}

std::string uuidText(const engram_uuid& id) {
    const std::string digits = hex(id.bytes, sizeof id.bytes);
    return digits.substr(0, 8) + "-" + digits.substr(8, 4) + "-" + digits.substr(12, 4) + "-" + digits.substr(16, 4) + "-" +
           digits.substr(20);
}

bool readUuid(std::string_view text, engram_uuid& id) {
    if (text.size() != 36) return false;
    size_t n = 0;
    for (size_t i = 0; i < text.size();) {
        if (text[i] == '-') {
            ++i;
            continue;
        }
        unsigned byte = 0;
        if (n == sizeof id.bytes || std::from_chars(text.data() + i, text.data() + i + 2, byte, 16).ptr != text.data() + i + 2)
            return false;
        id.bytes[n++] = static_cast<uint8_t>(byte);
        i += 2;
    }
    return n == sizeof id.bytes;
}

// RFC 3339 in UTC with milliseconds.
std::string timeText(int64_t milliseconds) {
    int64_t seconds = milliseconds / 1000, rest = milliseconds % 1000;
    if (rest < 0) {
        rest += 1000;
        --seconds;
    }
    const time_t when = static_cast<time_t>(seconds);
    tm parts{};
    gmtime_r(&when, &parts);
    char out[40];
    const size_t n = strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%S", &parts);
    const std::string ms = std::to_string(1000 + rest);
    return std::string(out, n) + "." + ms.substr(1) + "Z";
}

int64_t readTime(const std::string& text) {
    tm parts{};
    const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (!rest) return 0;
    int ms = 0;
    if (*rest == '.') std::from_chars(rest + 1, text.c_str() + text.size(), ms);
    return static_cast<int64_t>(timegm(&parts)) * 1000 + ms;
}

}  // namespace

std::string lineOf(const engram_event& event, Link& link) {
    rapidjson::StringBuffer buffer;
    Writer out(buffer);
    out.StartObject();
    out.Key("seq");
    out.Uint64(link.seq + 1);
    text(out, "id", uuidText(event.id));
    text(out, "at", timeText(event.occurred_at));
    text(out, "tenant", view(event.tenant));
    text(out, "operation", view(event.route));
    text(out, "subject", view(event.subject));
    out.Key("status");
    out.Uint(event.status_code);
    out.Key("details");
    const std::string_view details = event.json.len > 0 ? view(event.json) : "{}";
    out.RawValue(details.data(), details.size(), rapidjson::kObjectType);
    text(out, "prev", link.hash);
    std::string line(buffer.GetString(), buffer.GetSize());  // the object is still open
    link.hash = sha256(line);
    ++link.seq;
    line += kHash;
    line += link.hash;
    line += kEnd;
    line += '\n';
    return line;
}

std::optional<Sealed> unseal(std::string_view line) {
    const size_t tail = kHash.size() + kDigits + kEnd.size();
    if (line.size() < tail + kPrev.size() + kDigits + 1 || !line.starts_with(kSeq) || !line.ends_with(kEnd)) return std::nullopt;
    const std::string_view content = line.substr(0, line.size() - tail);
    if (line.substr(content.size(), kHash.size()) != kHash) return std::nullopt;
    Sealed sealed;
    sealed.hash = line.substr(content.size() + kHash.size(), kDigits);
    if (sha256(content) != sealed.hash) return std::nullopt;
    const std::string_view last = content.substr(content.size() - kDigits - 1 - kPrev.size());
    if (!last.starts_with(kPrev) || last.back() != '"') return std::nullopt;
    sealed.prev = last.substr(kPrev.size(), kDigits);
    const char* digits = line.data() + kSeq.size();
    const auto [end, failed] = std::from_chars(digits, line.data() + content.size(), sealed.seq);
    if (failed != std::errc()) return std::nullopt;
    const std::string_view rest = line.substr(static_cast<size_t>(end - line.data()));
    if (!rest.starts_with(kId) || !readUuid(rest.substr(kId.size(), 36), sealed.id)) return std::nullopt;
    return sealed;
}

engram_event Entry::event() const {
    engram_event event{};
    event.size = sizeof event;
    event.status_code = status;
    event.id = id;
    event.occurred_at = at;
    event.tenant = borrow(tenant);
    event.route = borrow(operation);
    event.subject = borrow(subject);
    event.json = borrow(details);
    return event;
}

std::optional<Entry> parseEntry(std::string_view line) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(line.data(), line.size());
    if (document.HasParseError() || !document.IsObject()) return std::nullopt;
    auto member = [&](const char* name) -> std::string {
        auto it = document.FindMember(name);
        if (it == document.MemberEnd() || !it->value.IsString()) return {};
        return {it->value.GetString(), it->value.GetStringLength()};
    };
    Entry entry;
    if (!readUuid(member("id"), entry.id)) return std::nullopt;
    entry.at = readTime(member("at"));
    entry.tenant = member("tenant");
    entry.operation = member("operation");
    entry.subject = member("subject");
    if (auto it = document.FindMember("status"); it != document.MemberEnd() && it->value.IsUint()) entry.status = it->value.GetUint();
    if (auto it = document.FindMember("seq"); it != document.MemberEnd() && it->value.IsUint64()) entry.seq = it->value.GetUint64();
    auto details = document.FindMember("details");
    if (details == document.MemberEnd() || !details->value.IsObject()) return std::nullopt;
    rapidjson::StringBuffer buffer;
    Writer out(buffer);
    details->value.Accept(out);
    entry.details.assign(buffer.GetString(), buffer.GetSize());
    return entry;
}

}  // namespace engram::audit_log
