#include "reserve.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace engram::storage_sqlite {
namespace {

constexpr std::chrono::minutes kBetweenLooks{1};
constexpr uint64_t kTimesAsMuch = 4;

bool hasRoom(const std::string& folder, uint64_t bytes) {
    struct statvfs disk {};
    return statvfs(folder.c_str(), &disk) == 0 && disk.f_bavail > bytes / disk.f_frsize;
}

}  // namespace

void Reserve::keep(const std::string& folder) {
    std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (kept_ || bytes_ == 0 || now < next_look_) return;
    next_look_ = now + kBetweenLooks;
    path_ = folder + "/.reserve";
    unlink(path_.c_str());  // of another run, perhaps of another size
    if (!hasRoom(folder, kTimesAsMuch * bytes_)) return;
    const int file = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return;
    kept_ = posix_fallocate(file, 0, static_cast<off_t>(bytes_)) == 0;
    close(file);
    if (!kept_) unlink(path_.c_str());
}

bool Reserve::giveUp() {
    std::lock_guard lock(mutex_);
    if (!kept_) return false;
    kept_ = false;
    next_look_ = std::chrono::steady_clock::now() + kBetweenLooks;
    return unlink(path_.c_str()) == 0;
}

}  // namespace engram::storage_sqlite
