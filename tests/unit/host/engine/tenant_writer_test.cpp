#include "engine/tenant_writer.hpp"

#include "support/test.hpp"

#include <engram/cpp/text.hpp>

#include <condition_variable>
#include <future>
#include <map>

using namespace engram;
using namespace engram::engine;

namespace {

// A storage that only applies: it notes each group and can be held in the middle of one.
class Applies {
public:
    Applies() {
        table_.size = sizeof table_;
        table_.apply = [](void* self, engram_call* call, uint64_t db, const engram_batch* batches, size_t n,
                          engram_apply_result* results) {
            return static_cast<Applies*>(self)->apply(call, db, batches, n, results);
        };
    }
    StorageBinding binding() { return {&table_, this}; }

    void hold() {
        std::lock_guard lock(mutex_);
        held_ = true;
    }
    void release() {
        {
            std::lock_guard lock(mutex_);
            held_ = false;
        }
        changed_.notify_all();
    }
    // Waits until `n` calls of apply() have begun.
    void waitForCalls(size_t n) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return groups.size() >= n; });
    }
    void answer(engram_status status) { status_ = status; }

    std::vector<std::vector<std::string>> groups;  // keys of the batches of each call; read when nothing runs
    size_t most_at_once = 0;

private:
    engram_status apply(engram_call* call, uint64_t db, const engram_batch* batches, size_t n, engram_apply_result* results) {
        std::unique_lock lock(mutex_);
        most_at_once = std::max(most_at_once, ++at_once_[db]);
        groups.emplace_back();
        for (size_t i = 0; i < n; ++i) groups.back().emplace_back(view(batches[i].idempotency_key));
        changed_.notify_all();
        changed_.wait(lock, [this] { return !held_; });
        for (size_t i = 0; i < n; ++i) {
            results[i].outcome = view(batches[i].idempotency_key) == "again" ? ENGRAM_APPLY_REPLAYED : ENGRAM_APPLY_DONE;
            results[i].lsn = ++lsn_;
            if (results[i].outcome == ENGRAM_APPLY_REPLAYED) results[i].answer = keepBytes(call, "the first answer");
            if (view(batches[i].idempotency_key) == "limited") {
                results[i].outcome = ENGRAM_APPLY_LIMIT;
                results[i].failed_limit = 1;
            }
        }
        --at_once_[db];
        return status_;
    }

    engram_storage_v1 table_{};
    std::mutex mutex_;
    std::condition_variable changed_;
    bool held_ = false;
    std::map<uint64_t, size_t> at_once_;
    uint64_t lsn_ = 0;
    engram_status status_ = ENGRAM_OK;
};

struct Completions {
    std::mutex mutex;
    std::vector<std::string> order;
    std::map<std::string, Result<Outcome>> results;
};

PendingWrite write(Completions& into, const std::string& key, size_t bytes = 1) {
    Memory memory;
    memory.content = std::string(bytes, 'x');
    PendingWrite out;
    out.ops.push_back({ENGRAM_OP_PUT, Prepared(std::move(memory), {}, {}, 0), ENGRAM_VERSION_NEW});
    out.options.idempotency_key = key;
    out.answer = "answer to " + key;
    out.done = [&into, key](Result<Outcome> outcome) {
        std::lock_guard lock(into.mutex);
        into.order.push_back(key);
        into.results.emplace(key, std::move(outcome));
    };
    return out;
}

WriterThreads::Options options(unsigned threads, size_t mailbox = 4096, size_t group = 256, size_t bytes = 4u << 20) {
    WriterThreads::Options out;
    out.threads = threads;
    out.mailbox_limit = mailbox;
    out.group_limit = group;
    out.group_bytes = bytes;
    return out;
}

}  // namespace

TEST("writes that come while one is applied are applied together, in order") {
    Applies storage;
    Completions done;
    WriterThreads threads(options(2));
    auto tenant = std::make_shared<TenantWriter>(storage.binding(), 1);
    storage.hold();
    threads.submit(tenant, write(done, "0"));
    storage.waitForCalls(1);
    std::vector<std::string> wanted = {"0"};
    for (int i = 1; i <= 20; ++i) {
        wanted.push_back(std::to_string(i));
        threads.submit(tenant, write(done, wanted.back()));
    }
    storage.release();
    threads.stop();
    CHECK_EQ(size_t(2), storage.groups.size());
    CHECK_EQ(size_t(20), storage.groups[1].size());
    CHECK(done.order == wanted);
    CHECK_TEXT("answer to 20", done.results.at("20")->answer);
    CHECK_EQ(uint64_t(21), done.results.at("20")->lsn);
}

TEST("a group has a limit in writes and in bytes") {
    for (const bool by_count : {true, false}) {
        Applies storage;
        Completions done;
        WriterThreads threads(by_count ? options(1, 4096, 3) : options(1, 4096, 256, 30));
        auto tenant = std::make_shared<TenantWriter>(storage.binding(), 1);
        storage.hold();
        threads.submit(tenant, write(done, "first"));
        storage.waitForCalls(1);
        for (int i = 0; i < 7; ++i) threads.submit(tenant, write(done, std::to_string(i), 10));
        storage.release();
        threads.stop();
        std::vector<size_t> sizes;
        for (const auto& group : storage.groups) sizes.push_back(group.size());
        CHECK((sizes == std::vector<size_t>{1, 3, 3, 1}));
    }
}

TEST("a full mailbox refuses at once and loses nothing that it took") {
    Applies storage;
    Completions done;
    WriterThreads threads(options(1, 4));
    auto tenant = std::make_shared<TenantWriter>(storage.binding(), 1);
    storage.hold();
    threads.submit(tenant, write(done, "first"));
    storage.waitForCalls(1);
    for (int i = 0; i < 5; ++i) threads.submit(tenant, write(done, std::to_string(i)));
    CHECK_EQ(size_t(1), done.order.size());
    CHECK_TEXT("overloaded", done.results.at("4").error().code);
    storage.release();
    threads.stop();
    CHECK_EQ(size_t(6), done.results.size());
    for (const char* key : {"first", "0", "1", "2", "3"}) CHECK(done.results.at(key).ok());
}

TEST("a full mailbox of one tenant is no matter of another") {
    Applies storage;
    Completions done;
    WriterThreads threads(options(2, 1));
    auto busy = std::make_shared<TenantWriter>(storage.binding(), 1), other = std::make_shared<TenantWriter>(storage.binding(), 2);
    storage.hold();
    threads.submit(busy, write(done, "a"));
    storage.waitForCalls(1);
    threads.submit(busy, write(done, "b"));
    threads.submit(other, write(done, "c"));
    storage.waitForCalls(2);
    CHECK(done.order.empty());
    storage.release();
    threads.stop();
    for (const char* key : {"a", "b", "c"}) CHECK(done.results.at(key).ok());
}

TEST("a tenant is applied by one thread at a time") {
    Applies storage;
    Completions done;
    {
        WriterThreads threads(options(4, 4096, 1));
        std::vector<std::shared_ptr<TenantWriter>> tenants;
        for (uint64_t db = 1; db <= 3; ++db) tenants.push_back(std::make_shared<TenantWriter>(storage.binding(), db));
        for (int i = 0; i < 300; ++i) threads.submit(tenants[static_cast<size_t>(i % 3)], write(done, std::to_string(i)));
    }
    CHECK_EQ(size_t(300), done.order.size());
    CHECK_EQ(size_t(1), storage.most_at_once);
}

TEST("stop applies what waits; later writes are refused with a reason") {
    Applies storage;
    Completions done;
    WriterThreads threads(options(1));
    auto tenant = std::make_shared<TenantWriter>(storage.binding(), 1);
    storage.hold();
    for (const char* key : {"a", "b"}) threads.submit(tenant, write(done, key));
    storage.waitForCalls(1);
    auto stopped = std::async(std::launch::async, [&] { threads.stop(); });
    storage.release();
    stopped.get();
    CHECK(done.results.at("a").ok() && done.results.at("b").ok());
    threads.submit(tenant, write(done, "late"));
    CHECK_TEXT("unavailable", done.results.at("late").error().code);
    CHECK(done.results.at("late").error().message.find("stop") != std::string::npos);
}

TEST("a storage that fails fails every write of the group, and the next is tried again") {
    Applies storage;
    Completions done;
    WriterThreads threads(options(1));
    auto tenant = std::make_shared<TenantWriter>(storage.binding(), 1);
    storage.hold();
    storage.answer(ENGRAM_RESOURCE_EXHAUSTED);
    for (const char* key : {"a", "b"}) threads.submit(tenant, write(done, key));
    storage.waitForCalls(1);
    storage.release();
    threads.stop();
    CHECK_TEXT("storage_full", done.results.at("a").error().code);
    CHECK_TEXT("storage_full", done.results.at("b").error().code);
}

TEST("a repeated key gets the first answer, a limit its own maximum") {
    Applies storage;
    Completions done;
    WriterThreads threads(options(1));
    auto tenant = std::make_shared<TenantWriter>(storage.binding(), 1);
    threads.submit(tenant, write(done, "again"));
    PendingWrite limited = write(done, "limited");
    limited.options.limits = {{"bytes", 7}, {"records.1", 9}};
    threads.submit(tenant, std::move(limited));
    threads.stop();
    CHECK_TEXT("the first answer", done.results.at("again")->answer);
    CHECK_EQ(uint64_t(9), done.results.at("limited")->limit);
}
