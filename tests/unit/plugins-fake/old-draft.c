/* Was compiled with other headers. */
#include "fake.h"

ENGRAM_SECTION("engram_manifest")
static const char manifest[] =
    "{\"id\":\"fake-old-draft\",\"version\":\"1.0.0\",\"kind\":\"metering\",\"provides\":[\"engram.metering/"
    "1\"]}";
ENGRAM_SECTION("engram_drafts") static const char drafts[] = "engram.metering/1=0123456789abcdef;";

static const engram_plugin plugin = {sizeof plugin, ENGRAM_ABI_MINOR,  fake_create, NULL, NULL,
                                     free,          fake_get_metering, NULL};
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void);
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void) {
    return &plugin;
}
