#include "pipeline/mcp_access.hpp"

#include "support/test.hpp"

using namespace engram;
using pipeline::checkAccess;
using pipeline::McpAccess;

TEST("on loopback only its names, those configured and those of the base domain are hosts") {
    const McpAccess access{{"mcp.example"}, {}, "engram.example", McpAccess::Listens::Loopback};
    for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1", "127.1.2.3:80", "[::1]:7227", "mcp.example", "Mcp.Example.:443",
                             "engram.example", "acme.engram.example:7227"})
        CHECK_MESSAGE(host, checkAccess(access, host, "").ok());
    for (const char* host : {"", "evil.example", "xengram.example", "127.0.0.1.evil.example", "localhost.evil", "[::2]", "10.0.0.1"})
        CHECK_TEXT("host_not_allowed", checkAccess(access, host, "").error().code);
}

TEST("beyond loopback any host is taken until some are named") {
    McpAccess access{{}, {}, "", McpAccess::Listens::Beyond};
    CHECK(checkAccess(access, "anything.example", "").ok());
    access.hosts = {"mcp.example"};
    CHECK(!checkAccess(access, "anything.example", "").ok());
}

TEST("origins are compared whole") {
    const McpAccess access{{}, {"https://app.example"}, "", McpAccess::Listens::Loopback};
    for (const char* origin : {"", "https://app.example", "http://localhost:5173", "https://127.0.0.1", "http://[::1]:1"})
        CHECK_MESSAGE(origin, checkAccess(access, "localhost", origin).ok());
    for (const char* origin : {"null", "http://app.example", "https://app.example:444", "https://app.example.evil", "ftp://localhost",
                               "localhost", "http://localhost@evil.example", "http://evil.example/localhost"})
        CHECK_TEXT("origin_not_allowed", checkAccess(access, "localhost", origin).error().code);
}
