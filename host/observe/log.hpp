// The log: one JSON object a line, written by a thread of its own.
//
// A line costs its caller some hundred nanoseconds and never waits for the disk: what does not fit into the buffer is
// dropped and counted. Any thread.
#pragma once

#include <engram/cpp/result.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>

namespace engram::observe {

enum class Level { Debug = 1, Info = 2, Warn = 3, Error = 4 };

struct Field {
    std::string_view key, value;
};

// A request's line; empty members are written as empty text.
struct AccessLine {
    std::string_view request_id, tenant_id, tenant_slug, user_id, client, route, method, error_code;
    int status_code = 0;
    double latency_ms = 0;
};

class Log {
public:
    struct Options {
        Level level = Level::Info;
        std::string file;                   // empty = standard error
        uint64_t max_bytes = 0;             // of the file, which then becomes <file>.1; 0 = no bound
        size_t buffer_bytes = 8u << 20;     // lines waiting to be written
    };

    // Error: the file cannot be opened.
    static Result<std::unique_ptr<Log>> open(Options options);
    Log(const Log&) = delete;
    ~Log();

    Level level() const { return level_.load(std::memory_order_relaxed); }
    void setLevel(Level level) { level_.store(level, std::memory_order_relaxed); }
    // From now on at this level into this file, which is opened anew: after a rotation by somebody else, or for another
    // one. On an error the log goes on as it was.
    Result<void> reopen(const Options& options);
    void write(Level level, std::string_view message, std::span<const Field> fields);
    void write(Level level, std::string_view message, std::initializer_list<Field> fields = {}) {
        write(level, message, std::span<const Field>(fields.begin(), fields.size()));
    }
    void access(const AccessLine& line);
    // Lines that were not written: too many at once, or the file could not take them.
    uint64_t dropped() const;
    // Returns when what was logged so far has been written, or could not be.
    void flush();

private:
    Log(Options options, int descriptor);
    void append(std::string_view line, Level level);
    void run();
    void writeOut(const std::string& batch);
    void rotate();

    static Result<int> openFile(const std::string& file);

    Options options_;  // file and max_bytes as of the last reopen()
    std::atomic<Level> level_;
    mutable std::mutex mutex_;
    int descriptor_;     // with size_ and the file: the writing thread's while writing_, else of who holds the mutex
    uint64_t size_ = 0;  // of the file
    std::condition_variable wake_, written_;
    std::string waiting_;
    uint64_t dropped_ = 0;
    bool writing_ = false;
    bool torn_ = false;  // the last line in the file is not whole [writer thread]
    enum class Phase { Running, Stopping } phase_ = Phase::Running;
    std::thread writer_;
};

}  // namespace engram::observe
