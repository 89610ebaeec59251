#include "spool/segment.hpp"

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <filesystem>
#include <fstream>

using namespace engram::spool;
using engram::testing::TemporaryFolder;

namespace {

std::unique_ptr<Segment> open(const std::string& path, size_t capacity = 4096) {
    auto opened = Segment::open(path, capacity);
    CHECK_MESSAGE(opened ? "" : opened.error().message, opened.ok());
    return std::move(*opened);
}

std::string all(const Segment& segment) {
    std::string out;
    size_t offset = 0;
    for (std::string_view payload; !(payload = segment.read(offset)).empty();) out.append(payload).append(" ");
    return out;
}

// Writes over a byte of the file, as a torn page or a bad disk would.
void damage(const std::string& path, size_t at, char with) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(with);
}

}  // namespace

TEST("payloads are read in order, also after a reopening") {
    TemporaryFolder folder;
    {
        auto segment = open(folder / "s");
        for (const char* payload : {"a", "bbbbbbbb", "ccccccccc"}) CHECK(segment->append(payload) == Segment::Room::Enough);
        CHECK_TEXT("a bbbbbbbb ccccccccc ", all(*segment));
    }
    auto again = open(folder / "s");
    CHECK_TEXT("a bbbbbbbb ccccccccc ", all(*again));
    again->append("d");
    CHECK_TEXT("a bbbbbbbb ccccccccc d ", all(*again));
}

TEST("a full segment takes nothing more and keeps what it has") {
    TemporaryFolder folder;
    auto segment = open(folder / "s", 64);
    CHECK(segment->append(std::string(24, 'a')) == Segment::Room::Enough);
    CHECK(segment->append(std::string(25, 'b')) == Segment::Room::Full);
    CHECK(segment->append(std::string(24, 'c')) == Segment::Room::Enough);
    CHECK(segment->append("d") == Segment::Room::Full);
    const std::string wanted = std::string(24, 'a') + " " + std::string(24, 'c') + " ";
    CHECK_TEXT(wanted, all(*segment));
    segment.reset();
    CHECK_TEXT(wanted, all(*open(folder / "s", 64)));
}

TEST("a record that was torn ends the segment, and its place is used again") {
    TemporaryFolder folder;
    size_t second = 0;
    {
        auto segment = open(folder / "s");
        segment->append("first");
        second = segment->end();
        segment->append("second");
        segment->append("third");
    }
    damage(folder / "s", second + 8, 'X');
    {
        auto segment = open(folder / "s");
        CHECK_TEXT("first ", all(*segment));
        CHECK_EQ(second, segment->end());
        segment->append("newone");  // as long as "second": "third" must not come back behind it
    }
    CHECK_TEXT("first newone ", all(*open(folder / "s")));
}

TEST("a length that lies beyond the file ends the segment") {
    TemporaryFolder folder;
    {
        auto segment = open(folder / "s");
        segment->append("first");
    }
    for (size_t at : {16, 17, 18, 19}) damage(folder / "s", at, '\xFF');
    CHECK_TEXT("first ", all(*open(folder / "s")));
}

TEST("reading at a place where no record begins gives nothing") {
    TemporaryFolder folder;
    auto segment = open(folder / "s");
    segment->append("payload");
    for (size_t at : {size_t(1), size_t(8), size_t(16), size_t(4095), size_t(4096), size_t(1) << 40}) {
        size_t offset = at;
        CHECK(segment->read(offset).empty());
        CHECK_EQ(at, offset);
    }
}

TEST("a file that cannot be is told with its path") {
    TemporaryFolder folder;
    auto missing = Segment::open(folder / "no/such/folder", 4096);
    CHECK(!missing && missing.error().message.find("no/such/folder") != std::string::npos);
    std::filesystem::create_symlink("/etc/hostname", folder / "link");
    CHECK(!Segment::open(folder / "link", 4096));
    CHECK(!Segment::open(folder / "huge", size_t(1) << 60));
    CHECK(!std::filesystem::exists(folder / "huge"));
}
