#include "cli/archive.hpp"

#include <Poco/DeflatingStream.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

namespace engram::cli {
namespace {

constexpr size_t kBlock = 512;

// A ustar header: fields of fixed size, numbers in octal, a sum over the bytes with its own field as spaces.
std::string headerOf(const std::string& name, size_t size, std::time_t when) {
    std::string block(kBlock, '\0');
    auto put = [&](size_t at, const std::string& text) { block.replace(at, text.size(), text); };
    auto octal = [&](size_t at, size_t digits, unsigned long long value) {
        char text[24];
        std::snprintf(text, sizeof text, "%0*llo", static_cast<int>(digits), value);
        put(at, text);
    };
    put(0, name.substr(0, 99));
    octal(100, 7, 0600);
    octal(108, 7, 0);
    octal(116, 7, 0);
    octal(124, 11, size);
    octal(136, 11, static_cast<unsigned long long>(when));
    put(148, "        ");
    put(156, "0");
    put(257, std::string("ustar\0" "00", 8));
    unsigned sum = 0;
    for (const char byte : block) sum += static_cast<unsigned char>(byte);
    octal(148, 6, sum);
    block[154] = '\0';
    return block;
}

std::string compressed(const std::vector<ArchiveMember>& members, std::time_t when) {
    std::ostringstream out;
    Poco::DeflatingOutputStream gzip(out, Poco::DeflatingStreamBuf::STREAM_GZIP);
    for (const auto& [name, content] : members) {
        gzip << headerOf(name, content.size(), when) << content;
        gzip << std::string((kBlock - content.size() % kBlock) % kBlock, '\0');
    }
    gzip << std::string(2 * kBlock, '\0');
    gzip.close();
    return out.str();
}

}  // namespace

Result<void> writeArchive(const std::string& path, const std::vector<ArchiveMember>& members, std::time_t when) {
    const std::string bytes = compressed(members, when);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return Error{"io", path + ": " + std::strerror(errno), "choose the name of a new file", ""};
    size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t n = ::write(fd, bytes.data() + sent, bytes.size() - sent);
        if (n <= 0) break;
        sent += static_cast<size_t>(n);
    }
    const std::string why = std::strerror(errno);
    if (::close(fd) != 0 || sent < bytes.size()) {
        ::unlink(path.c_str());
        return Error{"io", path + ": " + why, "is the disk full?", ""};
    }
    return {};
}

}  // namespace engram::cli
