#include "observe/redact.hpp"

#include "support/test.hpp"

using engram::observe::redacted;

TEST("keys, bearer tokens and JSON Web Tokens are taken out, what is around them stays") {
    CHECK_TEXT("key [redacted], next", redacted("key egm_live_0123456789abcdef_secret, next"));
    CHECK_TEXT("Authorization: [redacted]\nnext", redacted("Authorization: Bearer abcdefghijklmnopqrstuvwxyz\nnext"));
    CHECK_TEXT("\"[redacted]\"", redacted("\"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl\""));
}

TEST("user and password of a URL are taken out, a plain URL is not touched") {
    CHECK_TEXT("postgres://[redacted]@db/x", redacted("postgres://engram:hunter2@db/x"));
    CHECK_TEXT("http://127.0.0.1:7227/v1?a=b@c", redacted("http://127.0.0.1:7227/v1?a=b@c"));
    CHECK_TEXT("see http://example.com and a@b", redacted("see http://example.com and a@b"));
}

TEST("values of what sounds like a secret are taken out in JSON, TOML, and key=value") {
    CHECK_TEXT(R"({"password": "[redacted]", "n": 1})", redacted(R"({"password": "hunter2", "n": 1})"));
    CHECK_TEXT(R"({"client_secret":"[redacted]"})", redacted(R"({"client_secret":"a\"b"})"));
    CHECK_TEXT("api_key = \"[redacted]\"", redacted("api_key = \"hunter2\""));
    CHECK_TEXT("token=[redacted] rest", redacted("token=hunter2 rest"));
    CHECK_TEXT("API_TOKEN: [redacted]\nrest", redacted("API_TOKEN: hunter2\nrest"));
    CHECK_TEXT(R"({"message":"{\"password\":[redacted]\"}"})", redacted(R"({"message":"{\"password\":\"hunter2\"}"})"));
}

TEST("words that only mention a secret stay, and so do figures") {
    for (const char* text : {"the token was refused", "\"code\":\"secret_readable\",\"severity\":\"error\"", "secret_readable} 0",
                             "engram_requests_total{route=\"memory.get\"} 7", ""})
        CHECK_TEXT(text, redacted(text));
}

TEST("text that ends in the middle of anything is endured") {
    for (const char* text : {"password", "password=", "password=\"", "password=\"x\\", "://", "://a@", "Bearer ", "eyJ", "token: "})
        CHECK(redacted(text).size() <= 64);
}
