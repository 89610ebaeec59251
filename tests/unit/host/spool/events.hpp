// Events and spools for the tests of this room.
#pragma once

#include "spool/spool.hpp"
#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <string>
#include <vector>

namespace engram::testing {

inline spool::Event event(const std::string& route, spool::Stream stream = spool::Stream::Usage, size_t json_bytes = 0) {
    spool::Event out;
    out.stream = stream;
    out.route = route;
    out.json = std::string(json_bytes, 'j');
    return out;
}

inline std::unique_ptr<spool::Spool> openSpool(const std::string& folder, size_t segment_bytes = 4096,
                                               size_t max_bytes = 64 * 1024) {
    spool::Spool::Options options;
    options.folder = folder;
    options.segment_bytes = segment_bytes;
    options.max_bytes = max_bytes;
    options.fsync_interval = std::chrono::milliseconds(5);
    auto opened = spool::Spool::open(options);
    CHECK_MESSAGE(opened ? "" : opened.error().message, opened.ok());
    return std::move(*opened);
}

// Routes of what a reader is given, in order; nothing is committed.
inline std::string peek(spool::Spool& spool, const std::string& reader, spool::Position& next, size_t max = 1000) {
    std::string out;
    for (const spool::Event& e : spool.read(reader, max, next)) out += e.route + " ";
    return out;
}
inline std::string peek(spool::Spool& spool, const std::string& reader) {
    spool::Position next;
    return peek(spool, reader, next);
}

}  // namespace engram::testing
