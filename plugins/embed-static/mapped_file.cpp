#include "mapped_file.hpp"

#include "malformed.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace engram::embed_static {
namespace {

struct Descriptor {
    int fd;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

}  // namespace

MappedFile::MappedFile(const std::string& path, size_t limit) {
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.fd < 0) throw Malformed(path + ": " + std::strerror(errno));
    struct stat info {};
    if (::fstat(file.fd, &info) != 0) throw Malformed(path + ": " + std::strerror(errno));
    if (!S_ISREG(info.st_mode)) throw Malformed(path + ": not a regular file");
    if (info.st_size == 0) throw Malformed(path + ": the file is empty");
    if (static_cast<uint64_t>(info.st_size) > limit)
        throw Malformed(path + ": " + std::to_string(info.st_size) + " bytes, at most " + std::to_string(limit) + " are read");
    size_ = static_cast<size_t>(info.st_size);
    data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (data_ == MAP_FAILED) {
        data_ = nullptr;
        throw Malformed(path + ": cannot be mapped: " + std::strerror(errno));
    }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile::~MappedFile() {
    if (data_) ::munmap(data_, size_);
}

}  // namespace engram::embed_static
