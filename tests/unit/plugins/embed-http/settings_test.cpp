#include "embed-http/settings.hpp"

#include "support/fake_host.hpp"
#include "support/test.hpp"

#include <engram/cpp/plugin.hpp>

using namespace engram;
using embed_http::Settings;

namespace {

Settings from(const std::string& json) {
    testing::FakeHost host;
    ArenaCall call;
    return Settings::from(Config(host.get(), call, borrow(json)));
}

std::string with(const std::string& more, const std::string& url = "http://127.0.0.1:11434/v1/embeddings") {
    return R"({"url": ")" + url + R"(", "model": "nomic", "dimensions": 768)" + (more.empty() ? "" : ", " + more) + "}";
}

// Why it is refused; the key must not be in it.
std::string refusal(const std::string& json) {
    try {
        (void)from(json);
    } catch (const Failure& e) {
        CHECK_EQ(engram_status(ENGRAM_INVALID_ARGUMENT), e.status);
        CHECK(e.message.find("sk-secret") == std::string::npos);
        return e.message;
    }
    return "";
}

}  // namespace

TEST("a URL is taken apart") {
    const Settings plain = from(with(""));
    CHECK(!plain.secure);
    CHECK_TEXT("127.0.0.1", plain.host);
    CHECK_EQ(uint16_t(11434), plain.port);
    CHECK_TEXT("/v1/embeddings", plain.target);
    const Settings secure = from(with("", "https://[::1]/openai/embeddings?api-version=1"));
    CHECK(secure.secure);
    CHECK_TEXT("::1", secure.host);
    CHECK_EQ(uint16_t(443), secure.port);
    CHECK_TEXT("/openai/embeddings?api-version=1", secure.target);
}

TEST("a URL that would not do is refused with the reason") {
    CHECK(refusal(with("", "ftp://host/v1/embeddings")).find("http://") != std::string::npos);
    CHECK(refusal(with("", "http://host")).find("whole address") != std::string::npos);
    CHECK(refusal(with("", "http://user:sk-secret@host/v1/embeddings")).find("api_key") != std::string::npos);
    CHECK(refusal(with("", "http:///v1/embeddings")).find("host") != std::string::npos);
    CHECK(refusal(with("", "http://host/v1#x")).find("fragment") != std::string::npos);
}

TEST("a key is not sent unencrypted but to this machine") {
    const std::string key = R"("api_key": "sk-secret")";
    CHECK(refusal(with(key, "http://example.org/v1/embeddings")).find("https://") != std::string::npos);
    CHECK_TEXT("", refusal(with(key, "https://example.org/v1/embeddings")));
    CHECK_TEXT("", refusal(with(key)));
    CHECK_TEXT("", refusal(with("", "http://example.org/v1/embeddings")));
}

TEST("a key from a file loses its line end, and one that could end its header is refused") {
    CHECK_TEXT("sk-secret", from(with(R"("api_key": "sk-secret\n")")).key);
    CHECK(!refusal(with(R"("api_key": "sk-secret\r\nX-Other: 1")")).empty());
    CHECK(!refusal(with(R"("api_key_header": "X Key")")).empty());
}

TEST("the space changes with everything that changes the vectors of memories, and with nothing else") {
    const std::string space = from(with("")).space;
    CHECK_TEXT("nomic/768", space);
    CHECK(from(with(R"("document_prefix": "search_document: ")")).space != space);
    CHECK(from(with(R"("revision": "2")")).space != space);
    CHECK_TEXT(space, from(with(R"("query_prefix": "search_query: ", "max_batch": 3)", "http://127.0.0.2/v1/embeddings")).space);
}
