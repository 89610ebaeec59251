// A line an audit event, in a file of its own.
#include <engram/cpp/audit.hpp>

#include <fstream>

namespace {

class TinyAudit {
public:
    TinyAudit(engram::Host, engram::Config config) : file_(config.text("/file"), std::ios::app) {}

    engram_status consume(engram_call*, const engram_event* events, size_t n, size_t* taken) {
        for (; *taken < n; ++*taken)
            file_ << engram::view(events[*taken].route) << ' ' << engram::view(events[*taken].subject) << ' '
                  << events[*taken].status_code << '\n';
        file_.flush();
        return ENGRAM_OK;
    }

private:
    std::ofstream file_;
};

}  // namespace

ENGRAM_PLUGIN(TinyAudit, R"({
  "id": "tiny-audit", "version": "1.0.0", "kind": "audit", "provides": ["engram.audit/1"],
  "services": ["engram.host.json/1"],
  "config": {"type": "object", "required": ["file"], "properties": {"file": {"type": "string"}}}
})", engram::audit)
