/* Logs "tick" from a periodic task; its health is bad on purpose. */
#include "fake.h"

ENGRAM_MANIFEST(
    "{\"id\":\"fake-metering\",\"version\":\"1.0.0\",\"kind\":\"metering\",\"status\":\"beta\","
    "\"provides\":[\"engram.metering/1\"],"
    "\"services\":[\"engram.host.log/1\",\"engram.host.tasks/1\"]}");

static void tick(void* self, engram_call* call) {
    (void)call;
    fake_log(self, "tick");
}

static engram_status start(void* self, engram_call* call) {
    fake* me = (fake*)self;
    const engram_host_tasks_v1* tasks =
        (const engram_host_tasks_v1*)me->host->get(me->host, ENGRAM_HOST_TASKS);
    (void)call;
    return tasks->post(me->host, tick, me, 0, 1, &me->task);
}

static engram_status stop(void* self, engram_call* call) {
    (void)call;
    fake_log(self, "metering stopped");
    return ENGRAM_OK;
}

static engram_status health(void* self, engram_call* call) {
    (void)self;
    return engram_fail(call, ENGRAM_UNAVAILABLE, "the moon is full");
}

static const engram_plugin plugin = {sizeof plugin, ENGRAM_ABI_MINOR,  fake_create, start, stop,
                                     free,          fake_get_metering, health};
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void);
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void) {
    return &plugin;
}
