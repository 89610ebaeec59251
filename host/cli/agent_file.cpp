#include "cli/agent_file.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace engram::cli {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kMaxFile = 16u << 20;
constexpr size_t kAround = 3;

Error problem(const std::string& path, const std::string& why) { return {"", path + ": " + why, "check the path and its mode", ""}; }

// A new file of that name with the text on disk; never one that is there.
Result<void> create(const std::string& path, const std::string& text, mode_t mode) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) return problem(path, std::strerror(errno));
    size_t done = 0;
    while (done < text.size()) {
        const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += static_cast<size_t>(n);
    }
    const bool whole = done == text.size() && ::fchmod(fd, mode) == 0 && ::fsync(fd) == 0;
    const std::string why = std::strerror(errno);
    ::close(fd);
    if (whole) return {};
    ::unlink(path.c_str());
    return problem(path, why);
}

std::string stamp() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts)};
}

std::vector<std::string> linesOf(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

}  // namespace

Result<std::optional<std::string>> readAgentFile(const std::string& path) {
    std::error_code failed;
    const auto status = fs::status(path, failed);
    if (status.type() == fs::file_type::not_found) return std::optional<std::string>();
    if (failed || status.type() != fs::file_type::regular) return problem(path, "is not a file");
    if (fs::file_size(path, failed) > kMaxFile || failed) return problem(path, "is too large for a configuration");
    std::ifstream file(path, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (!file) return problem(path, "cannot be read");
    return std::optional<std::string>(std::move(text));
}

Result<std::string> replaceAgentFile(const std::string& path, const std::string& text, const std::optional<std::string>& old) {
    std::error_code failed;
    std::string target = path;
    mode_t mode = 0600;
    if (old) {
        target = fs::canonical(path, failed).string();
        struct stat info {};
        if (failed || ::stat(target.c_str(), &info) != 0) return problem(path, "cannot be read");
        mode = info.st_mode & 0777;
    } else {
        fs::create_directories(fs::path(target).parent_path(), failed);
        if (failed) return problem(target, failed.message());
    }
    std::string backup;
    if (old) {
        const std::string base = target + ".before-engram-" + stamp();
        backup = base;
        for (int n = 2; fs::exists(backup, failed); ++n) backup = base + "-" + std::to_string(n);
        if (auto copied = create(backup, *old, mode); !copied) return copied.error();
    }
    const std::string fresh = target + ".engram-" + std::to_string(::getpid());
    ::unlink(fresh.c_str());
    if (auto written = create(fresh, text, mode); !written) return written.error();
    if (::rename(fresh.c_str(), target.c_str()) != 0) {
        const std::string why = std::strerror(errno);
        ::unlink(fresh.c_str());
        return problem(target, why);
    }
    return backup;
}

std::string changeOf(const std::string& old_text, const std::string& new_text) {
    const std::vector<std::string> a = linesOf(old_text), b = linesOf(new_text);
    size_t begin = 0, end = 0;  // lines that are the same at the beginning and at the end
    while (begin < a.size() && begin < b.size() && a[begin] == b[begin]) ++begin;
    while (end < a.size() - begin && end < b.size() - begin && a[a.size() - 1 - end] == b[b.size() - 1 - end]) ++end;
    std::string out;
    for (size_t i = begin > kAround ? begin - kAround : 0; i < begin; ++i) out += "  " + a[i] + "\n";
    for (size_t i = begin; i < a.size() - end; ++i) out += "- " + a[i] + "\n";
    for (size_t i = begin; i < b.size() - end; ++i) out += "+ " + b[i] + "\n";
    for (size_t i = b.size() - end; i < b.size() && i < b.size() - end + kAround; ++i) out += "  " + b[i] + "\n";
    return out;
}

}  // namespace engram::cli
