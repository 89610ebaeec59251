#include "pipeline/perform.hpp"

#include "pipeline/audit.hpp"
#include "pipeline/stages.hpp"

#include <new>
#include <utility>

namespace engram::pipeline {
namespace {

constexpr size_t kMaxIdempotencyKey = 255;

// What every step needs. A copy is cheap; `done` is emptied by whoever calls it.
struct Call {
    Context& context;
    State& state;
    std::string_view key;
    std::shared_ptr<Performed> done;
    std::shared_ptr<const void> pin;

    const operations::Operation& operation() const { return *state.match.route->operation; }
    void end(Result<operations::Answer> result) const {
        if (auto once = std::exchange(*done, nullptr)) once(std::move(result));
    }
};

using Next = void (*)(const Call&);

// Memory may run out anywhere: then this request is refused, and a smaller one may fit.
void guarded(const Call& call, Next step) {
    try {
        step(call);
    } catch (const std::bad_alloc&) {
        call.end(Error{"out_of_memory", "memory ran out while the request was worked on", "", ""});
    }
}

void onLane(const Call& call, Lane& lane, Next next) {
    call.state.thread = operations::Thread::Lane;
    call.state.call.setFlags(0);
    if (lane.submit(call.state.caller.tenant_id, [call, next] { guarded(call, next); }) != Lane::Admission::Full) return;
    call.state.rate_limit.retry_after_ms = 1000;
    settle(call.state, call.operation().name);
    call.end(Error{"overloaded", "too many requests are waiting", "", ""});
}

void run(const Call& call) {
    const State& state = call.state;
    const operations::Invocation invocation = {state.caller, state.input, state.thread, call.key, state.request_bytes};
    call.operation().run(call.context.services, invocation, [call](Result<operations::Answer> result) {
        if (!*call.done) return;  // ended for want of memory
        if (!result && result.error().code == "again") return onLane(call, call.context.cpu, &run);
        settle(call.state, call.operation().name);
        call.end(std::move(result));
    });
}

void reserveAndRun(const Call& call) {
    const operations::Operation& operation = call.operation();
    // Whoever needs no credential has no plan either; the peer's bucket has paid.
    const Step reserved = operation.scope.empty() ? Step(Flow::Next) : reserve(call.context, call.state, operation.name);
    if (!reserved) return call.end(reserved.error());
    if (*reserved == Flow::Lane) return onLane(call, call.context.blocking, &reserveAndRun);
    if (auto kept = readyToAudit(call.context, operation); !kept) {
        settle(call.state, operation.name);
        return call.end(kept.error());
    }
    run(call);
}

}  // namespace

void perform(Context& context, State& state, std::string_view idempotency_key, Performed done,
             std::shared_ptr<const void> pin) {
    const Call call{context, state, idempotency_key, std::make_shared<Performed>(std::move(done)), std::move(pin)};
    const operations::Operation& operation = call.operation();
    if (!operation.scope.empty() && !state.caller.may(operation.scope))
        return call.end(Error{"permission_denied",
                              std::string(operation.name) + " needs the scope " + std::string(operation.scope), "", ""});
    if (idempotency_key.size() > kMaxIdempotencyKey)
        return call.end(Error{"invalid_request", "Idempotency-Key is over 255 bytes", "", ""});
    guarded(call, &reserveAndRun);
}

}  // namespace engram::pipeline
