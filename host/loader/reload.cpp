// A running set of plugins under a new configuration: what stays, what is made anew, what has to wait for a restart.
#include "loader/combination.hpp"
#include "loader/plugin_set.hpp"

#include <engram/audit.h>
#include <engram/embed.h>
#include <engram/metering.h>
#include <engram/storage.h>

#include <algorithm>

namespace engram::loader {
namespace {

// Instances with files of their own, which have one owner, and those whose state the engine has taken over.
constexpr std::string_view kUntilRestart[] = {ENGRAM_TENANCY, ENGRAM_STORAGE, ENGRAM_EMBED, ENGRAM_METERING,
                                              ENGRAM_AUDIT};

bool staysUntilRestart(const Manifest& manifest) {
    return std::any_of(std::begin(kUntilRestart), std::end(kUntilRestart),
                       [&](std::string_view id) { return manifest.offers(id); });
}

bool same(const config::PluginEntry& a, const config::PluginEntry& b) {
    return a.use == b.use && a.name == b.name && a.need == b.need && a.sha256 == b.sha256 && a.config == b.config;
}

}  // namespace

std::shared_ptr<Instance> PluginSet::find(const std::string& name) const {
    for (const auto& instance : instances_)
        if (instance->name() == name) return instance;
    return nullptr;
}

std::variant<PluginSet::Reloaded, config::Problems> PluginSet::reload(
    const PluginSet& running, const std::vector<config::PluginEntry>& entries,
    const std::vector<std::filesystem::path>& folders) {
    auto inspected = inspectAll(entries, folders);
    if (auto* failed = std::get_if<config::Problems>(&inspected)) return std::move(*failed);
    Reloaded out;
    out.set.reset(new PluginSet);
    out.set->surroundings_ = running.surroundings_;
    PluginSet& next = *out.set;
    config::Problems problems;
    for (Found& found : std::get<std::vector<Found>>(inspected)) {
        const auto old = running.find(found.entry.name);
        const bool unchanged = old && same(old->entry(), found.entry);
        // One that could not be started, though it may be missing, gets another chance.
        if (unchanged && (old->state() == State::Started || staysUntilRestart(old->manifest()))) {
            next.instances_.push_back(old);
            continue;
        }
        if (staysUntilRestart(found.file.manifest) || (old && staysUntilRestart(old->manifest()))) {
            out.needs_restart.push_back(found.entry.name);
            if (old && staysUntilRestart(old->manifest())) next.instances_.push_back(old);
            continue;
        }
        out.changed.push_back(found.entry.name);
        auto instance = Instance::create(found.entry, std::move(found.file), found.config, *next.surroundings_);
        if (instance)
            next.instances_.push_back(std::move(*instance));
        else
            problems.push_back({found.entry.where, "plugin '" + found.entry.name + "': " + instance.error().message,
                                instance.error().hint});
    }
    for (const auto& old : running.instances_) {
        const bool named = std::any_of(entries.begin(), entries.end(),
                                       [&](const config::PluginEntry& entry) { return entry.name == old->name(); });
        if (named) continue;
        const bool stays = staysUntilRestart(old->manifest());
        (stays ? out.needs_restart : out.changed).push_back(old->name());
        if (stays) next.instances_.push_back(old);
    }
    if (problems.empty()) problems = checkRoutes(next.instances_);
    if (problems.empty()) problems = next.startCreated();
    // Of a set that is refused, ~PluginSet stops and destroys what is not the running one's.
    if (!problems.empty()) return problems;
    return out;
}

void PluginSet::handOver(PluginSet& next) {
    std::vector<Instance*> kept, own;
    for (Instance* instance : begun_) {
        const bool in_both = std::any_of(next.instances_.begin(), next.instances_.end(),
                                         [&](const auto& other) { return other.get() == instance; });
        (in_both ? kept : own).push_back(instance);
    }
    next.begun_.insert(next.begun_.begin(), kept.begin(), kept.end());
    begun_ = std::move(own);
}

}  // namespace engram::loader
