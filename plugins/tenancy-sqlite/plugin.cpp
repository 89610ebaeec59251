// tenancy-sqlite: the control plane's documents in one SQLite file with one connection.
//
// Documents that were read are remembered until the next change, so that look-ups on the path of a request do not
// touch SQLite.
#include "control_database.hpp"

#include <engram/cpp/tenancy.hpp>

#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Data/SQLite/SQLiteException.h>
#include <Poco/Exception.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <shared_mutex>
#include <unordered_map>

#include <sys/random.h>

namespace engram::tenancy_sqlite {
namespace {

constexpr size_t kMaxRemembered = 100000;
constexpr uint32_t kFeedPage = 1000;
constexpr size_t kMaxChanges = 1000;

std::string mintId() {
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) throw Failure(ENGRAM_INTERNAL, "no randomness");
    const auto now = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                               std::chrono::system_clock::now().time_since_epoch())
                                               .count());
    for (int i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned char>(now >> (40 - 8 * i));
    bytes[6] = static_cast<unsigned char>(0x70 | (bytes[6] & 15));  // RFC 9562, version 7
    bytes[8] = static_cast<unsigned char>(0x80 | (bytes[8] & 63));
    std::string text;
    for (int i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += "0123456789abcdef"[bytes[i] >> 4];
        text += "0123456789abcdef"[bytes[i] & 15];
    }
    return text;
}

class TenancySqlite {
public:
    TenancySqlite(Host host, Config config)
        : host_(host), default_slug_(config.text("/default_tenant", "default")),
          default_plan_(config.text("/default_plan", "enterprise")) {}

    engram_status start(engram_call* call) {
        const std::string folder = host_.stateDir();
        if (folder.empty()) return fail(call, ENGRAM_FAILED_PRECONDITION, "the host gave no state_dir");
        Poco::Data::SQLite::Connector::registerConnector();
        try {
            database_ = std::make_unique<ControlDatabase>(folder + "/control.db");
            if (database_->epoch() == 0) firstStart();
            epoch_.store(database_->epoch());
        } catch (const Poco::Exception& e) {
            return fail(call, ENGRAM_FAILED_PRECONDITION, folder + "/control.db: " + e.displayText());
        }
        return ENGRAM_OK;
    }

    engram_status stop(engram_call*) {
        std::lock_guard lock(mutex_);
        stopping_ = true;
        changed_.notify_all();
        database_.reset();
        return ENGRAM_OK;
    }

    // Quick: does the file still answer, unless somebody is at it just now. Thorough: the one connection reads through it,
    // and whoever needs it meanwhile waits.
    engram_status health(engram_call* call) {
        const bool thorough = (call->flags & ENGRAM_CALL_THOROUGH) != 0;
        std::unique_lock lock(mutex_, std::defer_lock);
        if (thorough) lock.lock();
        else if (!lock.try_lock()) return ENGRAM_OK;
        if (!database_) return fail(call, ENGRAM_UNAVAILABLE, "stopped");
        try {
            if (!thorough) return database_->epoch(), ENGRAM_OK;
            const std::string damage = database_->damage();
            if (!damage.empty()) return fail(call, ENGRAM_INTERNAL, "control.db: " + damage);
        } catch (const Poco::Exception& e) {
            return fail(call, ENGRAM_INTERNAL, "control.db: " + e.displayText());
        }
        return ENGRAM_OK;
    }

    engram_status resolve(engram_call* call, engram_str slug_or_id, engram_doc* out) {
        const Kind& kind = *kindOf(ENGRAM_DOC_TENANT);
        engram_status status = find(call, kind, "", std::string(view(slug_or_id)), true, out);
        return status == ENGRAM_NOT_FOUND ? find(call, kind, "", std::string(view(slug_or_id)), false, out) : status;
    }

    engram_status member(engram_call* call, engram_str tenant, engram_str subject, engram_doc* out) {
        return find(call, *kindOf(ENGRAM_DOC_MEMBER), std::string(view(tenant)), std::string(view(subject)), false, out);
    }

    engram_status get(engram_call* call, uint32_t kind, engram_str tenant, engram_str key, uint32_t by_name,
                      engram_doc* out) {
        const Kind* known = kindOf(kind);
        if (!known) return fail(call, ENGRAM_INVALID_ARGUMENT, "unknown kind of document");
        return find(call, *known, std::string(view(tenant)), std::string(view(key)), by_name != 0, out);
    }

    engram_status list(engram_call* call, uint32_t kind, engram_str tenant, engram_str after, uint32_t limit,
                       const engram_docs* sink) {
        const Kind* known = kindOf(kind);
        if (!known) return fail(call, ENGRAM_INVALID_ARGUMENT, "unknown kind of document");
        std::vector<Document> documents;
        {
            std::lock_guard lock(mutex_);
            if (!database_) return fail(call, ENGRAM_UNAVAILABLE, "stopped");
            documents = translated([&] {
                return database_->list(*known, std::string(view(tenant)), std::string(view(after)),
                                       std::min<uint32_t>(limit, kFeedPage));
            });
        }
        return push(documents, sink);
    }

    engram_status apply(engram_call* call, const engram_doc_change* changes, size_t n, uint64_t* epoch) {
        if (n > kMaxChanges) return fail(call, ENGRAM_INVALID_ARGUMENT, "more than 1000 changes at once");
        std::vector<Change> read;
        for (size_t i = 0; i < n; ++i) {
            const Kind* kind = kindOf(changes[i].kind);
            if (!kind) return fail(call, ENGRAM_INVALID_ARGUMENT, "unknown kind of document");
            Change change{kind, std::string(view(changes[i].tenant)), std::string(view(changes[i].id)), std::nullopt,
                          changes[i].expected, changes[i].max_count};
            if (kind->id == ENGRAM_DOC_SUBSCRIPTION && change.id.empty()) change.id = change.tenant;
            if (changes[i].json.len > 0) {
                Split split = tenancy_sqlite::split(*kind, view(changes[i].json));
                if (split.error.empty()) split.error = contradiction(change, split.row);
                if (!split.error.empty()) return fail(call, ENGRAM_INVALID_ARGUMENT, split.error);
                change.row = std::move(split.row);
            }
            read.push_back(std::move(change));
        }
        std::lock_guard lock(mutex_);
        if (!database_) return fail(call, ENGRAM_UNAVAILABLE, "stopped");
        const ApplyResult result = translated([&] { return database_->apply(read); });
        if (result.applied == Applied::VersionDiffers) {
            const bool must_be_new = read[result.failed].expected == 0;
            return fail(call, must_be_new ? ENGRAM_ALREADY_EXISTS : ENGRAM_ABORTED, "the document has another version");
        }
        if (result.applied == Applied::NameTaken)
            return fail(call, ENGRAM_ALREADY_EXISTS,
                        std::string("the ") + read[result.failed].kind->name_column + " is taken");
        if (result.applied == Applied::TooMany)
            return fail(call, ENGRAM_OUT_OF_RANGE,
                        "the tenant has " + std::to_string(read[result.failed].max_count) + " already");
        {
            std::unique_lock remembered(remembered_mutex_);
            remembered_.clear();
            epoch_.store(result.epoch);
        }
        changed_.notify_all();
        *epoch = result.epoch;
        return ENGRAM_OK;
    }

    engram_status changes(engram_call* call, uint64_t after_epoch, uint32_t wait_ms, const engram_docs* sink) {
        std::vector<Document> documents;
        {
            std::unique_lock lock(mutex_);
            if (wait_ms > 0 && epoch_.load() <= after_epoch)
                changed_.wait_for(lock, std::chrono::milliseconds(wait_ms),
                                  [&] { return stopping_ || epoch_.load() > after_epoch; });
            if (!database_) return fail(call, ENGRAM_UNAVAILABLE, "stopped");
            documents = translated([&] { return database_->changes(after_epoch, kFeedPage); });
        }
        return push(documents, sink);
    }

    uint64_t epoch() noexcept { return epoch_.load(std::memory_order_acquire); }

private:
    template <class F>
    std::invoke_result_t<F> translated(F&& f) {
        try {
            return f();
        } catch (const Poco::Data::SQLite::DatabaseFullException& e) {
            throw Failure(ENGRAM_RESOURCE_EXHAUSTED, "the disk of the control plane's database is full");
        } catch (const Poco::Exception& e) {
            host_.error("control.db failed", {{"reason", e.displayText()}});
            throw Failure(ENGRAM_UNAVAILABLE, "the control plane's database failed");
        }
    }

    // The id and tenant given beside a document must be those inside it.
    static std::string contradiction(const Change& change, const Row& row) {
        for (size_t i = 0; i < change.kind->columns.size(); ++i) {
            const std::string_view name = change.kind->columns[i].name;
            if (name == change.kind->id_column && row.values[i] != change.id) return std::string(name) + " is not the document's id";
            if (change.kind->tenant_column && name == change.kind->tenant_column && row.values[i] != change.tenant)
                return std::string(name) + " is not the document's tenant";
        }
        return "";
    }

    engram_status find(engram_call* call, const Kind& kind, const std::string& tenant, const std::string& key,
                       bool by_name, engram_doc* out) {
        const std::string place = std::to_string(kind.id) + (by_name ? "n" : "i") + tenant + '\0' + key;
        {
            std::shared_lock lock(remembered_mutex_);
            if (auto it = remembered_.find(place); it != remembered_.end()) return give(call, it->second.get(), out);
        }
        std::unique_lock lock(mutex_, std::defer_lock);
        if (call->flags & ENGRAM_CALL_INLINE) {
            if (!lock.try_lock()) return ENGRAM_AGAIN;
        } else {
            lock.lock();
        }
        if (!database_) return fail(call, ENGRAM_UNAVAILABLE, "stopped");
        auto found = translated([&] { return database_->get(kind, tenant, key, by_name); });
        std::shared_ptr<const Document> document;
        if (found) document = std::make_shared<const Document>(std::move(*found));
        {
            std::unique_lock remembered(remembered_mutex_);
            if (remembered_.size() >= kMaxRemembered) remembered_.clear();
            remembered_[place] = document;  // that it is not there is remembered too
        }
        return give(call, document.get(), out);
    }

    static engram_status give(engram_call* call, const Document* document, engram_doc* out) {
        if (!document) return ENGRAM_NOT_FOUND;
        out->kind = document->kind;
        out->tenant = keep(call, document->tenant);
        out->id = keep(call, document->id);
        out->json = keep(call, document->json);
        out->version = document->version;
        out->epoch = document->epoch;
        return ENGRAM_OK;
    }

    static engram_status push(const std::vector<Document>& documents, const engram_docs* sink) {
        for (const Document& document : documents) {
            const engram_doc doc = {sizeof doc,           document.kind,         borrow(document.tenant),
                                    borrow(document.id),  borrow(document.json), document.version,
                                    document.epoch};
            if (const engram_status status = sink->doc(sink->ctx, &doc); status != ENGRAM_OK) return status;
        }
        return ENGRAM_OK;
    }

    Change document(uint32_t kind, const std::string& tenant, const std::string& id, const std::string& json) {
        Split split = tenancy_sqlite::split(*kindOf(kind), json);
        if (!split.error.empty()) throw Failure(ENGRAM_INTERNAL, split.error);
        return {kindOf(kind), tenant, id, std::move(split.row), 0, 0};
    }

    // The plans, and a tenant for the owner of this machine.
    void firstStart() {
        std::vector<Change> changes;
        struct Plan {
            const char* name;
            const char* limits;
        };
        constexpr Plan kPlans[] = {
            {"free", R"("memories":10000,"workspaces":5,"identities":100,"sessions":1000,"api_calls_day":10000,"storage_bytes":268435456,"rpm":60,"burst":30)"},
            {"pro", R"("memories":250000,"workspaces":50,"identities":5000,"sessions":50000,"api_calls_day":250000,"storage_bytes":5368709120,"rpm":600,"burst":120)"},
            {"team", R"("memories":2000000,"workspaces":500,"identities":50000,"sessions":500000,"api_calls_day":2500000,"storage_bytes":53687091200,"rpm":3000,"burst":600)"},
            {"enterprise", R"("memories":null,"workspaces":null,"identities":null,"sessions":null,"api_calls_day":null,"storage_bytes":null,"rpm":null,"burst":null)"},
        };
        for (const Plan& plan : kPlans)
            changes.push_back(document(ENGRAM_DOC_PLAN, "", plan.name,
                                       std::string("{\"plan\":\"") + plan.name + "\"," + plan.limits + "}"));
        const std::string id = mintId();
        changes.push_back(document(ENGRAM_DOC_TENANT, "", id,
                                   "{\"id\":\"" + id + "\",\"slug\":\"" + default_slug_ +
                                       "\",\"name\":\"Default\",\"status\":\"active\",\"owner_user_id\":\"local:owner\",\"plan\":\"" +
                                       default_plan_ + "\"}"));
        changes.push_back(document(ENGRAM_DOC_MEMBER, id, "local:owner",
                                   "{\"tenant_id\":\"" + id + "\",\"user_id\":\"local:owner\",\"role\":\"owner\"}"));
        database_->apply(changes);
        host_.info("made the default tenant", {{"slug", default_slug_}, {"plan", default_plan_}});
    }

    Host host_;
    const std::string default_slug_, default_plan_;
    std::mutex mutex_;  // of the database
    std::condition_variable changed_;
    bool stopping_ = false;
    std::unique_ptr<ControlDatabase> database_;
    std::atomic<uint64_t> epoch_{0};
    std::shared_mutex remembered_mutex_;
    std::unordered_map<std::string, std::shared_ptr<const Document>> remembered_;
};

}  // namespace
}  // namespace engram::tenancy_sqlite

ENGRAM_PLUGIN(engram::tenancy_sqlite::TenancySqlite, R"json({
  "id": "tenancy-sqlite", "version": "0.1.0", "kind": "tenancy", "provides": ["engram.tenancy/1"],
  "services": ["engram.host.log/1", "engram.host.json/1", "engram.host.state_dir/1"],
  "status": "beta", "license": "MIT",
  "description": "Tenants, members, workspaces, keys and plans in one SQLite file",
  "config": {"type": "object", "additionalProperties": false, "properties": {
    "default_tenant": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$", "default": "default", "description": "Slug of the tenant made on first start"},
    "default_plan": {"type": "string", "enum": ["free", "pro", "team", "enterprise"], "default": "enterprise", "description": "Its plan; enterprise has no limits"}}}
})json", engram::tenancy)
