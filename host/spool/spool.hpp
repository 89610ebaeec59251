// The host's spool: events are written here before a request is answered and handed to plugins later.
//
// A row of segment files, the last one written to; kill -9 loses nothing that append() took, a power cut at most the
// fsync interval. Any thread.
#pragma once

#include "spool/event.hpp"
#include "spool/segment.hpp"

#include <engram/cpp/result.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace engram::spool {

// Where a reader is: segment number and offset in it.
struct Position {
    uint64_t segment = 0, offset = 0;
    friend auto operator<=>(const Position&, const Position&) = default;
};

class Spool {
public:
    struct Options {
        std::string folder;
        size_t max_bytes = 64u << 20;
        size_t segment_bytes = 4u << 20;
        std::chrono::milliseconds fsync_interval{100};
    };
    enum class Durability { Process, Disk };  // survives kill -9; survives a power cut (waits for the disk)

    static Result<std::unique_ptr<Spool>> open(Options options);
    Spool(const Spool&) = delete;
    ~Spool();

    // Error "spool_full": consumers are too far behind. An event that goes to the disk may use some room beyond that.
    Result<void> append(const Event& event, Durability durability = Durability::Process);
    // Makes sure that a few events to the disk find room; an error here comes before anything was done.
    Result<void> prepare();

    // A named reader; starts where it committed last, a new one at the oldest event there is.
    void subscribe(const std::string& reader);
    // Up to `max` events from the reader's position on; `next` is the position behind them.
    std::vector<Event> read(const std::string& reader, size_t max, Position& next);
    // The reader has dealt with everything before `position`; segments that all readers have left are removed.
    Result<void> commit(const std::string& reader, Position position);

    // Waits until there is something for the reader, at most `wait`.
    bool waitFor(const std::string& reader, std::chrono::milliseconds wait);
    uint64_t bytesWaiting() const;
    void wake();  // ends every wait

private:
    struct Numbered {
        uint64_t number;
        std::unique_ptr<Segment> segment;
        Segment* operator->() const { return segment.get(); }
    };
    explicit Spool(Options options) : options_(std::move(options)) {}
    Result<void> load();
    Result<void> addSegment(uint64_t number);
    Result<Segment*> appendPayload(std::string_view payload, size_t max_bytes);
    void syncOne(Segment* segment);
    void removeConsumed();
    Position within(Position saved) const;
    void syncLoop();
    std::string cursorPath(const std::string& reader) const { return options_.folder + "/" + reader + ".cursor"; }

    Options options_;
    mutable std::mutex mutex_;
    std::condition_variable arrived_, stop_;
    std::deque<Numbered> segments_;
    std::map<std::string, Position> readers_;
    std::string scratch_;
    uint64_t wakes_ = 0;
    enum class Phase { Running, Stopping } phase_ = Phase::Running;
    std::mutex sync_mutex_;  // held while a segment is on its way to the disk, so that it is not removed meanwhile
    std::thread syncer_;
};

}  // namespace engram::spool
