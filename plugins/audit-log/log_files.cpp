#include "log_files.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace engram::audit_log {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "audit-", kSuffix = ".jsonl";

std::string because(const std::string& path) { return path + ": " + std::strerror(errno); }

bool syncFolder(const std::string& folder) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) ::close(fd);
    return synced;
}

// The number in "audit-000012.jsonl", 0 if it is another file.
uint64_t numberOf(const std::string& name) {
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return 0;
    const char* first = name.data() + kPrefix.size();
    const char* last = name.data() + name.size() - kSuffix.size();
    uint64_t number = 0;
    const auto [end, failed] = std::from_chars(first, last, number);
    return failed == std::errc() && end == last ? number : 0;
}

}  // namespace

FileView::FileView(const std::string& path, size_t at_most) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return;
    struct stat about {};
    if (fstat(fd, &about) == 0) {
        size_ = std::min(static_cast<size_t>(about.st_size), at_most);
        good_ = true;
        if (size_ > 0) {
            void* map = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
            good_ = map != MAP_FAILED;
            map_ = good_ ? static_cast<const char*>(map) : nullptr;
            mapped_ = good_ ? size_ : 0;
            if (!good_) size_ = 0;
        }
    }
    ::close(fd);
}

FileView::~FileView() {
    if (mapped_ > 0) munmap(const_cast<char*>(map_), mapped_);
}

Link readHead(const std::string& folder) {
    std::ifstream file(folder + "/head");
    Link head, read;
    if (file >> read.seq >> read.hash && read.hash.size() == kNoHash.size()) head = read;
    return head;
}

LogFiles::~LogFiles() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::string LogFiles::pathOf(uint64_t number) const {
    std::string digits = std::to_string(number);
    digits.insert(0, digits.size() < 6 ? 6 - digits.size() : 0, '0');
    return options_.folder + "/" + std::string(kPrefix) + digits + std::string(kSuffix);
}

std::string LogFiles::open(std::string& repaired) {
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(options_.folder, failed))
        if (const uint64_t number = entry.is_regular_file(failed) ? numberOf(entry.path().filename()) : 0)
            parts_.push_back({entry.path(), number, entry.file_size()});
    if (failed) return options_.folder + ": " + failed.message();
    std::sort(parts_.begin(), parts_.end(), [](const Part& a, const Part& b) { return a.number < b.number; });
    // Lines that are gone keep their numbers, so that their absence shows.
    const uint64_t had_come_to = readHead(options_.folder).seq;
    if (parts_.empty()) {
        link_.seq = had_come_to;
        return rotate();
    }
    if (std::string error = openNewest(repaired); !error.empty()) return error;
    // The newest file may be empty or damaged: the chain goes on from the newest line that is whole.
    for (auto part = parts_.rbegin(); part != parts_.rend() && link_.seq == 0; ++part) {
        const FileView file(part->path, part->bytes);
        std::string_view rest = file.text();
        while (!rest.empty() && link_.seq == 0) {
            rest.remove_suffix(1);
            const size_t start = rest.rfind('\n') + 1;
            if (auto sealed = unseal(rest.substr(start))) link_ = {sealed->seq, std::string(sealed->hash)};
            rest = rest.substr(0, start);
        }
    }
    link_.seq = std::max(link_.seq, had_come_to);
    return {};
}

// A line that was torn was never acknowledged: its event comes again.
std::string LogFiles::openNewest(std::string& repaired) {
    Part& newest = parts_.back();
    descriptor_ = ::open(newest.path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor_ < 0) return because(newest.path);
    if (fchmod(descriptor_, 0600) != 0) return because(newest.path);
    size_t whole = 0;
    {
        const FileView file(newest.path);
        if (!file.good()) return because(newest.path);
        whole = file.text().rfind('\n') + 1;
    }
    if (whole == newest.bytes) return {};
    repaired = newest.path + ": took back a torn line of " + std::to_string(newest.bytes - whole) + " bytes";
    if (ftruncate(descriptor_, static_cast<off_t>(whole)) != 0 || fdatasync(descriptor_) != 0) return because(newest.path);
    newest.bytes = whole;
    return {};
}

std::string LogFiles::rotate() {
    const uint64_t number = parts_.empty() ? 1 : parts_.back().number + 1;
    const std::string path = pathOf(number);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return because(path);
    if (!syncFolder(options_.folder)) {
        const std::string error = because(options_.folder);
        ::close(fd);
        ::unlink(path.c_str());
        return error;
    }
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = fd;
    parts_.push_back({path, number, 0});
    while (parts_.size() > options_.keep) {
        ::unlink(parts_.front().path.c_str());
        parts_.erase(parts_.begin());
    }
    return {};
}

// All of it or nothing, on the disk.
std::string LogFiles::write(const std::string& lines) {
    Part& newest = parts_.back();
    size_t done = 0;
    while (done < lines.size()) {
        const ssize_t n = ::write(descriptor_, lines.data() + done, lines.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += static_cast<size_t>(n);
    }
    if (done == lines.size() && fdatasync(descriptor_) == 0) {
        newest.bytes += lines.size();
        return {};
    }
    const std::string error = because(newest.path);
    // Should this fail too, the torn line is taken back at the next start.
    if (ftruncate(descriptor_, static_cast<off_t>(newest.bytes)) != 0) return error + "; and the file cannot be shortened";
    return error;
}

std::string LogFiles::append(const engram_event* events, size_t n) {
    for (size_t i = 0; i < n;) {
        Link next = link_;
        std::string lines;
        size_t taken = i;
        while (taken < n) {
            Link after = next;
            std::string line = lineOf(events[taken], after);
            if (!lines.empty() && parts_.back().bytes + lines.size() + line.size() > options_.max_bytes) break;
            if (lines.empty() && parts_.back().bytes > 0 && parts_.back().bytes + line.size() > options_.max_bytes)
                if (std::string error = rotate(); !error.empty()) return error;
            lines += line;
            next = after;
            ++taken;
        }
        if (std::string error = write(lines); !error.empty()) return error;
        link_ = next;
        i = taken;
        writeHead();
    }
    return {};
}

// Not synced: it may be behind the log, never ahead of it.
void LogFiles::writeHead() const {
    const std::string path = options_.folder + "/head", fresh = path + ".new";
    const std::string text = std::to_string(link_.seq) + " " + link_.hash + "\n";
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (fd >= 0) ::close(fd);
    if (written) (void)std::rename(fresh.c_str(), path.c_str());
}

}  // namespace engram::audit_log
