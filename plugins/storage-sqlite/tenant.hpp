// One tenant's open file: the writing connection, a pool of readers, and what is kept in memory about the rows.
//
// Locks, always taken in this order: writer_mutex (apply, maintenance), index_mutex (shared: reads; exclusive: publishing
// what a transaction did). Facts, tail and vectors are loaded by the first read that needs them.
#pragma once

#include "connection.hpp"
#include "lexical_index.hpp"
#include "vectors.hpp"

#include <engram/storage.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

namespace engram::storage_sqlite {

struct Options {
    std::string synchronous = "PRAGMA synchronous=FULL";
    std::string vfs;
    unsigned readers = 4;
    uint64_t max_bytes = 0;        // of the file; 0 = no limit
    size_t fold_rows = 50000;      // rows not folded at which writing waits for folding
    int checkpoint_pages = 1000;
    std::chrono::milliseconds idle{300};  // without a write, until folding begins
};

struct Space {
    uint32_t id, dimensions;
    std::string name;
    bool active;
};

class Tenant {
public:
    // Opens or makes <folder>/engram.db. Throws SqliteError.
    Tenant(std::string folder, const Options& options);
    Tenant(const Tenant&) = delete;
    ~Tenant();

    const std::string& folder() const { return folder_; }
    std::string file() const { return folder_ + "/engram.db"; }
    const Options& options() const { return options_; }
    uint64_t lsn() const { return lsn_.load(std::memory_order_acquire); }

    // A reader for one thread; nullptr if none is free by the deadline.
    std::unique_ptr<Connection> takeReader(std::chrono::steady_clock::time_point deadline);
    void giveReader(std::unique_ptr<Connection> reader);
    // Ends the snapshots that free readers keep, so that the log can be emptied.
    void dropSnapshots();
    // Counts what was published: a reader's snapshot of this generation holds all of it. Moves under the exclusive index
    // lock, so that under the shared one a snapshot and the segments of `tail` belong together.
    uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

    // Facts and tail, for reads that go over many rows. Call without locks.
    void loadIndex();
    // The vectors of a space; nullptr if there is none. Call without locks; use under the shared index lock.
    const VectorSet* loadVectors(uint32_t space);

    // Folding and checkpointing, a slice at a time. [maintenance thread, or apply when far behind]
    void maintain();

    std::mutex writer_mutex;
    std::unique_ptr<Connection> writer;
    std::shared_mutex index_mutex;
    Facts facts;
    Tail tail;
    uint64_t folded = 0;
    bool index_loaded = false;
    std::map<uint32_t, VectorSet> vectors;  // of the spaces that are loaded
    std::vector<Space> spaces;
    std::map<std::string, uint64_t> counters;
    std::mutex changed_mutex;
    std::condition_variable changed;
    std::atomic<bool> damaged{false};
    std::atomic<int> wal_pages{0};
    std::atomic<int64_t> last_write{0};  // steady clock, ns
    void publish(uint64_t lsn);

private:
    void foldOne();
    bool idle() const;

    const std::string folder_;
    const Options options_;
    std::atomic<uint64_t> lsn_{0}, generation_{0};
    std::mutex readers_mutex_;
    std::condition_variable reader_free_;
    std::vector<std::unique_ptr<Connection>> free_readers_;
    unsigned open_readers_ = 0;
};

}  // namespace engram::storage_sqlite
