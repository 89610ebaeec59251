#include "observe/log.hpp"

#include "observe/redact.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

namespace engram::observe {
namespace {

constexpr std::chrono::milliseconds kGather{5};  // lines of a busy moment are written together

const char* nameOf(Level level) {
    switch (level) {
        case Level::Debug: return "debug";
        case Level::Info: return "info";
        case Level::Warn: return "warn";
        case Level::Error: return "error";
    }
    return "info";
}

// {"time":"2026-01-31T09:30:00.123Z","level":"info","message":"…" ; the seconds are formatted once a second and thread.
void begin(std::string& line, Level level, std::string_view message) {
    thread_local time_t made_at = -1;
    thread_local char text[24];
    timespec now{};
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != made_at) {
        tm parts{};
        gmtime_r(&now.tv_sec, &parts);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &parts);
        made_at = now.tv_sec;
    }
    const int ms = static_cast<int>(now.tv_nsec / 1'000'000);
    const char digits[3] = {static_cast<char>('0' + ms / 100), static_cast<char>('0' + ms / 10 % 10),
                            static_cast<char>('0' + ms % 10)};
    line.assign("{\"time\":\"").append(text).append(digits, 3);
    line.append("Z\",\"level\":\"").append(nameOf(level)).append("\",\"message\":\"");
    appendEscaped(line, message);
    line.push_back('"');
}

void field(std::string& line, std::string_view key, std::string_view value) {
    line.append(",\"").append(key).append("\":\"");
    appendEscaped(line, value);
    line.push_back('"');
}

// Values that this process made itself: nothing to escape.
void plain(std::string& line, std::string_view key, std::string_view value) {
    line.append(",\"").append(key).append("\":\"").append(value).push_back('"');
}

uint64_t sizeOf(int descriptor) {
    struct stat info {};
    return fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode) ? static_cast<uint64_t>(info.st_size) : 0;
}

}  // namespace

Result<int> Log::openFile(const std::string& file) {
    if (file.empty()) return STDERR_FILENO;
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (descriptor < 0) return Error{"log", file + ": " + std::strerror(errno), "check log.file and its folder", ""};
    return descriptor;
}

Result<std::unique_ptr<Log>> Log::open(Options options) {
    auto descriptor = openFile(options.file);
    if (!descriptor) return descriptor.error();
    return std::unique_ptr<Log>(new Log(std::move(options), *descriptor));
}

Result<void> Log::reopen(const Options& options) {
    auto fresh = openFile(options.file);
    if (!fresh) return fresh.error();
    int old = STDERR_FILENO;
    {
        std::unique_lock lock(mutex_);
        written_.wait(lock, [this] { return !writing_; });  // then the writer touches nothing of this without the lock
        old = std::exchange(descriptor_, *fresh);
        options_.file = options.file;
        options_.max_bytes = options.max_bytes;
        size_ = sizeOf(descriptor_);
    }
    if (old != STDERR_FILENO) ::close(old);
    setLevel(options.level);
    return {};
}

Log::Log(Options options, int descriptor)
    : options_(std::move(options)), level_(options_.level), descriptor_(descriptor), size_(sizeOf(descriptor)) {
    writer_ = std::thread([this] { run(); });
    pthread_setname_np(writer_.native_handle(), "log");
}

Log::~Log() {
    {
        std::lock_guard lock(mutex_);
        phase_ = Phase::Stopping;
    }
    wake_.notify_all();
    writer_.join();
    if (descriptor_ != STDERR_FILENO) ::close(descriptor_);
}

uint64_t Log::dropped() const {
    std::lock_guard lock(mutex_);
    return dropped_;
}

void Log::append(std::string_view line, Level level) {
    bool first = false;
    {
        std::lock_guard lock(mutex_);
        if (waiting_.size() + line.size() > options_.buffer_bytes) {
            ++dropped_;
            return;
        }
        first = waiting_.empty();
        waiting_.append(line);
    }
    if (first || level >= Level::Error) wake_.notify_one();
}

void Log::write(Level level, std::string_view message, std::span<const Field> fields) {
    if (level < this->level()) return;
    std::string line;
    begin(line, level, message);
    for (const Field& f : fields) field(line, f.key, f.value);
    line.append("}\n");
    append(line, level);
}

void Log::access(const AccessLine& access) {
    if (Level::Info < level()) return;
    thread_local std::string line;
    begin(line, Level::Info, "request");
    plain(line, "request_id", access.request_id);
    plain(line, "tenant_id", access.tenant_id);
    plain(line, "tenant_slug", access.tenant_slug);
    field(line, "user_id", access.user_id);
    plain(line, "client", access.client);
    plain(line, "route", access.route);
    plain(line, "method", access.method);
    char number[32];
    line.append(",\"status_code\":");
    line.append(number, std::to_chars(number, number + sizeof number, access.status_code).ptr);
    line.append(",\"latency_ms\":");
    const auto microseconds = static_cast<int64_t>(access.latency_ms * 1000);
    line.append(number, std::to_chars(number, number + sizeof number, microseconds / 1000).ptr);
    const int rest = static_cast<int>(microseconds % 1000);
    line.push_back('.');
    line.push_back(static_cast<char>('0' + rest / 100));
    line.push_back(static_cast<char>('0' + rest / 10 % 10));
    line.push_back(static_cast<char>('0' + rest % 10));
    plain(line, "error_code", access.error_code);
    line.append("}\n");
    append(line, Level::Info);
}

// The file before last is given up: what is kept is bounded by twice max_bytes.
void Log::rotate() {
    if (options_.file.empty()) return;
    ::rename(options_.file.c_str(), (options_.file + ".1").c_str());
    size_ = 0;
    const int fresh = ::open(options_.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fresh < 0) return;  // goes on in the renamed file
    ::close(descriptor_);
    descriptor_ = fresh;
}

void Log::run() {
    std::string batch;
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return !waiting_.empty() || phase_ == Phase::Stopping; });
        if (waiting_.empty()) return;
        if (phase_ == Phase::Running) {
            wake_.wait_for(lock, kGather, [this] { return phase_ == Phase::Stopping; });
        }
        batch.swap(waiting_);
        writing_ = true;
        lock.unlock();
        writeOut(batch);
        size_ += batch.size();
        if (options_.max_bytes > 0 && size_ > options_.max_bytes) rotate();
        batch.clear();
        lock.lock();
        writing_ = false;
        written_.notify_all();
    }
}

// A full disk costs the lines that do not fit, which are counted; a line that was cut is ended before the next.
void Log::writeOut(const std::string& batch) {
    if (torn_ && ::write(descriptor_, "\n", 1) == 1) torn_ = false;
    size_t sent = 0;
    while (sent < batch.size() && !torn_) {
        const ssize_t n = ::write(descriptor_, batch.data() + sent, batch.size() - sent);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        sent += static_cast<size_t>(n);
    }
    if (sent == batch.size()) return;
    if (sent > 0) torn_ = batch[sent - 1] != '\n';
    std::lock_guard lock(mutex_);
    dropped_ += static_cast<uint64_t>(std::count(batch.begin() + static_cast<std::ptrdiff_t>(sent), batch.end(), '\n'));
}

void Log::flush() {
    std::unique_lock lock(mutex_);
    wake_.notify_all();
    written_.wait(lock, [this] { return waiting_.empty() && !writing_; });
}

}  // namespace engram::observe
