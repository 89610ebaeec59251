#include "loader/manifest.hpp"

#include <algorithm>
#include <span>

#include "config/did_you_mean.hpp"
#include "loader/config_schema.hpp"

namespace engram::loader {
namespace {

constexpr std::string_view kMembers[] = {"id",     "version", "kind",    "provides",   "services",
                                         "config", "status",  "license", "description"};
constexpr std::string_view kKinds[] = {"auth",     "login", "tenancy", "quota",  "storage", "embed",
                                       "metering", "audit", "objects", "backup", "kms",     "routes",
                                       "secrets",  "mcp",   "hook",    "billing"};
constexpr std::string_view kStatuses[] = {"stable", "beta", "experimental"};
constexpr size_t kMaxText = 1024, kMaxList = 32, kMaxName = 64;

Error refuse(std::string reason,
             std::string fix = "correct the manifest in the plugin's source and rebuild it") {
    return {"plugin", "its manifest " + std::move(reason), std::move(fix), ""};
}

bool isName(std::string_view word, std::string_view punctuation) {
    const auto allowed = [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               punctuation.find(c) != std::string_view::npos;
    };
    return !word.empty() && word.size() <= kMaxName && word[0] >= 'a' && word[0] <= 'z' &&
           std::all_of(word.begin(), word.end(), allowed);
}

bool isVersion(std::string_view text) {
    if (text.empty() || text.size() > kMaxName || text[0] < '0' || text[0] > '9') return false;
    return std::all_of(text.begin(), text.end(),
                       [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '-' || c == '+'; });
}

// "engram.auth/1", "com.acme.thing/2"
bool isInterface(std::string_view id) {
    const size_t slash = id.rfind('/');
    if (slash == std::string_view::npos || !isName(id.substr(0, slash), "._-")) return false;
    const std::string_view generation = id.substr(slash + 1);
    return !generation.empty() && generation.size() <= 4 &&
           std::all_of(generation.begin(), generation.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool contains(std::span<const std::string_view> words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

Result<std::string> text(const json::Value& object, std::string_view name, std::string_view fallback) {
    const json::Value* value = json::find(object, name);
    if (!value) return std::string(fallback);
    if (!value->IsString() || value->GetStringLength() > kMaxText)
        return refuse("has '" + std::string(name) + "' that is no short text");
    return std::string(json::view(*value));
}

Result<std::vector<std::string>> interfaces(const json::Value& object, std::string_view name) {
    std::vector<std::string> out;
    const json::Value* list = json::find(object, name);
    if (!list) return out;
    if (!list->IsArray() || list->Size() > kMaxList)
        return refuse("has '" + std::string(name) + "' that is no list");
    for (const json::Value& item : list->GetArray()) {
        if (!item.IsString() || !isInterface(json::view(item)))
            return refuse("has an entry of '" + std::string(name) +
                          "' that is no id such as \"engram.auth/1\"");
        out.emplace_back(json::view(item));
    }
    std::vector<std::string> sorted = out;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
        return refuse("names something twice in '" + std::string(name) + "'");
    return out;
}

// A newer SDK may add members, so only what looks like a slip of the pen is refused.
Result<void> checkMembers(const json::Value& object) {
    for (const auto& member : object.GetObject()) {
        const std::string_view name = json::view(member.name);
        if (contains(kMembers, name)) continue;
        if (auto close = config::closest(name, kMembers))
            return refuse("has the unknown member '" + std::string(name) + "'",
                          "did you mean '" + std::string(*close) + "'?");
    }
    return {};
}

Result<void> readTexts(const json::Value& object, Manifest& out) {
    struct Member {
        std::string_view name, fallback;
        std::string* into;
    };
    const Member members[] = {{"id", "", &out.id},           {"version", "", &out.version},
                              {"kind", "", &out.kind},       {"status", "experimental", &out.status},
                              {"license", "", &out.license}, {"description", "", &out.description}};
    for (const Member& member : members) {
        auto value = text(object, member.name, member.fallback);
        if (!value) return value.error();
        *member.into = *value;
    }
    if (!isName(out.id, ".-")) return refuse("has no 'id' such as \"quota-local\"");
    if (!isVersion(out.version)) return refuse("has no 'version' such as \"1.0.0\"");
    if (!contains(kKinds, out.kind)) {
        auto close = config::closest(out.kind, kKinds);
        return refuse(
            "has the unknown kind '" + out.kind + "'",
            close ? "did you mean '" + std::string(*close) + "'?" : "see sdk/schema/manifest.schema.json");
    }
    if (!contains(kStatuses, out.status))
        return refuse("has a status other than stable, beta or experimental");
    return {};
}

Result<void> readSchema(const json::Value& object, Manifest& out) {
    auto schema = std::make_shared<json::Document>();
    if (const json::Value* config = json::find(object, "config")) {
        if (auto ok = checkSchema(*config); !ok)
            return refuse("has a configuration schema that cannot be used: " + ok.error().message,
                          ok.error().hint);
        schema->CopyFrom(*config, schema->GetAllocator());
    } else {
        schema->Parse(R"({"type":"object"})");
    }
    out.config_schema = std::move(schema);
    return {};
}

}  // namespace

bool Manifest::offers(std::string_view interface_id) const {
    return std::find(provides.begin(), provides.end(), interface_id) != provides.end();
}

bool Manifest::asksFor(std::string_view service_id) const {
    return std::find(services.begin(), services.end(), service_id) != services.end();
}

Result<Manifest> parseManifest(std::string_view manifest_text) {
    auto document = json::parse(manifest_text);
    if (!document) return refuse("is " + document.error().message);
    if (!document->IsObject()) return refuse("is no JSON object");
    if (auto ok = checkMembers(*document); !ok) return ok.error();
    Manifest out;
    if (auto ok = readTexts(*document, out); !ok) return ok.error();
    auto provides = interfaces(*document, "provides");
    if (!provides) return provides.error();
    if (provides->empty()) return refuse("has no 'provides': the plugin would do nothing");
    auto services = interfaces(*document, "services");
    if (!services) return services.error();
    out.provides = std::move(*provides);
    out.services = std::move(*services);
    if (auto ok = readSchema(*document, out); !ok) return ok.error();
    return out;
}

std::string_view draftOf(std::string_view drafts, std::string_view id) {
    while (!drafts.empty()) {
        const std::string_view entry = drafts.substr(0, drafts.find(';'));
        drafts.remove_prefix(std::min(entry.size() + 1, drafts.size()));
        const size_t equals = entry.find('=');
        if (equals != std::string_view::npos && entry.substr(0, equals) == id)
            return entry.substr(equals + 1);
    }
    return {};
}

Result<void> checkDrafts(const Manifest& manifest, std::string_view theirs, std::string_view ours) {
    for (const auto* list : {&manifest.provides, &manifest.services}) {
        for (const std::string& id : *list) {
            const std::string_view host = draftOf(ours, id);
            const bool service = list == &manifest.services;
            if (host.empty())
                return Error{
                    "plugin",
                    service ? "asks for the service " + id + ", which this host does not offer"
                            : "provides " + id + ", which this host does not know",
                    "install a plugin made for this version of Engram, or correct the id in its manifest",
                    ""};
            if (draftOf(theirs, id) != host)
                return Error{"plugin", "was compiled with another draft of " + id,
                             "rebuild it with the headers of this version of Engram", ""};
        }
    }
    return {};
}

}  // namespace engram::loader
