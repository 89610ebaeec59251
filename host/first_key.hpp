// The first API key of the default tenant, and the greeting that tells of it.
#pragma once

#include "operations/services.hpp"

#include <engram/cpp/result.hpp>

#include <optional>
#include <ostream>
#include <string>

namespace engram {

enum class KeyDelivery { Terminal, File };  // File: <data>/first-key, mode 0600

struct FirstKey {
    std::string secret;  // with Terminal
    std::string file;    // with File
    std::string tenant;  // id
    std::string document;  // JSON without the secret
};

// Makes a key with all scopes if the tenant has none; nothing otherwise, or if no plugin makes keys.
Result<std::optional<FirstKey>> ensureFirstKey(operations::Services& services, const std::string& tenant_slug,
                                               const std::string& data, KeyDelivery delivery);

struct Greeting {
    std::string url, admin_url, socket, data;
    size_t plugins;
};

// For a person on a terminal; otherwise one JSON line with url, admin_url and, on the first start, api_key_file.
void printGreeting(std::ostream& out, const Greeting& greeting, const std::optional<FirstKey>& key,
                   KeyDelivery delivery);

}  // namespace engram
