#include "pipeline/mcp.hpp"

#include "http/field_text.hpp"
#include "mcp/endpoint.hpp"
#include "operations/scopes.hpp"
#include "pipeline/audit.hpp"
#include "pipeline/meter.hpp"
#include "pipeline/perform.hpp"
#include "pipeline/reply.hpp"
#include "problem/problem.hpp"

#include <algorithm>
#include <new>
#include <optional>

namespace engram::pipeline {
namespace {

constexpr size_t kMaxBatch = 50;

State& stateOf(http::Exchange& exchange) { return *static_cast<State*>(exchange.attachment()); }

// The query of /mcp: tools=all, for clients that call nothing but what is listed; mode=read_only and the like, for an agent
// that is to do less than its credential may.
struct McpQuery {
    bool all_tools = false;
    std::optional<operations::Mode> mode;
};

Result<McpQuery> readQuery(std::string_view text) {
    McpQuery query;
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(text.size(), part.size() + 1));
        if (part == "tools=all") query.all_tools = true;
        else if (part.starts_with("mode=")) query.mode = operations::modeOf(part.substr(5));
        else if (part.starts_with("tools="))
            return Error{"invalid_request", "the query of /mcp says which tools are listed: tools=all, or nothing", "", ""};
        if (part.starts_with("mode=") && !query.mode)
            return Error{"invalid_request", "the query of /mcp names a mode that there is not",
                         "mode is read_only, scoped_write, maintenance or admin", ""};
    }
    return query;
}

mcp::Headers headersOf(const http::Request& request, const McpQuery& query) {
    return {request.header("mcp-protocol-version"), request.header("mcp-session-id"), request.header("mcp-method"),
            request.header("mcp-name"), query.all_tools};
}

const rest::Route* routeOf(const Context& context, std::string_view operation) {
    for (const rest::Route& route : context.router.routes())
        if (route.operation->name == operation) return &route;
    return nullptr;
}

// One POST: its messages in their order, the calls among them one after the other.
class McpRequest : public std::enable_shared_from_this<McpRequest> {
public:
    McpRequest(Context& context, http::Exchange exchange)
        : pin_(exchange.pinned()), context_(context), exchange_(std::move(exchange)) {}

    void start() {
        guarded(&McpRequest::read);
    }

private:
    // Memory may run out anywhere: then this request is refused, and a smaller one may fit.
    void guarded(void (McpRequest::*step)()) {
        try {
            (this->*step)();
        } catch (const std::bad_alloc&) {
            const Error error{"out_of_memory", "memory ran out while the request was worked on", "", ""};
            if (exchange_) finish({problem::kindOf(error.code).status, mcp::refusal(mcp::kInternalError, error)});
        }
    }

    void read() {
        auto query = readQuery(exchange_.request().query());
        if (!query) return finish({400, mcp::refusal(mcp::kInvalidRequest, query.error())});  // checkMcpHeaders came before
        query_ = *query;
        operations::Caller& caller = stateOf(exchange_).caller;
        if (query_.mode) caller.scopes = operations::restrictedTo(*query_.mode, caller.scopes);
        auto parsed = json::parse(exchange_.request().body());
        if (!parsed) return finish({400, mcp::refusal(mcp::kParseError, parsed.error())});
        body_ = std::move(*parsed);
        if (!body_.IsArray()) {
            messages_.push_back(mcp::readMessage(body_));
            return goOn();
        }
        batch_ = true;
        if (!mcp::mayBatch(headersOf(exchange_.request(), query_)))
            return finish({400, mcp::refusal(mcp::kInvalidRequest, {"invalid_request", "this revision has no batches", "send one message a request", ""})});
        if (body_.Empty() || body_.Size() > kMaxBatch)
            return finish({400, mcp::refusal(mcp::kInvalidRequest, {"invalid_request", "a batch has 1 to 50 messages", "send several batches", ""})});
        for (const auto& value : body_.GetArray()) messages_.push_back(mcp::readMessage(value));
        goOn();
    }

    const mcp::Message& message() const { return messages_[next_]; }

    void goOn() {
        for (; next_ < messages_.size(); ++next_) {
            const operations::Caller& caller = stateOf(exchange_).caller;
            mcp::Outcome outcome = batch_ ? mcp::handleInBatch(message(), headersOf(exchange_.request(), query_), caller)
                                          : mcp::handle(message(), headersOf(exchange_.request(), query_), caller);
            if (const auto* call = std::get_if<mcp::ToolCall>(&outcome)) return begin(*call);
            auto& reply = std::get<mcp::Reply>(outcome);
            if (!batch_) return finish(std::move(reply));
            if (!reply.body.empty()) replies_.push_back(std::move(reply.body));
        }
        finishBatch();
    }

    // The operation's own state: a batch has several of them.
    void begin(const mcp::ToolCall& call) {
        const http::Request& request = exchange_.request();
        call_ = std::make_unique<State>();
        call_->caller = stateOf(exchange_).caller;
        call_->thread = operations::Thread::Lane;
        call_->call.setFlags(0);
        call_->call.setTenant(call_->caller.tenant_id);
        call_->call.setSubject(call_->caller.subject);
        call_->call.setRequestId(call_->caller.request_id);
        call_->call.setDeadline(stateOf(exchange_).call.get()->deadline_ns);
        call_->match.route = routeOf(context_, call.tool->operation);
        call_->input.SetObject();
        if (call.arguments) call_->input.CopyFrom(*call.arguments, call_->input.GetAllocator());
        const std::string text = json::write(call_->input);
        call_->bytes_in = text.size();
        key_ = request.header("idempotency-key");
        if (!key_.empty()) {
            // The message's id is not part of what is done: whoever repeats a call may number it anew.
            call_->request_bytes = "tools/call" + std::string(1, '\0') + std::string(call.tool->name) + std::string(1, '\0') + text;
            if (batch_) key_ += "#" + std::to_string(next_);
        }
        if (auto valid = call_->match.route->input->check(call_->input); !valid) return end(valid.error());
        if (call_->match.route->operation->lane == operations::Lane::Blocking)
            return onLane(context_.blocking, &McpRequest::run);
        run();
    }

    void run() {
        perform(context_, *call_, key_, [self = shared_from_this()](Result<operations::Answer> result) { self->end(std::move(result)); }, pin_);
    }

    void end(Result<operations::Answer> result) {
        const http::Request& request = exchange_.request();
        const operations::Operation& operation = *call_->match.route->operation;
        int status = call_->match.route->binding->success;
        if (result)
            if (auto kept = auditChange(context_, *call_, request, operation, status, result->audit); !kept) result = kept.error();
        if (!result) {
            status = problem::kindOf(result.error().code).status;
            if (result.error().counted) context_.metrics.quotaExceeded();  // a limit that travelled with the write
            auditRefusal(context_, *call_, request, operation, status, result.error().code);
        }
        std::string reply = mcp::toolReply(message(), result);
        meter(context_, *call_, request, status, result ? result->usage : operations::Usage(), reply.size());
        record(context_, *call_, request, status, result ? std::string_view() : result.error().code);
        if (status >= 500)
            context_.log.write(observe::Level::Error, "request failed",
                               {{"request_id", request.id()}, {"error_code", result.error().code},
                                {"detail", result.error().message}, {"cause", result.error().cause}});
        called_ = true;
        if (!batch_) return finish({200, std::move(reply)});
        replies_.push_back(std::move(reply));
        // The next message must not run where a write was acknowledged: on the tenant's writer.
        if (++next_ == messages_.size()) return finishBatch();
        onLane(context_.cpu, &McpRequest::goOn);
    }

    void onLane(Lane& lane, void (McpRequest::*next)()) {
        auto task = [self = shared_from_this(), next] { self->guarded(next); };
        if (lane.submit(stateOf(exchange_).caller.tenant_id, std::move(task)) != Lane::Admission::Full) return;
        const Error error{"overloaded", "too many requests are waiting", "", ""};
        if (!batch_) return finish({200, mcp::toolReply(message(), error)});
        for (; next_ < messages_.size(); ++next_)
            if (message().kind == mcp::Message::Kind::Request) replies_.push_back(mcp::toolReply(message(), error));
        finishBatch();
    }

    void finishBatch() {
        if (replies_.empty()) return finish({202});
        std::string body = "[";
        for (const std::string& reply : replies_) body.append(body.size() > 1 ? "," : "").append(reply);
        finish({200, body + "]"});
    }

    void finish(mcp::Reply reply) {
        http::Response response;
        response.status = reply.status;
        response.body = std::move(reply.body);
        response.headers.emplace_back("Cache-Control", "no-store");
        if (!reply.session.empty()) response.headers.emplace_back("Mcp-Session-Id", std::move(reply.session));
        addRateLimit(response, call_ && call_->rate_limit.known() ? call_->rate_limit : stateOf(exchange_).rate_limit);
        if (!called_) record(context_, stateOf(exchange_), exchange_.request(), response.status, "");
        std::move(exchange_).reply(std::move(response));
    }

    std::shared_ptr<const void> pin_;  // the context's generation
    Context& context_;
    http::Exchange exchange_;
    McpQuery query_;
    json::Document body_;
    std::vector<mcp::Message> messages_;
    size_t next_ = 0;
    bool batch_ = false, called_ = false;
    std::vector<std::string> replies_;
    std::unique_ptr<State> call_;  // of the tools/call under way
    std::string key_;
};

// True if the list of media ranges admits application/json; a missing header admits everything.
bool acceptsJson(std::string_view accept) {
    if (accept.empty()) return true;
    const std::string text = http::lowered(accept);
    for (std::string_view range : {"application/json", "application/*", "*/*"})
        if (text.find(range) != std::string::npos) return true;
    return false;
}

bool isJson(std::string_view content_type) {
    std::string type = http::lowered(content_type.substr(0, content_type.find(';')));
    while (type.ends_with(' ')) type.pop_back();
    return type == "application/json";
}

}  // namespace

bool refuseForeign(Context& context, http::Exchange& exchange) {
    const http::Request& request = exchange.request();
    if (request.peer().kind == http::Peer::Kind::LocalSocket) return false;
    const auto allowed = checkAccess(context.mcp, request.host(), request.header("origin"));
    if (allowed) return false;
    context.peers.pay(request.client(), PeerBuckets::Clock::now());
    http::Response response;
    response.status = problem::kindOf(allowed.error().code).status;
    response.body = mcp::refusal(mcp::kInvalidRequest, allowed.error());
    record(context, stateOf(exchange), request, response.status, allowed.error().code);
    std::move(exchange).reply(std::move(response));
    return true;
}

Result<void> checkMcpHeaders(const http::Request& request) {
    if (request.method() != "POST")
        return Error{"method_not_allowed", "/mcp takes POST: it has no streams and no sessions to end", "", ""};
    if (!isJson(request.header("content-type")))
        return Error{"unsupported_media_type", "the body must be application/json", "", ""};
    if (!acceptsJson(request.header("accept")))
        return Error{"not_acceptable", "the answer is application/json, which Accept does not admit", "", ""};
    if (auto query = readQuery(request.query()); !query) return query.error();
    return {};
}

void answerMcp(Context& context, http::Exchange exchange) {
    std::make_shared<McpRequest>(context, std::move(exchange))->start();
}

}  // namespace engram::pipeline
