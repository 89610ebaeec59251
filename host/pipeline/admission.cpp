#include "pipeline/stages.hpp"

namespace engram::pipeline {

Step admit(Context& context, const http::Request& request, State& state) {
    if (request.peer().kind == http::Peer::Kind::LocalSocket) return Flow::Next;
    if (context.peers.has(request.client(), PeerBuckets::Clock::now())) return Flow::Next;
    state.rate_limit.retry_after_ms = 1000;
    return Error{"rate_limited", "too many failed or anonymous requests from this address", "", ""};
}

}  // namespace engram::pipeline
