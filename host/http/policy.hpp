// What may change while the server runs; a request keeps the policy it began with. A value.
#pragma once

#include "http/forwarded.hpp"
#include "http/limits.hpp"

#include <string>

namespace engram::http {

struct Policy {
    Limits limits;
    ProxyRanges proxies;  // whose X-Forwarded-* headers are believed
    std::string hsts;     // value of Strict-Transport-Security on answers over TLS; empty = none
};

}  // namespace engram::http
