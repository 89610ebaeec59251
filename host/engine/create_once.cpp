// Engine::createOnce: memories stored on the condition that their workspace has none with the same text.
//
// What is there is looked up on a view; that nobody stores the same text between the look and the write is storage's to
// see to: such a memory bears its text's name, which is unique, and a merge expects the version it was made from. Whoever
// loses the race looks again.
#include "engine/duplicates.hpp"
#include "engine/engine.hpp"

#include <map>

namespace engram::engine {
namespace {

constexpr size_t kReadBudget = 16u << 20;
constexpr unsigned kAttempts = 64;  // of parallel writers of one text one a round wins

Error duplicateOf(const Memory& memory) {
    return {"duplicate_memory", "memory " + memory.id.text() + " has the same text",
            "change that one, or send on_duplicate merge, skip or allow", "/content"};
}

bool sameFields(const Memory& a, const Memory& b) {
    return a.tags == b.tags && a.metadata == b.metadata && a.importance == b.importance;
}

// What will be of each memory of a request. Items may meet in one memory: a later item may have the text of an earlier.
class Plan {
public:
    Plan(const StorageBinding& storage, const View& view, int64_t now)
        : storage_(storage), view_(view), now_(now), call_(0, kReadBudget) {}

    Result<void> add(const NewMemory& given) {
        const std::string canonical = canonicalText(given.content);
        const auto key = std::make_pair(given.workspace, canonical);
        auto known = places_.find(key);
        if (known == places_.end() && given.on_duplicate != OnDuplicate::Allow) {
            auto same = findSame(storage_, view_, call_, given.workspace, canonical, now_);
            if (!same) return same.error();
            if (same->memory) {
                known = places_.emplace(key, memories_.size()).first;
                const uint64_t version = same->memory->version;
                memories_.push_back({std::move(*same->memory), version, Write::None});
            } else if (same->expired_holder) {
                expired_.push_back(std::move(*same->expired_holder));
            }
        }
        if (known == places_.end() || given.on_duplicate == OnDuplicate::Allow) {
            Memory memory = firstVersion(given, now_);
            if (given.on_duplicate != OnDuplicate::Allow) memory.name = sameTextName(canonical);
            if (known == places_.end()) places_.emplace(key, memories_.size());
            items_.push_back({memories_.size(), Written::Outcome::Created, {}});
            memories_.push_back({std::move(memory), ENGRAM_VERSION_NEW, Write::Put});
            return {};
        }
        meet(given, known->second);
        return {};
    }

    const Error* firstRefusal(size_t& at) const {
        for (at = 0; at < items_.size(); ++at)
            if (items_[at].outcome == Written::Outcome::Refused) return &items_[at].error;
        return nullptr;
    }

    std::vector<Written> written() const {
        std::vector<Written> out;
        for (const Item& item : items_) out.push_back({memories_[item.memory].memory, item.outcome, item.error});
        return out;
    }

    template <class Prepare>
    std::vector<WriteOp> ops(const Prepare& prepare) const {
        std::vector<WriteOp> out;
        for (const Memory& memory : expired_)
            out.push_back({ENGRAM_OP_DELETE, Prepared(memory, {}, {}, 0), memory.version});
        for (const Planned& planned : memories_)
            if (planned.write == Write::Put) out.push_back({ENGRAM_OP_PUT, prepare(planned.memory), planned.expected});
        return out;
    }

private:
    enum class Write { None, Put };
    struct Planned {
        Memory memory;
        uint64_t expected;
        Write write;
    };
    struct Item {
        size_t memory;
        Written::Outcome outcome;
        Error error;
    };

    // An item whose text a memory has already: one that is there, or one of this request.
    void meet(const NewMemory& given, size_t place) {
        Planned& there = memories_[place];
        if (given.on_duplicate == OnDuplicate::Reject)
            return items_.push_back({place, Written::Outcome::Refused, duplicateOf(there.memory)});
        if (given.on_duplicate == OnDuplicate::Skip) return items_.push_back({place, Written::Outcome::Skipped, {}});
        Memory next = merged(there.memory, given);
        if (sameFields(next, there.memory)) return items_.push_back({place, Written::Outcome::Skipped, {}});
        if (auto valid = validate(next); !valid)
            return items_.push_back({place, Written::Outcome::Refused, valid.error()});
        if (there.write == Write::None) {
            next.version = there.expected + 1;
            next.updated_at = now_;
            there.write = Write::Put;
        }
        there.memory = std::move(next);
        items_.push_back({place, Written::Outcome::Merged, {}});
    }

    const StorageBinding& storage_;
    const View& view_;
    const int64_t now_;
    ArenaCall call_;
    std::map<std::pair<std::string, std::string>, size_t> places_;  // workspace and text -> memories_
    std::vector<Planned> memories_;
    std::vector<Memory> expired_;  // that bear a name which is needed
    std::vector<Item> items_;
};

bool lostRace(const Result<Receipt>& receipt) {
    if (receipt) return false;
    const std::string& code = receipt.error().code;
    return code == "version_conflict" || code == "already_exists" || code == "memory_not_found";
}

}  // namespace

// A request under way.
struct CreateOnce {
    std::shared_ptr<Engine::Tenant> tenant;
    std::vector<NewMemory> given;
    Items items;
    WriteOptions options;
    RenderWritten render;
    WriteDone done;
    unsigned attempts = kAttempts;
};

void Engine::createOnce(const std::string& tenant_id, std::vector<NewMemory> memories, Items items, WriteOptions options,
                        RenderWritten render, WriteDone done) {
    auto found = tenant(tenant_id);
    if (!found) return done(found.error());
    attemptCreate(std::make_shared<CreateOnce>(
        CreateOnce{*found, std::move(memories), items, std::move(options), std::move(render), std::move(done)}));
}

void Engine::attemptCreate(std::shared_ptr<CreateOnce> create) {
    ArenaCall call(0, kReadBudget);
    auto view = View::begin(storage_, call, create->tenant->db, 0);
    if (!view) return create->done(view.error());
    Plan plan(storage_, *view, clock_.now());
    for (const NewMemory& given : create->given)
        if (auto planned = plan.add(given); !planned) return create->done(planned.error());
    size_t at = 0;
    if (const Error* refusal = plan.firstRefusal(at); refusal && create->items == Items::Together) {
        Error error = *refusal;
        if (create->given.size() > 1) error.pointer = "/memories/" + std::to_string(at) + error.pointer;
        return refuseUnlessReplayed(create->tenant, Uuid(), create->options, std::move(error), create->done);
    }
    std::vector<WriteOp> ops = plan.ops([&](const Memory& memory) { return prepare(*create->tenant, memory); });
    const auto render = [create, written = plan.written()](std::span<const Memory>) { return create->render(written); };
    if (ops.empty()) {
        Receipt nothing{render({}), view->lsn(), Receipt::Origin::Applied};
        return unlessReplayed(create->tenant, Uuid(), create->options,
                              [create, nothing = std::move(nothing)] { create->done(nothing); }, create->done);
    }
    WriteOptions options = create->options;
    options.render = render;
    submit(create->tenant, std::move(ops), {}, std::move(options), [this, create](Result<Receipt> receipt) {
        if (lostRace(receipt) && --create->attempts > 0) return attemptCreate(create);
        create->done(std::move(receipt));
    });
}

}  // namespace engram::engine
