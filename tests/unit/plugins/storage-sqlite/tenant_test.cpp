#include "storage-sqlite/tenant.hpp"

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <filesystem>
#include <future>
#include <thread>

using namespace engram::storage_sqlite;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

// A tenant whose log has something in it and must be emptied before the next write, and a reader that sees the log.
struct Distrusted {
    engram::testing::TemporaryFolder folder;
    Tenant tenant{folder.path(), Options{}};
    std::unique_ptr<Connection> reader;

    Distrusted() {
        tenant.writer->execute("CREATE TABLE ballast(bytes)");
        tenant.writer->execute("INSERT INTO ballast VALUES(zeroblob(100000))");
        tenant.distrust();
        reader = tenant.takeReader(Clock::now());
        reader->takeSnapshot(tenant.generation());
    }
    std::future<bool> write(Clock::duration patience) {
        return std::async(std::launch::async, [this, patience] {
            std::lock_guard writing(tenant.writer_mutex);
            try {
                tenant.readyToWrite(Clock::now() + patience);
                return true;
            } catch (const SqliteError&) {
                return false;
            }
        });
    }
    // Until the log's pages are in the file: whoever empties it has found the reader.
    void awaitReaderFound() const {
        const auto give_up = Clock::now() + 10s;
        while (std::filesystem::file_size(tenant.file()) < 100000 && Clock::now() < give_up) std::this_thread::yield();
        CHECK(std::filesystem::file_size(tenant.file()) >= 100000);
    }
    uintmax_t log() const { return std::filesystem::file_size(tenant.file() + "-wal"); }
};

}  // namespace

TEST("a write that needs an empty log waits for a reader, which does not keep its snapshot when it comes back") {
    Distrusted d;
    const auto began = Clock::now();
    auto written = d.write(5s);
    d.awaitReaderFound();
    d.tenant.giveReader(std::move(d.reader));
    CHECK(written.get());
    CHECK(Clock::now() - began < 4s);
    CHECK_EQ(uintmax_t(0), d.log());
}

TEST("a reader that is still there at the deadline has the write refused, and the next one tries again") {
    Distrusted d;
    CHECK(!d.write(20ms).get());
    CHECK(d.log() > 0);
    d.tenant.giveReader(std::move(d.reader));
    CHECK(d.write(0ms).get());
    CHECK_EQ(uintmax_t(0), d.log());
}

TEST("a reader that a write waits for can have vectors and facts loaded") {
    Distrusted d;
    d.tenant.spaces.push_back({1, 2, "model", ENGRAM_SPACE_ACTIVE});
    auto written = d.write(5s);
    d.awaitReaderFound();
    d.tenant.loadIndex();
    CHECK(d.tenant.loadVectors(1) != nullptr);
    CHECK(written.wait_for(0s) == std::future_status::timeout);
    d.tenant.giveReader(std::move(d.reader));
    CHECK(written.get());
}

TEST("maintenance does not wait for readers, and empties the log when they are gone") {
    Distrusted d;
    const auto began = Clock::now();
    d.tenant.maintain();
    CHECK(Clock::now() - began < 2s);
    CHECK(d.log() > 0);
    d.tenant.giveReader(std::move(d.reader));
    d.tenant.maintain();
    CHECK_EQ(uintmax_t(0), d.log());
}
