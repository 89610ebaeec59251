// How commands reach the server: its REST interface over the local socket, or over TCP with a key. One thread.
#pragma once

#include "json/json.hpp"

#include <engram/cpp/result.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace engram::cli {

class OnDemandServer;

struct Call {
    std::string method, target, body;  // target with its query, percent-encoded
    std::vector<std::pair<std::string, std::string>> headers;
};

struct Answer {
    int status = 0;
    std::string body;
};

class Transport {
public:
    virtual ~Transport() = default;
    // Error "unavailable" if no server answers, with how to start one; "connection_lost" if the connection ended before
    // the answer came, so that nobody knows whether the call was done.
    virtual Result<Answer> send(const Call& call) = 0;
    // Another connection to the same server, for another thread.
    virtual std::unique_ptr<Transport> another() const = 0;
};

// A client of the Unix socket at `path`.
std::unique_ptr<Transport> overSocket(std::string path);
// The same, which starts a server where none answers, and repeats on a new connection what can be repeated: calls that
// read, calls with an Idempotency-Key (a write of memories is given one), calls that were not sent.
std::unique_ptr<Transport> overSocketOnDemand(std::shared_ptr<OnDemandServer> server);
// A client of http://HOST:PORT or https://HOST:PORT with a bearer key. The server's certificate and name are verified
// against the system's authorities, or those of `ca_file` (PEM) alone if it is not empty.
std::unique_ptr<Transport> overTcp(std::string url, std::string key, std::string ca_file = {});

}  // namespace engram::cli
