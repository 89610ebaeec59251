#include "health/local_server.hpp"

#include "codes.hpp"
#include "config/data_directory.hpp"
#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <cstring>
#include <fstream>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utime.h>

using namespace engram;
using namespace engram::health;
using engram::testing::TemporaryFolder;

namespace {

enum class After { Listening, Gone };

// A bound Unix socket; Gone: its server has ended without removing it.
int makeSocket(const std::string& path, After after) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(0, bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
    if (after == After::Listening) CHECK_EQ(0, listen(fd, 1));
    else close(fd);
    return fd;
}

void age(const std::string& path) {
    const utimbuf old = {1000000000, 1000000000};
    CHECK_EQ(0, utime(path.c_str(), &old));
}

}  // namespace

TEST("the lock is seen without taking it away or making a file") {
    const TemporaryFolder folder;
    const std::string data = folder / "data";
    CHECK(lockHolder(data) == Holder::Nobody);
    {
        auto held = config::DataDirectory::open(data);
        CHECK(held.ok());
        CHECK(lockHolder(data) == Holder::Somebody);
    }
    CHECK(lockHolder(data) == Holder::Nobody);
    std::ofstream(data + "/LOCK") << "nonsense";
    CHECK(lockHolder(data) == Holder::Nobody);
}

TEST("without a server, its socket is stale; with the lock held, it is silent") {
    const TemporaryFolder folder;
    const std::string data = folder / "data", socket = folder / "a.sock";
    makeSocket(socket, After::Gone);
    Findings out;
    checkServer(data, socket, out);
    CHECK_TEXT("server_stopped stale_socket", codesOf(out));
    auto held = config::DataDirectory::open(data);
    out.clear();
    checkServer(data, socket, out);
    CHECK_TEXT("server_silent", codesOf(out));
}

TEST("other sockets are stale if they are old and nobody listens") {
    const TemporaryFolder folder;
    const int live = makeSocket(folder / "live.sock", After::Listening);
    makeSocket(folder / "young.sock", After::Gone);
    makeSocket(folder / "dead.sock", After::Gone);
    std::ofstream(folder / "file.sock") << "no socket";
    for (const char* name : {"live.sock", "dead.sock", "file.sock"}) age(folder / name);
    Findings out;
    checkOtherSockets(folder / "own.sock", out);
    CHECK_TEXT("stale_socket", codesOf(out));
    CHECK_TEXT(folder / "dead.sock", out[0].path);
    close(live);
}

TEST("a socket is probed: listening, left over, absent") {
    const TemporaryFolder folder;
    const int live = makeSocket(folder / "live.sock", After::Listening);
    makeSocket(folder / "dead.sock", After::Gone);
    CHECK(probe(folder / "live.sock") == Listening::Yes);
    CHECK(probe(folder / "dead.sock") == Listening::No);
    CHECK(probe(folder / "none.sock") == Listening::Absent);
    CHECK(probe(folder / std::string(200, 'x')) == Listening::Absent);
    close(live);
}
