/* Its task does not end, whatever it is told. */
#include <threads.h>
#include <time.h>

#include "fake.h"

ENGRAM_MANIFEST(
    "{\"id\":\"fake-stuck\",\"version\":\"1.0.0\",\"kind\":\"metering\","
    "\"provides\":[\"engram.metering/1\"],"
    "\"services\":[\"engram.host.log/1\",\"engram.host.tasks/1\"]}");

static void sleep_for_ever(void* self, engram_call* call) {
    const struct timespec second = {1, 0};
    (void)call;
    fake_log(self, "asleep");
    for (;;) thrd_sleep(&second, NULL);
}

static engram_status start(void* self, engram_call* call) {
    fake* me = (fake*)self;
    const engram_host_tasks_v1* tasks =
        (const engram_host_tasks_v1*)me->host->get(me->host, ENGRAM_HOST_TASKS);
    (void)call;
    return tasks->post(me->host, sleep_for_ever, me, 0, 0, &me->task);
}

static engram_status stop(void* self, engram_call* call) {
    (void)call;
    fake_log(self, "stop called");
    return ENGRAM_OK;
}

static const engram_plugin plugin = {sizeof plugin, ENGRAM_ABI_MINOR,  fake_create, start, stop,
                                     free,          fake_get_metering, NULL};
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void);
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void) {
    return &plugin;
}
