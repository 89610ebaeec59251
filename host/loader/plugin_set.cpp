#include "loader/plugin_set.hpp"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "loader/combination.hpp"
#include "loader/config_schema.hpp"

namespace engram::loader {
namespace {

constexpr auto kStartTime = std::chrono::seconds(60);
constexpr auto kEmergencyStopTime = std::chrono::seconds(5);

uint64_t nanosecondsFromNow(std::chrono::seconds span) {
    const auto when = TaskPool::Clock::now() + span;
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count());
}

config::Problem problemOf(const config::PluginEntry& entry, const Error& error) {
    return {entry.where, "plugin '" + entry.name + "': " + error.message, error.hint};
}

// An instance's name is a folder in the data directory, a label and a key of the log.
Result<void> checkName(const std::string& name) {
    static const std::set<std::string> kTaken = {"tenants", "spool", "backups"};
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    const bool well_formed = !name.empty() && name.size() <= 64 && name[0] >= 'a' && name[0] <= 'z' &&
                             std::all_of(name.begin(), name.end(), allowed);
    if (!well_formed || kTaken.contains(name))
        return Error{"plugin",
                     well_formed ? "the name is taken by the host" : "the name is not of a-z, 0-9, - and _",
                     "give it another with name = \"…\"", ""};
    return {};
}

Result<Found> inspectOne(const config::PluginEntry& entry,
                         const std::vector<std::filesystem::path>& folders) {
    if (auto ok = checkName(entry.name); !ok) return ok.error();
    auto file = inspect({entry.use, entry.sha256}, folders);
    if (!file) return file.error();
    for (const std::string& service : file->manifest.services)
        if (!offersService(service))
            return Error{
                "plugin",
                file->path.string() + " asks for the service " + service + ", which this host does not offer",
                "install a plugin made for this version of Engram", ""};
    auto config = applySchema(*file->manifest.config_schema, entry.config);
    if (!config) return config.error();
    return Found{entry, std::move(*file), std::move(*config)};
}

void append(config::Problems& to, config::Problems more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

config::Problems checkNames(const std::vector<config::PluginEntry>& entries) {
    config::Problems problems;
    std::set<std::string> names;
    for (const config::PluginEntry& entry : entries)
        if (!names.insert(entry.name).second)
            problems.push_back({entry.where, "two plugins are named '" + entry.name + "'",
                                "give one of them a name of its own with name = \"…\""});
    return problems;
}

// Which interfaces would be there, if those that could not be inspected are left out.
config::Problems checkFound(const std::vector<Found>& found) {
    std::vector<Provider> providers;
    for (const Found& one : found)
        for (const std::string& id : one.file.manifest.provides) providers.push_back({one.entry.name, id});
    return checkProviders(providers);
}

// Keeps what a task that does not end may still use; joining its thread would wait for ever.
void bury(std::vector<std::shared_ptr<Instance>> instances, std::shared_ptr<Surroundings> surroundings) {
    using Grave = std::pair<std::vector<std::shared_ptr<Instance>>, std::shared_ptr<Surroundings>>;
    static std::mutex mutex;
    static auto* const graves = new std::vector<Grave>;
    const std::lock_guard lock(mutex);
    graves->emplace_back(std::move(instances), std::move(surroundings));
}

}  // namespace

std::variant<std::vector<Found>, config::Problems> inspectAll(
    const std::vector<config::PluginEntry>& entries, const std::vector<std::filesystem::path>& folders) {
    if (entries.size() > PluginSet::kMaxInstances)
        return config::Problems{{"plugins", "more than 64 [[plugin]] entries", "remove some"}};
    config::Problems problems = checkNames(entries);
    std::vector<Found> found;
    for (const config::PluginEntry& entry : entries) {
        auto one = inspectOne(entry, folders);
        if (one)
            found.push_back(std::move(*one));
        else
            problems.push_back(problemOf(entry, one.error()));
    }
    // With a file missing, "no plugin provides …" would only repeat it.
    if (problems.empty()) append(problems, checkFound(found));
    if (!problems.empty()) return problems;
    return found;
}

std::variant<std::unique_ptr<PluginSet>, config::Problems> PluginSet::load(
    const std::vector<config::PluginEntry>& entries, const std::vector<std::filesystem::path>& folders,
    HostOutlets outlets) {
    auto inspected = inspectAll(entries, folders);
    if (auto* failed = std::get_if<config::Problems>(&inspected)) return std::move(*failed);
    std::unique_ptr<PluginSet> set(new PluginSet);
    set->surroundings_->outlets = std::move(outlets);
    config::Problems problems;
    for (Found& found : std::get<std::vector<Found>>(inspected)) {
        auto instance =
            Instance::create(found.entry, std::move(found.file), found.config, *set->surroundings_);
        if (instance)
            set->instances_.push_back(std::move(*instance));
        else
            problems.push_back(problemOf(found.entry, instance.error()));
    }
    append(problems, checkRoutes(set->instances_));
    if (!problems.empty()) return problems;
    return set;
}

PluginSet::~PluginSet() {
    stop(TaskPool::Clock::now() + kEmergencyStopTime);
    const bool abandoned = std::any_of(instances_.begin(), instances_.end(),
                                       [](const auto& instance) { return instance->abandoned(); });
    if (abandoned) {
        bury(std::move(instances_), std::move(surroundings_));
        return;
    }
    if (surroundings_.use_count() == 1) surroundings_->control_plane.store(nullptr, std::memory_order_release);
    while (!instances_.empty()) instances_.pop_back();
}

void PluginSet::log(uint32_t level, const std::string& instance, const std::string& message) const {
    const HostOutlets& outlets = surroundings_->outlets;
    if (outlets.log && level >= outlets.min_log_level) outlets.log(level, instance, message, {});
}

std::vector<Instance*> PluginSet::startOrder() const {
    const auto rank = [](const Instance* instance) {
        if (instance->manifest().offers("engram.tenancy/1")) return 0;
        return instance->manifest().offers("engram.storage/1") ? 1 : 2;
    };
    std::vector<Instance*> order;
    for (const auto& instance : instances_) order.push_back(instance.get());
    std::stable_sort(order.begin(), order.end(), [&](auto* a, auto* b) { return rank(a) < rank(b); });
    return order;
}

config::Problems PluginSet::startCreated() {
    config::Problems problems;
    for (Instance* instance : startOrder()) {
        if (instance->state() != State::Created) continue;
        begun_.push_back(instance);
        if (auto started = instance->start(nanosecondsFromNow(kStartTime)); !started) {
            instance->degrade(started.error().message);
            log(ENGRAM_LOG_ERROR, instance->name(), started.error().message);
            if (instance->entry().need == config::PluginEntry::Need::Required)
                problems.push_back(problemOf(instance->entry(), started.error()));
        } else if (const void* table = instance->interface(ENGRAM_TENANCY)) {
            surroundings_->started_control_plane = {static_cast<const engram_tenancy_v1*>(table),
                                                    instance->self()};
            surroundings_->control_plane.store(&surroundings_->started_control_plane,
                                               std::memory_order_release);
        }
        // The others would only fail for want of the control plane.
        if (!problems.empty() && instance->manifest().offers(ENGRAM_TENANCY)) return problems;
    }
    if (!problems.empty()) return problems;
    std::vector<Provider> providers;
    for (const auto& instance : instances_)
        if (instance->state() == State::Started)
            for (const std::string& id : instance->manifest().provides)
                providers.push_back({instance->name(), id});
    return checkProviders(providers);
}

config::Problems PluginSet::start() {
    surroundings_->tasks.start();
    return startCreated();
}

void PluginSet::stop(std::chrono::steady_clock::time_point deadline) {
    for (auto it = begun_.rbegin(); it != begun_.rend(); ++it)
        if (std::string message = (*it)->stop(deadline); !message.empty())
            log(ENGRAM_LOG_WARN, (*it)->name(), message);
    begun_.clear();
}

std::vector<InstanceState> PluginSet::states(Depth depth) const {
    std::vector<InstanceState> out;
    for (const auto& instance : instances_) {
        const Manifest& manifest = instance->manifest();
        Instance::Health health = instance->health(depth);
        out.push_back({instance->name(), manifest.id, manifest.version, manifest.status, instance->path().string(),
                       instance->state(), manifest.provides, std::move(health.reason), health.partial});
    }
    return out;
}

}  // namespace engram::loader
