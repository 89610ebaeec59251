#include "engine/engine.hpp"

#include <engram/cpp/text.hpp>

namespace engram::engine {
namespace {

constexpr size_t kReadBudget = 16u << 20;
constexpr size_t kHistoryLimit = 10000;

Error conflict(const Uuid& id, uint64_t version) {
    return {"version_conflict", "memory " + id.text() + " has version " + std::to_string(version), "", ""};
}

Error refusalOf(const Outcome& outcome, const Uuid& id) {
    switch (outcome.outcome) {
        case ENGRAM_APPLY_VERSION_MISMATCH: return conflict(id, outcome.current_version);
        case ENGRAM_APPLY_EXISTS: return {"already_exists", "memory " + id.text() + " exists already", "", ""};
        case ENGRAM_APPLY_ABSENT: return memoryNotFound(id);
        case ENGRAM_APPLY_NAME_TAKEN: return {"already_exists", "the name is taken", "", ""};
        case ENGRAM_APPLY_KEY_REUSED:
            return {"idempotency_key_reused", "the idempotency key was used with another request", "", ""};
        case ENGRAM_APPLY_LIMIT:
            return {"plan_limit", "the limit of " + std::to_string(outcome.limit) + " is reached", "", ""};
        case ENGRAM_APPLY_REFUSED: return {"invalid_value", outcome.message, "", ""};
        default: return {"internal", "storage outcome " + std::to_string(outcome.outcome), "", ""};
    }
}

Receipt receiptOf(Outcome outcome) {
    return {std::move(outcome.answer), outcome.lsn,
            outcome.outcome == ENGRAM_APPLY_REPLAYED ? Receipt::Origin::Replayed : Receipt::Origin::Applied};
}

bool applied(const Outcome& outcome) {
    return outcome.outcome == ENGRAM_APPLY_DONE || outcome.outcome == ENGRAM_APPLY_REPLAYED;
}

Memory idOnly(const Uuid& id, int64_t now) {
    Memory memory;
    memory.id = id;
    memory.updated_at = now;
    memory.created_at = now;
    return memory;
}

void patchMemory(Memory& memory, const MemoryPatch& patch) {
    if (patch.content) memory.content = *patch.content;
    if (patch.type) memory.type = *patch.type;
    if (patch.metadata) memory.metadata = *patch.metadata;
    if (patch.tags) memory.tags = *patch.tags;
    if (patch.importance) memory.importance = *patch.importance;
    if (patch.occurred_at) memory.occurred_at = *patch.occurred_at;
    if (patch.expires_at) memory.expires_at = *patch.expires_at;
}

// The rules for a new memory hold for a changed one.
Result<void> validateChanged(const Memory& memory) {
    NewMemory rules{memory.workspace, memory.type,       memory.content,     memory.metadata,
                    memory.tags,      memory.importance, memory.occurred_at, memory.expires_at};
    return validate(rules);
}

bool expired(const Memory& memory, int64_t now) { return memory.expires_at && *memory.expires_at <= now; }

}  // namespace

// A read-modify-write under way.
struct Update {
    std::shared_ptr<Engine::Tenant> tenant;
    Uuid id;
    MemoryPatch patch;
    std::optional<uint64_t> expected;
    WriteOptions options;
    WriteDone done;
    unsigned attempts;
};

Engine::Engine(StorageBinding storage, EmbedBinding embed, const Clock& clock, Options options)
    : storage_(storage), embed_(embed), clock_(clock), options_(options), writers_(options.writers) {
    if (!embed_.table) return;
    ArenaCall call;
    engram_embed_info info{};
    info.size = sizeof info;
    if (embed_.table->info(embed_.self, call, &info) != ENGRAM_OK || !info.deterministic) {
        embed_ = {};  // a slow or remote embedder fills its space in the background, not inside writes
        return;
    }
    model_ = view(info.model);
    dimensions_ = info.dimensions;
}

Engine::~Engine() { stop(); }

void Engine::stop() {
    writers_.stop();
    std::unique_lock lock(mutex_);
    for (auto& [id, tenant] : tenants_) {
        ArenaCall call;
        storage_.table->close(storage_.self, call, tenant->db);
    }
    tenants_.clear();
}

Result<std::shared_ptr<Engine::Tenant>> Engine::tenant(const std::string& id) {
    {
        std::shared_lock lock(mutex_);
        if (auto it = tenants_.find(id); it != tenants_.end()) return it->second;
    }
    return open(id);
}

Result<std::shared_ptr<Engine::Tenant>> Engine::open(const std::string& id) {
    std::unique_lock lock(mutex_);
    if (auto it = tenants_.find(id); it != tenants_.end()) return it->second;
    ArenaCall call;
    call.setTenant(id);
    auto made = std::make_shared<Tenant>();
    engram_status status = storage_.table->open(storage_.self, call, borrow(id), ENGRAM_OPEN_CREATE, &made->db);
    if (status != ENGRAM_OK) return storageError(status, call);
    if (embed_.table) {
        engram_space space{};
        space.size = sizeof space;
        space.dimensions = dimensions_;
        space.name = borrow(model_);
        status = storage_.table->space_create(storage_.self, call, made->db, &space);
        if (status != ENGRAM_OK) return storageError(status, call);
        made->space = space.id;
    }
    made->writer = std::make_shared<TenantWriter>(storage_, made->db);
    tenants_.emplace(id, made);
    return made;
}

Result<Prepared> Engine::prepare(const Tenant& tenant, Memory memory) {
    Analysis analysis = analyse(memory.content);
    std::vector<float> vector;
    if (tenant.space) {
        vector.resize(dimensions_);
        const engram_str text = borrow(memory.content);
        ArenaCall call;
        const engram_status status =
            embed_.table->embed(embed_.self, call, ENGRAM_EMBED_DOCUMENT, &text, 1, vector.data(), nullptr);
        if (status != ENGRAM_OK) return Error{"unavailable", "the embedder does not answer", "", ""};
    }
    return Prepared(std::move(memory), std::move(analysis), std::move(vector), tenant.space);
}

void Engine::submit(const std::shared_ptr<Tenant>& tenant, std::vector<WriteOp> ops, std::span<const Memory> memories,
                    WriteOptions options, WriteDone done) {
    PendingWrite write;
    const Uuid id = memories.empty() ? Uuid() : memories.front().id;
    write.answer = options.render ? options.render(memories) : std::string();
    write.options = std::move(options);
    write.ops = std::move(ops);
    write.now = clock_.now();
    write.done = [id, done = std::move(done)](Result<Outcome> outcome) {
        if (!outcome) return done(outcome.error());
        if (!applied(*outcome)) return done(refusalOf(*outcome, id));
        done(receiptOf(std::move(*outcome)));
    };
    writers_.submit(tenant->writer, std::move(write));
}

void Engine::create(const std::string& tenant_id, std::vector<NewMemory> memories, WriteOptions options,
                    WriteDone done) {
    auto found = tenant(tenant_id);
    if (!found) return done(found.error());
    const int64_t now = clock_.now();
    std::vector<Memory> made;
    std::vector<WriteOp> ops;
    for (NewMemory& given : memories) {
        Memory memory;
        memory.id = mintUuid(now);
        memory.workspace = std::move(given.workspace);
        memory.type = std::move(given.type);
        memory.content = std::move(given.content);
        memory.metadata = std::move(given.metadata);
        memory.tags = std::move(given.tags);
        memory.importance = given.importance;
        memory.occurred_at = given.occurred_at;
        memory.expires_at = given.expires_at;
        memory.created_at = memory.updated_at = now;
        memory.version = 1;
        made.push_back(memory);
        auto prepared = prepare(**found, std::move(memory));
        if (!prepared) return done(prepared.error());
        ops.push_back({ENGRAM_OP_PUT, std::move(*prepared), ENGRAM_VERSION_NEW});
    }
    submit(*found, std::move(ops), made, std::move(options), std::move(done));
}

Result<std::vector<Memory>> Engine::versions(const Tenant& tenant, const Uuid& id, const ReadOptions& options) {
    ArenaCall call(0, kReadBudget);
    auto view = View::begin(storage_, call, tenant.db, options.at_least_lsn);
    if (!view) return view.error();
    MemoryRows rows;
    const engram_rows sink = rows.sink();
    const engram_uuid abi = id.abi();
    const engram_status status = storage_.table->history(storage_.self, call, view->handle(), &abi,
                                                         ENGRAM_WANT_TEXT | ENGRAM_WANT_METADATA, &sink);
    if (status != ENGRAM_OK && status != ENGRAM_NOT_FOUND) return storageError(status, call);
    if (rows.memories.empty()) return memoryNotFound(id);
    if (rows.memories.size() > kHistoryLimit) rows.memories.erase(rows.memories.begin(), rows.memories.end() - kHistoryLimit);
    return std::move(rows.memories);
}

Result<Memory> Engine::current(const Tenant& tenant, const Uuid& id) {
    ArenaCall call(0, kReadBudget);
    auto view = View::begin(storage_, call, tenant.db, 0);
    if (!view) return view.error();
    engram_ref ref{};
    ref.by = ENGRAM_BY_ID;
    ref.id = id.abi();
    MemoryRows rows;
    const engram_rows sink = rows.sink();
    const engram_status status =
        storage_.table->get(storage_.self, call, view->handle(), &ref, 1,
                            ENGRAM_WANT_TEXT | ENGRAM_WANT_METADATA | ENGRAM_WANT_DELETED, &sink);
    if (status != ENGRAM_OK) return storageError(status, call);
    if (rows.memories.empty()) return memoryNotFound(id);
    return std::move(rows.memories.front());
}

// A request that cannot be done may be a repetition of one that was: the key decides, inside storage.
void Engine::refuseUnlessReplayed(const std::shared_ptr<Tenant>& tenant, const Uuid& id, WriteOptions options,
                                  Error error, WriteDone done) {
    if (options.idempotency_key.empty()) return done(std::move(error));
    PendingWrite probe;
    // A delete that is never applied: of a record that is there the version is wrong, of another it is absent.
    probe.ops.push_back({ENGRAM_OP_DELETE, Prepared(idOnly(id, clock_.now()), {}, {}, 0), ENGRAM_VERSION_NEW});
    probe.options = std::move(options);
    probe.options.render = nullptr;
    probe.now = clock_.now();
    probe.done = [error = std::move(error), done = std::move(done), id](Result<Outcome> outcome) {
        if (!outcome) return done(outcome.error());
        if (outcome->outcome == ENGRAM_APPLY_REPLAYED) return done(receiptOf(std::move(*outcome)));
        if (outcome->outcome == ENGRAM_APPLY_KEY_REUSED) return done(refusalOf(*outcome, id));
        done(error);
    };
    writers_.submit(tenant->writer, std::move(probe));
}

void Engine::putVersion(const std::shared_ptr<Tenant>& tenant, Memory memory, uint64_t expected, WriteOptions options,
                        WriteDone done) {
    memory.version = expected + 1;
    memory.updated_at = clock_.now();
    memory.state = Memory::State::Live;
    const Memory copy = memory;
    auto prepared = prepare(*tenant, std::move(memory));
    if (!prepared) return done(prepared.error());
    std::vector<WriteOp> ops;
    ops.push_back({ENGRAM_OP_PUT, std::move(*prepared), expected});
    submit(tenant, std::move(ops), {&copy, 1}, std::move(options), std::move(done));
}

void Engine::update(const std::string& tenant_id, const Uuid& id, MemoryPatch patch, std::optional<uint64_t> expected,
                    WriteOptions options, WriteDone done) {
    auto found = tenant(tenant_id);
    if (!found) return done(found.error());
    attemptUpdate(std::make_shared<Update>(Update{*found, id, std::move(patch), expected, std::move(options),
                                                  std::move(done), options_.update_attempts}));
}

void Engine::attemptUpdate(std::shared_ptr<Update> update) {
    auto memory = current(*update->tenant, update->id);
    Error refusal;
    if (!memory) refusal = memory.error();
    else if (memory->state == Memory::State::Deleted || expired(*memory, clock_.now())) refusal = memoryNotFound(update->id);
    else if (update->expected && *update->expected != memory->version) refusal = conflict(update->id, memory->version);
    if (refusal.code.empty()) {
        patchMemory(*memory, update->patch);
        if (auto valid = validateChanged(*memory); !valid) refusal = valid.error();
    }
    if (!refusal.code.empty())
        return refuseUnlessReplayed(update->tenant, update->id, update->options, std::move(refusal), update->done);
    const uint64_t version = memory->version;
    putVersion(update->tenant, std::move(*memory), version, update->options,
               [this, update](Result<Receipt> receipt) {
                   const bool raced = !receipt && receipt.error().code == "version_conflict" && !update->expected;
                   if (raced && --update->attempts > 0) return attemptUpdate(update);
                   update->done(std::move(receipt));
               });
}

void Engine::remove(const std::string& tenant_id, const Uuid& id, std::optional<uint64_t> expected,
                    WriteOptions options, WriteDone done) {
    auto found = tenant(tenant_id);
    if (!found) return done(found.error());
    Memory memory = idOnly(id, clock_.now());
    std::vector<WriteOp> ops;
    const Memory copy = memory;
    ops.push_back({ENGRAM_OP_DELETE, Prepared(std::move(memory), {}, {}, 0), expected.value_or(ENGRAM_VERSION_ANY)});
    submit(*found, std::move(ops), {&copy, 1}, std::move(options), std::move(done));
}

void Engine::undelete(const std::string& tenant_id, const Uuid& id, WriteOptions options, WriteDone done) {
    auto found = tenant(tenant_id);
    if (!found) return done(found.error());
    auto all = versions(**found, id, {});
    Error refusal;
    if (!all) refusal = all.error();
    else if (all->back().state == Memory::State::Live)
        refusal = {"not_deleted", "memory " + id.text() + " is not deleted", "", ""};
    if (!refusal.code.empty()) return refuseUnlessReplayed(*found, id, std::move(options), std::move(refusal), std::move(done));
    const uint64_t newest = all->back().version;
    for (auto it = all->rbegin(); it != all->rend(); ++it) {
        if (it->state != Memory::State::Live) continue;
        Memory memory = std::move(*it);
        if (expired(memory, clock_.now())) memory.expires_at.reset();
        return putVersion(*found, std::move(memory), newest, std::move(options), std::move(done));
    }
    done(memoryNotFound(id));
}

void Engine::revert(const std::string& tenant_id, const Uuid& id, uint64_t version, std::optional<uint64_t> expected,
                    WriteOptions options, WriteDone done) {
    auto found = tenant(tenant_id);
    if (!found) return done(found.error());
    auto all = versions(**found, id, {});
    Error refusal;
    const Memory* target = nullptr;
    if (!all) {
        refusal = all.error();
    } else {
        for (const Memory& memory : *all)
            if (memory.version == version && memory.state == Memory::State::Live) target = &memory;
        if (!target)
            refusal = {"version_not_found", "memory " + id.text() + " has no content at version " + std::to_string(version),
                       "", "/version"};
        else if (expected && *expected != all->back().version)
            refusal = conflict(id, all->back().version);
    }
    if (!refusal.code.empty()) return refuseUnlessReplayed(*found, id, std::move(options), std::move(refusal), std::move(done));
    putVersion(*found, *target, all->back().version, std::move(options), std::move(done));
}

void Engine::removeWorkspace(const std::string& tenant_id, const std::string& workspace,
                             std::function<void(Result<uint64_t>)> done) {
    auto found = tenant(tenant_id);
    if (!found) return done(found.error());
    ListQuery query;
    query.workspaces = {workspace};
    query.limit = 1000;
    ArenaCall call(0, kReadBudget);
    auto view = View::begin(storage_, call, (*found)->db, 0);
    if (!view) return done(view.error());
    const engram_str name = borrow(workspace);
    engram_list_query abi{};
    abi.size = sizeof abi;
    abi.order = ENGRAM_ORDER_CREATED;
    abi.limit = query.limit;
    abi.scope = {sizeof(engram_scope), ENGRAM_KIND_MEMORY, &name, 1, {}};
    MemoryRows rows;
    const engram_rows sink = rows.sink();
    engram_str next{};
    const engram_status status = storage_.table->list(storage_.self, call, view->handle(), &abi, &sink, &next);
    if (status != ENGRAM_OK) return done(storageError(status, call));
    if (rows.memories.empty()) return done(view->lsn());
    std::vector<WriteOp> ops;
    for (const Memory& memory : rows.memories)
        ops.push_back({ENGRAM_OP_DELETE, Prepared(idOnly(memory.id, clock_.now()), {}, {}, 0), ENGRAM_VERSION_ANY});
    WriteOptions options;
    submit(*found, std::move(ops), rows.memories, std::move(options),
           [this, tenant_id, workspace, done = std::move(done)](Result<Receipt> receipt) {
               // A memory deleted by somebody else meanwhile refuses the page: look again.
               if (!receipt && receipt.error().code != "memory_not_found") return done(receipt.error());
               removeWorkspace(tenant_id, workspace, done);
           });
}

}  // namespace engram::engine
