// The storage plugin and the embedder as the engine holds them, statuses made into Errors, views that end themselves.
#pragma once

#include <engram/cpp/arena_call.hpp>
#include <engram/cpp/result.hpp>
#include <engram/embed.h>
#include <engram/storage.h>

#include <cstdint>
#include <string>

namespace engram::engine {

struct StorageBinding {
    const engram_storage_v1* table = nullptr;
    void* self = nullptr;
};

struct EmbedBinding {
    const engram_embed_v1* table = nullptr;
    void* self = nullptr;
    std::string name{};  // of the plugin's instance
};

// The Error for a status of storage. AGAIN is "again": repeat on a lane.
Error storageError(engram_status status, const ArenaCall& call);

// One snapshot, ended when it goes out of scope.
class View {
public:
    static Result<View> begin(const StorageBinding& storage, ArenaCall& call, uint64_t db, uint64_t at_least_lsn,
                              uint64_t at_lsn = ENGRAM_LSN_MAX);
    View(View&& other) noexcept : storage_(other.storage_), view_(other.view_), lsn_(other.lsn_) { other.view_ = 0; }
    View& operator=(View&&) = delete;
    ~View() {
        if (view_) storage_.table->end(storage_.self, view_);
    }
    uint64_t handle() const { return view_; }
    uint64_t lsn() const { return lsn_; }

private:
    View(const StorageBinding& storage, uint64_t view, uint64_t lsn) : storage_(storage), view_(view), lsn_(lsn) {}
    StorageBinding storage_;
    uint64_t view_, lsn_;
};

}  // namespace engram::engine
