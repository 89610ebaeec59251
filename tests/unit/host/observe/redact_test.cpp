#include "observe/redact.hpp"

#include "json/json.hpp"
#include "support/test.hpp"

using namespace engram;
using observe::appendEscaped;

namespace {

std::string escaped(std::string_view text) {
    std::string out;
    appendEscaped(out, text);
    return out;
}

// What somebody reads who parses the line.
std::string readBack(std::string_view text) {
    auto parsed = json::parse("[\"" + escaped(text) + "\"]");
    CHECK_MESSAGE(escaped(text), parsed.ok());
    return std::string(json::view((*parsed)[0]));
}

}  // namespace

TEST("every byte can be written and the line stays JSON") {
    std::string text;
    for (int c = 1; c < 0x80; ++c) text.push_back(static_cast<char>(c));
    CHECK_TEXT(text, readBack(text));
    CHECK_TEXT("é 漢 😀", readBack("é 漢 😀"));
    CHECK(escaped("a\nb\r\"\\").find('\n') == std::string::npos);
}

TEST("bytes that are not UTF-8 are replaced, each by itself") {
    for (std::string_view bad : {"\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xFF"}) {
        std::string wanted;
        for (size_t i = 0; i < bad.size(); ++i) wanted += "\xEF\xBF\xBD";
        CHECK_TEXT("a" + wanted + "b", readBack("a" + std::string(bad) + "b"));
    }
}

TEST("a key is never written, wherever it stands") {
    const std::string secret = "egm_live_AbCdEfGhIjKl_" + std::string(43, 'S') + "abc123";
    for (const std::string& text : {secret, "key " + secret + " was refused", "\"" + secret + "\"", "x" + secret, secret + secret}) {
        const std::string out = escaped(text);
        CHECK_MESSAGE(out, out.find("SSSS") == std::string::npos);
        CHECK_MESSAGE(out, out.find("[redacted]") != std::string::npos);
    }
    CHECK(escaped("key egm_test_" + std::string(62, 'S') + "!").find("SSSS") == std::string::npos);
}

TEST("a bearer token is never written, in any case") {
    for (const char* scheme : {"Bearer ", "bearer ", "BEARER ", "bEaReR "}) {
        const std::string out = escaped("Authorization: " + std::string(scheme) + "abcdefghijklmnop.qrstuvwxyz012345 rest");
        CHECK_MESSAGE(out, out.find("qrst") == std::string::npos);
        CHECK_MESSAGE(out, out.ends_with(" rest"));
    }
}

TEST("the public part of a key and ordinary words are written") {
    CHECK_TEXT("egm_live_AbCdEfGhIjKl", escaped("egm_live_AbCdEfGhIjKl"));
    CHECK_TEXT("Bearer of news", escaped("Bearer of news"));
    CHECK_TEXT("egm_", escaped("egm_"));
}
