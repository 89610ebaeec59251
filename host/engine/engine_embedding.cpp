// The vectors of Engine: those of queries, those that come after their memories, and which model a tenant is searched by.
#include "engine/engine.hpp"

#include <algorithm>
#include <future>

namespace engram::engine {
namespace {

Embedding::Space::State stateOf(uint32_t state) {
    switch (state) {
        case ENGRAM_SPACE_ACTIVE: return Embedding::Space::State::Active;
        case ENGRAM_SPACE_NEXT: return Embedding::Space::State::Next;
        default: return Embedding::Space::State::Idle;
    }
}

// The answer where there is no vector: a hybrid search goes on without, and says so.
Result<QueryVector> without(const SearchQuery& query, Incomplete::Reason reason, const Error& error) {
    if (query.mode == SearchQuery::Mode::Vector && reason == Incomplete::Reason::Failed)
        return Error{"unavailable", error.message, "search by words meanwhile: mode lexical or hybrid", "", error.cause};
    QueryVector out;
    out.incomplete.push_back({"vector", reason, 0, error.message});
    return out;
}

Result<QueryVector> with(const TenantVectors& vectors, const SpaceUse& use, const SearchQuery& query,
                         Result<std::vector<float>> values) {
    if (!values) return without(query, Incomplete::Reason::Failed, values.error());
    QueryVector out;
    out.space = use.id;
    out.values = std::move(*values);
    if (const uint64_t pending = vectors.pending(use.id); pending > 0)
        out.incomplete.push_back({"vector", Incomplete::Reason::Pending, pending, {}});
    return out;
}

}  // namespace

void Engine::embedQuery(const std::string& tenant_id, const SearchQuery& query, QueryVectorDone done) {
    if (query.mode == SearchQuery::Mode::Lexical || !embedders_.preferred()) return done(QueryVector{});
    auto found = tenant(tenant_id);
    if (!found) return done(found.error());
    const std::shared_ptr<TenantVectors> vectors = (*found)->vectors;
    const SpaceUse use = vectors->spaces().searched();
    if (!use.usable())
        return done(without(query, Incomplete::Reason::NoEmbedder,
                            {"", "no embedder of the configuration has the model of the tenant's vectors", "", ""}));
    if (use.embedder->pace == Embedder::Pace::Background)
        return queries_.submit(*use.embedder, tenant_id, query.text,
                               [vectors, use, query, done = std::move(done)](Result<std::vector<float>> values) {
                                   done(with(*vectors, use, query, std::move(values)));
                               });
    std::vector<float> values(use.embedder->dimensions);
    const std::string_view text = query.text;
    ArenaCall call;
    call.setTenant(tenant_id);
    const auto deadline = std::chrono::steady_clock::now() + options_.queries.patience;
    auto embedded = embedTexts(*use.embedder, call, ENGRAM_EMBED_QUERY, {&text, 1}, deadline, values);
    if (!embedded) return done(with(*vectors, use, query, embedded.error()));
    done(with(*vectors, use, query, std::move(values)));
}

Result<SearchAnswer> Engine::search(const std::string& tenant_id, const SearchQuery& query, const ReadOptions& options) {
    auto promised = std::make_shared<std::promise<Result<QueryVector>>>();
    embedQuery(tenant_id, query, [promised](Result<QueryVector> vector) { promised->set_value(std::move(vector)); });
    auto vector = promised->get_future().get();
    if (!vector) return vector.error();
    return search(tenant_id, query, *vector, options);
}

// After a write: the spaces in use now, which may be others than those it was prepared for.
void Engine::noteMissing(const std::shared_ptr<TenantVectors>& vectors, std::span<const uint32_t> given, size_t memories,
                         uint64_t lsn) {
    if (!fillsLater(storage_)) return;
    for (const SpaceUse& use : vectors->spaces().kept())
        if (std::find(given.begin(), given.end(), use.id) == given.end()) filler_.missing(vectors, use.id, memories, lsn);
}

Result<Embedding> Engine::embedding(const std::string& tenant_id) {
    auto found = tenant(tenant_id);
    if (!found) return found.error();
    const TenantVectors& vectors = *(*found)->vectors;
    auto spaces = readSpaces(storage_, (*found)->db, Covered::Counted);
    if (!spaces) return spaces.error();
    auto counts = stats(tenant_id, {});
    if (!counts) return counts.error();
    Embedding out;
    out.memories = counts->memories;
    out.failure = vectors.failure();
    for (const StoredSpace& space : *spaces) {
        const Embedder* embedder = embedders_.ofModel(space.model);
        out.spaces.push_back({space.id, space.dimensions, space.model, embedder ? embedder->name : std::string(),
                              stateOf(space.state), space.covered, vectors.refused(space.id)});
    }
    for (const Embedder& embedder : embedders_.all()) out.embedders.emplace_back(embedder.name, embedder.model);
    return out;
}

Result<void> Engine::switchEmbedder(const std::string& tenant_id, const std::string& name, Switch when) {
    const Embedder* embedder = embedders_.named(name);
    if (!embedder) {
        std::string known;
        for (const Embedder& e : embedders_.all()) known += (known.empty() ? "" : ", ") + e.name;
        return Error{"embedder_not_found", "no embedder '" + name + "'",
                     known.empty() ? "add a plugin of kind embed to the configuration" : "there are " + known, "/embedder"};
    }
    if (!fillsLater(storage_)) return Error{"not_implemented", "the storage plugin cannot fill a vector space later", "", ""};
    auto found = tenant(tenant_id);
    if (!found) return found.error();
    const std::shared_ptr<TenantVectors>& vectors = (*found)->vectors;
    std::lock_guard changing(vectors->change_mutex);
    SpacesInUse spaces = vectors->spaces();
    auto space = spaceOf(storage_, (*found)->db, *embedder);
    if (!space) return space.error();
    const SpaceUse wanted{*space, embedder};
    if (wanted.id == spaces.active.id || when == Switch::Now) {
        if (spaces.next.id != 0 && spaces.next.id != wanted.id)
            if (auto none = prepareSpace(storage_, (*found)->db, 0); !none) return none;
        if (auto activated = activateSpace(storage_, (*found)->db, wanted.id); !activated) return activated;
        spaces = {wanted, {}};
    } else {
        if (auto prepared = prepareSpace(storage_, (*found)->db, wanted.id); !prepared) return prepared;
        spaces.next = wanted;
    }
    vectors->use(spaces);
    filler_.recount(vectors);
    return {};
}

Result<void> Engine::dropSpace(const std::string& tenant_id, uint32_t space) {
    auto found = tenant(tenant_id);
    if (!found) return found.error();
    TenantVectors& vectors = *(*found)->vectors;
    std::lock_guard changing(vectors.change_mutex);
    const SpacesInUse spaces = vectors.spaces();
    if (space == spaces.active.id || space == spaces.next.id)
        return Error{"space_in_use", "vector space " + std::to_string(space) + " is in use", "", "/id"};
    ArenaCall call;
    call.setTenant(tenant_id);
    const engram_status status = storage_.table->space_drop(storage_.self, call, (*found)->db, space);
    if (status == ENGRAM_NOT_FOUND) return Error{"space_not_found", "no vector space " + std::to_string(space), "", "/id"};
    if (status != ENGRAM_OK) return storageError(status, call);
    vectors.forget(space);
    return {};
}

bool Engine::stopEmbedding(std::chrono::steady_clock::time_point deadline) {
    const bool queries = queries_.stop(deadline);
    return filler_.stop(deadline) && queries;
}

}  // namespace engram::engine
