// What the pipeline knows of one request while it goes through the stages. Owned by the exchange; one thread at a time.
#pragma once

#include "http/exchange.hpp"
#include "operations/caller.hpp"
#include "operations/operation.hpp"
#include "operations/services.hpp"
#include "rest/router.hpp"

#include <engram/cpp/arena_call.hpp>
#include <engram/cpp/result.hpp>
#include <engram/quota.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engram::pipeline {

// The stages of the first half, in order; a request that had to leave the io thread goes on at its stage.
enum class Stage { Admission, Authentication, Tenancy, Membership, RequestBucket, Done };

// What a stage says: go on, or repeat me on a lane because I would block. An Error refuses the request.
enum class Flow { Next, Lane };
using Step = Result<Flow>;

// A reservation made with one quota plugin.
struct Reservation {
    operations::Plugin<engram_quota_v1> plugin;
    uint64_t ticket;
};

struct RateLimit {
    bool known() const { return limit != 0; }
    uint64_t limit = 0, remaining = 0, reset_ms = 0;
    uint32_t retry_after_ms = 0;
    std::string policy;
};

struct State final : http::Attachment {
    State() = default;
    ~State() override;  // settles what is still reserved: the request ended on its way (a body too large, a peer gone)
    void abandon() override { call.cancel(); }

    // Of the request.
    rest::Match match;
    size_t plugin_route = SIZE_MAX;  // index of a plugin's route, if it is one
    bool mcp = false;                // it is for /mcp, whose body says which operations are meant
    Stage stage = Stage::Admission;
    operations::Thread thread = operations::Thread::Io;
    ArenaCall call{ENGRAM_CALL_INLINE};

    // Found out by the stages.
    operations::Caller caller;
    std::string bound_tenant;     // tenant id the credential names, may be empty
    bool must_be_member = false;
    std::string member_id;        // user id of that member; empty = the subject
    RateLimit rate_limit;
    std::vector<Reservation> reservations;
    std::vector<std::string> challenges;  // WWW-Authenticate values when unauthenticated

    // Of the operation.
    json::Document input;
    std::string request_bytes;  // what an idempotency key stands for
    std::optional<size_t> bytes_in;  // its share of the request; the whole body if not set
};

}  // namespace engram::pipeline
