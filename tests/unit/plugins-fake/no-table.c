/* Promises an interface and does not give it. */
#include "fake.h"

ENGRAM_MANIFEST(
    "{\"id\":\"fake-no-table\",\"version\":\"1.0.0\",\"kind\":\"metering\","
    "\"provides\":[\"engram.metering/1\"]}");

static const void* get(void* self, const char* id) {
    (void)self, (void)id, (void)fake_get_metering;
    return NULL;
}

static const engram_plugin plugin = {sizeof plugin, ENGRAM_ABI_MINOR, fake_create, NULL, NULL, free, get,
                                     NULL};
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void);
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void) {
    return &plugin;
}
