#include "spool/spool.hpp"

#include "events.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace engram::spool;
using namespace engram::testing;

namespace {

size_t segmentFiles(const std::string& folder) {
    size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) n += entry.path().extension() == ".events";
    return n;
}

void fill(Spool& spool, int from, int until, size_t bytes = 0) {
    for (int i = from; i < until; ++i) CHECK(spool.append(event(std::to_string(i), Stream::Usage, bytes)).ok());
}

}  // namespace

TEST("what was appended is there after a reopening, uncommitted events again") {
    TemporaryFolder folder;
    {
        auto spool = openSpool(folder.path());
        spool->subscribe("m");
        fill(*spool, 0, 3);
        Position next;
        CHECK_TEXT("0 1 ", peek(*spool, "m", next, 2));
        CHECK(spool->commit("m", next).ok());
        CHECK_TEXT("2 ", peek(*spool, "m"));
    }
    auto spool = openSpool(folder.path());
    spool->subscribe("m");
    CHECK_TEXT("2 ", peek(*spool, "m"));
    fill(*spool, 3, 4);
    CHECK_TEXT("2 3 ", peek(*spool, "m"));
}

TEST("two readers have positions of their own; a new one starts at the oldest event") {
    TemporaryFolder folder;
    auto spool = openSpool(folder.path());
    spool->subscribe("fast");
    spool->subscribe("slow");
    fill(*spool, 0, 4);
    Position next;
    peek(*spool, "fast", next);
    CHECK(spool->commit("fast", next).ok());
    CHECK_TEXT("", peek(*spool, "fast"));
    CHECK_TEXT("0 1 2 3 ", peek(*spool, "slow"));
    spool->subscribe("late");
    CHECK_TEXT("0 1 2 3 ", peek(*spool, "late"));
}

TEST("reading goes on over segments, and those that all have left are removed") {
    TemporaryFolder folder;
    auto spool = openSpool(folder.path());
    spool->subscribe("a");
    spool->subscribe("b");
    fill(*spool, 0, 20, 700);
    CHECK(segmentFiles(folder.path()) >= 4);
    std::string wanted;
    for (int i = 0; i < 20; ++i) wanted += std::to_string(i) + " ";
    Position next;
    CHECK_TEXT(wanted, peek(*spool, "a", next));
    CHECK(spool->commit("a", next).ok());
    CHECK(segmentFiles(folder.path()) >= 4);
    CHECK_TEXT(wanted, peek(*spool, "b", next));
    CHECK(spool->commit("b", next).ok());
    CHECK_EQ(size_t(1), segmentFiles(folder.path()));
    CHECK_EQ(uint64_t(0), spool->bytesWaiting());
    fill(*spool, 20, 21);
    CHECK_TEXT("20 ", peek(*spool, "a"));
    CHECK(spool->bytesWaiting() > 0);
}

TEST("a full spool refuses, keeps what it has, and takes again when its readers have caught up") {
    TemporaryFolder folder;
    auto spool = openSpool(folder.path(), 4096, 8192);
    spool->subscribe("m");
    int taken = 0;
    while (spool->append(event(std::to_string(taken), Stream::Usage, 500)).ok()) ++taken;
    CHECK(taken > 8 && taken < 16);
    CHECK_TEXT("spool_full", spool->append(event("x", Stream::Usage, 500)).error().code);
    CHECK_EQ(size_t(2), segmentFiles(folder.path()));
    Position next;
    CHECK_EQ(size_t(taken), spool->read("m", 1000, next).size());
    CHECK(spool->commit("m", next).ok());
    CHECK(spool->append(event("again", Stream::Usage, 500)).ok());
    CHECK_TEXT("again ", peek(*spool, "m"));
}

TEST("an event that fits nowhere is refused and does no harm") {
    TemporaryFolder folder;
    auto spool = openSpool(folder.path());
    spool->subscribe("m");
    CHECK_TEXT("spool", spool->append(event("big", Stream::Usage, 5000)).error().code);
    CHECK_TEXT("spool", spool->append(event("huge", Stream::Usage, 300 * 1024)).error().code);
    fill(*spool, 0, 1);
    CHECK_TEXT("0 ", peek(*spool, "m"));
}

TEST("an event that must be on disk is there at once") {
    TemporaryFolder folder;
    auto spool = openSpool(folder.path());
    spool->subscribe("audit");
    CHECK(spool->append(event("a", Stream::Audit), Spool::Durability::Disk).ok());
    CHECK_TEXT("a ", peek(*spool, "audit"));
}

TEST("a reader whose position was kept but whose events were lost goes on with new events") {
    TemporaryFolder folder;
    Position committed;
    {
        auto spool = openSpool(folder.path());
        spool->subscribe("m");
        fill(*spool, 0, 3);
        peek(*spool, "m", committed);
        CHECK(spool->commit("m", committed).ok());
    }
    // The power went: the cursor had reached the disk, the last pages of the segment had not.
    std::string segment = folder / "0000000000000001.events";
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(committed.offset / 3));
    for (size_t i = committed.offset / 3; i < committed.offset; ++i) file.put('\0');
    file.close();
    auto spool = openSpool(folder.path());
    spool->subscribe("m");
    fill(*spool, 10, 16);
    CHECK_TEXT("10 11 12 13 14 15 ", peek(*spool, "m"));
}

TEST("a reader whose position is beyond every segment starts at the oldest event") {
    TemporaryFolder folder;
    std::ofstream(folder / "m.cursor") << "7 640\n";
    auto spool = openSpool(folder.path());
    spool->subscribe("m");
    fill(*spool, 0, 2);
    CHECK_TEXT("0 1 ", peek(*spool, "m"));
}

TEST("a cursor file that is none counts as none") {
    TemporaryFolder folder;
    std::ofstream(folder / "m.cursor") << "what is this\n";
    auto spool = openSpool(folder.path());
    spool->subscribe("m");
    fill(*spool, 0, 1);
    CHECK_TEXT("0 ", peek(*spool, "m"));
}

TEST("files of others in the folder are left alone") {
    TemporaryFolder folder;
    for (const char* name : {"zzzzzzzzzzzzzzzz.events", "notes.txt", "1.events"}) std::ofstream(folder / name) << "x";
    auto spool = openSpool(folder.path());
    spool->subscribe("m");
    fill(*spool, 0, 1);
    CHECK_TEXT("0 ", peek(*spool, "m"));
    CHECK(std::filesystem::exists(folder / "zzzzzzzzzzzzzzzz.events"));
}

TEST("a folder that cannot be is an error with its name") {
    TemporaryFolder folder;
    std::ofstream(folder / "file") << "x";
    Spool::Options options;
    options.folder = folder / "file";
    auto opened = Spool::open(options);
    CHECK(!opened);
    CHECK_TEXT("spool", opened.error().code);
    CHECK(opened.error().message.find(options.folder) != std::string::npos);
}

TEST("a waiting reader is woken by an event, and ends when it is told to") {
    TemporaryFolder folder;
    auto spool = openSpool(folder.path());
    spool->subscribe("m");
    CHECK(!spool->waitFor("m", std::chrono::milliseconds(0)));
    std::thread writer([&] { fill(*spool, 0, 1); });
    CHECK(spool->waitFor("m", std::chrono::seconds(60)));
    writer.join();
    Position next;
    peek(*spool, "m", next);
    CHECK(spool->commit("m", next).ok());
    std::atomic<bool> ended{false};
    std::thread waiter([&] {
        CHECK(!spool->waitFor("m", std::chrono::seconds(60)));
        ended = true;
    });
    while (!ended) spool->wake();
    waiter.join();
}
