/* Asks for a service that no host has. */
#include "fake.h"

ENGRAM_MANIFEST(
    "{\"id\":\"fake-greedy\",\"version\":\"1.0.0\",\"kind\":\"metering\","
    "\"provides\":[\"engram.metering/1\"],\"services\":[\"engram.host.teleport/1\"]}");

static const engram_plugin plugin = {sizeof plugin, ENGRAM_ABI_MINOR,  fake_create, NULL, NULL,
                                     free,          fake_get_metering, NULL};
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void);
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void) {
    return &plugin;
}
