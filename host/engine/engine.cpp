#include "engine/engine.hpp"

#include "engine/duplicates.hpp"
#include "engine/session.hpp"

#include <engram/cpp/text.hpp>

namespace engram::engine {
namespace {

constexpr size_t kReadBudget = 16u << 20;
constexpr size_t kHistoryLimit = 10000;
constexpr std::chrono::seconds kInlinePatience{2};
constexpr double kFeedback = 0.2;

Error conflict(const Uuid& id, uint64_t version) {
    return {"version_conflict", "memory " + id.text() + " has version " + std::to_string(version), "", ""};
}

Error limitReached(const Outcome& outcome) {
    const std::string unit = outcome.limited_unit.empty() ? std::string("things") : outcome.limited_unit;
    Error error{"plan_limit",
                "the plan allows " + std::to_string(outcome.limit) + " " + unit + "; with this there would be " +
                    std::to_string(outcome.current_count),
                "", ""};
    error.counted = Error::Counted{outcome.limit, outcome.count_before};
    return error;
}

Error refusalOf(const Outcome& outcome, const Uuid& id) {
    switch (outcome.outcome) {
        case ENGRAM_APPLY_VERSION_MISMATCH: return conflict(id, outcome.current_version);
        case ENGRAM_APPLY_EXISTS: return {"already_exists", "memory " + id.text() + " exists already", "", ""};
        case ENGRAM_APPLY_ABSENT: return memoryNotFound(id);
        case ENGRAM_APPLY_NAME_TAKEN: return {"already_exists", "the name is taken", "", ""};
        case ENGRAM_APPLY_KEY_REUSED:
            return {"idempotency_key_reused", "the idempotency key was used with another request", "", ""};
        case ENGRAM_APPLY_LIMIT: return limitReached(outcome);
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
    if (patch.content && *patch.content != memory.content) {
        memory.content = *patch.content;
        memory.name.clear();
    }
    if (patch.type) memory.type = *patch.type;
    if (patch.metadata) memory.metadata = *patch.metadata;
    if (patch.tags) memory.tags = *patch.tags;
    if (patch.importance) memory.importance = *patch.importance;
    if (patch.useful) memory.importance += kFeedback * ((*patch.useful ? 1.0 : 0.0) - memory.importance);
    if (patch.pinned) memory.pinned = *patch.pinned;
    if (patch.occurred_at) memory.occurred_at = *patch.occurred_at;
    if (patch.expires_at) memory.expires_at = *patch.expires_at;
    if (patch.valid_from) memory.valid_from = *patch.valid_from;
    if (patch.valid_until) memory.valid_until = *patch.valid_until;
}

// The vectors that can be had without waiting. One that cannot comes later: a memory is not refused for want of it.
std::vector<std::pair<uint32_t, std::vector<float>>> vectorsOf(const TenantVectors& tenant, const std::string& content) {
    std::vector<std::pair<uint32_t, std::vector<float>>> out;
    for (const SpaceUse& use : tenant.spaces().kept()) {
        if (use.embedder->pace != Embedder::Pace::Inline) continue;
        std::vector<float> vector(use.embedder->dimensions);
        const std::string_view text = content;
        ArenaCall call;
        const auto deadline = std::chrono::steady_clock::now() + kInlinePatience;
        if (embedTexts(*use.embedder, call, ENGRAM_EMBED_DOCUMENT, {&text, 1}, deadline, vector))
            out.emplace_back(use.id, std::move(vector));
    }
    return out;
}

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

Engine::Engine(StorageBinding storage, std::vector<EmbedBinding> embedders, const Clock& clock, Options options)
    : storage_(storage), embedders_(std::move(embedders)), clock_(clock), options_(options), filler_(options.filler),
      queries_(options.queries), writers_(options.writers), expiry_(storage, clock, writers_, options.expiry) {}

Engine::~Engine() { stop(); }

void Engine::stop() {
    stopEmbedding(std::chrono::steady_clock::now() + std::chrono::seconds(5));
    expiry_.stop();
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
    const engram_status status = storage_.table->open(storage_.self, call, borrow(id), ENGRAM_OPEN_CREATE, &made->db);
    if (status != ENGRAM_OK) return storageError(status, call);
    made->vectors = std::make_shared<TenantVectors>(id, storage_, made->db);
    made->writer = std::make_shared<TenantWriter>(storage_, made->db);
    if (embedders_.preferred()) {
        auto spaces = settleSpaces(storage_, made->db, embedders_);
        if (!spaces) return spaces.error();
        made->vectors->use(*spaces);
        if (fillsLater(storage_) && !spaces->kept().empty()) filler_.add(made->vectors);
    }
    expiry_.add(made->db, made->writer);
    tenants_.emplace(id, made);
    return made;
}

Prepared Engine::prepare(const Tenant& tenant, Memory memory) {
    Analysis analysis = analyse(memory.content);
    if (const auto session = sessionOf(memory.metadata))
        analysis.terms.push_back({sessionTerm(memory.workspace, *session), 1});
    analysis.terms.push_back({sameTextTerm(canonicalText(memory.content)), 1});
    std::vector<std::pair<uint32_t, std::vector<float>>> vectors = vectorsOf(*tenant.vectors, memory.content);
    Prepared prepared(std::move(memory), std::move(analysis), {}, 0);
    for (auto& [space, values] : vectors) prepared.add(space, std::move(values));
    return prepared;
}

void Engine::submit(const std::shared_ptr<Tenant>& tenant, std::vector<WriteOp> ops, std::span<const Memory> memories,
                    WriteOptions options, WriteDone done) {
    PendingWrite write;
    size_t puts = 0;
    std::vector<uint32_t> given;  // the spaces in which all of them have a vector
    int64_t expires = INT64_MAX;  // the first of them
    for (const WriteOp& op : ops) {
        if (op.kind != ENGRAM_OP_PUT) continue;
        expires = std::min(expires, op.memory.memory().expires_at.value_or(INT64_MAX));
        if (puts++ == 0) given = op.memory.spaces();
        else std::erase_if(given, [&](uint32_t space) { return !op.memory.has(space); });
    }
    const Uuid id = memories.empty() ? Uuid() : memories.front().id;
    write.answer = options.render ? options.render(memories) : std::string();
    write.options = std::move(options);
    write.ops = std::move(ops);
    write.now = clock_.now();
    write.done = [this, id, puts, given, expires, tenant, done = std::move(done)](Result<Outcome> outcome) {
        if (!outcome) return done(outcome.error());
        if (!applied(*outcome)) return done(refusalOf(*outcome, id));
        // Not before: a sweep that is under way would forget the time and not yet see the memory.
        if (expires != INT64_MAX) expiry_.expires(tenant->db, expires);
        if (puts > 0 && outcome->outcome == ENGRAM_APPLY_DONE) noteMissing(tenant->vectors, given, puts, outcome->lsn);
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
        Memory memory = firstVersion(std::move(given), now);
        made.push_back(memory);
        ops.push_back({ENGRAM_OP_PUT, prepare(**found, std::move(memory)), ENGRAM_VERSION_NEW});
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

void Engine::keepName(Memory& next, const Memory& newest) {
    if (newest.state != Memory::State::Live || next.name != newest.name) next.name.clear();
}

void Engine::refuseUnlessReplayed(const std::shared_ptr<Tenant>& tenant, const Uuid& id, WriteOptions options,
                                  Error error, WriteDone done) {
    unlessReplayed(tenant, id, std::move(options), [done, error = std::move(error)] { done(error); }, done);
}

// A request for which nothing is to be written may be a repetition of one that was: the key decides, inside storage.
void Engine::unlessReplayed(const std::shared_ptr<Tenant>& tenant, const Uuid& id, WriteOptions options,
                            std::function<void()> otherwise, WriteDone done) {
    if (options.idempotency_key.empty()) return otherwise();
    PendingWrite probe;
    // A delete that is never applied: of a record that is there the version is wrong, of another it is absent.
    probe.ops.push_back({ENGRAM_OP_DELETE, Prepared(idOnly(id, clock_.now()), {}, {}, 0), ENGRAM_VERSION_NEW});
    probe.options = std::move(options);
    probe.options.render = nullptr;
    probe.now = clock_.now();
    probe.done = [otherwise = std::move(otherwise), done = std::move(done), id](Result<Outcome> outcome) {
        if (!outcome) return done(outcome.error());
        if (outcome->outcome == ENGRAM_APPLY_REPLAYED) return done(receiptOf(std::move(*outcome)));
        if (outcome->outcome == ENGRAM_APPLY_KEY_REUSED) return done(refusalOf(*outcome, id));
        otherwise();
    };
    writers_.submit(tenant->writer, std::move(probe));
}

void Engine::putVersion(const std::shared_ptr<Tenant>& tenant, Memory memory, uint64_t expected, WriteOptions options,
                        WriteDone done) {
    memory.version = expected + 1;
    memory.updated_at = clock_.now();
    memory.state = Memory::State::Live;
    const Memory copy = memory;
    std::vector<WriteOp> ops;
    ops.push_back({ENGRAM_OP_PUT, prepare(*tenant, std::move(memory)), expected});
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
        if (auto valid = validate(*memory); !valid) refusal = valid.error();
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
    removeOne(ENGRAM_OP_DELETE, tenant_id, id, expected, std::move(options), std::move(done));
}

void Engine::purge(const std::string& tenant_id, const Uuid& id, std::optional<uint64_t> expected, WriteOptions options,
                   WriteDone done) {
    removeOne(ENGRAM_OP_PURGE, tenant_id, id, expected, std::move(options), std::move(done));
}

void Engine::removeOne(uint32_t kind, const std::string& tenant_id, const Uuid& id, std::optional<uint64_t> expected,
                       WriteOptions options, WriteDone done) {
    auto found = tenant(tenant_id);
    if (!found) return done(found.error());
    Memory memory = idOnly(id, clock_.now());
    std::vector<WriteOp> ops;
    const Memory copy = memory;
    ops.push_back({kind, Prepared(std::move(memory), {}, {}, 0), expected.value_or(ENGRAM_VERSION_ANY)});
    submit(*found, std::move(ops), {&copy, 1}, std::move(options), std::move(done));
}

void Engine::undelete(const std::string& tenant_id, const Uuid& id, WriteOptions options, WriteDone done) {
    auto found = tenant(tenant_id);
    if (!found) return done(found.error());
    auto all = versions(**found, id, {});
    Error refusal;
    if (!all) refusal = all.error();
    else if (all->back().state == Memory::State::Live && !expired(all->back(), clock_.now()))
        refusal = {"not_deleted", "memory " + id.text() + " is not deleted", "", ""};
    if (!refusal.code.empty()) return refuseUnlessReplayed(*found, id, std::move(options), std::move(refusal), std::move(done));
    const uint64_t newest = all->back().version;
    for (auto it = all->rbegin(); it != all->rend(); ++it) {
        if (it->state != Memory::State::Live) continue;
        Memory memory = std::move(*it);
        if (expired(memory, clock_.now())) memory.expires_at.reset();
        keepName(memory, all->back());
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
    Memory memory = *target;
    keepName(memory, all->back());
    putVersion(*found, std::move(memory), all->back().version, std::move(options), std::move(done));
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
