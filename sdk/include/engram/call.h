/* One unit of work as a plugin sees it: who asks, until when, and the arena for what is handed back.
 *
 * Borrow in: every pointer a plugin receives is valid until it returns (or completes, if it pended).
 * Arena out: everything it hands back lives in memory from engram_alloc(call, n); nobody frees across the border.
 * No exception and no longjmp leaves a function; errors are a status plus a message set by engram_fail().
 * A call belongs to one thread at a time. The core: locked, see tests/structure/abi_lock_1_0.c.
 */
#ifndef ENGRAM_CALL_H
#define ENGRAM_CALL_H

#include <engram/status.h>
#include <engram/types.h>

typedef struct engram_call engram_call;

typedef struct engram_call_ops {
    uint32_t size, reserved;
    /* [any] n bytes aligned to `align` (a power of two), alive as long as the call; NULL when its budget is spent. */
    void *(*alloc)(engram_call *, size_t n, size_t align);
    /* [any] Records why (copied) and returns the same status. Shown to the client only for INVALID_ARGUMENT,
     * PERMISSION_DENIED and FAILED_PRECONDITION; always logged, so never put a secret in it. */
    engram_status (*fail)(engram_call *, engram_status, engram_str message);
    /* [any] Non-zero once the client is gone or the deadline has passed. */
    int (*cancelled)(const engram_call *);
    /* [any] Exactly once, after a function returned ENGRAM_PENDING. */
    void (*complete)(engram_call *, engram_status);
} engram_call_ops;

enum {
    ENGRAM_CALL_MAY_PEND = 1u, /* the function may answer ENGRAM_PENDING */
    ENGRAM_CALL_INLINE = 2u,   /* runs on an io thread: answer ENGRAM_AGAIN instead of blocking */
    ENGRAM_CALL_DRY_RUN = 4u,  /* check everything, change nothing */
    ENGRAM_CALL_THOROUGH = 8u  /* health: look through all files and stores, which may take seconds */
};

struct engram_call {
    uint32_t size, flags;
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0 = none */
    engram_str request_id, traceparent;
    engram_str tenant;  /* tenant id, empty before the tenant is known */
    engram_str subject; /* who asks, empty before authentication */
    const engram_call_ops *ops;
};

static inline void *engram_alloc(engram_call *call, size_t n) {
    return call->ops->alloc(call, n, sizeof(void *) * 2);
}

static inline engram_status engram_fail(engram_call *call, engram_status status, const char *message) {
    return call->ops->fail(call, status, engram_lit(message));
}

#endif
