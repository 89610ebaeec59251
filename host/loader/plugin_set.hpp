// The plugins of a server: loaded as a whole or not at all, started in order, stopped in reverse.
//
// load(), start() and stop() are [ctl]; all() and states() may be called from any thread after start().
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/problem.hpp"
#include "config/settings.hpp"
#include "loader/instance.hpp"

namespace engram::loader {

// An interface of an instance. Valid as long as the set.
template <class T>
struct Bound {
    const T* table;
    void* self;
    std::string_view instance;
};

struct InstanceState {
    std::string name, id, version, status, path;
    State state;
    std::vector<std::string> interfaces;
    std::string health;     // empty = well
    bool degraded = false;  // not well, but most of what it serves is not affected
};

class PluginSet {
public:
    static constexpr size_t kMaxInstances = 64;

    // Finds, checks and creates every instance; nothing is started. On failure all problems, each naming the
    // file, the reason and the fix. No code of any plugin runs unless every file and configuration has
    // passed.
    static std::variant<std::unique_ptr<PluginSet>, config::Problems> load(
        const std::vector<config::PluginEntry>& entries, const std::vector<std::filesystem::path>& folders,
        HostOutlets outlets);

    // The set that a new configuration makes of a running one, started; `running` goes on unchanged until handOver().
    // Instances whose entry did not change are in both sets. Those of interfaces that own files or that the engine was
    // built on (kUntilRestart) stay as they are whatever the configuration says; needs_restart names them.
    // Problems: nothing has changed and what had been started is stopped again.
    struct Reloaded {
        std::unique_ptr<PluginSet> set;
        std::vector<std::string> changed;        // names of instances that are new, gone or have another configuration
        std::vector<std::string> needs_restart;  // names of instances whose change is not taken over
    };
    static std::variant<Reloaded, config::Problems> reload(const PluginSet& running,
                                                           const std::vector<config::PluginEntry>& entries,
                                                           const std::vector<std::filesystem::path>& folders);
    // Makes `next` responsible for stopping the instances both have. [ctl]
    void handOver(PluginSet& next);

    PluginSet(const PluginSet&) = delete;
    // Stops what still runs and destroys the instances. If a task ignores its deadline, all of them are left
    // in memory, for the task may still use them; the process should end soon then, without destroying what
    // the outlets lead to.
    ~PluginSet();

    // Tenancy first, then storage, then the others in the order of the configuration. Empty if the server can
    // run; otherwise call stop(). A plugin with required = false that fails is degraded and logged.
    config::Problems start();

    // The started instances that provide an interface, in the order of the configuration.
    template <class T>
    std::vector<Bound<T>> all(const char* interface_id) const {
        std::vector<Bound<T>> out;
        for (const auto& instance : instances_)
            if (instance->state() == State::Started)
                if (const void* table = instance->interface(interface_id))
                    out.push_back({static_cast<const T*>(table), instance->self(), instance->name()});
        return out;
    }

    // Ends every instance's tasks and stops it, in reverse order of the start. Instances live on (tables stay
    // callable) until the set is destroyed.
    void stop(std::chrono::steady_clock::time_point deadline);

    // Asks each started instance for its health; for /readyz, `engram plugin list` and health checks.
    std::vector<InstanceState> states(Depth depth = Depth::Quick) const;

private:
    PluginSet() = default;
    void log(uint32_t level, const std::string& instance, const std::string& message) const;
    std::vector<Instance*> startOrder() const;
    std::shared_ptr<Instance> find(const std::string& name) const;
    // Starts what is only created; the names of required instances that failed are in the problems.
    config::Problems startCreated();

    std::shared_ptr<Surroundings> surroundings_ = std::make_shared<Surroundings>();  // outlives the instances
    std::vector<std::shared_ptr<Instance>> instances_;
    std::vector<Instance*> begun_;  // in the order of start()
};

// What would be loaded, by the files alone: no code runs. For `engram plugin list` and `engram config check`.
struct Found {
    config::PluginEntry entry;
    ModuleFile file;
    std::string config;  // with defaults; never print it, it may hold secrets
};
std::variant<std::vector<Found>, config::Problems> inspectAll(
    const std::vector<config::PluginEntry>& entries, const std::vector<std::filesystem::path>& folders);

}  // namespace engram::loader
