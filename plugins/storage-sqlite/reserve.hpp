// Room on the disk that is kept for opening tenants: SQLite needs some KiB for a log's index even to read, and on a full
// disk a tenant whose file is closed could not be read at all. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace engram::storage_sqlite {

class Reserve {
public:
    explicit Reserve(uint64_t bytes) : bytes_(bytes) {}

    // Takes the room, as a file, if there is four times as much; looks again after a minute.
    void keep(const std::string& folder);
    // Gives it back to the disk. False: there was none.
    bool giveUp();

private:
    const uint64_t bytes_;
    std::mutex mutex_;
    std::string path_;
    bool kept_ = false;
    std::chrono::steady_clock::time_point next_look_{};
};

}  // namespace engram::storage_sqlite
