// What a TLS listener speaks with: certificate, key and the settings of Mozilla's "intermediate" guidelines (5.8).
//
// Immutable: a new certificate is a new context, swapped in for the connections to come. Any thread.
#pragma once

#include <engram/cpp/result.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

struct ssl_ctx_st;

namespace engram::http {

class TicketKeys;

struct TlsFiles {
    std::string certificate;  // PEM: the server's first, then those up to the root
    std::string key;          // PEM
    std::string password;     // of the key; empty = not encrypted
};

class TlsContext {
public:
    // Reads and checks both files. Error config_invalid names the file, the reason and the fix: unreadable, no PEM, a key that
    // others may read, that is encrypted without a password or that does not belong to the certificate.
    // `tickets` outlives the context in effect, so that sessions are resumed after a reload.
    static Result<std::shared_ptr<const TlsContext>> load(const TlsFiles& files, std::shared_ptr<TicketKeys> tickets);
    TlsContext(const TlsContext&) = delete;
    ~TlsContext();

    ssl_ctx_st* native() const { return context_; }
    int64_t expiresAt() const { return expires_at_; }       // seconds since the epoch, of the server's certificate
    const std::string& subject() const { return subject_; }  // "CN = memory.example.com"

private:
    TlsContext() = default;
    Result<void> use(const TlsFiles& files);
    Result<void> configure();

    ssl_ctx_st* context_ = nullptr;
    std::shared_ptr<TicketKeys> tickets_;
    int64_t expires_at_ = 0;
    std::string subject_;
};

// The context that the next connections of a listener get; none = they are plain. Swapped while the server runs.
class TlsSlot {
public:
    std::shared_ptr<const TlsContext> get() const {
        const std::lock_guard lock(mutex_);
        return context_;
    }
    void set(std::shared_ptr<const TlsContext> context) {
        const std::lock_guard lock(mutex_);
        context_ = std::move(context);
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const TlsContext> context_;
};

std::shared_ptr<TicketKeys> makeTicketKeys();

// SHA-256 over the bytes of both files; empty if one cannot be read. Tells whether a reload is worth it.
std::string digestOf(const TlsFiles& files);

}  // namespace engram::http
