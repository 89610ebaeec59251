// A file of events, mapped into memory: append-only, each record with its length and CRC-32C.
//
// What is in the map outlives the process; sync() makes it outlive the machine. The caller serialises appends.
#pragma once

#include <engram/cpp/result.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace engram::spool {

class Segment {
public:
    // Maps the file, made with `capacity` bytes if it is not there. Finds the end of the last whole record.
    static Result<std::unique_ptr<Segment>> open(const std::string& path, size_t capacity);
    Segment(const Segment&) = delete;
    ~Segment();

    enum class Room { Enough, Full };
    Room append(std::string_view payload);
    // The payload at `offset`, which moves behind it; empty at the end.
    std::string_view read(size_t& offset) const;
    size_t end() const { return end_; }
    size_t room() const { return capacity_ - end_; }  // bytes left, headers included
    void sync();  // beside append() too: what is there when it is called reaches the disk
    const std::string& path() const { return path_; }

private:
    Segment(std::string path, char* map, size_t capacity);
    std::string path_;
    char* map_;
    size_t capacity_;
    std::atomic<size_t> end_{0};  // written under the spool's lock, read by sync() without it
};

}  // namespace engram::spool
