#include "http/forwarded.hpp"

#include "support/test.hpp"

using engram::http::Forwarded;
using engram::http::Header;
using engram::http::parseIp;
using engram::http::ProxyRanges;
using engram::http::readForwarded;
using engram::http::textOf;

namespace {

ProxyRanges ranges(std::vector<std::string> texts) { return ProxyRanges(texts); }

}  // namespace

TEST("addresses are read in both families and told in their shortest form") {
    CHECK_TEXT("192.0.2.1", textOf(*parseIp("192.0.2.1")));
    CHECK_TEXT("192.0.2.1", textOf(*parseIp("::ffff:192.0.2.1")));
    CHECK_TEXT("2001:db8::1", textOf(*parseIp("2001:0DB8:0:0::1")));
    for (const char* wrong : {"", "192.0.2", "192.0.2.256", "192.0.2.1 ", "fe80::1%eth0", "::ffff:192.0.2", "a", "1.2.3.4.5"})
        CHECK_MESSAGE(wrong, !parseIp(wrong));
    CHECK(!parseIp(std::string(5000, '1')));
    CHECK(!parseIp(std::string_view("1.2.3.4\0", 8)));
}

TEST("a range holds what its bits say, to the bit") {
    const auto proxies = ranges({"10.0.0.0/8", "192.0.2.128/25", "203.0.113.7", "2001:db8::/33", "::1"});
    for (const char* in : {"10.0.0.0", "10.255.255.255", "192.0.2.128", "192.0.2.255", "203.0.113.7", "::ffff:10.1.1.1",
                           "2001:db8::1", "2001:db8:7fff::1", "::1"})
        CHECK_MESSAGE(in, proxies.contains(std::string_view(in)));
    for (const char* out : {"9.255.255.255", "11.0.0.0", "192.0.2.127", "203.0.113.8", "2001:db8:8000::", "2001:db9::", "::2",
                            "nonsense", ""})
        CHECK_MESSAGE(out, !proxies.contains(std::string_view(out)));
    CHECK(!ranges({}).contains(std::string_view("10.0.0.1")));
    CHECK(!ranges({"::/8"}).contains(std::string_view("10.0.0.1")));
    CHECK(ranges({"nonsense", "10.0.0.0/x"}).empty());
}

TEST("the client is the rightmost hop that is no proxy") {
    const auto proxies = ranges({"10.0.0.0/8"});
    const auto client = [&](std::vector<Header> headers) { return readForwarded(headers, proxies).client; };
    CHECK_TEXT("203.0.113.7", client({{"x-forwarded-for", "198.51.100.1, 203.0.113.7, 10.0.0.1"}}));
    CHECK_TEXT("203.0.113.7", client({{"x-forwarded-for", "198.51.100.1"}, {"x-forwarded-for", "203.0.113.7"}}));
    CHECK_TEXT("10.0.0.2", client({{"x-forwarded-for", "10.0.0.2, 10.0.0.1"}}));
    CHECK_TEXT("10.0.0.1", client({{"x-forwarded-for", "203.0.113.7, unknown, 10.0.0.1"}}));
    CHECK_TEXT("", client({{"x-forwarded-for", "unknown"}}));
    CHECK_TEXT("", client({{"x-forwarded-for", ""}}));
    CHECK_TEXT("", client({}));
}

TEST("scheme and host are those of the nearest proxy") {
    const std::vector<Header> headers = {{"x-forwarded-proto", "http, https"}, {"x-forwarded-host", "evil.example, a.example"}};
    const Forwarded said = readForwarded(headers, {});
    CHECK(said.scheme == Forwarded::Scheme::Https);
    CHECK_TEXT("a.example", std::string(said.host));
    CHECK(readForwarded({}, {}).scheme == Forwarded::Scheme::Unknown);
}
