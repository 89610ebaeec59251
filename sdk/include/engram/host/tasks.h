/* engram.host.tasks/1 - timers and background work on the host's threads.
 *
 * A task gets a call of its own. Every task of an instance has ended before its stop() is called.
 */
#ifndef ENGRAM_HOST_TASKS_H
#define ENGRAM_HOST_TASKS_H

#include <engram/plugin.h>

#define ENGRAM_HOST_TASKS "engram.host.tasks/1"

typedef struct engram_host_tasks_v1 {
    uint32_t size, reserved;
    /* [any] Runs fn after delay_ms, then every period_ms (0 = once), never twice at the same time. */
    engram_status (*post)(const engram_host *, void (*fn)(void *arg, engram_call *), void *arg, uint64_t delay_ms,
                          uint64_t period_ms, uint64_t *id);
    /* [any] Returns after a running fn has ended (unless called from it). */
    void (*cancel)(const engram_host *, uint64_t id);
} engram_host_tasks_v1;

#endif
