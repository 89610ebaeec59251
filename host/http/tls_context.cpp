#include "http/tls_context.hpp"

#include "http/ticket_keys.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>

#include <sys/stat.h>
#include <unistd.h>

namespace engram::http {
namespace {

constexpr size_t kMaxFile = 1u << 20;
constexpr long kTicketSeconds = 7200;

// Mozilla, "intermediate" of guidelines 5.8: forward secrecy and authenticated encryption only; the client chooses.
constexpr char kCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kSuites[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
// The hybrid group is known from OpenSSL 3.5 on.
constexpr char kGroupsHybrid[] = "X25519MLKEM768:X25519:P-256:P-384";
constexpr char kGroups[] = "X25519:P-256:P-384";

Error refuse(std::string message, std::string hint) { return {"config_invalid", std::move(message), std::move(hint), ""}; }

// The newest reason of OpenSSL's queue, which is emptied.
std::string reason() {
    const unsigned long code = ERR_peek_last_error();
    const char* text = ERR_reason_error_string(code);
    ERR_clear_error();
    return text ? text : "not understood";
}

Result<std::string> readFile(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return refuse(path + " cannot be read: " + std::strerror(errno), "check the path and who may read it");
    std::string bytes(kMaxFile + 1, '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<size_t>(file.gcount()));
    if (bytes.empty() || bytes.size() > kMaxFile)
        return refuse(path + (bytes.empty() ? " is empty" : " is over 1 MiB"), "name a file in PEM format");
    return bytes;
}

// A private key is for its owner alone; a group may read what root has given it, as Debian's ssl-cert does.
Result<void> checkKeyFile(const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0)
        return refuse(path + " cannot be read: " + std::strerror(errno), "check tls.key");
    if (!S_ISREG(info.st_mode)) return refuse(path + " is not a file", "check tls.key");
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return refuse(path + " belongs to another user", "chown it to the user the server runs as");
    const mode_t others = info.st_uid == 0 ? 0027 : 0077;
    if ((info.st_mode & others) != 0) return refuse(path + " can be read or written by others", "chmod 600 " + path);
    return {};
}

int password(char* out, int size, int, void* given) {
    const auto& text = *static_cast<const std::string*>(given);
    if (text.empty() || text.size() > static_cast<size_t>(size)) return -1;  // never ask on the terminal
    std::memcpy(out, text.data(), text.size());
    return static_cast<int>(text.size());
}

struct Close {
    void operator()(BIO* bio) const { BIO_free(bio); }
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
};
using Bio = std::unique_ptr<BIO, Close>;

Bio memory(const std::string& bytes) { return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()))); }

int ticketKey(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int sealing) {
    auto& keys = *static_cast<TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const auto now = TicketKeys::Clock::now();
    if (sealing) return keys.seal(name, iv, cipher, mac, now) ? 1 : -1;
    switch (keys.open(name, iv, cipher, mac, now)) {
        case TicketKeys::Found::Current: return 1;
        case TicketKeys::Found::Previous: return 2;
        case TicketKeys::Found::No: return 0;  // a full handshake
    }
    return 0;
}

// RFC 7301: a client that offers protocols but not ours is told so, instead of being answered in one it does not know.
int chooseProtocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                   void*) {
    static constexpr unsigned char kOurs[] = "\x08http/1.1";
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_size, kOurs, sizeof kOurs - 1, in, in_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

int64_t secondsOf(const ASN1_TIME* time) {
    tm parts{};
    return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<int64_t>(timegm(&parts)) : 0;
}

std::string subjectOf(X509* certificate) {
    const Bio out(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, size > 0 ? static_cast<size_t>(size) : 0};
}

}  // namespace

std::shared_ptr<TicketKeys> makeTicketKeys() { return std::make_shared<TicketKeys>(); }

std::string digestOf(const TlsFiles& files) {
    EVP_MD_CTX* hash = EVP_MD_CTX_new();
    EVP_DigestInit_ex(hash, EVP_sha256(), nullptr);
    bool complete = true;
    for (const std::string& path : {files.certificate, files.key}) {
        auto bytes = readFile(path);
        complete = complete && bytes;
        if (bytes) EVP_DigestUpdate(hash, bytes->data(), bytes->size());
        if (bytes) OPENSSL_cleanse(bytes->data(), bytes->size());
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(hash, digest, &size);
    EVP_MD_CTX_free(hash);
    return complete ? std::string(reinterpret_cast<char*>(digest), size) : std::string();
}

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsFiles& files, std::shared_ptr<TicketKeys> tickets) {
    std::shared_ptr<TlsContext> made(new TlsContext);
    made->tickets_ = std::move(tickets);
    made->context_ = SSL_CTX_new(TLS_server_method());
    if (!made->context_) return refuse("OpenSSL gives no context: " + reason(), "");
    if (auto ok = made->configure(); !ok) return ok.error();
    if (auto ok = made->use(files); !ok) return ok.error();
    return std::shared_ptr<const TlsContext>(std::move(made));
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<void> TlsContext::configure() {
    SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
    SSL_CTX_set_security_level(context_, 2);
    SSL_CTX_set_options(context_, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                      SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                   SSL_MODE_RELEASE_BUFFERS);  // an idle connection holds no record buffers
    SSL_CTX_set_read_ahead(context_, 1);  // a record by one call, not its header and then its body
    const bool ok = SSL_CTX_set_cipher_list(context_, kCiphers) == 1 && SSL_CTX_set_ciphersuites(context_, kSuites) == 1 &&
                    (SSL_CTX_set1_groups_list(context_, kGroupsHybrid) == 1 ||
                     SSL_CTX_set1_groups_list(context_, kGroups) == 1);
    if (!ok) return refuse("OpenSSL refuses the cipher settings: " + reason(), "install OpenSSL 3");
    ERR_clear_error();
    SSL_CTX_set_alpn_select_cb(context_, &chooseProtocol, nullptr);
    // Sessions live in tickets alone: nothing is kept here for clients that may never return.
    static constexpr unsigned char kSessions[] = "engram";
    SSL_CTX_set_session_id_context(context_, kSessions, sizeof kSessions - 1);
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(context_, kTicketSeconds);
    SSL_CTX_set_app_data(context_, tickets_.get());
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context_, &ticketKey);
    return {};
}

Result<void> TlsContext::use(const TlsFiles& files) {
    auto chain = readFile(files.certificate);
    if (!chain) return chain.error();
    const Bio chain_bio = memory(*chain);
    const std::unique_ptr<X509, Close> certificate(PEM_read_bio_X509_AUX(chain_bio.get(), nullptr, nullptr, nullptr));
    if (!certificate)
        return refuse(files.certificate + " has no certificate: " + reason(), "name a file in PEM format in tls.certificate");
    if (SSL_CTX_use_certificate(context_, certificate.get()) != 1)
        return refuse(files.certificate + " is refused: " + reason(), "use a key of at least 2048 bits (RSA) or P-256");
    while (X509* issuer = PEM_read_bio_X509(chain_bio.get(), nullptr, nullptr, nullptr))
        if (SSL_CTX_add0_chain_cert(context_, issuer) != 1) {
            X509_free(issuer);
            return refuse(files.certificate + " has an issuer that is refused: " + reason(), "check the chain");
        }
    ERR_clear_error();  // the end of the file

    if (auto ok = checkKeyFile(files.key); !ok) return ok;
    auto pem = readFile(files.key);
    if (!pem) return pem.error();
    const bool encrypted = pem->find("ENCRYPTED") != std::string::npos;
    std::string given = files.password;
    const std::unique_ptr<EVP_PKEY, Close> key(PEM_read_bio_PrivateKey(memory(*pem).get(), nullptr, &password, &given));
    OPENSSL_cleanse(pem->data(), pem->size());
    OPENSSL_cleanse(given.data(), given.size());
    if (!key && encrypted)
        return refuse(files.key + (files.password.empty() ? " is encrypted and there is no password" : " does not open with its password"),
                      "set tls.key_password = \"${file:/path}\", or decrypt the key with: openssl pkey -in KEY -out NEW");
    if (!key) return refuse(files.key + " has no private key: " + reason(), "name a file in PEM format in tls.key");
    if (SSL_CTX_use_PrivateKey(context_, key.get()) != 1 || SSL_CTX_check_private_key(context_) != 1)
        return refuse(files.key + " does not belong to " + files.certificate + ": " + reason(),
                      "name the key the certificate was made for");
    expires_at_ = secondsOf(X509_get0_notAfter(certificate.get()));
    subject_ = subjectOf(certificate.get());
    return {};
}

}  // namespace engram::http
