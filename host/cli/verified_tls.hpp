// HTTPS sessions to one host whose certificate and name are verified. One thread.
#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPClientSession.h>

#include <memory>
#include <string>

namespace engram::cli {

class VerifiedTls {
public:
    // Throws Poco::Exception if `ca_file` cannot be used. Empty: the authorities of the system.
    VerifiedTls(std::string host, const std::string& ca_file);

    std::unique_ptr<Poco::Net::HTTPClientSession> session(unsigned short port) const;
    // Why the last handshake refused the server's certificate; empty if it did not.
    std::string refusal() const;
    std::string advice() const;  // what to do about it

private:
    std::string host_;
    std::unique_ptr<int> verdict_ = std::make_unique<int>(0);  // X509_V_OK; outlives the context, which points at it
    Poco::Net::Context::Ptr context_;
};

}  // namespace engram::cli
