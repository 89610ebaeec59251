#include "health/ports.hpp"

#include "codes.hpp"
#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <fstream>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace engram::health;

namespace {

// A listening socket on a free port of 127.0.0.1.
struct Socket {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint16_t port = 0;
    Socket() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        CHECK_EQ(0, bind(fd, reinterpret_cast<sockaddr*>(&address), size));
        CHECK_EQ(0, listen(fd, 1));
        CHECK_EQ(0, getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size));
        port = ntohs(address.sin_port);
    }
    ~Socket() { close(fd); }
};

}  // namespace

TEST("who listens on a port is found by process id and name") {
    const Socket socket;
    const auto found = findListener("127.0.0.1", socket.port);
    CHECK(found.has_value());
    CHECK_EQ(static_cast<int>(getpid()), found->pid);
    CHECK_TEXT("unit_health", found->command);
    CHECK(findListener("0.0.0.0", socket.port).has_value());
    CHECK(findListener("localhost", socket.port).has_value());
    CHECK(!findListener("127.0.0.2", socket.port).has_value());
}

TEST("a port that nobody has is free, and so is port 0") {
    uint16_t port = 0;
    {
        const Socket socket;
        port = socket.port;
    }
    Findings out;
    checkPort("127.0.0.1:" + std::to_string(port), "server.listen", out);
    checkPort("127.0.0.1:0", "server.listen", out);
    CHECK_TEXT("", codesOf(out));
}

TEST("a taken port is an error that names the key and the process") {
    const Socket socket;
    Findings out;
    checkPort("127.0.0.1:" + std::to_string(socket.port), "server.listen", out);
    CHECK_TEXT("port_in_use", codesOf(out));
    CHECK_TEXT("server.listen 127.0.0.1:" + std::to_string(socket.port) + " is taken by process " + std::to_string(getpid()) +
                   " (unit_health)",
               out[0].evidence);
}

TEST("tables of odd shape and processes that cannot be seen are endured") {
    const engram::testing::TemporaryFolder proc;
    mkdir((proc / "net").c_str(), 0700);
    std::ofstream(proc / "net/tcp") << "titles\n\n garbage\n   0: zz 0 0A\n"
                                       "   1: 0100007F:1F90 00000000:0000 01 0:0 0:0 0 0 0 1 x\n"   // connected, not listening
                                       "   2: 0100007F:1F91 00000000:0000 0A 0:0 0:0 0 0 0 77 x\n";  // listening, owner unseen
    CHECK(!findListener("127.0.0.1", 8080, proc.path()).has_value());
    const auto unseen = findListener("127.0.0.1", 8081, proc.path());
    CHECK(unseen.has_value());
    CHECK_EQ(0, unseen->pid);
    std::ofstream(proc / "net/tcp6") << "titles\n   0: 00000000000000000000000000000000:1F92 0:0 0A 0:0 0:0 0 0 0 5 x\n";
    CHECK(findListener("127.0.0.1", 8082, proc.path()).has_value());
}
