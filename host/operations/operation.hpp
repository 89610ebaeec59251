// One row of the table of operations: what an operation is called, takes, costs, may do, and the function that does it.
//
// REST routes, CLI commands, the OpenAPI document and (later) MCP tools are bindings over this table; none has logic
// of its own. Rows are constants; any thread.
#pragma once

#include "json/json.hpp"
#include "operations/caller.hpp"

#include <engram/cpp/result.hpp>

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace engram::operations {

struct Services;

enum class Lane {
    Inline,   // on the io thread: short and without blocking; repeated on Cpu when it answers "again"
    Cpu,      // computes: search, analysis of new texts
    Blocking  // databases of the control plane, plugins that may wait
};

enum class Effect { Reads, Writes, Destroys };

enum class Repeat { Idempotent, NotIdempotent };

// What the operation did, for metering: counted once a call.
struct Usage {
    std::string workspace;
    uint64_t memories_written = 0, memories_read = 0, searches = 0;
};

// A change of the control plane as its audit event tells of it. JSON objects without any secret; empty = nothing.
struct AuditNote {
    std::string target;         // id of what was changed
    std::string before, after;  // JSON objects
    std::string tenant, subject;  // where they are not the caller's: of another tenant, of somebody who had no credential
};

struct Answer {
    std::string body;  // JSON, valid against the operation's output schema
    uint64_t version = 0;  // of the one thing the answer is about; becomes the ETag
    std::string location;  // id of what was made; becomes Location
    Usage usage;
    AuditNote audit{};
};

// Called exactly once, on any thread.
using Done = std::function<void(Result<Answer>)>;

// One call of an operation. The caller keeps it alive until `done` has been called.
struct Invocation {
    const Caller& caller;
    const json::Value& input;  // valid against the input schema
    Thread thread = Thread::Lane;
    std::string_view idempotency_key;
    std::string_view request_bytes;  // what the idempotency key stands for
};

// Every call of an operation that changes the control plane, also a refused one, becomes an audit event.
struct Audited {
    std::string_view kind{};    // of its target: "key", "member"; empty = the operation is not audited
    std::string_view member{};  // of the input, which names the target of a call that was refused
};

struct Operation {
    std::string_view name;     // "memory.search"
    std::string_view summary;  // one sentence for people
    std::string_view scope;    // needed scope; empty = for everybody, also without a credential
    Lane lane;
    Effect effect;
    Repeat repeat;
    std::string_view input;   // JSON Schema (draft 4 subset)
    std::string_view output;  // JSON Schema
    void (*run)(Services&, const Invocation&, Done);
    Audited audited{};
};

// All operations, in the order of the documentation.
std::span<const Operation> all();

// nullptr if there is none of that name.
const Operation* find(std::string_view name);

}  // namespace engram::operations
