// A file's bytes, mapped read-only: a model of hundreds of megabytes costs what is used of it. Moves, does not copy.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace engram::embed_static {

class MappedFile {
public:
    // Throws Malformed: not there, no regular file, empty, or larger than `limit` bytes. Somebody who cuts the file short while
    // it is mapped ends the process (SIGBUS): replace a model by another file or folder, do not write into it.
    MappedFile(const std::string& path, size_t limit);
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&&) = delete;
    ~MappedFile();

    std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

private:
    void* data_ = nullptr;
    size_t size_ = 0;
};

}  // namespace engram::embed_static
