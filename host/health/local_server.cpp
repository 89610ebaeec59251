#include "health/local_server.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace engram::health {
namespace {

namespace fs = std::filesystem;

constexpr std::time_t kYoung = 60;
constexpr size_t kMaxSockets = 1000;

Finding stale(const std::string& path) {
    Finding found = finding("stale_socket", path);
    found.path = path;
    return found;
}

}  // namespace

Holder lockHolder(const std::string& data) {
    std::error_code failed;
    const std::string lock = fs::weakly_canonical(data, failed).string() + "/LOCK";
    std::ifstream file(lock);
    pid_t pid = 0;
    if (failed || !(file >> pid) || pid <= 0) return Holder::Nobody;
    file.close();  // we may be that process
    fs::directory_iterator it("/proc/" + std::to_string(pid) + "/fd", failed), end;
    if (failed) return kill(pid, 0) == 0 || errno == EPERM ? Holder::Somebody : Holder::Nobody;
    for (; !failed && it != end; it.increment(failed)) {
        std::error_code unreadable;
        if (fs::read_symlink(it->path(), unreadable).string() == lock) return Holder::Somebody;
    }
    return Holder::Nobody;
}

Listening probe(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    struct stat status {};
    if (path.size() >= sizeof address.sun_path || lstat(path.c_str(), &status) != 0) return Listening::Absent;
    if (!S_ISSOCK(status.st_mode)) return Listening::Absent;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return Listening::Yes;  // we cannot know: assume the harmless
    const int connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    const Listening answer = connected != 0 && errno == ECONNREFUSED ? Listening::No : Listening::Yes;
    close(fd);
    return answer;
}

void checkServer(const std::string& data, const std::string& socket, Findings& out) {
    if (lockHolder(data) == Holder::Somebody) {
        out.push_back(finding("server_silent", "the lock of " + data + " is held, but nobody answers at " + socket));
        return;
    }
    out.push_back(finding("server_stopped", data));
    if (probe(socket) == Listening::No) out.push_back(stale(socket));
}

void checkOtherSockets(const std::string& socket, Findings& out) {
    std::error_code failed;
    size_t seen = 0;
    const std::time_t now = std::time(nullptr);
    for (fs::directory_iterator it(fs::path(socket).parent_path(), failed), end; !failed && it != end && seen < kMaxSockets;
         it.increment(failed), ++seen) {
        const std::string path = it->path().string();
        struct stat status {};
        if (path == socket || !path.ends_with(".sock") || lstat(path.c_str(), &status) != 0) continue;
        if (now - status.st_mtime >= kYoung && probe(path) == Listening::No) out.push_back(stale(path));
    }
}

}  // namespace engram::health
