// One instance of a plugin: its file, its host services and its life from create() to destroy().
//
// [ctl] functions from one thread; interface(), state() and health() from any.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "config/settings.hpp"
#include "loader/host_services.hpp"
#include "loader/module.hpp"

namespace engram::loader {

enum class State {
    Created,  // configured, not started
    Started,
    Degraded,  // not required and could not be started
    Stopped
};

const char* nameOf(State state);

enum class Depth {
    Quick,    // what the plugin knows anyway
    Thorough  // it may look through its files, for up to a minute
};

class Instance {
public:
    // Makes the folder the instance asks for, loads the file and runs create() with the configuration, which
    // has passed the schema. The error's message is the reason.
    static Result<std::unique_ptr<Instance>> create(const config::PluginEntry& entry, ModuleFile file,
                                                    const std::string& config, Surroundings& surroundings);
    Instance(const Instance&) = delete;
    // destroy(), unless work of the instance is still running: then its memory is left alone.
    ~Instance();

    const std::string& name() const { return entry_.name; }
    const config::PluginEntry& entry() const { return entry_; }
    const Manifest& manifest() const { return file_.manifest; }
    const std::filesystem::path& path() const { return file_.path; }
    void* self() const { return self_; }
    // The table of an interface the manifest names; nullptr for others.
    const void* interface(std::string_view id) const;

    // A task of it did not end in time and may still be running.
    bool abandoned() const { return abandoned_; }
    State state() const { return state_.load(std::memory_order_acquire); }
    // Why it is degraded, or what health() answers when started; empty = well.
    struct Health {
        std::string reason;
        // health() answered DATA_LOSS or RESOURCE_EXHAUSTED: a part of what it keeps is in trouble, the rest is served.
        bool partial = false;
    };
    Health health(Depth depth = Depth::Quick) const;

    Result<void> start(uint64_t deadline_ns);  // [ctl]
    void degrade(std::string reason);          // [ctl]
    // [ctl] Ends its tasks, then stop(). A message for the log if something did not end well.
    std::string stop(TaskPool::Clock::time_point deadline);

private:
    Instance(config::PluginEntry entry, ModuleFile file, Surroundings& surroundings);

    config::PluginEntry entry_;
    ModuleFile file_;
    Surroundings& surroundings_;
    HostServices services_;
    const engram_plugin* plugin_ = nullptr;
    void* self_ = nullptr;
    std::atomic<State> state_{State::Created};
    bool abandoned_ = false;
    mutable std::mutex mutex_;
    std::string reason_;  // guarded by mutex_
};

}  // namespace engram::loader
