#include "loader/instance.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace engram::loader {
namespace {

constexpr auto kHealthTime = std::chrono::seconds(1), kThoroughTime = std::chrono::seconds(60);

Error refuse(std::string reason, std::string fix) {
    return {"plugin", std::move(reason), std::move(fix), ""};
}

uint64_t nanoseconds(TaskPool::Clock::time_point when) {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count());
}

Result<void> makeFolder(const std::string& path) {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        return refuse("its folder " + path + " cannot be made: " + std::strerror(errno),
                      "check the data directory");
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid())
        return refuse("its folder " + path + " is not a folder of ours", "move away what is there");
    if ((status.st_mode & 077) != 0 && chmod(path.c_str(), 0700) != 0)
        return refuse("its folder " + path + " is open to others", "chmod 700 " + path);
    return {};
}

std::string reasonOf(engram_status status, const ArenaCall& call, const char* function) {
    return std::string(function) + " failed with status " + std::to_string(status) +
           (call.message().empty() ? "" : ": " + call.message());
}

}  // namespace

const char* nameOf(State state) {
    switch (state) {
        case State::Created:
            return "created";
        case State::Started:
            return "started";
        case State::Degraded:
            return "degraded";
        case State::Stopped:
            return "stopped";
    }
    return "unknown";
}

Instance::Instance(config::PluginEntry entry, ModuleFile file, Surroundings& surroundings)
    : entry_(std::move(entry)),
      file_(std::move(file)),
      surroundings_(surroundings),
      services_(entry_.name, file_.manifest, surroundings) {}

Result<std::unique_ptr<Instance>> Instance::create(const config::PluginEntry& entry, ModuleFile file,
                                                   const std::string& config, Surroundings& surroundings) {
    std::unique_ptr<Instance> instance(new Instance(entry, std::move(file), surroundings));
    if (instance->services_.wantsFolder())
        if (auto ok = makeFolder(instance->services_.folder()); !ok) return ok.error();
    auto table = loadModule(instance->file_);
    if (!table) return table.error();
    instance->plugin_ = *table;
    ArenaCall call;
    void* self = nullptr;
    const engram_status status = (*table)->create(instance->services_.host(), borrow(config), call, &self);
    if (status != ENGRAM_OK)
        return refuse(
            instance->path().string() + " refuses its configuration: " + reasonOf(status, call, "create()"),
            "correct the plugin's config");
    instance->self_ = self;
    for (const std::string& id : instance->manifest().provides)
        if (!instance->interface(id))
            return refuse(
                instance->path().string() + " promises " + id + " in its manifest but does not give it",
                "correct the plugin's source and rebuild it");
    return instance;
}

Instance::~Instance() {
    if (self_ && !abandoned_) plugin_->destroy(self_);
    if (!abandoned_) surroundings_.tasks.forget(&services_);
}

const void* Instance::interface(std::string_view id) const {
    if (!self_ || !manifest().offers(id)) return nullptr;
    return plugin_->get(self_, std::string(id).c_str());
}

Instance::Health Instance::health(Depth depth) const {
    if (state() != State::Started) {
        const std::lock_guard lock(mutex_);
        return {reason_, false};
    }
    if (!ENGRAM_HAS(engram_plugin, plugin_, health) || !plugin_->health) return {};
    const bool thorough = depth == Depth::Thorough;
    ArenaCall call(thorough ? ENGRAM_CALL_THOROUGH : 0);
    call.setDeadline(nanoseconds(TaskPool::Clock::now() + (thorough ? kThoroughTime : kHealthTime)));
    const engram_status status = plugin_->health(self_, call);
    if (status == ENGRAM_OK) return {};
    const bool partial = status == ENGRAM_DATA_LOSS || status == ENGRAM_RESOURCE_EXHAUSTED;
    return {partial ? call.message() : reasonOf(status, call, "health()"), partial};
}

Result<void> Instance::start(uint64_t deadline_ns) {
    if (plugin_->start) {
        ArenaCall call;
        call.setDeadline(deadline_ns);
        const engram_status status = plugin_->start(self_, call);
        if (status != ENGRAM_OK)
            return refuse(path().string() + ": " + reasonOf(status, call, "start()"),
                          "put right what the message names, or set required = false");
    }
    state_.store(State::Started, std::memory_order_release);
    return {};
}

void Instance::degrade(std::string reason) {
    const std::lock_guard lock(mutex_);
    reason_ = std::move(reason);
    state_.store(State::Degraded, std::memory_order_release);
}

std::string Instance::stop(TaskPool::Clock::time_point deadline) {
    const State before = state();
    if (before == State::Stopped) return {};
    std::string message;
    if (!surroundings_.tasks.drain(&services_, deadline)) {
        abandoned_ = true;
        message = "a task was still running at the deadline; stop() was not called";
    } else if (before == State::Started && plugin_->stop) {
        ArenaCall call;
        call.setDeadline(nanoseconds(deadline));
        const engram_status status = plugin_->stop(self_, call);
        if (status != ENGRAM_OK) message = reasonOf(status, call, "stop()");
    }
    const std::lock_guard lock(mutex_);
    reason_ = message;
    state_.store(State::Stopped, std::memory_order_release);
    return message;
}

}  // namespace engram::loader
