/* engram.host.json/1 - reads one value out of a JSON text, for plugins that bring no parser. [any] */
#ifndef ENGRAM_HOST_JSON_H
#define ENGRAM_HOST_JSON_H

#include <engram/plugin.h>

#define ENGRAM_HOST_JSON "engram.host.json/1"

enum {
    ENGRAM_JSON_NULL = 1,
    ENGRAM_JSON_BOOL = 2,
    ENGRAM_JSON_NUMBER = 3,
    ENGRAM_JSON_STRING = 4,
    ENGRAM_JSON_ARRAY = 5,
    ENGRAM_JSON_OBJECT = 6
};

typedef struct engram_host_json_v1 {
    uint32_t size, reserved;
    /* The value at an RFC 6901 pointer: a string unescaped, anything else as its JSON text; in the call's arena.
     * NOT_FOUND, INVALID_ARGUMENT (not JSON). */
    engram_status (*at)(const engram_host *, engram_call *, engram_str json, engram_str pointer, uint32_t *type,
                        engram_str *value);
} engram_host_json_v1;

#endif
