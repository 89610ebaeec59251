// What a listener's requests are given to. Called on io threads: must not block.
#pragma once

#include "http/exchange.hpp"

namespace engram::http {

class Handler {
public:
    virtual ~Handler() = default;
    // The header section is complete, no byte of the body has been looked at. Answers, or asks for the body, now or
    // later.
    virtual void onHeaders(Exchange exchange) = 0;
    // The body is complete.
    virtual void onRequest(Exchange exchange) = 0;
};

}  // namespace engram::http
