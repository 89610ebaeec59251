// How commands reach the server: its REST interface over the local socket, or over TCP with a key. One thread.
#pragma once

#include "json/json.hpp"

#include <engram/cpp/result.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace engram::cli {

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
    // Error "unavailable" if no server answers, with how to start one.
    virtual Result<Answer> send(const Call& call) = 0;
};

// A client of the Unix socket at `path`.
std::unique_ptr<Transport> overSocket(std::string path);
// A client of http://HOST:PORT with a bearer key.
std::unique_ptr<Transport> overTcp(std::string url, std::string key);

}  // namespace engram::cli
