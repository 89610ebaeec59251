#include "certificates.hpp"

#include <utility>

namespace engram {

Result<Certificates::Loaded> Certificates::read(const http::TlsFiles& files) const {
    if (files.certificate.empty()) return Loaded{};
    // First the digest: what changes while it is read is seen at the next check.
    std::string digest = http::digestOf(files);
    auto context = http::TlsContext::load(files, tickets_);
    if (!context) return context.error();
    return Loaded{*context, files, std::move(digest)};
}

void Certificates::use(Loaded loaded) {
    files_ = std::move(loaded.files);
    seen_digest_ = std::move(loaded.digest);
    expires_at_.store(loaded.context ? loaded.context->expiresAt() : 0);
    subject_ = loaded.context ? loaded.context->subject() : "";
    slot_->set(std::move(loaded.context));
}

Result<Certificates::Found> Certificates::check() {
    if (files_.certificate.empty()) return Found::Same;
    std::string digest = http::digestOf(files_);
    if (digest == seen_digest_) return Found::Same;
    seen_digest_ = std::move(digest);
    auto loaded = read(files_);
    if (!loaded) return loaded.error();
    use(std::move(*loaded));
    return Found::Replaced;
}

}  // namespace engram
