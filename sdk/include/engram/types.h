/* Plain values that cross the plugin border: strings, byte spans, pairs, ids, streams.
 *
 * Nothing here owns memory. Strings are UTF-8 and not NUL-terminated. The ABI is LP64, little-endian;
 * integers have fixed widths, there is no bool, long, enum type or bit-field.
 */
#ifndef ENGRAM_TYPES_H
#define ENGRAM_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef struct engram_str {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;
} engram_str;

typedef struct engram_bytes {
    const void *ptr;
    size_t len;
} engram_bytes;

typedef struct engram_kv {
    engram_str key, value;
} engram_kv;

/* RFC 9562. Records use version 7, so ids sort by creation time. All zero bytes mean "none". */
typedef struct engram_uuid {
    uint8_t bytes[16];
} engram_uuid;

/* Milliseconds since 1970-01-01T00:00:00Z. */
typedef int64_t engram_time;
#define ENGRAM_TIME_NONE INT64_MIN

/* True if the table or struct `p` was made by someone who knows `field` (every struct starts with its size). */
#define ENGRAM_HAS(T, p, field) ((p) && (p)->size >= offsetof(T, field) + sizeof((p)->field))

static inline engram_str engram_lit(const char *s) {
    engram_str r;
    size_t n = 0;
    while (s[n]) n++;
    r.ptr = s;
    r.len = n;
    return r;
}

#endif
