// The host as a plugin sees it: services by type, and short forms for the log. Safe from any thread.
#pragma once

#include <engram/cpp/text.hpp>
#include <engram/host/directory.h>
#include <engram/host/json.h>
#include <engram/host/log.h>
#include <engram/host/metrics.h>
#include <engram/host/state_dir.h>
#include <engram/host/tasks.h>
#include <engram/plugin.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace engram {
inline namespace skin_1 {

class Host {
public:
    struct Field {
        std::string_view key, value;
    };

    explicit Host(const engram_host* host)
        : host_(host), log_(service<engram_host_log_v1>(ENGRAM_HOST_LOG)) {}

    const engram_host* raw() const { return host_; }
    std::string_view instance() const { return view(host_->instance); }

    // NULL if the host does not offer it or the manifest does not ask for it.
    template <class T>
    const T* service(const char* id) const {
        return static_cast<const T*>(host_->get(host_, id));
    }

    void info(std::string_view message, std::initializer_list<Field> fields = {}) const {
        log(ENGRAM_LOG_INFO, message, fields);
    }
    void warn(std::string_view message, std::initializer_list<Field> fields = {}) const {
        log(ENGRAM_LOG_WARN, message, fields);
    }
    void error(std::string_view message, std::initializer_list<Field> fields = {}) const {
        log(ENGRAM_LOG_ERROR, message, fields);
    }

    // Folder of this instance in the data directory; empty if the manifest does not ask for it.
    std::string stateDir() const {
        auto* s = service<engram_host_state_dir_v1>(ENGRAM_HOST_STATE_DIR);
        return s ? std::string(view(s->path(host_))) : std::string();
    }

private:
    void log(uint32_t level, std::string_view message, std::initializer_list<Field> fields) const {
        if (!log_ || level < log_->min_level) return;
        std::vector<engram_kv> kv;
        for (const Field& f : fields) kv.push_back({borrow(f.key), borrow(f.value)});
        log_->log(host_, level, borrow(message), kv.data(), kv.size());
    }

    const engram_host* host_;
    const engram_host_log_v1* log_;
};

}  // namespace skin_1
}  // namespace engram
