// auth-apikey: API keys. Made once, stored hashed, verified by argon2id once a process and from memory after that.
#include "key_document.hpp"
#include "key_format.hpp"
#include "key_hash.hpp"
#include "last_use.hpp"
#include "throttle.hpp"
#include "verified_keys.hpp"

#include <engram/cpp/auth.hpp>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace engram::auth_apikey {
namespace {

constexpr size_t kMaxScopes = 64, kMaxName = 128;
constexpr int64_t kMaxOverlap = 7LL * 24 * 3600 * 1000;
constexpr unsigned kFailuresAMinute = 10, kFailuresAMinuteAndPeer = 60;

class AuthApiKey {
public:
    AuthApiKey(Host host, Config config)
        : host_(host),
          directory_(host.service<engram_host_directory_v1>(ENGRAM_HOST_DIRECTORY)),
          scheme_(config.text("/hash_scheme", "argon2id") == "hmac-sha256" ? Scheme::HmacSha256 : Scheme::Argon2id),
          known_(static_cast<size_t>(config.integer("/cached_keys", 100000))),
          gate_(std::max(1u, std::thread::hardware_concurrency() / 2)) {}

    engram_status start(engram_call* call) {
        if (!directory_) return fail(call, ENGRAM_FAILED_PRECONDITION, "the host offers no directory");
        if (!loadPepper()) return fail(call, ENGRAM_FAILED_PRECONDITION, host_.stateDir() + "/pepper cannot be read or made");
        defineMetrics(call);
        if (auto* tasks = host_.service<engram_host_tasks_v1>(ENGRAM_HOST_TASKS))
            tasks->post(host_.raw(), &guardedTask<&AuthApiKey::writeLastUse>, this, 60000, 60000, &last_used_task_);
        return ENGRAM_OK;
    }

    engram_status stop(engram_call* call) {
        if (directory_) last_use_.write(host_.raw(), *directory_, call);
        OPENSSL_cleanse(pepper_.data(), pepper_.size());
        return ENGRAM_OK;
    }

    engram_status authenticate(engram_call* call, const engram_credential* credential, engram_principal* out) {
        const std::string_view token = view(credential->value);
        if (credential->kind != ENGRAM_CREDENTIAL_BEARER || !token.starts_with("egm_")) return ENGRAM_PASS;
        const auto parts = parseKey(token);
        if (!parts) return deny(call, "malformed", "the key is malformed");
        const Digest digest = known_.digest(token);
        while (true) {
            if (auto key = known_.find(digest)) {
                if (const engram_status status = revalidate(call, digest, key); status != ENGRAM_OK) return status;
                count(hits_);
                return admit(call, *key, out);
            }
            if (known_.knownWrong(digest, VerifiedKeys::Clock::now())) return deny(call, "unknown", "the key is unknown");
            if (call->flags & ENGRAM_CALL_INLINE) return ENGRAM_AGAIN;
            if (!flights_.takeOff(digest)) {
                if (call->ops->cancelled(call)) return ENGRAM_CANCELLED;
                continue;
            }
            const engram_status status = verify(call, *parts, token, digest, view(credential->peer), out);
            flights_.land(digest);
            return status;
        }
    }

    engram_status challenge(engram_call*, engram_str* www_authenticate) {
        *www_authenticate = engram_lit("Bearer realm=\"engram\"");
        return ENGRAM_OK;
    }

    engram_status issue(engram_call* call, const engram_issue_request* request, engram_issued* out) {
        if (request->kind != ENGRAM_CREDENTIAL_BEARER) return ENGRAM_PASS;
        const std::string_view environment = request->environment.len ? view(request->environment) : "live";
        if (environment != "live" && environment != "test")
            return fail(call, ENGRAM_INVALID_ARGUMENT, "the environment is live or test");
        if (request->name.len == 0 || request->name.len > kMaxName)
            return fail(call, ENGRAM_INVALID_ARGUMENT, "a key's name has 1 to 128 bytes");
        if (request->n_scopes == 0 || request->n_scopes > kMaxScopes)
            return fail(call, ENGRAM_INVALID_ARGUMENT, "a key has 1 to 64 scopes");
        std::string key = mintKey(environment);
        const KeyParts parts = *parseKey(key);
        const std::string id = mintId(), prefix(parts.prefix);
        const std::string hash = hashKey(scheme_, key, pepper_, {});
        const std::string document = newDocument(*request, id, prefix, hash, Reader::Store);

        std::vector<engram_doc_change> changes = {documentChange(request->tenant, id, document, 0)};
        std::string old_id, old_document;
        if (request->replaces.len > 0) {
            old_id = view(request->replaces);
            uint64_t version = 0;
            const engram_status status = retire(call, *request, old_id, id, old_document, version);
            if (status != ENGRAM_OK) return status;
            changes.push_back(documentChange(request->tenant, old_id, old_document, version));
        }
        uint64_t epoch = 0;
        const engram_status status = directory_->apply(host_.raw(), call, changes.data(), changes.size(), &epoch);
        if (status != ENGRAM_OK) return status;
        out->secret = keep(call, key);
        out->id = keep(call, id);
        out->document = keep(call, newDocument(*request, id, prefix, hash, Reader::Caller));
        OPENSSL_cleanse(key.data(), key.size());
        return ENGRAM_OK;
    }

private:
    engram_status deny(engram_call* call, std::string_view reason, std::string_view message) {
        const engram_str label = borrow(reason);
        if (metrics_) metrics_->add(host_.raw(), failures_, &label, 1, 1);
        return fail(call, ENGRAM_UNAUTHENTICATED, message);
    }

    void count(uint64_t metric) {
        if (metrics_) metrics_->add(host_.raw(), metric, nullptr, 0, 1);
    }

    void defineMetrics(engram_call*) {
        metrics_ = host_.service<engram_host_metrics_v1>(ENGRAM_HOST_METRICS);
        if (!metrics_) return;
        const engram_str label = engram_lit("reason");
        metrics_->define(host_.raw(), ENGRAM_METRIC_COUNTER, engram_lit("cache_hits_total"),
                         engram_lit("Keys verified from memory"), nullptr, 0, &hits_);
        metrics_->define(host_.raw(), ENGRAM_METRIC_COUNTER, engram_lit("verifications_total"),
                         engram_lit("Keys verified by their stored hash"), nullptr, 0, &verifications_);
        metrics_->define(host_.raw(), ENGRAM_METRIC_COUNTER, engram_lit("failures_total"),
                         engram_lit("Keys refused"), &label, 1, &failures_);
    }

    // A key verified before the control plane changed: its document is read anew, its secret need not be hashed again.
    engram_status revalidate(engram_call* call, const Digest& digest, std::shared_ptr<const VerifiedKey>& key) {
        const uint64_t epoch = directory_->epoch(host_.raw());
        if (key->epoch == epoch) return ENGRAM_OK;
        rapidjson::Document document;
        if (const engram_status status = load(call, key->prefix, document); status != ENGRAM_OK) return status;
        if (!textOf(document, "revoked_at").empty()) return deny(call, "revoked", "the key was revoked");
        if (textOf(document, "key_hash") != key->stored_hash) return deny(call, "unknown", "the key is unknown");
        key = verifiedKey(document, key->prefix, epoch);
        known_.remember(digest, key);
        return ENGRAM_OK;
    }

    // The document of the key with this prefix. UNAUTHENTICATED if there is none.
    engram_status load(engram_call* call, const std::string& prefix, rapidjson::Document& document) {
        engram_doc doc{};
        doc.size = sizeof doc;
        const engram_status found =
            directory_->get(host_.raw(), call, ENGRAM_DOC_API_KEY, {nullptr, 0}, borrow(prefix), 1, &doc);
        if (found == ENGRAM_NOT_FOUND) return deny(call, "unknown", "the key is unknown");
        if (found == ENGRAM_AGAIN) return ENGRAM_AGAIN;
        if (found != ENGRAM_OK) return fail(call, ENGRAM_UNAVAILABLE, "the directory does not answer");
        auto read = readDocument(view(doc.json));
        if (!read) return fail(call, ENGRAM_INTERNAL, "the key's document is damaged");
        document = std::move(*read);
        return ENGRAM_OK;
    }

    static std::shared_ptr<const VerifiedKey> verifiedKey(const rapidjson::Document& document, const std::string& prefix,
                                                          uint64_t epoch) {
        auto key = std::make_shared<VerifiedKey>();
        key->id = textOf(document, "id");
        key->prefix = prefix;
        key->tenant = textOf(document, "tenant_id");
        key->name = textOf(document, "name");
        key->member = textOf(document, "member_id");
        key->stored_hash = textOf(document, "key_hash");
        key->expires_at = parseTime(textOf(document, "expires_at"));
        key->epoch = epoch;
        auto scopes = document.FindMember("scopes");
        if (scopes != document.MemberEnd() && scopes->value.IsArray())
            for (const auto& scope : scopes->value.GetArray())
                if (scope.IsString()) key->scopes.emplace_back(scope.GetString(), scope.GetStringLength());
        return key;
    }

    engram_status admit(engram_call* call, const VerifiedKey& key, engram_principal* out) {
        const int64_t now = nowMilliseconds();
        if (key.expires_at != 0 && key.expires_at <= now) return deny(call, "expired", "the key has expired");
        last_use_.note(key.tenant, key.id, now);
        engram_str* scopes = allocateArray<engram_str>(call, key.scopes.size());
        for (size_t i = 0; i < key.scopes.size(); ++i) scopes[i] = keep(call, key.scopes[i]);
        out->subject = keep(call, "key:" + key.id);
        out->tenant = keep(call, key.tenant);
        out->credential_id = keep(call, key.prefix);
        out->display = keep(call, key.name);
        if (!key.member.empty()) {
            out->member = 1;
            out->member_id = keep(call, key.member);
        }
        out->scopes = scopes;
        out->n_scopes = key.scopes.size();
        out->expires_at = key.expires_at ? key.expires_at : ENGRAM_TIME_NONE;
        return ENGRAM_OK;
    }

    engram_status verify(engram_call* call, const KeyParts& parts, std::string_view token, const Digest& digest,
                         std::string_view peer, engram_principal* out) {
        const int64_t minute = nowMilliseconds() / 60000;
        const std::string prefix(parts.prefix), peer_name(peer);
        if (failed_keys_.tooMany(prefix, minute) || (!peer.empty() && failed_peers_.tooMany(peer_name, minute)))
            return fail(call, ENGRAM_RESOURCE_EXHAUSTED, "too many failed attempts");
        auto note = [&] {
            known_.rememberWrong(digest, VerifiedKeys::Clock::now());
            failed_keys_.add(prefix, minute);
            if (!peer.empty()) failed_peers_.add(peer_name, minute);
        };
        const uint64_t epoch = directory_->epoch(host_.raw());
        rapidjson::Document document;
        if (const engram_status status = load(call, prefix, document); status != ENGRAM_OK) {
            if (status == ENGRAM_UNAUTHENTICATED) note();
            return status;
        }
        if (!textOf(document, "revoked_at").empty()) return deny(call, "revoked", "the key was revoked");

        const std::string_view stored = textOf(document, "key_hash");
        count(verifications_);
        const bool slow = isArgon2(stored);
        if (slow && !gate_.enter()) return fail(call, ENGRAM_UNAVAILABLE, "too many keys are being verified");
        const bool right = verifyKey(stored, token, pepper_);
        if (slow) gate_.leave();
        if (!right) {
            note();
            return deny(call, "wrong", "the key is unknown");
        }
        const auto key = verifiedKey(document, prefix, epoch);
        known_.remember(digest, key);
        return admit(call, *key, out);
    }

    // The document of the key that is being replaced: it ends after the overlap.
    engram_status retire(engram_call* call, const engram_issue_request& request, const std::string& old_id,
                         const std::string& new_id, std::string& json, uint64_t& version) {
        engram_doc doc{};
        doc.size = sizeof doc;
        const engram_status found =
            directory_->get(host_.raw(), call, ENGRAM_DOC_API_KEY, request.tenant, borrow(old_id), 0, &doc);
        if (found != ENGRAM_OK) return found;
        auto document = readDocument(view(doc.json));
        if (!document) return fail(call, ENGRAM_INTERNAL, "the key's document is damaged");
        if (!textOf(*document, "revoked_at").empty())
            return fail(call, ENGRAM_INVALID_ARGUMENT, "the key was revoked and cannot be rotated");
        if (!textOf(*document, "replaced_by").empty())
            return fail(call, ENGRAM_INVALID_ARGUMENT, "the key was replaced already; rotate its replacement");
        const int64_t overlap = std::min<int64_t>(static_cast<int64_t>(request.overlap_ms), kMaxOverlap);
        int64_t end = nowMilliseconds() + overlap;
        if (const int64_t own = parseTime(textOf(*document, "expires_at")); own != 0) end = std::min(end, own);
        setText(*document, "expires_at", formatTime(end));
        setText(*document, "replaced_by", new_id);
        json = writeDocument(*document);
        version = doc.version;
        return ENGRAM_OK;
    }

    bool loadPepper() {
        const std::string path = host_.stateDir() + "/pepper";
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) return false;
        const ssize_t n = ::read(fd, pepper_.data(), pepper_.size());
        bool good = n == static_cast<ssize_t>(pepper_.size());
        if (n == 0)
            good = RAND_priv_bytes(pepper_.data(), static_cast<int>(pepper_.size())) == 1 &&
                   ::write(fd, pepper_.data(), pepper_.size()) == static_cast<ssize_t>(pepper_.size()) && fsync(fd) == 0;
        ::close(fd);
        return good;
    }

    static void writeLastUse(void* self, engram_call* call) {
        auto& plugin = *static_cast<AuthApiKey*>(self);
        plugin.last_use_.write(plugin.host_.raw(), *plugin.directory_, call);
    }

    Host host_;
    const engram_host_directory_v1* directory_;
    const engram_host_metrics_v1* metrics_ = nullptr;
    uint64_t hits_ = 0, verifications_ = 0, failures_ = 0, last_used_task_ = 0;
    const Scheme scheme_;
    Pepper pepper_{};
    VerifiedKeys known_;
    Gate gate_;
    Flights flights_;
    Failures failed_keys_{kFailuresAMinute}, failed_peers_{kFailuresAMinuteAndPeer};
    LastUse last_use_;
};

}  // namespace
}  // namespace engram::auth_apikey

ENGRAM_PLUGIN(engram::auth_apikey::AuthApiKey, R"json({
  "id": "auth-apikey", "version": "0.1.0", "kind": "auth", "provides": ["engram.auth/1"],
  "services": ["engram.host.log/1", "engram.host.json/1", "engram.host.metrics/1", "engram.host.tasks/1",
               "engram.host.state_dir/1", "engram.host.directory/1"],
  "status": "beta", "license": "MIT",
  "description": "API keys, stored hashed and verified from memory after the first time",
  "config": {"type": "object", "additionalProperties": false, "properties": {
    "hash_scheme": {"type": "string", "enum": ["argon2id", "hmac-sha256"], "default": "argon2id", "description": "How new keys are stored"},
    "cached_keys": {"type": "integer", "minimum": 16, "maximum": 10000000, "default": 100000, "description": "Verified keys kept in memory"}}}
})json", engram::auth)
