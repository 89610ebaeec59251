#include "spool/segment.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace engram::spool {
namespace {

struct Header {
    uint32_t size, crc;
};

constexpr size_t kAlign = 8;

size_t padded(size_t n) { return (n + kAlign - 1) / kAlign * kAlign; }

// CRC-32C (Castagnoli, RFC 3720), a table entry a byte.
uint32_t crc32c(std::string_view bytes) {
    static constexpr auto kTable = [] {
        std::array<uint32_t, 256> table{};
        for (uint32_t i = 0; i < 256; ++i) {
            uint32_t c = i;
            for (int k = 0; k < 8; ++k) c = c >> 1 ^ (c & 1 ? 0x82F63B78u : 0);
            table[i] = c;
        }
        return table;
    }();
    uint32_t crc = 0xFFFFFFFFu;
    for (unsigned char c : bytes) crc = kTable[(crc ^ c) & 255] ^ crc >> 8;
    return ~crc;
}

Error cannot(const std::string& path) { return {"spool", path + ": " + std::strerror(errno), "is the disk full?", ""}; }

}  // namespace

Result<std::unique_ptr<Segment>> Segment::open(const std::string& path, size_t capacity) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return cannot(path);
    struct stat info {};
    fstat(fd, &info);
    if (info.st_size > 0) capacity = static_cast<size_t>(info.st_size);
    // Blocks are reserved now: writing into a hole of a map on a full disk would be a SIGBUS.
    if (info.st_size == 0) {
        if (const int failed = posix_fallocate(fd, 0, static_cast<off_t>(capacity)); failed != 0) {
            errno = failed;
            const Error error = cannot(path);
            ::close(fd);
            ::unlink(path.c_str());
            return error;
        }
    }
    void* map = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (map == MAP_FAILED) return cannot(path);
    return std::unique_ptr<Segment>(new Segment(path, static_cast<char*>(map), capacity));
}

Segment::Segment(std::string path, char* map, size_t capacity) : path_(std::move(path)), map_(map), capacity_(capacity) {
    end_ = capacity_;  // read() may look at all of it
    size_t offset = 0;
    while (!read(offset).empty()) {
    }
    end_ = offset;
    std::memset(map_ + end_, 0, capacity_ - end_ < 4096 ? capacity_ - end_ : 4096);  // a torn record must not come back
}

Segment::~Segment() { munmap(map_, capacity_); }

Segment::Room Segment::append(std::string_view payload) {
    const size_t size = padded(sizeof(Header) + payload.size());
    if (size > capacity_ - end_) return Room::Full;
    const Header header{static_cast<uint32_t>(payload.size()), crc32c(payload)};
    std::memcpy(map_ + end_ + sizeof header, payload.data(), payload.size());
    std::memcpy(map_ + end_, &header, sizeof header);
    end_ += size;
    return Room::Enough;
}

std::string_view Segment::read(size_t& offset) const {
    Header header{};
    if (offset > end_ || end_ - offset < sizeof header) return {};
    std::memcpy(&header, map_ + offset, sizeof header);
    if (header.size == 0 || header.size > end_ - offset - sizeof header) return {};
    const std::string_view payload(map_ + offset + sizeof header, header.size);
    if (crc32c(payload) != header.crc) return {};
    const size_t next = offset + padded(sizeof header + header.size);
    if (next > end_) return {};
    offset = next;
    return payload;
}

void Segment::sync() {
    const size_t end = end_;
    msync(map_, end ? end : 1, MS_SYNC);
}

}  // namespace engram::spool
