// An instance's configuration, checked. Values; immutable once made.
#pragma once

#include <engram/cpp/config.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace engram::embed_http {

struct Settings {
    bool secure = false;       // https
    std::string host;          // without brackets
    uint16_t port = 80;
    std::string target;        // path and query
    std::string model;         // as the provider calls it
    std::string space;         // what engram calls the vector space: changes with all that changes vectors
    uint32_t dimensions = 0;
    bool asks_dimensions = false;  // sends them with each request
    std::string document_prefix, query_prefix;
    std::string key, key_header;   // the key is a secret: it goes into that header and nowhere else
    std::string ca_file;
    size_t max_batch = 64, max_text = 8000, max_answer = 32u << 20;  // texts; bytes of a text; bytes of an answer
    unsigned connections = 4, retries = 3;
    std::chrono::milliseconds timeout{30000}, query_timeout{10000};

    // Throws Failure(INVALID_ARGUMENT) that says which value is wrong, and never shows the key.
    static Settings from(const Config& config);
};

}  // namespace engram::embed_http
