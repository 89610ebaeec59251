/* Cannot be started. */
#include "fake.h"

ENGRAM_MANIFEST(
    "{\"id\":\"fake-broken-start\",\"version\":\"1.0.0\",\"kind\":\"metering\","
    "\"provides\":[\"engram.metering/1\"]}");

static engram_status start(void* self, engram_call* call) {
    (void)self;
    return engram_fail(call, ENGRAM_UNAVAILABLE, "the disk is on fire");
}

static const engram_plugin plugin = {sizeof plugin, ENGRAM_ABI_MINOR,  fake_create, start, NULL,
                                     free,          fake_get_metering, NULL};
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void);
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void) {
    return &plugin;
}
