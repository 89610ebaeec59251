// What the owner of a server asks of it: engram stop ends it, however it was started; engram config reload lets it take
// over its changed configuration.
#include "cli/client_commands.hpp"

#include "config/data_directory.hpp"
#include "health/local_server.hpp"

#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>

#include <csignal>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

namespace engram::cli {
namespace {

using Takes = Option::Takes;

// Who listens on the socket, as the kernel says.
std::optional<pid_t> listenerOf(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return std::nullopt;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return std::nullopt;
    std::optional<pid_t> pid;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0)
        pid = credentials.pid;
    ::close(fd);
    return pid;
}

// Who has the data directory but does not listen.
std::optional<pid_t> holderOf(const std::string& data) {
    pid_t pid = 0;
    std::ifstream lock(data + "/LOCK");
    if (health::lockHolder(data) != health::Holder::Somebody || !(lock >> pid) || pid <= 0) return std::nullopt;
    return pid;
}

int stop(const Arguments& arguments, Streams streams) {
    auto data = dataOf(arguments);
    if (!data) return tell(data.error(), EX_CONFIG, streams);
    auto socket = config::socketPath(*data);
    if (!socket) return tell(socket.error(), EX_UNAVAILABLE, streams);
    const std::string seconds = arguments.get("timeout", "60");
    int timeout = 0;
    if (auto [end, bad] = std::from_chars(seconds.data(), seconds.data() + seconds.size(), timeout);
        bad != std::errc() || end != seconds.data() + seconds.size() || timeout < 0 || timeout > 86400)
        return tell({"", "--timeout is not a number of seconds", "write --timeout 60", ""}, EX_USAGE, streams);

    std::optional<pid_t> pid = listenerOf(*socket);
    if (!pid) pid = holderOf(*data);  // it starts, or ends already
    if (!pid) {
        streams.out << "no server runs for " << *data << "\n";
        return EX_OK;
    }
    // By descriptor, so that another process with a number used anew is not meant. Debian 12's <sys/pidfd.h> is for C alone.
    const int process = static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0));
    if (process < 0 || ::syscall(SYS_pidfd_send_signal, process, SIGTERM, nullptr, 0) != 0) {
        const std::string why = std::strerror(errno);
        if (process >= 0) ::close(process);
        return tell({"", "process " + std::to_string(*pid) + " cannot be told to stop: " + why, "", ""}, EX_NOPERM, streams);
    }
    pollfd ended{process, POLLIN, 0};
    const bool gone = ::poll(&ended, 1, timeout * 1000) == 1;
    ::close(process);
    if (!gone)
        return tell({"", "process " + std::to_string(*pid) + " still finishes what is under way", "try again, or wait longer with --timeout", ""},
                    EX_TEMPFAIL, streams);
    streams.out << "stopped process " << *pid << "\n";
    return EX_OK;
}

// No server is started for it: one that is started reads the configuration anyway.
Result<std::unique_ptr<Transport>> connectToRunning(const Arguments& arguments) {
    auto data = dataOf(arguments);
    if (!data) return data.error();
    auto socket = config::socketPath(*data);
    if (!socket) return socket.error();
    return overSocket(*socket);
}

void showList(const json::Value& answer, const char* name, const char* title, std::ostream& out) {
    const json::Value* list = json::find(answer, name);
    if (!list || !list->IsArray() || list->Empty()) return;
    out << title;
    const char* separator = " ";
    for (const auto& word : list->GetArray()) {
        out << separator << json::view(word);
        separator = ", ";
    }
    out << "\n";
}

void showReload(const json::Value& answer, std::ostream& out) {
    out << "reloaded\n";
    showList(answer, "changed", "  changed:", out);
    showList(answer, "needs_restart", "  takes effect with a restart:", out);
}

}  // namespace

void addServerCommands(std::vector<Command>& commands) {
    commands.push_back({"stop", "", "", "stop the server of the data directory", 0, 0,
                        {{"config", Takes::Value, "FILE", "configuration of the local server"},
                         {"data", Takes::Value, "DIR", "data directory of the local server"},
                         {"timeout", Takes::Value, "SECONDS", "how long to wait for it to end, 60 if not given"}},
                        &stop});
    commands.push_back({"config", "reload", "", "let the running server take over its changed configuration", 0, 0,
                        {{"config", Takes::Value, "FILE", "configuration of the local server"},
                         {"data", Takes::Value, "DIR", "data directory of the local server"}},
                        [](const Arguments& a, Streams s) {
                            return request(&connectToRunning, a, {"POST", "/v1/server:reload", "", {}}, s, &showReload);
                        }});
}

}  // namespace engram::cli
