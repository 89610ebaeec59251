// One tenant's open file: the writing connection, a pool of readers, and what is kept in memory about the rows.
//
// Locks, always taken in this order: writer_mutex (apply, maintenance), index_mutex (shared: reads; exclusive: publishing
// what a transaction did). Facts, companions, tail and vectors are loaded by the first read that needs them.
#pragma once

#include "companions.hpp"
#include "connection.hpp"
#include "lexical_index.hpp"
#include "metadata_columns.hpp"
#include "posting_cache.hpp"
#include "vectors.hpp"
#include "verdicts.hpp"
#include "vocabulary.hpp"

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
    int checkpoint_pages = 100;    // in the log from which a checkpoint is worth its fsync
    std::chrono::milliseconds idle{300};  // without a write, until folding begins
    std::shared_ptr<PostingCache> postings = std::make_shared<PostingCache>(64u << 20);  // of all tenants
    std::shared_ptr<Allowance> metadata = std::make_shared<Allowance>(64u << 20);  // of all tenants
};

struct Space {
    uint32_t id, dimensions;
    std::string name;
    uint32_t active;  // ENGRAM_SPACE_*
};

using Deadline = std::chrono::steady_clock::time_point;

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
    std::unique_ptr<Connection> takeReader(Deadline deadline);
    void giveReader(std::unique_ptr<Connection> reader);
    // Ends the snapshots that free readers keep, so that the log can be emptied.
    void dropSnapshots();
    // Moves the log into the file and empties it, both on disk on true; false: a reader was still at the log by the deadline.
    // Throws SqliteError. Call under writer_mutex, which is let go while it waits: what a reader needs to get done may be
    // behind it.
    bool emptyLog(Deadline deadline);
    // Counts what was published: a reader's snapshot of this generation holds all of it. Moves under the exclusive index
    // lock, so that under the shared one a snapshot and the segments of `tail` belong together.
    uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

    // Facts, companions and tail, for reads that go over many rows. Call without locks.
    void loadIndex();
    // The vectors of a space; nullptr if there is none. Call without locks; use under the shared index lock.
    const VectorSet* loadVectors(uint32_t space);

    // Gets ready what the conditions of a filter can be decided by without the file, as far as it takes little time. Call
    // after loadIndex() and without locks. Throws SqliteError.
    void prepare(const engram_filter& filter);

    // Decoded postings that are kept for the next search. What was decoded before a purge is not kept after it: a reader
    // takes the number of purges with its snapshot. Keep under the shared index lock.
    PostingCache::ListPointer cachedPostings(const std::string& term) const { return options_.postings->find(number_, term); }
    void cachePostings(const std::string& term, PostingCache::ListPointer list, uint64_t purges_seen) const {
        if (purges_seen == purges) options_.postings->keep(number_, term, std::move(list));
    }
    // Words of purged records are forgotten. Call under the exclusive index lock.
    void forgetPostings() {
        ++purges;
        vocabulary.forget();
        options_.postings->forget(number_);
    }

    // Folding and checkpointing, a slice at a time, and filling columns of metadata. [maintenance thread]
    void maintain();
    // Moves the log's pages into the file. Small slices keep the stall short that writers see; at least four times a
    // slice's duration passes until the next, so that a disk with a slow fsync is not kept busy with it. Call with
    // writer_mutex held.
    void checkpointIfDue();

    // Reads the whole file. Throws a damaged() SqliteError if it is not sound.
    void check();
    // What the last write left on disk is unknown (an fsync failed): no write is taken until readyToWrite() has put
    // the file right.
    void distrust() { trusted_.store(false); }
    // Throws SqliteError if the file was moved away, or its log cannot be put right by the deadline. Call under writer_mutex
    // before anything else, see emptyLog().
    void readyToWrite(Deadline deadline);

    std::mutex writer_mutex;
    std::unique_ptr<Connection> writer;
    std::shared_mutex index_mutex;
    Facts facts;
    Companions companions;
    Tail tail;
    uint64_t folded = 0, purges = 0;
    bool index_loaded = false;
    std::map<uint32_t, VectorSet> vectors;  // of the spaces that are loaded
    std::vector<Space> spaces;
    MetadataColumns metadata;
    Verdicts verdicts;
    Vocabulary vocabulary;  // locks itself
    std::map<std::string, uint64_t> counters;
    std::mutex changed_mutex;
    std::condition_variable changed;
    std::atomic<bool> damaged{false};
    std::atomic<int> wal_pages{0};
    std::atomic<int64_t> last_write{0};  // steady clock, ns
    void publish(uint64_t lsn);

private:
    void loadCompanions();
    void foldIfDue();
    void fold();
    void maintainMetadata();
    void fillMetadata(std::chrono::steady_clock::duration most);
    bool fillSlice();
    bool idle() const;

    const std::string folder_;
    const Options options_;
    const uint64_t number_;  // in the cache of postings
    std::chrono::steady_clock::time_point next_checkpoint_{};
    std::atomic<uint64_t> lsn_{0}, generation_{0};
    std::atomic<bool> trusted_{true};
    std::chrono::steady_clock::time_point next_maintenance_{};
    std::mutex filling_mutex_;  // of who fills columns, taken before all others
    std::chrono::steady_clock::time_point next_filling_{};
    std::mutex readers_mutex_;
    std::condition_variable reader_free_;  // for one that wants a reader
    std::condition_variable reader_back_;  // for one that waits until readers are gone
    std::vector<std::unique_ptr<Connection>> free_readers_;
    unsigned open_readers_ = 0;
};

}  // namespace engram::storage_sqlite
