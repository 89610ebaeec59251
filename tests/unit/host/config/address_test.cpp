#include "config/address.hpp"

#include "support/test.hpp"

using namespace engram::config;

TEST("addresses are literals with a port") {
    CHECK_TEXT("127.0.0.1", parseAddress("127.0.0.1:7227")->host);
    CHECK_EQ(7227, int(parseAddress("127.0.0.1:7227")->port));
    CHECK_TEXT("::1", parseAddress("[::1]:0")->host);
    CHECK(parseAddress("localhost:65535").has_value());
    for (const char* wrong :
         {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8o", ":80",
          "::1:80", "[127.0.0.1]:80", "example.com:80", "127.0.0.1 :80", "[::1:80"})
        CHECK_MESSAGE(wrong, !parseAddress(wrong));
}

TEST("only what no other machine can reach is loopback") {
    for (const char* local : {"127.0.0.1:1", "127.8.9.10:1", "localhost:1", "[::1]:1"})
        CHECK_MESSAGE(local, isLoopback(local));
    for (const char* open :
         {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.0.0.1.example.com:1", "127.evil:1", "localhost"})
        CHECK_MESSAGE(open, !isLoopback(open));
}

TEST("a proxy range must not be everybody") {
    for (const char* range : {"10.0.0.7", "10.0.0.0/8", "fd00::/8", "::1"})
        CHECK_MESSAGE(range, isProxyRange(range));
    for (const char* wrong :
         {"", "0.0.0.0/0", "::/0", "10.0.0.0/33", "10.0.0.0/", "proxy.example.com", "10.0.0/8"})
        CHECK_MESSAGE(wrong, !isProxyRange(wrong));
}

TEST("an origin is what browsers send, letter by letter") {
    for (const char* origin : {"https://app.example.com", "http://localhost:5173", "http://127.0.0.1:8080", "http://[::1]:3000",
                               "https://a", "chrome-extension://abcdef", "https://app.example.com:8443"})
        CHECK_MESSAGE(origin, engram::config::isOrigin(origin));
    for (const char* wrong :
         {"", "*", "null", "https://", "://x", "app.example.com", "https://app.example.com/", "https://app.example.com/x",
          "https://App.example.com", "HTTPS://app.example.com", "https://*.example.com", "https://a b", "https://a:",
          "https://a:0", "https://a:65536", "https://a:x", "https://a:443", "http://a:80", "http://[::1", "https://u@a",
          "https://a?x", "https://a#x"})
        CHECK_MESSAGE(wrong, !engram::config::isOrigin(wrong));
}
