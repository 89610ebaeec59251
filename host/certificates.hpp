// The certificate the API's listener uses: read, watched and replaced while the server runs.
//
// All functions from one thread at a time, but for expiresAt().
#pragma once

#include "http/tls_context.hpp"

#include <engram/cpp/result.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace engram {

class Certificates {
public:
    using Context = std::shared_ptr<const http::TlsContext>;

    // What a listener is given; empty until use().
    std::shared_ptr<const http::TlsSlot> slot() const { return slot_; }

    struct Loaded {
        Context context;  // nullptr: no files are named, no TLS
        http::TlsFiles files;
        std::string digest;  // of their bytes
    };
    // Reads the files without using them yet. Errors as TlsContext::load.
    Result<Loaded> read(const http::TlsFiles& files) const;
    // From the next connection on.
    void use(Loaded loaded);

    // Looks whether the files in use have other bytes than when they were looked at last, and uses them if they are good.
    // An error is told once for each content; the old certificate stays.
    enum class Found { Same, Replaced };
    Result<Found> check();

    int64_t expiresAt() const { return expires_at_.load(); }  // Unix time; 0 without TLS
    const std::string& subject() const { return subject_; }

private:
    std::shared_ptr<http::TlsSlot> slot_ = std::make_shared<http::TlsSlot>();
    std::shared_ptr<http::TicketKeys> tickets_ = http::makeTicketKeys();
    http::TlsFiles files_;
    std::string seen_digest_, subject_;
    std::atomic<int64_t> expires_at_{0};
};

}  // namespace engram
