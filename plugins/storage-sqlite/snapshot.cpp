#include "snapshot.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace engram::storage_sqlite {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlock = 256 * 1024;

[[noreturn]] void ioError(const std::string& path) {
    throw SqliteError(errno == ENOSPC ? SQLITE_FULL : SQLITE_IOERR, path + ": " + std::strerror(errno));
}

// A descriptor that closes itself.
struct File {
    int fd;
    ~File() {
        if (fd >= 0) ::close(fd);
    }
};

struct RemoveAtEnd {
    std::string path;
    ~RemoveAtEnd() { ::unlink(path.c_str()); }
};

void syncFolder(const std::string& path) {
    const File folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (folder.fd < 0 || fsync(folder.fd) != 0) ioError(path);
}

}  // namespace

engram_status writeSnapshot(Tenant& tenant, const engram_sink& sink, uint64_t* lsn) {
    const std::string copy = tenant.folder() + "/snapshot.tmp";
    ::unlink(copy.c_str());
    const RemoveAtEnd cleanup{copy};
    {
        std::lock_guard writing(tenant.writer_mutex);
        *lsn = tenant.lsn();
        Statement vacuum = tenant.writer->statement("VACUUM INTO ?");
        vacuum.bindText(1, copy).run();
    }
    const File file{::open(copy.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.fd < 0) ioError(copy);
    std::string block(kBlock, '\0');
    while (true) {
        const ssize_t n = ::read(file.fd, block.data(), block.size());
        if (n < 0) ioError(copy);
        if (n == 0) return ENGRAM_OK;
        if (const engram_status status = sink.write(sink.ctx, {block.data(), static_cast<size_t>(n)}); status != ENGRAM_OK)
            return status;
    }
}

engram_status readSnapshot(const std::string& folder, const engram_source& source) {
    const std::string coming = folder + ".coming";
    removeFolder(coming);
    if (mkdir(coming.c_str(), 0700) != 0) ioError(coming);
    try {
        const std::string path = coming + "/engram.db";
        {
            const File file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
            if (file.fd < 0) ioError(path);
            std::string block(kBlock, '\0');
            for (size_t n = 1; n > 0;) {
                const engram_status status = source.read(source.ctx, block.data(), block.size(), &n);
                if (status != ENGRAM_OK) {
                    removeFolder(coming);
                    return status;
                }
                for (size_t sent = 0; sent < n;) {
                    const ssize_t written = ::write(file.fd, block.data() + sent, n - sent);
                    if (written < 0) ioError(path);
                    sent += static_cast<size_t>(written);
                }
            }
            if (fsync(file.fd) != 0) ioError(path);
        }
        {
            const Tenant check(coming, Options{});
            Statement result = check.writer->statement("PRAGMA integrity_check(1)");
            if (!result.step() || result.text(0) != "ok") throw SqliteError(SQLITE_CORRUPT, "the snapshot is damaged");
        }
        syncFolder(coming);
        if (std::rename(coming.c_str(), folder.c_str()) != 0) ioError(folder);
        syncFolder(fs::path(folder).parent_path().string());
    } catch (...) {
        removeFolder(coming);
        throw;
    }
    return ENGRAM_OK;
}

void removeFolder(const std::string& folder) {
    std::error_code failed;
    if (!fs::exists(folder, failed)) return;
    fs::remove_all(folder, failed);
    if (failed) throw SqliteError(SQLITE_IOERR, folder + ": " + failed.message());
    syncFolder(fs::path(folder).parent_path().string());
}

}  // namespace engram::storage_sqlite
