/* engram.quota/1 - may this request go on. Draft.
 *
 * Combination: all must allow; when one refuses, the reservations already made are released (settle with NULL).
 */
#ifndef ENGRAM_QUOTA_H
#define ENGRAM_QUOTA_H

#include <engram/call.h>

#define ENGRAM_QUOTA "engram.quota/1"

typedef struct engram_amount {
    engram_str unit; /* "requests", "memories", "bytes" */
    uint64_t n;
} engram_amount;

typedef struct engram_cost {
    uint32_t size, reserved;
    engram_str route; /* the operation's name ("memory.search") or "request" for the bucket before the body */
    engram_str plan;  /* the tenant's plan */
    const engram_amount *amounts;
    size_t n_amounts;
} engram_cost;

enum { /* why a request was refused */
    ENGRAM_REFUSED_RATE = 0, /* too fast: wait (429) */
    ENGRAM_REFUSED_PLAN = 1, /* only another plan, or deleting something, helps (402) */
    ENGRAM_REFUSED_DAY = 2   /* the plan's calls of the day are used up: wait for the next day, or another plan (429) */
};

typedef struct engram_grant {
    uint32_t size;
    uint32_t retry_after_ms; /* when refused */
    uint64_t limit, remaining; /* of the tightest bucket */
    uint64_t reset_ms;         /* until that bucket is full again */
    uint64_t ticket;           /* for settle; 0 = nothing to settle */
    engram_str policy;         /* RateLimit-Policy item, e.g. "600;w=60" */
    uint32_t payment;          /* ENGRAM_REFUSED_* */
    uint32_t reserved;
    /* When allowed: what the tenant may have at most after the write, of "memories", "identities", "sessions",
     * "storage_bytes" (text and metadata of live records) and "workspaces". The host passes them on to storage and
     * the control plane, which check them in the write's own transaction. A unit left out has no limit. */
    const engram_amount *limits;
    size_t n_limits;
} engram_grant;

typedef struct engram_plan_limit {
    uint32_t size, counted; /* counted 1: `used` and `reset_ms` are known here; 0: the host counts */
    engram_str unit;        /* as in engram_grant, and "api_calls_day", "rpm" */
    uint64_t max;           /* UINT64_MAX = unlimited */
    uint64_t used, reset_ms;
} engram_plan_limit;

typedef struct engram_plan_limits {
    uint32_t size, reserved;
    void *ctx;
    engram_status (*limit)(void *ctx, const engram_plan_limit *);
} engram_plan_limits;

typedef struct engram_quota_v1 {
    uint32_t size, reserved;
    /* [any] OK, RESOURCE_EXHAUSTED with `out` filled, UNAVAILABLE; never blocks on ENGRAM_CALL_INLINE (AGAIN). */
    engram_status (*reserve)(void *, engram_call *, const engram_cost *, engram_grant *out);
    /* [any] What it really cost; NULL = release. */
    engram_status (*settle)(void *, engram_call *, uint64_t ticket, const engram_cost *actual);
    /* [any] optional: the limits of the call's tenant under a plan, and what it used of those that are counted here. */
    engram_status (*limits)(void *, engram_call *, engram_str plan, const engram_plan_limits *);
} engram_quota_v1;

#endif
