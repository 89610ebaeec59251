// The stages of the pipeline on requests that came over a real connection, with plugins that a test writes in a line.
//
// The stage runs on the server's io thread while the test waits; what it found is looked at afterwards.
#pragma once

#include "http/server.hpp"
#include "operations/workspaces.hpp"
#include "pipeline/context.hpp"
#include "pipeline/stages.hpp"
#include "pipeline/state.hpp"
#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <engram/cpp/text.hpp>

#include <functional>
#include <map>
#include <optional>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace engram::testing {

// An auth plugin that answers `status` and counts how often it was asked.
struct FakeAuth {
    engram_status status = ENGRAM_PASS;
    std::string why{}, subject = "key:1", tenant{}, challenge{};
    uint32_t member = 0;
    int asked = 0;
    std::string saw{};

    operations::Plugin<engram_auth_v1> plugin() {
        table.size = sizeof table;
        table.authenticate = [](void* self, engram_call* call, const engram_credential* c, engram_principal* out) -> engram_status {
            auto& f = *static_cast<FakeAuth*>(self);
            ++f.asked;
            f.saw = view(c->value);
            if (f.status != ENGRAM_OK) return f.status == ENGRAM_PASS ? ENGRAM_PASS : fail(call, f.status, f.why);
            static const engram_str kScopes[] = {engram_lit("memory:read")};
            out->subject = borrow(f.subject);
            out->tenant = borrow(f.tenant);
            out->member = f.member;
            out->scopes = kScopes;
            out->n_scopes = 1;
            return ENGRAM_OK;
        };
        if (!challenge.empty())
            table.challenge = [](void* self, engram_call*, engram_str* out) -> engram_status {
                *out = borrow(static_cast<FakeAuth*>(self)->challenge);
                return ENGRAM_OK;
            };
        return {&table, this};
    }
    engram_auth_v1 table{};
};

// A control plane of a few tenants; each is found by slug and by id ("id-<slug>").
struct FakeTenancy {
    std::map<std::string, std::string> status_by_slug;
    std::map<std::string, std::string> members;  // subject by tenant id
    std::optional<engram_status> broken{};
    uint64_t epoch = 1;
    int resolved = 0;
    std::string json{};

    operations::Plugin<engram_tenancy_v1> plugin() {
        table.size = sizeof table;
        table.epoch = [](void* self) { return static_cast<FakeTenancy*>(self)->epoch; };
        table.resolve = [](void* self, engram_call* call, engram_str name, engram_doc* out) -> engram_status {
            auto& f = *static_cast<FakeTenancy*>(self);
            ++f.resolved;
            if (f.broken) return *f.broken;
            std::string slug(view(name));
            if (slug.starts_with("id-")) slug = slug.substr(3);
            auto it = f.status_by_slug.find(slug);
            if (it == f.status_by_slug.end()) return ENGRAM_NOT_FOUND;
            out->id = keep(call, "id-" + slug);
            out->json = keep(call, R"({"slug":")" + slug + R"(","plan":"free","status":")" + it->second + "\"}");
            return ENGRAM_OK;
        };
        table.member = [](void* self, engram_call*, engram_str tenant, engram_str subject, engram_doc*) -> engram_status {
            auto& f = *static_cast<FakeTenancy*>(self);
            if (f.broken) return *f.broken;
            auto it = f.members.find(std::string(view(tenant)));
            return it != f.members.end() && it->second == view(subject) ? ENGRAM_OK : ENGRAM_NOT_FOUND;
        };
        return {&table, this};
    }
    engram_tenancy_v1 table{};
};

// A quota plugin that notes what is reserved and settled.
struct FakeQuota {
    engram_status status = ENGRAM_OK;
    uint64_t ticket = 0;
    engram_grant grant{};
    std::vector<std::string> calls{};

    operations::Plugin<engram_quota_v1> plugin() {
        table.size = sizeof table;
        table.reserve = [](void* self, engram_call*, const engram_cost* cost, engram_grant* out) -> engram_status {
            auto& f = *static_cast<FakeQuota*>(self);
            f.calls.push_back("reserve " + std::string(view(cost->route)) + " " + std::string(view(cost->plan)));
            const uint32_t size = out->size;
            *out = f.grant;
            out->size = size;
            out->ticket = f.ticket;
            return f.status;
        };
        table.settle = [](void* self, engram_call*, uint64_t settled, const engram_cost* actual) -> engram_status {
            auto& f = *static_cast<FakeQuota*>(self);
            f.calls.push_back((actual ? "settle " : "release ") + std::to_string(settled));
            return ENGRAM_OK;
        };
        return {&table, this};
    }
    engram_quota_v1 table{};
};

class Stages {
public:
    Stages()
        : engine_({}, {}, clock_, {}), workspaces_(nullptr, nullptr, {}),
          services_{.engine = engine_, .workspaces = workspaces_}, cpu_({"cpu", 1, 8}), blocking_({"blocking", 1, 8}),
          log_(openLog(folder_ / "log")), metrics({"none"}), peers({20, 200, 1000}),
          context{.services = services_, .router = router_, .cpu = cpu_, .blocking = blocking_, .log = *log_, .metrics = metrics,
                  .spool = nullptr, .peers = peers, .max_body = 1000, .log_requests = pipeline::RequestLog::Off} {}

    using Run = std::function<pipeline::Step(const http::Request&)>;

    // Runs `stage` on a request with these header lines, over TCP.
    pipeline::Step run(const std::string& headers, Run stage, const std::string& host = "engram.example") {
        return serve("GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" + headers + "\r\n", stage, http::Peer::Kind::Tcp);
    }
    // The same over the local socket.
    pipeline::Step runLocally(const std::string& headers, Run stage) {
        return serve("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + "\r\n", stage,
                     http::Peer::Kind::LocalSocket);
    }

private:
    struct Once final : http::Handler {
        Run stage;
        std::optional<pipeline::Step> step;
        void onHeaders(http::Exchange exchange) override {
            step = stage(exchange.request());
            std::move(exchange).reply({});
        }
        void onRequest(http::Exchange) override {}
    };

    static std::unique_ptr<observe::Log> openLog(const std::string& file) {
        observe::Log::Options options;
        options.file = file;
        return std::move(*observe::Log::open(options));
    }

    pipeline::Step serve(const std::string& bytes, Run stage, http::Peer::Kind kind) {
        Once handler;
        handler.stage = std::move(stage);
        exchange(bytes, handler, kind);
        CHECK_MESSAGE("the request never reached the stage", handler.step.has_value());
        return *handler.step;
    }

public:
    // What the server sends until it closes the connection; the bytes ask it to.
    std::string exchange(const std::string& bytes, http::Handler& handler, http::Peer::Kind kind = http::Peer::Kind::Tcp) {
        http::Server::Options options;
        options.io_threads = 1;
        http::Server server(options);
        auto address = server.listen("127.0.0.1:0", handler);
        CHECK(address.ok());
        CHECK(server.listenLocal(folder_ / "sock", handler).ok());
        server.start();
        const int fd = kind == http::Peer::Kind::Tcp ? connectTo(*address) : connectToSocket(folder_ / "sock");
        CHECK_EQ(ssize_t(bytes.size()), ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL));
        std::string answer;
        char part[512];
        for (ssize_t n; (n = ::recv(fd, part, sizeof part, 0)) > 0;) answer.append(part, static_cast<size_t>(n));
        ::close(fd);
        server.drain(std::chrono::seconds(5));
        return answer;
    }

private:
    static int connectTo(const std::string& address) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(0, ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to));
        return fd;
    }
    static int connectToSocket(const std::string& path) {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        CHECK(path.size() < sizeof to.sun_path);
        path.copy(to.sun_path, path.size());
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(0, ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to));
        return fd;
    }

    TemporaryFolder folder_;
    engine::SystemClock clock_;
    engine::Engine engine_;
    operations::Workspaces workspaces_;
    operations::Services services_;
    rest::Router router_;
    pipeline::Lane cpu_, blocking_;
    std::unique_ptr<observe::Log> log_;

public:
    observe::Metrics metrics;
    pipeline::PeerBuckets peers;
    pipeline::Context context;
};

inline void refusedWith(const char* code, const pipeline::Step& step) {
    CHECK_MESSAGE(std::string("it went on, expected ") + code, !step);
    CHECK_TEXT(code, step.error().code);
}
inline void goesOn(const pipeline::Step& step) {
    CHECK_MESSAGE(step ? "" : step.error().code + ": " + step.error().message, step.ok());
    CHECK(*step == pipeline::Flow::Next);
}

}  // namespace engram::testing
