// The host as one plugin instance sees it: an engram_host whose get() gives the services its manifest asks
// for.
//
// Tables are safe from any thread. The object must outlive the instance, and the Surroundings the object.
#pragma once

#include <engram/host/directory.h>
#include <engram/plugin.h>
#include <engram/tenancy.h>

#include <atomic>
#include <string>
#include <string_view>

#include "loader/manifest.hpp"
#include "loader/outlets.hpp"
#include "loader/task_pool.hpp"

namespace engram::loader {

// The tenancy plugin in use, once it has been started; what the directory service answers from.
struct ControlPlane {
    const engram_tenancy_v1* table;
    void* self;
};

// What all instances of a set share.
struct Surroundings {
    HostOutlets outlets;
    TaskPool tasks;
    ControlPlane started_control_plane{};
    std::atomic<const ControlPlane*> control_plane{nullptr};  // null until it has been started
};

class HostServices {
public:
    // `manifest` is borrowed. No I/O.
    HostServices(std::string instance, const Manifest& manifest, Surroundings& surroundings);
    HostServices(const HostServices&) = delete;

    const engram_host* host() const { return &handle_.host; }
    const std::string& instance() const { return instance_; }
    // True if the manifest asks for state_dir.
    bool wantsFolder() const;
    // <data>/<instance>, for storage plugins <data>/tenants.
    const std::string& folder() const { return folder_; }

private:
    // The first member of what a plugin gets, so that an engram_host* leads back here.
    struct Handle {
        engram_host host{};
        HostServices* self = nullptr;
    };
    struct Tables;

    static HostServices& of(const engram_host* host);
    static const void* get(const engram_host* host, const char* id);

    std::string instance_, folder_, metric_prefix_;
    const Manifest& manifest_;
    Surroundings& surroundings_;
    engram_host_log_v1 log_{};
    Handle handle_;
};

// Ids of the services this host offers.
bool offersService(std::string_view id);

}  // namespace engram::loader
