#include "cli/verified_tls.hpp"

#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/RejectCertificateHandler.h>
#include <Poco/Net/SSLManager.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <mutex>

namespace engram::cli {
namespace {

// Where a context keeps what OpenSSL said of the last chain it looked at.
int verdictIndex() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

int remember(int good, X509_STORE_CTX* store) {
    const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* verdict = static_cast<int*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), verdictIndex()));
    if (!good) *verdict = X509_STORE_CTX_get_error(store);
    return good;
}

bool isAddress(const std::string& host) {
    return host.find_first_not_of("0123456789.") == std::string::npos || host.find(':') != std::string::npos;
}

}  // namespace

VerifiedTls::VerifiedTls(std::string host, const std::string& ca_file) : host_(std::move(host)) {
    if (host_.starts_with('[') && host_.ends_with(']')) host_ = host_.substr(1, host_.size() - 2);
    Poco::Net::Context::Params parameters;
    parameters.caLocation = ca_file;
    parameters.loadDefaultCAs = ca_file.empty();
    parameters.verificationMode = Poco::Net::Context::VERIFY_STRICT;
    parameters.cipherList = "ECDHE+AESGCM:ECDHE+CHACHA20";
    context_ = new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, parameters);
    // Chain and name are OpenSSL's to verify, within the handshake: Poco's own check is not made for local names, and its
    // default handler would ask on the terminal.
    context_->enableExtendedCertificateVerification(false);
    SSL_CTX* native = context_->sslContext();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_verify(native, SSL_VERIFY_PEER, &remember);
    X509_VERIFY_PARAM* verify = SSL_CTX_get0_param(native);
    const int named = isAddress(host_) ? X509_VERIFY_PARAM_set1_ip_asc(verify, host_.c_str())
                                       : X509_VERIFY_PARAM_set1_host(verify, host_.c_str(), host_.size());
    if (named != 1) throw Poco::InvalidArgumentException("the URL has no host name");
    SSL_CTX_set_ex_data(native, verdictIndex(), verdict_.get());
    static std::once_flag once;
    std::call_once(once, [this] {
        Poco::Net::SSLManager::instance().initializeClient(nullptr, new Poco::Net::RejectCertificateHandler(false), context_);
    });
}

std::unique_ptr<Poco::Net::HTTPClientSession> VerifiedTls::session(unsigned short port) const {
    *verdict_ = X509_V_OK;
    return std::make_unique<Poco::Net::HTTPSClientSession>(host_, port, context_);
}

std::string VerifiedTls::refusal() const {
    return *verdict_ == X509_V_OK ? std::string() : X509_verify_cert_error_string(*verdict_);
}

std::string VerifiedTls::advice() const {
    switch (*verdict_) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID: return "the server needs a new certificate, or a clock is wrong";
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH: return "use a name in the URL that the certificate was made for";
        default: return "name the authority that signed it with --ca-file FILE";
    }
}

}  // namespace engram::cli
