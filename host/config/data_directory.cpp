#include "config/data_directory.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>

namespace engram::config {
namespace {

namespace fs = std::filesystem;

Error problem(const std::string& path, const std::string& why, const std::string& hint) {
    return {"data_directory", path + ": " + why, hint, ""};
}

std::string describeHolder(int fd) {
    char text[64] = {};
    const ssize_t n = pread(fd, text, sizeof text - 1, 0);
    const std::string lines(text, n > 0 ? static_cast<size_t>(n) : 0);
    const size_t first = lines.find('\n'),
                 second = lines.find('\n', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) return "another process";  // it has the lock but has not written yet
    return "process " + lines.substr(0, first) + " since " + lines.substr(first + 1, second - first - 1);
}

std::string utcNow() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

// A folder that only we can enter; a symbolic link is not followed.
Result<void> ownFolder(const std::string& path) {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        return problem(path, std::string("cannot be made: ") + std::strerror(errno),
                       "check the folder above it");
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
        return problem(path, "is not a folder", "remove it");
    if (info.st_uid != geteuid())
        return problem(path, "belongs to another user", "remove it, or set XDG_RUNTIME_DIR");
    if ((info.st_mode & 077) != 0 && chmod(path.c_str(), 0700) != 0)
        return problem(path, "can be entered by others", "chmod 700 " + path);
    return {};
}

std::string hashOf(const std::string& text) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(text.data(), text.size(), digest, &length, EVP_sha256(), nullptr);
    std::string hex;
    for (unsigned i = 0; i < 12; ++i) {
        constexpr char kDigits[] = "0123456789abcdef";
        hex += kDigits[digest[i] >> 4];
        hex += kDigits[digest[i] & 15];
    }
    return hex;
}

}  // namespace

Result<std::string> makeDataFolder(const std::string& wanted) {
    std::error_code failed;
    std::string path = wanted;
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    const bool there = fs::exists(path, failed);
    if (!there) {
        fs::create_directories(fs::path(path).parent_path(), failed);
        if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
            return problem(path, std::string("cannot be made: ") + std::strerror(errno),
                           "choose another with --data DIR or server.data");
    }
    struct stat info {};
    if (stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
        return problem(path, "is not a folder", "choose another with --data DIR");
    if (info.st_uid != geteuid())
        return problem(path, "belongs to user " + std::to_string(info.st_uid),
                       "start the server as that user");
    if ((info.st_mode & 022) != 0) return problem(path, "can be written by others", "chmod 700 " + path);
    const std::string real = fs::canonical(path, failed).string();
    if (failed) return problem(path, failed.message(), "");
    return real;
}

Result<DataDirectory> DataDirectory::open(const std::string& wanted) {
    auto folder = makeDataFolder(wanted);
    if (!folder) return folder.error();
    const std::string& real = *folder;
    const std::string lock_path = real + "/LOCK";
    const int fd = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return problem(lock_path, std::strerror(errno), "is the disk full or read-only?");
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const std::string holder = describeHolder(fd);
        close(fd);
        return Error{"locked", real + " is in use by " + holder, "use that server, or stop it with: engram stop --data " + real, ""};
    }
    const std::string text = std::to_string(getpid()) + "\n" + utcNow() + "\n";
    if (ftruncate(fd, 0) != 0 ||
        pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        const std::string why = std::strerror(errno);
        close(fd);
        return problem(lock_path, why, "is the disk full or read-only?");
    }
    return DataDirectory(real, fd);
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(other.lock_) {
    other.lock_ = -1;
}

DataDirectory::~DataDirectory() {
    if (lock_ >= 0) close(lock_);
}

Result<std::string> socketPath(const std::string& data_path) {
    std::error_code failed;
    const std::string real = fs::weakly_canonical(data_path, failed).string();
    if (failed) return problem(data_path, failed.message(), "");
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    const std::string name = "/" + hashOf(real) + ".sock";
    std::string folder;
    if (runtime && *runtime == '/' && access(runtime, W_OK) == 0) {
        folder = std::string(runtime) + "/engram";
    } else {
        folder = fs::temp_directory_path(failed).string();
        if (folder.empty()) folder = "/tmp";
        while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
        folder += "/engram-" + std::to_string(geteuid());
    }
    if (auto own = ownFolder(folder); !own) return own.error();
    if (folder.size() + name.size() >= sizeof(sockaddr_un::sun_path))
        return problem(folder + name, "is too long for a socket", "set XDG_RUNTIME_DIR to a shorter path");
    return folder + name;
}

}  // namespace engram::config
