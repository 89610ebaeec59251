#include "first_key.hpp"

#include "operations/control_plane.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace engram {
namespace {

Result<void> writeSecret(const std::string& path, const std::string& secret) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    const std::string line = secret + "\n";
    const bool written = fd >= 0 && ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                         fsync(fd) == 0;
    const std::string why = std::strerror(errno);
    if (fd >= 0) ::close(fd);
    if (!written) return Error{"internal", path + ": " + why, "is the disk full or read-only?", ""};
    return {};
}

void member(json::Writer& out, const char* name, const std::string& value) {
    out.Key(name);
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

}  // namespace

Result<std::optional<FirstKey>> ensureFirstKey(operations::Services& services, const std::string& tenant_slug,
                                               const std::string& data, KeyDelivery delivery) {
    using Answer = std::optional<FirstKey>;
    ArenaCall call;
    engram_doc tenant{};
    tenant.size = sizeof tenant;
    if (services.tenancy.table->resolve(services.tenancy.self, call, borrow(tenant_slug), &tenant) != ENGRAM_OK)
        return Answer();
    const std::string tenant_id(view(tenant.id));
    size_t keys = 0;
    auto listed = operations::eachDocument(services.tenancy.table, services.tenancy.self, ENGRAM_DOC_API_KEY, tenant_id,
                                           [&](const engram_doc&, const json::Value&) { ++keys; });
    if (!listed) return listed.error();
    if (keys > 0) return Answer();

    const engram_str all = engram_lit("*");
    engram_issue_request request{};
    request.size = sizeof request;
    request.kind = 1;  // bearer
    request.tenant = borrow(tenant_id);
    request.name = engram_lit("first key");
    request.created_by = engram_lit("local:owner");
    request.scopes = &all;
    request.n_scopes = 1;
    request.expires_at = ENGRAM_TIME_NONE;
    for (const auto& auth : services.auth) {
        if (!ENGRAM_HAS(engram_auth_v1, auth.table, issue) || !auth.table->issue) continue;
        ArenaCall arena;
        engram_issued issued{};
        issued.size = sizeof issued;
        const engram_status status = auth.table->issue(auth.self, arena, &request, &issued);
        if (status == ENGRAM_PASS) continue;
        if (status != ENGRAM_OK) return operations::controlPlaneError(status, arena, "the first key");
        FirstKey key;
        if (delivery == KeyDelivery::Terminal) {
            key.secret = view(issued.secret);
        } else {
            key.file = data + "/first-key";
            if (auto written = writeSecret(key.file, std::string(view(issued.secret))); !written) return written.error();
        }
        return Answer(std::move(key));
    }
    return Answer();
}

void printGreeting(std::ostream& out, const Greeting& greeting, const std::optional<FirstKey>& key,
                   KeyDelivery delivery) {
    if (delivery == KeyDelivery::File) {
        json::Buffer buffer;
        json::Writer writer(buffer);
        writer.StartObject();
        member(writer, "url", greeting.url);
        member(writer, "admin_url", greeting.admin_url);
        member(writer, "socket", greeting.socket);
        member(writer, "data", greeting.data);
        if (key) member(writer, "api_key_file", key->file);
        writer.EndObject();
        out << buffer.GetString() << std::endl;
        return;
    }
    out << "engram " << ENGRAM_VERSION << "   " << greeting.plugins << " plugins   data " << greeting.data << "\n"
        << "  API      " << greeting.url << "/v1\n"
        << "  Admin    " << greeting.admin_url << "/metrics\n";
    if (key) out << "  Key      " << key->secret << "   (shown once; engram key create makes another)\n";
    out << "Next, in another terminal:  engram memory add \"I prefer tabs\"   engram memory search tabs\n" << std::flush;
}

}  // namespace engram
