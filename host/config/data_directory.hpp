// The folder a server keeps everything in: its mode, its lock, and the socket that belongs to it.
#pragma once

#include <engram/cpp/result.hpp>
#include <string>

namespace engram::config {

// Holds flock(<data>/LOCK) as long as it lives; the kernel lets go when the process dies.
class DataDirectory {
public:
    // Makes the folder (0700) if need be and takes the lock. Errors: "locked" (the message names the holder's
    // process id), "data_directory" (cannot be made, belongs to somebody else, is open to others).
    static Result<DataDirectory> open(const std::string& path);

    DataDirectory(DataDirectory&& other) noexcept;
    DataDirectory& operator=(DataDirectory&&) = delete;
    ~DataDirectory();

    const std::string& path() const { return path_; }  // real path

private:
    DataDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
    std::string path_;
    int lock_;
};

// Makes the folder (0700) if it is not there; its real path. Errors: "data_directory".
Result<std::string> makeDataFolder(const std::string& path);

// Where the server of this data directory listens for local clients: $XDG_RUNTIME_DIR/engram/<hash>.sock,
// else <tmp>/engram-<uid>/<hash>.sock in a folder of mode 0700 that belongs to us. Makes the folder.
Result<std::string> socketPath(const std::string& data_path);

}  // namespace engram::config
