// Loads a plugin's .so by path and makes one started instance of it, through the C ABI alone.
#pragma once

#include "support/fake_host.hpp"
#include "support/test.hpp"

#include <dlfcn.h>

namespace engram::testing {

class PluginUnderTest {
public:
    // Fails the running test if the file cannot be loaded or the configuration is refused.
    PluginUnderTest(const std::string& path, FakeHost& host, const std::string& config = "{}") {
        void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        CHECK_MESSAGE(library ? "" : dlerror(), library != nullptr);
        auto entry = reinterpret_cast<engram_entry_fn>(dlsym(library, ENGRAM_ENTRY_SYMBOL));
        CHECK(entry != nullptr);
        plugin_ = entry();
        ArenaCall call;
        engram_status created = plugin_->create(host.get(), borrow(config), call, &self_);
        CHECK_MESSAGE("create: " + call.message(), created == ENGRAM_OK);
        engram_status started = plugin_->start(self_, call);
        CHECK_MESSAGE("start: " + call.message(), started == ENGRAM_OK);
    }
    PluginUnderTest(const PluginUnderTest&) = delete;
    ~PluginUnderTest() {
        ArenaCall call;
        plugin_->stop(self_, call);
        plugin_->destroy(self_);
    }

    void* self() const { return self_; }
    template <class T>
    const T* interface(const char* id) const {
        return static_cast<const T*>(plugin_->get(self_, id));
    }
    const engram_plugin* plugin() const { return plugin_; }

private:
    const engram_plugin* plugin_ = nullptr;
    void* self_ = nullptr;
};

}  // namespace engram::testing
