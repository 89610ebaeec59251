/* What the fake plugins in C share: an instance that keeps its host, and a table of functions that do
 * nothing. */
#ifndef FAKE_H
#define FAKE_H

#include <engram/host/log.h>
#include <engram/host/state_dir.h>
#include <engram/host/tasks.h>
#include <engram/metering.h>
#include <engram/plugin.h>
#include <stdlib.h>
#include <string.h>

typedef struct fake {
    const engram_host* host;
    uint64_t task;
} fake;

static inline engram_status fake_create(const engram_host* host, engram_str config, engram_call* call,
                                        void** self) {
    fake* made = (fake*)calloc(1, sizeof *made);
    (void)config;
    if (!made) return engram_fail(call, ENGRAM_RESOURCE_EXHAUSTED, "no memory");
    made->host = host;
    *self = made;
    return ENGRAM_OK;
}

static inline void fake_log(void* self, const char* message) {
    const engram_host* host = ((fake*)self)->host;
    const engram_host_log_v1* log = (const engram_host_log_v1*)host->get(host, ENGRAM_HOST_LOG);
    if (log) log->log(host, ENGRAM_LOG_INFO, engram_lit(message), NULL, 0);
}

static inline engram_status fake_consume(void* self, engram_call* call, const engram_event* events, size_t n,
                                         size_t* taken) {
    (void)self, (void)call, (void)events;
    *taken = n;
    return ENGRAM_OK;
}

static const engram_metering_v1 fake_metering = {sizeof fake_metering, 0, fake_consume, NULL};

static inline const void* fake_get_metering(void* self, const char* id) {
    (void)self;
    return strcmp(id, ENGRAM_METERING) == 0 ? &fake_metering : NULL;
}

#endif
