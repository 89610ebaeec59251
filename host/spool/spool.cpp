#include "spool/spool.hpp"

#include <algorithm>
#include <charconv>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

namespace engram::spool {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxEvent = 256 * 1024;
constexpr size_t kReserve = 3;  // segments beyond the limit, for events that must not be lost

std::string segmentPath(const std::string& folder, uint64_t number) {
    char name[40];
    std::snprintf(name, sizeof name, "/%016llx.events", static_cast<unsigned long long>(number));
    return folder + name;
}

// Nothing for a file that is not ours.
std::optional<uint64_t> segmentNumber(const std::string& name) {
    if (name.size() != 23 || !name.ends_with(".events")) return std::nullopt;
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + 16, number, 16);
    if (error != std::errc() || end != name.data() + 16) return std::nullopt;
    return number;
}

}  // namespace

Result<std::unique_ptr<Spool>> Spool::open(Options options) {
    std::error_code failed;
    fs::create_directories(options.folder, failed);
    if (!failed) fs::permissions(options.folder, fs::perms::owner_all, failed);
    if (failed) return Error{"spool", options.folder + ": " + failed.message(), "check the folder and its owner", ""};
    auto spool = std::unique_ptr<Spool>(new Spool(std::move(options)));
    if (auto loaded = spool->load(); !loaded) return loaded.error();
    spool->syncer_ = std::thread([raw = spool.get()] { raw->syncLoop(); });
    pthread_setname_np(spool->syncer_.native_handle(), "spool");
    return spool;
}

Result<void> Spool::load() {
    std::vector<uint64_t> numbers;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(options_.folder, failed))
        if (auto number = segmentNumber(entry.path().filename())) numbers.push_back(*number);
    if (failed) return Error{"spool", options_.folder + ": " + failed.message(), "check the folder and its owner", ""};
    std::sort(numbers.begin(), numbers.end());
    for (uint64_t number : numbers)
        if (auto added = addSegment(number); !added) return added;
    if (segments_.empty()) return addSegment(1);
    return {};
}

Result<void> Spool::addSegment(uint64_t number) {
    auto segment = Segment::open(segmentPath(options_.folder, number), options_.segment_bytes);
    if (!segment) return segment.error();
    segments_.push_back({number, std::move(*segment)});
    return {};
}

Spool::~Spool() {
    {
        std::lock_guard lock(mutex_);
        phase_ = Phase::Stopping;
    }
    stop_.notify_all();
    arrived_.notify_all();
    if (syncer_.joinable()) syncer_.join();
}

// The segment that took it. The lock is held.
Result<Segment*> Spool::appendPayload(std::string_view payload, size_t max_bytes) {
    if (payload.size() > kMaxEvent) return Error{"spool", "the event is over 256 KiB", "", ""};
    if (segments_.back()->append(payload) == Segment::Room::Full) {
        if (segments_.size() * options_.segment_bytes >= max_bytes)
            return Error{"spool_full", "the spool is full: its consumers are too far behind", "", ""};
        if (auto added = addSegment(segments_.back().number + 1); !added) return added.error();
        if (segments_.back()->append(payload) == Segment::Room::Full)
            return Error{"spool", "the event does not fit into a segment", "", ""};
    }
    return segments_.back().segment.get();
}

Result<void> Spool::append(const Event& event, Durability durability) {
    Segment* segment = nullptr;
    {
        std::lock_guard lock(mutex_);
        scratch_.clear();
        encode(scratch_, event);
        const size_t extra = durability == Durability::Disk ? kReserve * options_.segment_bytes : 0;
        auto taken = appendPayload(scratch_, options_.max_bytes + extra);
        if (!taken) return taken.error();
        segment = *taken;
    }
    if (durability == Durability::Disk) syncOne(segment);
    return {};
}

// Others append meanwhile; only the removal of consumed segments waits.
void Spool::syncOne(Segment* segment) {
    std::lock_guard sync_lock(sync_mutex_);
    {
        std::lock_guard lock(mutex_);
        const bool there = std::any_of(segments_.begin(), segments_.end(),
                                       [segment](const Numbered& n) { return n.segment.get() == segment; });
        if (!there) return;  // consumed already: it is where it belongs
    }
    segment->sync();
}

Result<void> Spool::prepare() {
    std::lock_guard lock(mutex_);
    if (segments_.back()->room() > 2 * kMaxEvent) return {};
    if (segments_.size() * options_.segment_bytes >= options_.max_bytes + options_.segment_bytes)
        return Error{"spool_full", "the spool is full: its consumers are too far behind", "", ""};
    return addSegment(segments_.back().number + 1);
}

void Spool::subscribe(const std::string& reader) {
    std::lock_guard lock(mutex_);
    Position position{segments_.front().number, 0};
    std::ifstream file(cursorPath(reader));
    if (Position saved; file >> saved.segment >> saved.offset) position = std::max(position, within(saved));
    readers_[reader] = position;
}

// A cursor may have reached the disk before the events it is behind: what was lost is not waited for. Beyond every
// segment it is of another life of the folder: everything is read again, events are idempotent.
Position Spool::within(Position saved) const {
    if (saved.segment > segments_.back().number) return {segments_.front().number, 0};
    for (const Numbered& segment : segments_)
        if (segment.number == saved.segment) saved.offset = std::min<uint64_t>(saved.offset, segment->end());
    return saved;
}

std::vector<Event> Spool::read(const std::string& reader, size_t max, Position& next) {
    std::lock_guard lock(mutex_);
    next = readers_[reader];
    std::vector<Event> events;
    for (const Numbered& segment : segments_) {
        if (segment.number < next.segment) continue;
        if (segment.number > next.segment) next = {segment.number, 0};
        size_t offset = next.offset;
        while (events.size() < max) {
            const std::string_view payload = segment->read(offset);
            if (payload.empty()) break;
            if (auto event = decode(payload)) events.push_back(std::move(*event));
            next.offset = offset;
        }
        if (events.size() >= max) break;
    }
    return events;
}

Result<void> Spool::commit(const std::string& reader, Position position) {
    const std::string path = cursorPath(reader), fresh = path + ".new";
    const std::string text = std::to_string(position.segment) + " " + std::to_string(position.offset) + "\n";
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    // Not synced: a cursor that is too old only brings events again, and they are idempotent.
    const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (fd >= 0) ::close(fd);
    if (!written || std::rename(fresh.c_str(), path.c_str()) != 0)
        return Error{"spool", path + ": " + std::strerror(errno), "is the disk full?", ""};
    std::lock_guard sync_lock(sync_mutex_);
    std::lock_guard lock(mutex_);
    readers_[reader] = position;
    removeConsumed();
    return {};
}

void Spool::removeConsumed() {
    while (segments_.size() > 1 &&
           std::all_of(readers_.begin(), readers_.end(),
                       [&](const auto& r) { return r.second.segment > segments_.front().number; })) {
        ::unlink(segments_.front()->path().c_str());
        segments_.pop_front();
    }
    // A reader that stands at the end of a segment that is not the last may leave it, too.
    for (auto& [name, position] : readers_)
        for (const Numbered& segment : segments_)
            if (segment.number == position.segment && position.offset >= segment->end() &&
                segment.number != segments_.back().number)
                position = {segment.number + 1, 0};
}

bool Spool::waitFor(const std::string& reader, std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    const uint64_t wakes = wakes_;
    auto something = [&] {
        const Position& position = readers_[reader];
        return segments_.back().number > position.segment || segments_.back()->end() > position.offset;
    };
    arrived_.wait_for(lock, wait, [&] { return phase_ == Phase::Stopping || wakes_ != wakes || something(); });
    return something();
}

void Spool::wake() {
    {
        std::lock_guard lock(mutex_);
        ++wakes_;
    }
    arrived_.notify_all();
}

uint64_t Spool::bytesWaiting() const {
    std::lock_guard lock(mutex_);
    uint64_t most = 0;
    for (const auto& [name, position] : readers_) {
        uint64_t waiting = 0;
        for (const Numbered& segment : segments_)
            if (segment.number == position.segment) waiting += segment->end() - std::min<uint64_t>(position.offset, segment->end());
            else if (segment.number > position.segment) waiting += segment->end();
        most = std::max(most, waiting);
    }
    return most;
}

void Spool::syncLoop() {
    std::unique_lock lock(mutex_);
    Position synced{0, 0};
    while (phase_ == Phase::Running) {
        stop_.wait_for(lock, options_.fsync_interval, [this] { return phase_ == Phase::Stopping; });
        const Position end{segments_.back().number, segments_.back()->end()};
        if (end == synced) continue;
        arrived_.notify_all();  // readers are woken with the same beat
        std::vector<Segment*> dirty;
        for (const Numbered& segment : segments_)
            if (segment.number >= synced.segment) dirty.push_back(segment.segment.get());
        lock.unlock();
        {
            std::lock_guard sync_lock(sync_mutex_);
            lock.lock();
            // Only what is still there: a consumer may have removed a segment meanwhile.
            std::erase_if(dirty, [this](Segment* s) {
                return std::none_of(segments_.begin(), segments_.end(), [s](const Numbered& n) { return n.segment.get() == s; });
            });
            lock.unlock();
            for (Segment* segment : dirty) segment->sync();
        }
        synced = end;
        lock.lock();
    }
}

}  // namespace engram::spool
