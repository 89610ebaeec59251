// Events for the tests of audit-log. Values.
#pragma once

#include <engram/cpp/text.hpp>
#include <engram/metering.h>

#include <string>

namespace engram::audit_log {

struct Sample {
    std::string json;
    engram_event event{};

    explicit Sample(uint8_t number, std::string details = "{\"outcome\":\"done\"}") : json(std::move(details)) {
        event.size = sizeof event;
        event.status_code = 200;
        event.id.bytes[15] = number;
        event.occurred_at = 1'700'000'000'123 + number;
        event.tenant = engram_lit("tenant");
        event.route = engram_lit("key.create");
        event.subject = engram_lit("key:\"odd\"\n");
        event.json = borrow(json);
    }
};

}  // namespace engram::audit_log
