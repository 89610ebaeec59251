/* engram.host.log/1 - one structured log line. [any] */
#ifndef ENGRAM_HOST_LOG_H
#define ENGRAM_HOST_LOG_H

#include <engram/plugin.h>

#define ENGRAM_HOST_LOG "engram.host.log/1"

enum { ENGRAM_LOG_DEBUG = 1, ENGRAM_LOG_INFO = 2, ENGRAM_LOG_WARN = 3, ENGRAM_LOG_ERROR = 4 };

typedef struct engram_host_log_v1 {
    uint32_t size;
    uint32_t min_level; /* a lower level is dropped: do not build the line */
    void (*log)(const engram_host *, uint32_t level, engram_str message, const engram_kv *fields, size_t n);
} engram_host_log_v1;

#endif
