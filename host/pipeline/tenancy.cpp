#include "http/field_text.hpp"
#include "json/json.hpp"
#include "operations/memory_json.hpp"
#include "pipeline/stages.hpp"

#include <algorithm>
#include <unordered_map>

namespace engram::pipeline {
namespace {

struct Tenant {
    std::string id, slug, plan, status;
};

// Tenants as last seen by this thread, true as long as the control plane's epoch has not moved.
struct TenantCache {
    static constexpr size_t kMax = 4096;
    uint64_t epoch = 0;
    std::unordered_map<std::string, Tenant> entries;
};

Result<Tenant> readTenant(const engram_doc& doc) {
    auto value = json::parse(view(doc.json));
    if (!value) return value.error();
    return Tenant{std::string(view(doc.id)), std::string(operations::textOr(*value, "slug", "")),
                  std::string(operations::textOr(*value, "plan", "")),
                  std::string(operations::textOr(*value, "status", ""))};
}

// The label in front of the base domain: acme.engram.example -> acme; empty if the host is not below it.
std::string_view slugOfHost(std::string_view host, std::string_view base_domain) {
    if (base_domain.empty()) return {};
    host = host.substr(0, host.find(':'));
    if (host.ends_with('.')) host.remove_suffix(1);
    if (host.size() <= base_domain.size() + 1 || !host.ends_with(base_domain)) return {};
    host.remove_suffix(base_domain.size());
    if (!host.ends_with('.')) return {};
    host.remove_suffix(1);
    return host.find('.') == std::string_view::npos ? host : std::string_view();
}

Error notFound(std::string_view name) {
    return {"tenant_not_found", "no tenant '" + std::string(name) + "' for this credential", "", ""};
}

struct Lookup {
    Flow flow = Flow::Next;
    Tenant tenant;
};

Result<Lookup> lookUp(Context& context, State& state, const std::string& name) {
    thread_local TenantCache cache;
    const uint64_t epoch = context.tenancy.table->epoch(context.tenancy.self);
    if (cache.epoch != epoch || cache.entries.size() > TenantCache::kMax) {
        cache.entries.clear();
        cache.epoch = epoch;
    }
    if (auto it = cache.entries.find(name); it != cache.entries.end()) return Lookup{Flow::Next, it->second};
    engram_doc doc{};
    doc.size = sizeof doc;
    const engram_status status = context.tenancy.table->resolve(context.tenancy.self, state.call, borrow(name), &doc);
    if (status == ENGRAM_AGAIN) return Lookup{Flow::Lane, {}};
    if (status == ENGRAM_NOT_FOUND) return notFound(name);
    if (status != ENGRAM_OK) return Error{"unavailable", "the control plane does not answer", "", ""};
    auto tenant = readTenant(doc);
    if (!tenant) return tenant.error();
    cache.entries.emplace(name, *tenant);
    return Lookup{Flow::Next, std::move(*tenant)};
}

Result<void> agree(const Tenant& tenant, std::string_view named) {
    if (named.empty() || named == tenant.slug) return {};
    return Error{"tenant_ambiguous", "the credential and the request name different tenants", "", ""};
}

}  // namespace

Step resolveTenant(Context& context, const http::Request& request, State& state) {
    const std::string_view from_header = request.header("x-engram-tenant");
    // Names of hosts are the same in any case.
    const std::string host = http::lowered(context.base_domain.empty() ? std::string_view() : request.host());
    const std::string_view from_host = slugOfHost(host, context.base_domain);
    if (!from_header.empty() && !from_host.empty() && from_header != from_host)
        return Error{"tenant_ambiguous", "the host name and X-Engram-Tenant name different tenants", "", ""};
    const std::string_view named = from_header.empty() ? from_host : from_header;

    const bool local = request.peer().kind == http::Peer::Kind::LocalSocket;
    std::string name = local ? context.default_tenant : state.bound_tenant;
    if (name.empty()) name = named;
    if (name.empty()) return Error{"tenant_ambiguous", "nothing names a tenant", "", ""};

    auto found = lookUp(context, state, name);
    if (!found) return found.error();
    if (found->flow == Flow::Lane) return Flow::Lane;
    if (auto agreed = agree(found->tenant, named); !agreed) return agreed.error();
    if (found->tenant.status == "deleted") return notFound(name);
    if (found->tenant.status != "active")
        return Error{"tenant_suspended", "tenant '" + found->tenant.slug + "' is " + found->tenant.status, "", ""};
    state.caller.tenant_id = found->tenant.id;
    state.caller.tenant_slug = found->tenant.slug;
    state.caller.plan = found->tenant.plan;
    state.call.setTenant(state.caller.tenant_id);
    state.call.setSubject(state.caller.subject);
    return Flow::Next;
}

}  // namespace engram::pipeline
