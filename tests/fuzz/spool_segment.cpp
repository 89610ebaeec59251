// A segment of the spool as a crash or a bad disk left it: what is read are whole events, each once, and what is appended
// afterwards is read back.
#include "fuzz/harness.hpp"

#include "spool/event.hpp"
#include "spool/segment.hpp"

#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace engram;

std::string segmentFile() {
    const char* folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    return std::string(folder) + "/engram-fuzz-segment-" + std::to_string(getpid());
}

size_t readAll(const spool::Segment& segment) {
    size_t n = 0;
    for (size_t offset = 0, before = 0;; before = offset, ++n) {
        const std::string_view payload = segment.read(offset);
        if (payload.empty()) return n;
        fuzz::require(offset > before && offset <= segment.end(), "reading goes on, and not too far");
        if (auto event = spool::decode(payload)) {
            std::string again;
            spool::encode(again, *event);
            fuzz::require(again == payload, "an event has one form");
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    (void)spool::decode(fuzz::text(bytes, size));
    static const std::string path = segmentFile();
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fuzz::require(file >= 0 && write(file, bytes, size) == static_cast<ssize_t>(size), "a file can be made");
    close(file);
    if (size > 0) {
        auto segment = spool::Segment::open(path, 65536);
        if (segment) {
            const size_t before = readAll(**segment);
            if ((*segment)->append("payload") == spool::Segment::Room::Enough)
                fuzz::require(readAll(**segment) == before + 1, "what was appended is read");
        }
    }
    unlink(path.c_str());
    return 0;
}
