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

typedef struct engram_grant {
    uint32_t size;
    uint32_t retry_after_ms; /* when refused */
    uint64_t limit, remaining; /* of the tightest bucket */
    uint64_t reset_ms;         /* until that bucket is full again */
    uint64_t ticket;           /* for settle; 0 = nothing to settle */
    engram_str policy;         /* RateLimit-Policy item, e.g. "600;w=60" */
    uint32_t payment;          /* 1: refused by the plan and only another plan helps (402 instead of 429) */
    uint32_t reserved;
} engram_grant;

typedef struct engram_quota_v1 {
    uint32_t size, reserved;
    /* [any] OK, RESOURCE_EXHAUSTED with `out` filled, UNAVAILABLE; never blocks on ENGRAM_CALL_INLINE (AGAIN). */
    engram_status (*reserve)(void *, engram_call *, const engram_cost *, engram_grant *out);
    /* [any] What it really cost; NULL = release. */
    engram_status (*settle)(void *, engram_call *, uint64_t ticket, const engram_cost *actual);
} engram_quota_v1;

#endif
