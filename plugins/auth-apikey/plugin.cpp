// auth-apikey: API keys. Made once, stored hashed, verified by argon2id once a process and from memory after that.
#include "key_format.hpp"
#include "key_hash.hpp"
#include "verified_keys.hpp"

#include <engram/cpp/auth.hpp>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <condition_variable>
#include <ctime>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

namespace engram::auth_apikey {
namespace {

constexpr size_t kMaxScopes = 64, kMaxName = 128;
constexpr int64_t kMaxOverlap = 7LL * 24 * 3600 * 1000;
constexpr unsigned kMaxWaiting = 64;
constexpr std::chrono::milliseconds kMaxWait{500};
constexpr unsigned kFailuresAMinute = 10, kFailuresAMinuteAndPeer = 60;
constexpr size_t kMaxFailureEntries = 50000;

int64_t nowMilliseconds() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string formatTime(int64_t milliseconds) {
    const time_t seconds = static_cast<time_t>(milliseconds / 1000);
    tm parts{};
    gmtime_r(&seconds, &parts);
    char text[40];
    const size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    const int ms = static_cast<int>(milliseconds % 1000);
    return std::string(text, n) + "." + static_cast<char>('0' + ms / 100) + static_cast<char>('0' + ms / 10 % 10) +
           static_cast<char>('0' + ms % 10) + "Z";
}

// RFC 3339 in UTC, as formatTime and the host write it; 0 if it is not a time.
int64_t parseTime(std::string_view text) {
    tm parts{};
    int ms = 0;
    const std::string copy(text);
    const char* rest = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (!rest) return 0;
    if (*rest == '.') ms = std::atoi(std::string(rest + 1, std::min<size_t>(3, std::strlen(rest + 1))).c_str());
    return static_cast<int64_t>(timegm(&parts)) * 1000 + ms;
}

std::string mintId() {
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) throw Failure(ENGRAM_INTERNAL, "no randomness");
    const auto now = static_cast<uint64_t>(nowMilliseconds());
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

// Failures by name in the current minute; a coarse fixed window is enough against guessing 256 bits.
class Failures {
public:
    explicit Failures(unsigned limit) : limit_(limit) {}
    bool tooMany(const std::string& name, int64_t minute) {
        std::lock_guard lock(mutex_);
        turn(minute);
        auto it = counts_.find(name);
        return it != counts_.end() && it->second >= limit_;
    }
    void add(const std::string& name, int64_t minute) {
        std::lock_guard lock(mutex_);
        turn(minute);
        if (counts_.size() < kMaxFailureEntries) ++counts_[name];
    }

private:
    void turn(int64_t minute) {
        if (minute == minute_) return;
        counts_.clear();
        minute_ = minute;
    }
    const unsigned limit_;
    std::mutex mutex_;
    int64_t minute_ = 0;
    std::unordered_map<std::string, unsigned> counts_;
};

// At most `slots` at work, at most kMaxWaiting waiting, each for at most kMaxWait.
class Gate {
public:
    explicit Gate(unsigned slots) : free_(slots) {}
    bool enter() {
        std::unique_lock lock(mutex_);
        if (free_ == 0 && waiting_ >= kMaxWaiting) return false;
        ++waiting_;
        const bool in = freed_.wait_for(lock, kMaxWait, [this] { return free_ > 0; });
        --waiting_;
        if (in) --free_;
        return in;
    }
    void leave() {
        {
            std::lock_guard lock(mutex_);
            ++free_;
        }
        freed_.notify_one();
    }

private:
    std::mutex mutex_;
    std::condition_variable freed_;
    unsigned free_, waiting_ = 0;
};

// Callers with the same token wait for the first of them instead of each computing the same.
class Flights {
public:
    // True: the caller verifies and must call land(). False: another did meanwhile; look again.
    bool takeOff(const Digest& digest) {
        std::unique_lock lock(mutex_);
        if (flying_.emplace(digest, 1).second) return true;
        landed_.wait_for(lock, std::chrono::seconds(2), [&] { return !flying_.contains(digest); });
        return false;
    }
    void land(const Digest& digest) {
        {
            std::lock_guard lock(mutex_);
            flying_.erase(digest);
        }
        landed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable landed_;
    std::map<Digest, int> flying_;
};

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void text(Writer& out, const char* name, std::string_view value) {
    out.Key(name);
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

std::string_view member(const rapidjson::Value& object, const char* name) {
    auto it = object.FindMember(name);
    if (it == object.MemberEnd() || !it->value.IsString()) return {};
    return {it->value.GetString(), it->value.GetStringLength()};
}

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
            tasks->post(host_.raw(), &AuthApiKey::writeLastUsed, this, 60000, 60000, &last_used_task_);
        return ENGRAM_OK;
    }

    engram_status stop(engram_call* call) {
        flushLastUsed(call);
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
        const std::string document = newDocument(*request, id, prefix, &hash);

        std::vector<engram_doc_change> changes = {change(request->tenant, id, document, 0)};
        std::string old_id, old_document;
        if (request->replaces.len > 0) {
            old_id = view(request->replaces);
            uint64_t version = 0;
            const engram_status status = retire(call, *request, old_id, id, old_document, version);
            if (status != ENGRAM_OK) return status;
            changes.push_back(change(request->tenant, old_id, old_document, version));
        }
        uint64_t epoch = 0;
        const engram_status status = directory_->apply(host_.raw(), call, changes.data(), changes.size(), &epoch);
        if (status != ENGRAM_OK) return status;
        out->secret = keep(call, key);
        out->id = keep(call, id);
        out->document = keep(call, newDocument(*request, id, prefix, nullptr));
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
        if (!member(document, "revoked_at").empty()) return deny(call, "revoked", "the key was revoked");
        if (member(document, "key_hash") != key->stored_hash) return deny(call, "unknown", "the key is unknown");
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
        document.Parse<rapidjson::kParseIterativeFlag>(doc.json.ptr, doc.json.len);
        if (document.HasParseError() || !document.IsObject())
            return fail(call, ENGRAM_INTERNAL, "the key's document is damaged");
        return ENGRAM_OK;
    }

    static std::shared_ptr<const VerifiedKey> verifiedKey(const rapidjson::Document& document, const std::string& prefix,
                                                          uint64_t epoch) {
        auto key = std::make_shared<VerifiedKey>();
        key->id = member(document, "id");
        key->prefix = prefix;
        key->tenant = member(document, "tenant_id");
        key->name = member(document, "name");
        key->stored_hash = member(document, "key_hash");
        key->expires_at = parseTime(member(document, "expires_at"));
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
        noteUse(key, now);
        engram_str* scopes = allocateArray<engram_str>(call, key.scopes.size());
        for (size_t i = 0; i < key.scopes.size(); ++i) scopes[i] = keep(call, key.scopes[i]);
        out->subject = keep(call, "key:" + key.id);
        out->tenant = keep(call, key.tenant);
        out->credential_id = keep(call, key.prefix);
        out->display = keep(call, key.name);
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
        if (!member(document, "revoked_at").empty()) return deny(call, "revoked", "the key was revoked");

        const std::string_view stored = member(document, "key_hash");
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

    static engram_doc_change change(engram_str tenant, const std::string& id, const std::string& json, uint64_t expected) {
        engram_doc_change c{};
        c.size = sizeof c;
        c.kind = ENGRAM_DOC_API_KEY;
        c.tenant = tenant;
        c.id = borrow(id);
        c.json = borrow(json);
        c.expected = expected;
        return c;
    }

    static std::string newDocument(const engram_issue_request& request, const std::string& id,
                                   const std::string& prefix, const std::string* hash) {
        rapidjson::StringBuffer buffer;
        Writer out(buffer);
        out.StartObject();
        text(out, "id", id);
        text(out, "tenant_id", view(request.tenant));
        text(out, "name", view(request.name));
        text(out, "prefix", prefix);
        if (hash) text(out, "key_hash", *hash);
        out.Key("scopes");
        out.StartArray();
        for (size_t i = 0; i < request.n_scopes; ++i)
            out.String(request.scopes[i].ptr, static_cast<rapidjson::SizeType>(request.scopes[i].len));
        out.EndArray();
        text(out, "created_by", view(request.created_by));
        text(out, "created_at", formatTime(nowMilliseconds()));
        if (request.expires_at != ENGRAM_TIME_NONE) text(out, "expires_at", formatTime(request.expires_at));
        out.EndObject();
        return {buffer.GetString(), buffer.GetSize()};
    }

    // The document of the key that is being replaced: it ends after the overlap.
    engram_status retire(engram_call* call, const engram_issue_request& request, const std::string& old_id,
                         const std::string& new_id, std::string& json, uint64_t& version) {
        engram_doc doc{};
        doc.size = sizeof doc;
        const engram_status found =
            directory_->get(host_.raw(), call, ENGRAM_DOC_API_KEY, request.tenant, borrow(old_id), 0, &doc);
        if (found != ENGRAM_OK) return found;
        rapidjson::Document document;
        document.Parse<rapidjson::kParseIterativeFlag>(doc.json.ptr, doc.json.len);
        if (document.HasParseError() || !document.IsObject()) return fail(call, ENGRAM_INTERNAL, "the key's document is damaged");
        if (!member(document, "revoked_at").empty())
            return fail(call, ENGRAM_INVALID_ARGUMENT, "the key was revoked and cannot be rotated");
        if (!member(document, "replaced_by").empty())
            return fail(call, ENGRAM_INVALID_ARGUMENT, "the key was replaced already; rotate its replacement");
        const int64_t overlap = std::min<int64_t>(static_cast<int64_t>(request.overlap_ms), kMaxOverlap);
        int64_t end = nowMilliseconds() + overlap;
        if (const int64_t own = parseTime(member(document, "expires_at")); own != 0) end = std::min(end, own);
        auto& allocator = document.GetAllocator();
        for (const char* name : {"expires_at", "replaced_by"}) document.RemoveMember(name);
        const std::string end_text = formatTime(end);
        document.AddMember("expires_at", rapidjson::Value(end_text.c_str(), allocator), allocator);
        document.AddMember("replaced_by", rapidjson::Value(new_id.c_str(), allocator), allocator);
        rapidjson::StringBuffer buffer;
        Writer out(buffer);
        document.Accept(out);
        json = buffer.GetString();
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

    // last_used_at is kept in memory and written once a minute; a crash loses at most that.
    void noteUse(const VerifiedKey& key, int64_t now) {
        thread_local std::string last_id;
        thread_local int64_t last_minute = 0;
        const int64_t minute = now / 60000;
        if (last_minute == minute && last_id == key.id) return;
        last_id = key.id;
        last_minute = minute;
        std::lock_guard lock(used_mutex_);
        used_[{key.tenant, key.id}] = now;
    }

    static void writeLastUsed(void* self, engram_call* call) { static_cast<AuthApiKey*>(self)->flushLastUsed(call); }

    void flushLastUsed(engram_call* call) {
        std::map<std::pair<std::string, std::string>, int64_t> used;
        {
            std::lock_guard lock(used_mutex_);
            used.swap(used_);
        }
        for (const auto& [key, when] : used) {
            engram_doc doc{};
            doc.size = sizeof doc;
            if (directory_->get(host_.raw(), call, ENGRAM_DOC_API_KEY, borrow(key.first), borrow(key.second), 0, &doc) !=
                ENGRAM_OK)
                continue;
            rapidjson::Document document;
            document.Parse<rapidjson::kParseIterativeFlag>(doc.json.ptr, doc.json.len);
            if (document.HasParseError() || !document.IsObject()) continue;
            document.RemoveMember("last_used_at");
            const std::string time = formatTime(when);
            document.AddMember("last_used_at", rapidjson::Value(time.c_str(), document.GetAllocator()),
                               document.GetAllocator());
            rapidjson::StringBuffer buffer;
            Writer out(buffer);
            document.Accept(out);
            const std::string json = buffer.GetString();
            const engram_doc_change c = change(borrow(key.first), key.second, json, doc.version);
            uint64_t epoch = 0;
            directory_->apply(host_.raw(), call, &c, 1, &epoch);  // lost to another change: next minute
        }
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
    std::mutex used_mutex_;
    std::map<std::pair<std::string, std::string>, int64_t> used_;
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
