#include "settings.hpp"

#include <engram/cpp/plugin.hpp>

#include <Poco/Exception.h>
#include <Poco/URI.h>

#include <algorithm>

namespace engram::embed_http {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw Failure(ENGRAM_INVALID_ARGUMENT, why); }

bool isLoopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

// A header's value or name that could end the header and begin another.
bool isOneLine(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7F; });
}

bool isHeaderName(const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) || c == '-'; });
}

// FNV-1a: tells prefixes apart, no more.
std::string shortHash(const std::string& text) {
    uint32_t hash = 2166136261u;
    for (unsigned char c : text) hash = (hash ^ c) * 16777619u;
    std::string out;
    for (int shift = 28; shift >= 0; shift -= 4) out += "0123456789abcdef"[hash >> shift & 15];
    return out;
}

void readUrl(Settings& out, const std::string& text) {
    Poco::URI url;
    try {
        url = Poco::URI(text);
    } catch (const Poco::Exception&) {
        refuse("url is not a URL");
    }
    if (url.getScheme() != "http" && url.getScheme() != "https") refuse("url begins with http:// or https://");
    if (url.getHost().empty()) refuse("url names no host");
    if (!url.getUserInfo().empty()) refuse("url must not contain a user or password: use api_key");
    if (!url.getFragment().empty()) refuse("url must not have a fragment");
    out.secure = url.getScheme() == "https";
    out.host = url.getHost();
    if (out.host.starts_with('[') && out.host.ends_with(']')) out.host = out.host.substr(1, out.host.size() - 2);
    out.port = url.getPort();
    out.target = url.getPathAndQuery();
    if (out.target.empty()) out.target = "/";
    if (out.target == "/") refuse("url is the whole address of the endpoint, e.g. http://127.0.0.1:11434/v1/embeddings");
}

}  // namespace

Settings Settings::from(const Config& config) {
    Settings out;
    readUrl(out, config.text("/url"));
    out.model = config.text("/model");
    out.dimensions = static_cast<uint32_t>(config.integer("/dimensions", 0));
    out.asks_dimensions = config.flag("/send_dimensions", false);
    out.document_prefix = config.text("/document_prefix");
    out.query_prefix = config.text("/query_prefix");
    out.key = config.text("/api_key");
    out.key_header = config.text("/api_key_header", "Authorization");
    out.ca_file = config.text("/ca_file");
    out.max_batch = static_cast<size_t>(config.integer("/max_batch", 64));
    out.max_text = static_cast<size_t>(config.integer("/max_text_bytes", 8000));
    out.max_answer = static_cast<size_t>(config.integer("/max_answer_bytes", 32 << 20));
    out.connections = static_cast<unsigned>(config.integer("/connections", 4));
    out.retries = static_cast<unsigned>(config.integer("/retries", 3));
    out.timeout = std::chrono::milliseconds(config.integer("/timeout_ms", 30000));
    out.query_timeout = std::chrono::milliseconds(config.integer("/query_timeout_ms", 10000));
    while (!out.key.empty() && (out.key.back() == '\n' || out.key.back() == '\r')) out.key.pop_back();  // of a file
    if (!isOneLine(out.key)) refuse("api_key has a control character in it");
    if (!isHeaderName(out.key_header)) refuse("api_key_header is not the name of a header");
    if (!out.key.empty() && !out.secure && !isLoopback(out.host))
        refuse("with an api_key the url must begin with https://, or everybody on the way could read the key");
    out.space = out.model + "/" + std::to_string(out.dimensions);
    if (!out.document_prefix.empty()) out.space += "+" + shortHash(out.document_prefix);
    if (const std::string revision = config.text("/revision"); !revision.empty()) out.space += "@" + revision;
    return out;
}

}  // namespace engram::embed_http
