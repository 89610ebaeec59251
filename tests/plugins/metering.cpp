// A line a usage event, in a file of its own.
#include <engram/cpp/metering.hpp>

#include <fstream>

namespace {

class TinyMetering {
public:
    TinyMetering(engram::Host, engram::Config config) : file_(config.text("/file"), std::ios::app) {}

    engram_status consume(engram_call*, const engram_event* events, size_t n, size_t* taken) {
        for (; *taken < n; ++*taken)
            file_ << engram::view(events[*taken].route) << ' ' << events[*taken].status_code << '\n';
        file_.flush();
        return ENGRAM_OK;
    }
    engram_status query(engram_call* call, const engram_usage_query*, const engram_usage_rows*) {
        return engram::fail(call, ENGRAM_UNIMPLEMENTED, "read the file");
    }

private:
    std::ofstream file_;
};

}  // namespace

ENGRAM_PLUGIN(TinyMetering, R"({
  "id": "tiny-metering", "version": "1.0.0", "kind": "metering", "provides": ["engram.metering/1"],
  "services": ["engram.host.json/1"],
  "config": {"type": "object", "required": ["file"], "properties": {"file": {"type": "string"}}}
})", engram::metering)
