#include "embed-http/wire.hpp"

#include "json/json.hpp"
#include "support/test.hpp"

#include <cmath>
#include <limits>

using namespace engram;
using namespace engram::embed_http;

namespace {

struct Read {
    std::string why;
    std::vector<float> vectors;
    uint64_t tokens = 0;
};

Read read(const std::string& body, size_t n = 1, uint32_t dimensions = 2) {
    Read out;
    out.vectors.resize(n * dimensions);
    out.why = readAnswer(body, n, dimensions, out.vectors.data(), out.tokens);
    return out;
}

void refused(const std::string& part, const std::string& body, size_t n = 1) {
    const Read answer = read(body, n);
    CHECK_MESSAGE("expected '" + part + "', got '" + answer.why + "'", answer.why.find(part) != std::string::npos);
}

}  // namespace

TEST("an answer's vectors come in the order of the texts, scaled to length 1") {
    const Read answer = read(R"({"object": "list", "model": "m", "usage": {"prompt_tokens": 9, "total_tokens": 9},
        "data": [{"index": 1, "embedding": [0, -2]}, {"index": 0, "embedding": [3, 4]}]})", 2);
    CHECK_TEXT("", answer.why);
    CHECK_EQ(0.6f, answer.vectors[0]);
    CHECK_EQ(0.8f, answer.vectors[1]);
    CHECK_EQ(0.0f, answer.vectors[2]);
    CHECK_EQ(-1.0f, answer.vectors[3]);
    CHECK_EQ(uint64_t(9), answer.tokens);
}

TEST("an answer without indexes is in the order of the texts, and one without usage counts no tokens") {
    const Read answer = read(R"({"data": [{"embedding": [1, 0]}, {"embedding": [0, 1]}]})", 2);
    CHECK_TEXT("", answer.why);
    CHECK_EQ(1.0f, answer.vectors[0]);
    CHECK_EQ(1.0f, answer.vectors[3]);
    CHECK_EQ(uint64_t(0), answer.tokens);
}

TEST("numbers of any size are scaled, and zeros stay zeros") {
    for (const char* numbers : {"[3e300, 4e300]", "[3e38, 4e38]"}) refused("not finite", R"({"data": [{"embedding": )" + std::string(numbers) + "}]}");
    for (const char* numbers : {"[3e37, 4e37]", "[3e-300, 4e-300]", "[3e-320, 4e-320]"}) {
        const Read answer = read(R"({"data": [{"embedding": )" + std::string(numbers) + "}]}");
        CHECK_TEXT("", answer.why);
        CHECK(std::fabs(answer.vectors[0] - 0.6f) < 1e-3f && std::fabs(answer.vectors[1] - 0.8f) < 1e-3f);
    }
    const Read zeros = read(R"({"data": [{"embedding": [0, 0.0]}]})");
    CHECK_TEXT("", zeros.why);
    CHECK_EQ(0.0f, zeros.vectors[0]);
}

TEST("an answer that is not what was asked for is refused with the reason") {
    refused("not JSON", "<html>busy</html>");
    refused("not JSON", R"({"data": [{"embedding": [NaN, 1]}]})");
    refused("not JSON", R"({"data": [{"embedding": [1e999, 1]}]})");
    refused("not JSON", "");
    refused("no array 'data'", "{}");
    refused("no array 'data'", "[]");
    refused("no array 'data'", R"({"data": {}})");
    refused("0 embeddings for 1 texts", R"({"data": []})");
    refused("2 embeddings for 1 texts", R"({"data": [{"embedding": [1, 0]}, {"embedding": [1, 0]}]})");
    refused("3 dimensions, expected 2", R"({"data": [{"embedding": [1, 0, 0]}]})");
    refused("1 dimensions, expected 2", R"({"data": [{"embedding": [1]}]})");
    refused("not a number", R"({"data": [{"embedding": [1, null]}]})");
    refused("not a number", R"({"data": [{"embedding": [1, "2"]}]})");
    refused("not an array", R"({"data": [{"embedding": "AAAA"}]})");
    refused("without 'embedding'", R"({"data": [{"vector": [1, 0]}]})");
    refused("without 'embedding'", R"({"data": [7]})");
    refused("out of range", R"({"data": [{"index": 1, "embedding": [1, 0]}]})");
    refused("out of range", R"({"data": [{"index": -1, "embedding": [1, 0]}]})");
    refused("out of range", R"({"data": [{"index": "0", "embedding": [1, 0]}]})");
    refused("same index", R"({"data": [{"index": 0, "embedding": [1, 0]}, {"index": 0, "embedding": [1, 0]}]})", 2);
    refused("not JSON", std::string(100000, '['));
}

TEST("a request is JSON whatever bytes the texts have") {
    const std::vector<std::string> texts = {"quote \" and \\", std::string("nul \0 in it", 11), "\xC3\xA9\xF0\x9F\x98\x80", "broken \xC3 \xED\xA0\x80 \xFF"};
    const std::string body = requestBody("m\"odel", texts, 0);
    auto parsed = json::parse(body);
    CHECK_MESSAGE(body, parsed.ok());
    CHECK_TEXT("m\"odel", json::view((*parsed)["model"]));
    CHECK_EQ(rapidjson::SizeType(4), (*parsed)["input"].Size());
    CHECK_TEXT(texts[1], json::view((*parsed)["input"][1]));
    CHECK_TEXT(texts[2], json::view((*parsed)["input"][2]));
    CHECK_TEXT("broken \xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD", json::view((*parsed)["input"][3]));
    CHECK(!parsed->HasMember("dimensions"));
    CHECK_EQ(256u, (*json::parse(requestBody("m", texts, 256)))["dimensions"].GetUint());
}

TEST("a text is cut between characters") {
    CHECK_TEXT("abc", cut("abcdef", 3));
    CHECK_TEXT("abc", cut("abc", 3));
    CHECK_TEXT("a", cut("a\xC3\xA9", 2));
    CHECK_TEXT("a\xC3\xA9", cut("a\xC3\xA9", 3));
    CHECK_TEXT("", cut("\xF0\x9F\x98\x80", 3));
    CHECK_EQ(size_t(5), cut("\x80\x80\x80\x80\x80\x80\x80\x80", 8).substr(0, 5).size());
}

TEST("what a provider says of an error is one line without the key") {
    CHECK_TEXT("Incorrect API key provided: ...", errorOf(R"({"error": {"message": "Incorrect API key provided: sk-123"}})", "sk-123"));
    CHECK_TEXT("model 'x' not found", errorOf(R"({"error": "model 'x' not found"})", "k"));
    CHECK_TEXT("two lines", errorOf("{\"error\": \"two\\nlines\"}", ""));
    CHECK_TEXT("", errorOf("<html>", "k"));
    CHECK_TEXT("", errorOf(R"({"error": 7})", "k"));
    CHECK(errorOf(R"({"error": ")" + std::string(5000, 'x') + "\"}", "").size() <= 200);
}

TEST("Retry-After is a number of seconds or a date") {
    CHECK_EQ(uint64_t(7), retryAfter("7", 0).value());
    CHECK_EQ(uint64_t(0), retryAfter("0", 0).value());
    CHECK_EQ(uint64_t(60), retryAfter("Thu, 01 Jan 1970 00:01:00 GMT", 0).value());
    CHECK_EQ(uint64_t(0), retryAfter("Thu, 01 Jan 1970 00:01:00 GMT", 100).value());
    CHECK(retryAfter("999999999999", 0).value() <= 24 * 3600);
    for (const char* text : {"", "soon", "-1", "1.5", "7 seconds"}) CHECK_MESSAGE(text, !retryAfter(text, 0));
}
