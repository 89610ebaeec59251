// Engine::changeMany: one change of many memories by their ids, in one transaction. And undo, the change that takes the
// last one back.
#include "engine/engine.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>
#include <set>

namespace engram::engine {
namespace {

constexpr size_t kReadBudget = 16u << 20;
constexpr unsigned kAttempts = 16;

// Whether the tags have become others.
bool changeTags(Memory& memory, const BulkChange& change) {
    const std::vector<std::string> before = memory.tags;
    std::erase_if(memory.tags, [&](const std::string& tag) {
        return std::find(change.remove_tags.begin(), change.remove_tags.end(), tag) != change.remove_tags.end();
    });
    for (const std::string& tag : change.add_tags)
        if (std::find(memory.tags.begin(), memory.tags.end(), tag) == memory.tags.end()) memory.tags.push_back(tag);
    return memory.tags != before;
}

}  // namespace

// A request under way.
struct ChangeMany {
    std::shared_ptr<Engine::Tenant> tenant;
    std::vector<Uuid> ids;
    BulkChange change;
    Items items;
    WriteOptions options;
    RenderWritten render;
    WriteDone done;
    unsigned attempts = kAttempts;
};

void Engine::changeMany(const std::string& tenant_id, std::vector<Uuid> ids, BulkChange change, Items items,
                        WriteOptions options, RenderWritten render, WriteDone done) {
    auto found = tenant(tenant_id);
    if (!found) return done(found.error());
    attemptChange(std::make_shared<ChangeMany>(ChangeMany{*found, std::move(ids), std::move(change), items, std::move(options),
                                                          std::move(render), std::move(done)}));
}

Result<std::vector<Written>> Engine::changed(const ChangeMany& request, const View& view, int64_t now) {
    ArenaCall call(0, kReadBudget);
    std::vector<engram_ref> refs(request.ids.size());
    for (size_t i = 0; i < refs.size(); ++i) {
        refs[i].by = ENGRAM_BY_ID;
        refs[i].id = request.ids[i].abi();
    }
    struct Rows {
        std::vector<Written> items;
        size_t bytes = 0;
    } rows;
    for (const Uuid& id : request.ids) {
        Memory memory;
        memory.id = id;
        rows.items.push_back({std::move(memory), Written::Outcome::Refused, memoryNotFound(id)});
    }
    const auto push = [](void* ctx, size_t index, const engram_record* record) -> engram_status {
        auto& into = *static_cast<Rows*>(ctx);
        if (index >= into.items.size()) return ENGRAM_INTERNAL;
        into.bytes += record->text.len + record->metadata.len;
        if (into.bytes > kMaxChangedBytes) return ENGRAM_RESOURCE_EXHAUSTED;
        into.items[index] = {memoryOf(*record), Written::Outcome::Unchanged, {}};
        return ENGRAM_OK;
    };
    const engram_rows sink{sizeof(engram_rows), 0, &rows, push};
    const bool deletes = request.change.kind == BulkChange::Kind::Delete;
    const uint32_t want = deletes ? 0 : uint32_t(ENGRAM_WANT_TEXT | ENGRAM_WANT_METADATA);
    const engram_status status = storage_.table->get(storage_.self, call, view.handle(), refs.data(), refs.size(), want, &sink);
    if (rows.bytes > kMaxChangedBytes) return tooMuchToChange();
    if (status != ENGRAM_OK) return storageError(status, call);
    std::set<Uuid> seen;
    for (Written& item : rows.items) {
        const Uuid id = item.memory.id;
        if (item.outcome == Written::Outcome::Refused || !seen.insert(id).second) continue;
        if (expired(item.memory, now)) item = {std::move(item.memory), Written::Outcome::Refused, memoryNotFound(id)};
        else if (deletes && item.memory.pinned) item = {std::move(item.memory), Written::Outcome::Refused, memoryPinned(id)};
        else if (deletes) item.outcome = Written::Outcome::Deleted;
        else if (changeTags(item.memory, request.change)) {
            auto valid = validate(item.memory);
            item.outcome = valid ? Written::Outcome::Changed : Written::Outcome::Refused;
            if (!valid) item.error = valid.error();
        }
    }
    return std::move(rows.items);
}

void Engine::attemptChange(std::shared_ptr<ChangeMany> request) {
    ArenaCall call(0, kReadBudget);
    auto view = View::begin(storage_, call, request->tenant->db, 0);
    if (!view) return request->done(view.error());
    const int64_t now = clock_.now();
    auto items = changed(*request, *view, now);
    if (!items) return refuseUnlessReplayed(request->tenant, Uuid(), request->options, items.error(), request->done);
    std::vector<WriteOp> ops;
    for (size_t i = 0; i < items->size(); ++i) {
        Written& item = (*items)[i];
        if (item.outcome == Written::Outcome::Refused && request->items == Items::Together) {
            Error error = item.error;
            error.pointer = "/ids/" + std::to_string(i);
            return refuseUnlessReplayed(request->tenant, Uuid(), request->options, std::move(error), request->done);
        }
        const uint64_t version = item.memory.version;
        if (item.outcome != Written::Outcome::Deleted && item.outcome != Written::Outcome::Changed) continue;
        item.memory.version = version + 1;
        item.memory.updated_at = now;
        if (item.outcome == Written::Outcome::Deleted)
            ops.push_back({ENGRAM_OP_DELETE, Prepared(item.memory, {}, {}, 0), version});
        else
            ops.push_back({ENGRAM_OP_PUT, prepare(*request->tenant, item.memory), version});
    }
    const auto render = [request, written = std::move(*items)](std::span<const Memory>) { return request->render(written); };
    if (ops.empty()) {
        Receipt nothing{render({}), view->lsn(), Receipt::Origin::Applied};
        return unlessReplayed(request->tenant, Uuid(), request->options,
                              [request, nothing = std::move(nothing)] { request->done(nothing); }, request->done);
    }
    WriteOptions options = request->options;
    options.render = render;
    submit(request->tenant, std::move(ops), {}, std::move(options), [this, request](Result<Receipt> receipt) {
        const bool raced = !receipt && (receipt.error().code == "version_conflict" || receipt.error().code == "memory_not_found");
        if (raced && --request->attempts > 0) return attemptChange(request);
        request->done(std::move(receipt));
    });
}

void Engine::undo(const std::string& tenant_id, const Uuid& id, std::optional<uint64_t> expected, WriteOptions options,
                  WriteDone done) {
    auto found = tenant(tenant_id);
    if (!found) return done(found.error());
    auto all = versions(**found, id, {});
    Error refusal;
    if (!all) refusal = all.error();
    else if (expected && *expected != all->back().version)
        refusal = {"version_conflict", "memory " + id.text() + " has version " + std::to_string(all->back().version), "", ""};
    else if (all->size() < 2)
        refusal = {"nothing_to_undo", "memory " + id.text() + " has not been changed since it was stored", "", ""};
    if (!refusal.code.empty()) return refuseUnlessReplayed(*found, id, std::move(options), std::move(refusal), std::move(done));
    const Memory& newest = all->back();
    Memory before = (*all)[all->size() - 2];
    if (before.state == Memory::State::Live) {
        // What comes back from a delete is wanted now, although its time may have passed meanwhile.
        if (newest.state == Memory::State::Deleted && expired(before, clock_.now())) before.expires_at.reset();
        keepName(before, newest);
        return putVersion(*found, std::move(before), newest.version, std::move(options), std::move(done));
    }
    before.version = newest.version + 1;
    before.updated_at = clock_.now();
    std::vector<WriteOp> ops;
    ops.push_back({ENGRAM_OP_DELETE, Prepared(before, {}, {}, 0), newest.version});
    submit(*found, std::move(ops), {&before, 1}, std::move(options), std::move(done));
}

}  // namespace engram::engine
