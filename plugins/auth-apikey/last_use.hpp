// When keys were last used: kept in memory, written to their documents once a minute; a crash loses at most that.
//
// note() from any thread, cheap; write() from one at a time.
#pragma once

#include <engram/host/directory.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace engram::auth_apikey {

class LastUse {
public:
    // `now` in milliseconds since the epoch.
    void note(const std::string& tenant, const std::string& key_id, int64_t now);
    // A document that was changed meanwhile is left for the next time its key is used.
    void write(const engram_host* host, const engram_host_directory_v1& directory, engram_call* call);

private:
    std::mutex mutex_;
    std::map<std::pair<std::string, std::string>, int64_t> used_;  // (tenant, key id)
};

}  // namespace engram::auth_apikey
