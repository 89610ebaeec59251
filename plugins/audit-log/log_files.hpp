// The files of the log: audit-<number>.jsonl, the newest appended to, old ones removed; and `head`, which says how far the
// log had come, so that a tail that was cut off shows.
//
// append() is all or nothing and on the disk when it returns. Not thread-safe: the plugin holds its mutex. What is in a
// file never changes, so readers use maps of them without the mutex.
#pragma once

#include "entry.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engram::audit_log {

// A file in memory, read-only. Empty if it cannot be mapped.
class FileView {
public:
    explicit FileView(const std::string& path, size_t at_most = SIZE_MAX);
    FileView(const FileView&) = delete;
    ~FileView();
    std::string_view text() const { return {map_, size_}; }
    bool good() const { return good_; }

private:
    const char* map_ = nullptr;
    size_t size_ = 0, mapped_ = 0;
    bool good_ = false;
};

class LogFiles {
public:
    struct Options {
        std::string folder;
        uint64_t max_bytes = 16u << 20;  // of a file; a single longer line has a file of its own
        unsigned keep = 8;               // files, the newest included
    };
    struct Part {
        std::string path;
        uint64_t number, bytes;  // of what has been appended in full
    };

    explicit LogFiles(Options options) : options_(std::move(options)) {}
    LogFiles(const LogFiles&) = delete;
    ~LogFiles();

    // Finds the files, takes a torn last line back, and where the chain stands. An error is what is wrong, empty if
    // nothing is; `repaired` tells what was put right.
    std::string open(std::string& repaired);
    // Appends the events; on an error (returned, empty if well) nothing of them is there.
    std::string append(const engram_event* events, size_t n);

    const Link& link() const { return link_; }
    const std::vector<Part>& parts() const { return parts_; }  // oldest first

private:
    std::string openNewest(std::string& repaired);
    std::string rotate();
    std::string write(const std::string& lines);
    void writeHead() const;
    std::string pathOf(uint64_t number) const;

    Options options_;
    std::vector<Part> parts_;
    Link link_;
    int descriptor_ = -1;  // of the newest file
};

// What `head` says; seq 0 if there is none.
Link readHead(const std::string& folder);

}  // namespace engram::audit_log
