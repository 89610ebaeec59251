#include "tenant.hpp"

#include "row.hpp"
#include "schema.hpp"

#include <algorithm>
#include <tuple>

#include <sys/stat.h>

namespace engram::storage_sqlite {
namespace {

int64_t steadyNow() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

constexpr std::chrono::seconds kAfterFailure{5};
constexpr size_t kFoldRows = 4000;  // at once
// Not all who read the log come back with a reader: other processes, and checks of the whole file.
constexpr std::chrono::milliseconds kReaderLook{5};

// Runs after each commit of the writing connection.
int noteWal(void* pages, sqlite3*, const char*, int n) {
    static_cast<std::atomic<int>*>(pages)->store(n);
    return SQLITE_OK;
}

RowFacts factsOf(const Statement& s, Facts& facts) {
    auto time = [&](int column) { return s.isNull(column) ? ENGRAM_TIME_NONE : s.integer(column); };
    RowFacts row;
    row.rid = static_cast<uint64_t>(s.integer(0));
    row.lsn_to = Row::lsnOf(s.integer(1));
    const std::string_view id = s.blob(2);
    std::copy_n(id.begin(), std::min(id.size(), sizeof row.id.bytes), reinterpret_cast<char*>(row.id.bytes));
    row.created_at = time(3);
    row.updated_at = time(4);
    row.occurred_at = time(5);
    row.expires_at = time(6);
    row.importance = s.real(7);
    row.workspace = facts.workspace_names.number(s.text(8));
    row.length = static_cast<uint32_t>(s.integer(9));
    row.kind = static_cast<uint16_t>(s.integer(10));
    row.deleted = s.integer(11) != 0 ? 1 : 0;
    row.pinned = s.integer(12) != 0 ? 1 : 0;
    return row;
}

}  // namespace

Tenant::Tenant(std::string folder, const Options& options)
    : metadata(options.metadata), folder_(std::move(folder)), options_(options), number_(options.postings->newTenant()) {
    writer = std::make_unique<Connection>(file(), Connection::Role::Writer, options_.vfs, options_.synchronous.c_str());
    migrate(*writer);
    if (options_.max_bytes > 0) {
        Statement size = writer->statement("PRAGMA page_size");
        size.step();
        const uint64_t pages = options_.max_bytes / static_cast<uint64_t>(std::max<int64_t>(512, size.integer(0)));
        writer->execute(("PRAGMA max_page_count=" + std::to_string(pages)).c_str());
    }
    sqlite3_wal_hook(writer->handle(), &noteWal, &wal_pages);
    {
        Statement meta = writer->statement("SELECT lsn, folded FROM meta");
        if (!meta.step()) throw SqliteError(SQLITE_CORRUPT, "meta is empty");
        lsn_.store(static_cast<uint64_t>(meta.integer(0)));
        folded = static_cast<uint64_t>(meta.integer(1));
    }
    Statement counter = writer->statement("SELECT name, value FROM counters");
    while (counter.step()) counters[std::string(counter.text(0))] = static_cast<uint64_t>(counter.integer(1));
    Statement space = writer->statement("SELECT id, dimensions, name, active FROM spaces ORDER BY id");
    while (space.step())
        spaces.push_back({static_cast<uint32_t>(space.integer(0)), static_cast<uint32_t>(space.integer(1)),
                          std::string(space.text(2)), static_cast<uint32_t>(space.integer(3))});
    // A log that is there at opening is of a process that ended badly, perhaps after an fsync that failed: then the
    // kernel shows pages that it has given up writing. Moved into the file they are written anew.
    struct stat log {};
    if (stat((file() + "-wal").c_str(), &log) != 0 || log.st_size == 0) return;
    distrust();
    try {
        emptyLog(Deadline());
    } catch (const SqliteError& e) {
        if (e.damaged()) throw;
    }
}

bool Tenant::emptyLog(Deadline deadline) {
    while (true) {
        dropSnapshots();
        if (writer->emptyLog()) break;
        const auto now = std::chrono::steady_clock::now();
        if (now >= deadline) return false;
        writer_mutex.unlock();
        {
            std::unique_lock lock(readers_mutex_);
            reader_back_.wait_until(lock, std::min(deadline, now + kReaderLook));
        }
        writer_mutex.lock();
    }
    wal_pages.store(0);
    trusted_.store(true);
    return true;
}

void Tenant::readyToWrite(Deadline deadline) {
    if (writer->moved()) throw SqliteError(SQLITE_READONLY_DBMOVED, "the tenant's file was moved or removed");
    if (!trusted_.load() && !emptyLog(deadline))
        throw SqliteError(SQLITE_BUSY, "a reader still needs the log that is written anew before the next write");
}

void Tenant::check() {
    std::lock_guard writing(writer_mutex);
    Statement result = writer->statement("PRAGMA quick_check(1)");
    if (!result.step() || result.text(0) != "ok")
        throw SqliteError(SQLITE_CORRUPT, "the file is damaged: " + std::string(result.text(0)));
}

Tenant::~Tenant() {
    free_readers_.clear();
    options_.postings->forget(number_);
    if (!writer) return;
    if (damaged.load()) {  // left as it is, log and all, for whoever looks into it
        sqlite3_db_config(writer->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
        return;
    }
    // An empty log at rest: the next start has nothing to replay, and the folder is one file.
    sqlite3_wal_checkpoint_v2(writer->handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

std::unique_ptr<Connection> Tenant::takeReader(Deadline deadline) {
    std::unique_lock lock(readers_mutex_);
    while (free_readers_.empty() && open_readers_ >= options_.readers)
        if (reader_free_.wait_until(lock, deadline) == std::cv_status::timeout && free_readers_.empty()) return nullptr;
    if (!free_readers_.empty()) {
        auto reader = std::move(free_readers_.back());
        free_readers_.pop_back();
        return reader;
    }
    ++open_readers_;
    lock.unlock();
    try {
        return std::make_unique<Connection>(file(), Connection::Role::Reader, options_.vfs, "");
    } catch (...) {
        std::lock_guard again(readers_mutex_);
        --open_readers_;
        throw;
    }
}

void Tenant::giveReader(std::unique_ptr<Connection> reader) {
    if (!reader->holdsSnapshot(generation())) reader->dropSnapshot();
    {
        std::lock_guard lock(readers_mutex_);
        free_readers_.push_back(std::move(reader));
    }
    reader_free_.notify_one();
    reader_back_.notify_all();
}

void Tenant::dropSnapshots() {
    std::lock_guard lock(readers_mutex_);
    for (auto& reader : free_readers_) reader->dropSnapshot();
}

void Tenant::publish(uint64_t lsn) {
    generation_.fetch_add(1, std::memory_order_release);
    {
        std::lock_guard lock(changed_mutex);
        lsn_.store(lsn, std::memory_order_release);
    }
    last_write.store(steadyNow());
    changed.notify_all();
}

void Tenant::loadIndex() {
    {
        std::shared_lock lock(index_mutex);
        if (index_loaded) return;
    }
    std::lock_guard writing(writer_mutex);
    std::unique_lock lock(index_mutex);
    if (index_loaded) return;
    Statement count = writer->statement("SELECT count(*) FROM versions");
    if (count.step()) facts.reserve(static_cast<size_t>(count.integer(0)));
    Statement rows = writer->statement(
        "SELECT rid, lsn_to, id, created_at, updated_at, occurred_at, expires_at, importance, workspace, length, kind,"
        " deleted, pinned, type, tags FROM versions ORDER BY rid");
    while (rows.step()) facts.add(factsOf(rows, facts), rows.text(13), rows.blob(14));
    Statement words = writer->statement("SELECT rid, terms FROM versions WHERE rid > ? AND deleted = 0 ORDER BY rid");
    words.bind(1, folded);
    loadCompanions();
    while (words.step()) {
        const auto rid = static_cast<uint64_t>(words.integer(0));
        companions.add(facts.placeOf(rid), words.blob(1));
        tail.add(rid, std::string(words.blob(1)));
    }
    index_loaded = true;
}

// Of the rows whose words are folded.
void Tenant::loadCompanions() {
    std::string after = ENGRAM_GROUP_MARK;  // of all terms that begin with it
    ++after.back();
    Statement marks = writer->statement("SELECT term, block FROM postings WHERE term >= ? AND term < ? ORDER BY term, last");
    marks.bindBlob(1, std::string_view(ENGRAM_GROUP_MARK)).bindBlob(2, after);
    std::vector<Posting> postings;
    while (marks.step()) {
        postings.clear();
        if (!decodePostings(marks.blob(1), postings)) throw SqliteError(SQLITE_CORRUPT, "damaged postings");
        for (const Posting& posting : postings)
            if (const uint32_t place = facts.placeOf(posting.rid); place != Facts::kNowhere)
                companions.addMarked(place, marks.blob(0));
    }
}

const VectorSet* Tenant::loadVectors(uint32_t space) {
    {
        std::shared_lock lock(index_mutex);
        if (auto it = vectors.find(space); it != vectors.end()) return &it->second;
    }
    std::lock_guard writing(writer_mutex);
    std::unique_lock lock(index_mutex);
    auto known = std::find_if(spaces.begin(), spaces.end(), [&](const Space& s) { return s.id == space; });
    if (known == spaces.end()) return nullptr;
    auto [it, fresh] = vectors.emplace(space, VectorSet(known->dimensions));
    if (!fresh) return &it->second;
    Statement rows = writer->statement("SELECT rid, vectors FROM versions WHERE vectors <> x'' ORDER BY rid");
    std::vector<QuantisedVector> decoded;
    while (rows.step()) {
        decoded.clear();
        if (!decodeVectors(rows.blob(1), decoded)) throw SqliteError(SQLITE_CORRUPT, "damaged vectors");
        for (const QuantisedVector& vector : decoded)
            if (vector.space == space) it->second.add(facts.placeOf(static_cast<uint64_t>(rows.integer(0))), vector);
    }
    return &it->second;
}

bool Tenant::idle() const { return steadyNow() - last_write.load() > std::chrono::nanoseconds(options_.idle).count(); }

void Tenant::maintain() {
    if (damaged.load()) return;
    foldIfDue();
    maintainMetadata();
}

void Tenant::foldIfDue() {
    std::unique_lock writing(writer_mutex, std::try_to_lock);
    if (!writing || std::chrono::steady_clock::now() < next_maintenance_) return;
    next_maintenance_ = std::chrono::steady_clock::now() + kAfterFailure;
    if (!trusted_.load() && !emptyLog(Deadline())) {  // a reader is at it
        next_maintenance_ = {};
        return;
    }
    checkpointIfDue();
    size_t rows = 0;
    {
        std::shared_lock lock(index_mutex);
        rows = tail.rows();
    }
    if (rows >= options_.fold_rows || (rows > 0 && idle())) fold();
    next_maintenance_ = {};
}

void Tenant::checkpointIfDue() {
    const auto began = std::chrono::steady_clock::now();
    if (wal_pages.load() < options_.checkpoint_pages || began < next_checkpoint_) return;
    dropSnapshots();
    int log = 0, moved = 0;
    const int rc = sqlite3_wal_checkpoint_v2(writer->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &log, &moved);
    if (log == moved) wal_pages.store(0);
    const auto ended = std::chrono::steady_clock::now();
    next_checkpoint_ = ended + 4 * (ended - began);
    if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) return;
    // The log holds what the file could not take: a failing disk is looked at before the next write, a full one grows it.
    if ((rc & 0xFF) == SQLITE_IOERR) distrust();
    next_checkpoint_ = ended + kAfterFailure;
}

// Moves the words of the oldest segments into the file: one block for each word, in the words' order. Few blocks of many
// postings take less room and are read faster than many of few; a write waits until it is done.
void Tenant::fold() {
    std::shared_ptr<const Segment> segment;
    size_t n = 0;
    {
        std::unique_lock lock(index_mutex);
        if (tail.unsealed()) tail.seal();
    }
    {
        std::shared_lock lock(index_mutex);
        std::tie(segment, n) = tail.oldest(kFoldRows);
    }
    if (n == 0) return;
    std::vector<const std::string*> terms;
    for (const auto& [term, postings] : segment->postings) terms.push_back(&term);
    std::sort(terms.begin(), terms.end(), [](const auto* a, const auto* b) { return *a < *b; });
    vocabulary.add(terms, folded, segment->last);
    writer->execute("BEGIN IMMEDIATE");
    try {
        for (const std::string* term : terms) {
            const auto& postings = segment->postings.at(*term);
            const std::string block = encodePostings(postings);
            writer->statement("INSERT INTO postings VALUES(?, ?, ?)")
                .bindBlob(1, *term)
                .bind(2, postings.back().rid)
                .bindBlob(3, block)
                .run();
        }
        writer->statement("UPDATE meta SET folded = ?").bind(1, segment->last).run();
        // A search sees the words either here or there: its snapshot and its segments are taken under the shared lock.
        std::unique_lock lock(index_mutex);
        writer->execute("COMMIT");
        generation_.fetch_add(1, std::memory_order_release);
        folded = segment->last;
        tail.dropFirst(n);
    } catch (...) {
        sqlite3_exec(writer->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
        throw;
    }
}

}  // namespace engram::storage_sqlite
