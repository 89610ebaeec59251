#include "first_key.hpp"

#include "operations/control_plane.hpp"
#include "operations/issued_key.hpp"

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

    operations::KeyRequest request;
    request.tenant = tenant_id;
    request.name = "first key";
    request.created_by = "local:owner";
    request.scopes = {"*"};
    // It acts for the owner of the machine where the control plane knows them.
    engram_doc owner{};
    owner.size = sizeof owner;
    if (services.tenancy.table->member(services.tenancy.self, call, borrow(tenant_id), borrow(request.created_by), &owner) == ENGRAM_OK)
        request.member = request.created_by;
    auto issued = operations::issueKey(services, request);
    if (!issued && issued.error().code == "not_implemented") return Answer();
    if (!issued) return issued.error();
    FirstKey key;
    key.tenant = tenant_id;
    key.document = operations::keyJson(issued->document);
    if (delivery == KeyDelivery::Terminal) {
        key.secret = std::move(issued->secret);
    } else {
        key.file = data + "/first-key";
        if (auto written = writeSecret(key.file, issued->secret); !written) return written.error();
    }
    return Answer(std::move(key));
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
    out << "Next, in another terminal:  engram memory add \"I prefer tabs\"   engram memory search tabs   engram doctor\n" << std::flush;
}

}  // namespace engram
