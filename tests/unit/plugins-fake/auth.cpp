// Accepts the token of its configuration; shows in a principal what the host granted it.
#include <engram/cpp/auth.hpp>

namespace {

class Auth {
public:
    Auth(engram::Host host, engram::Config config)
        : host_(host), token_(config.text("/token")), limit_(config.text("/limit")) {
        if (token_ == "forbidden")
            throw engram::Failure(ENGRAM_INVALID_ARGUMENT, "that token is known to everybody");
    }

    engram_status start(engram_call* call) {
        auto* directory = host_.service<engram_host_directory_v1>(ENGRAM_HOST_DIRECTORY);
        engram_doc doc{};
        const engram_status status =
            directory->get(host_.raw(), call, ENGRAM_DOC_TENANT, {}, engram_lit("acme"), 1, &doc);
        if (status != ENGRAM_OK) return engram::fail(call, status, "no tenant acme");
        host_.info("auth started", {{"epoch", std::to_string(directory->epoch(host_.raw()))}});
        auto* metrics = host_.service<engram_host_metrics_v1>(ENGRAM_HOST_METRICS);
        const engram_str label = engram_lit("outcome");
        uint64_t id = 0;
        const engram_status defined =
            metrics->define(host_.raw(), ENGRAM_METRIC_COUNTER, engram_lit("checks_total"),
                            engram_lit("Checks"), &label, 1, &id);
        const engram_str value = engram_lit("ok");
        metrics->add(host_.raw(), id, &value, 1, 2.0);
        return defined;
    }

    engram::Verdict authenticate(engram_call*, const engram::Credential& credential) {
        if (credential.value != token_) return engram::Verdict::pass();
        // Tasks are not in the manifest, so the host must not give them.
        const bool granted = host_.service<void>(ENGRAM_HOST_TASKS) != nullptr;
        return engram::Verdict::allow(
            {.subject = "limit:" + limit_, .display = granted ? "tasks" : "no tasks"});
    }

private:
    engram::Host host_;
    std::string token_, limit_;
};

}  // namespace

ENGRAM_PLUGIN(Auth, R"({
    "id": "fake-auth", "version": "1.2.3", "kind": "auth", "provides": ["engram.auth/1"], "status": "stable",
    "services": ["engram.host.log/1", "engram.host.json/1", "engram.host.metrics/1", "engram.host.directory/1"],
    "config": {"type": "object", "required": ["token"], "properties": {
        "token": {"type": "string", "minLength": 8, "description": "at least eight characters"},
        "limit": {"type": "integer", "minimum": 1, "default": 3}}}})",
              engram::auth)
