#include "cli/on_demand.hpp"

#include "config/data_directory.hpp"

#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

extern char** environ;

namespace engram::cli {
namespace {

constexpr std::chrono::milliseconds kPoll{10};
constexpr std::chrono::milliseconds kBetweenStarts{250};

Error cannotStart(const std::string& why) {
    return {"unavailable", "no server answers, and none could be started: " + why, "engram serve shows what is wrong", ""};
}

// A process of its own session, with nothing of ours but the log as its output.
int spawn(const std::string& exe, const std::string& folder, const std::vector<std::string>& words, int log, pid_t& child) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());  // not where the client happens to be
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, log, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, log, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const int failed = posix_spawn(&child, exe.c_str(), &actions, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

}  // namespace

bool OnDemandServer::answers() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (options_.socket.size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, options_.socket.c_str(), options_.socket.size() + 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return connected;
}

Result<void> OnDemandServer::start() {
    auto data = config::makeDataFolder(options_.data);
    if (!data) return data.error();
    const std::string log_path = *data + "/serve.log";
    const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log < 0) return cannotStart(log_path + ": " + std::strerror(errno));
    struct stat info {};
    log_begin_ = fstat(log, &info) == 0 ? info.st_size : 0;
    std::vector<std::string> words = {options_.exe, "serve", "--on-demand", "--data", *data};
    if (!options_.config.empty()) words.insert(words.end(), {"--config", options_.config});
    const int failed = spawn(options_.exe, *data, words, log, child_);
    ::close(log);
    if (failed == 0) return {};
    child_ = -1;
    return cannotStart(options_.exe + ": " + std::strerror(failed));
}

// What the server has said since we started it; its last part, should it be much.
std::string OnDemandServer::said() const {
    const int log = ::open((options_.data + "/serve.log").c_str(), O_RDONLY | O_CLOEXEC);
    if (log < 0) return "";
    char text[2048];
    const ssize_t n = ::pread(log, text, sizeof text, log_begin_);
    ::close(log);
    std::string out(text, n > 0 ? static_cast<size_t>(n) : 0);
    while (out.ends_with('\n')) out.pop_back();
    return out;
}

// Error if the server we started has ended for a reason that would end the next one as well.
Result<void> OnDemandServer::reap() {
    if (child_ < 0) return {};
    int status = 0;
    if (::waitpid(child_, &status, WNOHANG) != child_) return {};
    child_ = -1;
    const bool lost_the_race = WIFEXITED(status) && WEXITSTATUS(status) == EX_TEMPFAIL;
    const bool ended_well = WIFEXITED(status) && WEXITSTATUS(status) == EX_OK;
    if (lost_the_race || ended_well || WIFSIGNALED(status)) return {};
    return cannotStart(said());
}

Result<void> OnDemandServer::ensure(Clock::time_point deadline) {
    std::lock_guard lock(mutex_);
    while (true) {
        auto alive = reap();
        if (answers()) return {};
        if (!alive) return alive;
        const Clock::time_point now = Clock::now();
        if (now >= deadline) return cannotStart("it took too long; see " + options_.data + "/serve.log");
        if (child_ < 0 && now >= next_start_) {
            if (auto started = start(); !started) return started;
            next_start_ = now + kBetweenStarts;
        }
        std::this_thread::sleep_for(kPoll);
    }
}

}  // namespace engram::cli
