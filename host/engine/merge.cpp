// Engine::merge: several memories become one, which tells from which it was made.
#include "engine/duplicates.hpp"
#include "engine/engine.hpp"
#include "engine/prepared.hpp"
#include "json/json.hpp"

#include <algorithm>
#include <string>

namespace engram::engine {
namespace {

constexpr size_t kReadBudget = 16u << 20;
constexpr unsigned kAttempts = 16;
constexpr char kMergedFrom[] = "merged_from";

void addOnce(std::vector<std::string>& ids, std::string id) {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(std::move(id));
}

// The ids of all it was made of, also by earlier merges, in its metadata.
Result<void> noteOrigin(Memory& kept, const std::vector<Memory>& memories) {
    std::vector<std::string> ids;
    for (const Memory& memory : memories) {
        if (memory.id != kept.id) addOnce(ids, memory.id.text());
        auto metadata = json::parse(memory.metadata);
        const json::Value* earlier = metadata ? json::find(*metadata, kMergedFrom) : nullptr;
        if (!earlier || !earlier->IsArray()) continue;
        for (const auto& id : earlier->GetArray())
            if (id.IsString()) addOnce(ids, std::string(json::view(id)));
    }
    auto metadata = json::parse(kept.metadata);
    if (!metadata) return metadata.error();
    auto& allocator = metadata->GetAllocator();
    json::Value list(rapidjson::kArrayType);
    for (const std::string& id : ids) list.PushBack(json::Value(id, allocator), allocator);
    metadata->RemoveMember(kMergedFrom);
    metadata->AddMember(kMergedFrom, list, allocator);
    kept.metadata = json::write(*metadata);
    return {};
}

Result<Memory> mergedOf(const std::vector<Memory>& memories, const std::optional<std::string>& content) {
    Memory kept = memories.front();
    for (size_t i = 1; i < memories.size(); ++i) {
        const Memory& other = memories[i];
        if (other.workspace != kept.workspace)
            return Error{"invalid_value", "memory " + other.id.text() + " is of another workspace", "merge those of one",
                         "/ids/" + std::to_string(i)};
        std::string metadata = merged(other, kept).metadata;  // those of the kept one over the other's
        kept = merged(std::move(kept), other);
        kept.metadata = std::move(metadata);
        kept.pinned = kept.pinned || other.pinned;
        if (!other.expires_at || !kept.expires_at) kept.expires_at.reset();
        else kept.expires_at = std::max(*kept.expires_at, *other.expires_at);
    }
    if (content && *content != kept.content) {
        kept.content = *content;
        kept.name.clear();
    }
    if (auto noted = noteOrigin(kept, memories); !noted) return noted.error();
    if (auto valid = validate(kept); !valid) return valid.error();
    return kept;
}

}  // namespace

// A request under way.
struct MergeRequest {
    std::shared_ptr<Engine::Tenant> tenant;
    Merge merge;
    WriteOptions options;
    WriteDone done;
    unsigned attempts = kAttempts;
};

void Engine::merge(const std::string& tenant_id, Merge merge, WriteOptions options, WriteDone done) {
    auto found = tenant(tenant_id);
    if (!found) return done(found.error());
    attemptMerge(std::make_shared<MergeRequest>(MergeRequest{*found, std::move(merge), std::move(options), std::move(done)}));
}

Result<std::vector<Memory>> Engine::allOf(const View& view, std::span<const Uuid> ids) {
    ArenaCall call(0, kReadBudget);
    std::vector<engram_ref> refs(ids.size());
    for (size_t i = 0; i < refs.size(); ++i) {
        refs[i].by = ENGRAM_BY_ID;
        refs[i].id = ids[i].abi();
    }
    struct Rows {
        std::vector<Memory> memories;
        size_t bytes = 0;
    } rows{std::vector<Memory>(ids.size())};
    const auto push = [](void* ctx, size_t index, const engram_record* record) -> engram_status {
        auto& into = *static_cast<Rows*>(ctx);
        if (index >= into.memories.size()) return ENGRAM_INTERNAL;
        into.bytes += record->text.len + record->metadata.len;
        if (into.bytes > kMaxChangedBytes) return ENGRAM_RESOURCE_EXHAUSTED;
        into.memories[index] = memoryOf(*record);
        return ENGRAM_OK;
    };
    const engram_rows sink{sizeof(engram_rows), 0, &rows, push};
    const engram_status status = storage_.table->get(storage_.self, call, view.handle(), refs.data(), refs.size(),
                                                     ENGRAM_WANT_TEXT | ENGRAM_WANT_METADATA, &sink);
    if (rows.bytes > kMaxChangedBytes) return tooMuchToChange();
    if (status != ENGRAM_OK) return storageError(status, call);
    for (size_t i = 0; i < ids.size(); ++i) {
        if (rows.memories[i].id == ids[i] && !expired(rows.memories[i], clock_.now())) continue;
        Error error = memoryNotFound(ids[i]);
        error.pointer = "/ids/" + std::to_string(i);
        return error;
    }
    return std::move(rows.memories);
}

void Engine::attemptMerge(std::shared_ptr<MergeRequest> request) {
    ArenaCall call(0, kReadBudget);
    auto view = View::begin(storage_, call, request->tenant->db, 0);
    if (!view) return request->done(view.error());
    auto memories = allOf(*view, request->merge.ids);
    Result<Memory> made = memories ? mergedOf(*memories, request->merge.content) : Result<Memory>(memories.error());
    if (!made) return refuseUnlessReplayed(request->tenant, Uuid(), request->options, made.error(), request->done);
    const int64_t now = clock_.now();
    Memory kept = std::move(*made);
    const uint64_t version = kept.version++;
    kept.updated_at = now;
    std::vector<WriteOp> ops;
    ops.push_back({ENGRAM_OP_PUT, prepare(*request->tenant, kept), version});
    for (size_t i = 1; i < memories->size(); ++i) {
        Memory& other = (*memories)[i];
        const uint64_t expected = other.version;
        other.updated_at = now;
        ops.push_back({ENGRAM_OP_DELETE, Prepared(std::move(other), {}, {}, 0), expected});
    }
    submit(request->tenant, std::move(ops), {&kept, 1}, request->options, [this, request](Result<Receipt> receipt) {
        const bool raced = !receipt && (receipt.error().code == "version_conflict" || receipt.error().code == "memory_not_found");
        if (raced && --request->attempts > 0) return attemptMerge(request);
        request->done(std::move(receipt));
    });
}

}  // namespace engram::engine
