#include "health/fixes.hpp"

#include "health/local_server.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace engram::health {
namespace {

namespace fs = std::filesystem;

class Fixer {
public:
    Fixer(std::string data, Mode mode) : data_(std::move(data)), mode_(mode) {}

    void fix(const Finding& found) {
        code_ = found.code;
        if (found.code == "data_open") closeAll(found.path);
        else if (found.code == "secret_readable") withoutModes(found.path, 077);
        else if (found.code == "config_writable") withoutModes(found.path, 022);
        else if (found.code == "stale_socket" && probe(found.path) == Listening::No) removeSocket(found.path);
        else if (found.code == "leftover_file") removeUnderLock(found.path);
    }

    std::vector<Fix> done;

private:
    void closeAll(const std::string& folder) {
        withoutModes(folder, 077);
        std::error_code failed;
        for (fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, failed), end;
             !failed && it != end; it.increment(failed))
            withoutModes(it->path().string(), 077);
    }

    // Through a descriptor, so that what was looked at is what is changed, and a link put there meanwhile is not followed.
    void withoutModes(const std::string& path, mode_t unwanted) {
        const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat status {};
        if (fd < 0 || fstat(fd, &status) != 0) {
            if (errno != ELOOP && errno != ENXIO) done.push_back({code_, "open " + path, std::strerror(errno)});
        } else if (status.st_mode & unwanted) {
            const mode_t wanted = status.st_mode & 07777 & ~unwanted;
            char text[16];
            std::snprintf(text, sizeof text, "chmod %04o ", wanted);
            const bool failed = mode_ == Mode::Apply && fchmod(fd, wanted) != 0;
            done.push_back({code_, text + path, failed ? std::strerror(errno) : ""});
        }
        if (fd >= 0) close(fd);
    }

    // Between making a socket and listening at it, a server holds its data's lock; a minute later it listens or is gone.
    void removeSocket(const std::string& path) {
        struct stat status {};
        const bool young = lstat(path.c_str(), &status) == 0 && std::time(nullptr) - status.st_mtime < 60;
        if (young) removeUnderLock(path);
        else remove(path);
    }

    // A server that starts meanwhile is turned away by the lock, so that it does not lose what it is just writing.
    void removeUnderLock(const std::string& path) {
        if (mode_ == Mode::DryRun && lockHolder(data_) == Holder::Nobody) return remove(path);
        const int fd = ::open((data_ + "/LOCK").c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT) return remove(path);  // no server has ever been here
        if (mode_ == Mode::Apply && fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) remove(path);
        else done.push_back({code_, "remove " + path, "a server holds the data"});
        if (fd >= 0) close(fd);
    }

    void remove(const std::string& path) {
        std::error_code failed;
        if (mode_ == Mode::Apply) fs::remove_all(path, failed);
        done.push_back({code_, "remove " + path, failed ? failed.message() : ""});
    }

    const std::string data_;
    const Mode mode_;
    std::string code_;
};

}  // namespace

std::vector<Fix> applyFixes(const Findings& findings, const std::string& data, Mode mode) {
    Fixer fixer(data, mode);
    for (const Finding& found : findings)
        if (!found.path.empty()) fixer.fix(found);
    return std::move(fixer.done);
}

}  // namespace engram::health
