/* engram.audit/1 - a sink of audit events that can be asked. Draft.
 *
 * Combination: all consume; the first that answers queries is asked. An event is an engram_event (metering.h) without
 * counters: `route` is the operation ("key.create"), `json` an object with request_id, outcome "done" or "refused",
 * target, before, after and more, never a secret. An event without a tenant is about the server itself.
 * The host writes an event to its spool before the reply, an event of a change to the disk, and hands events over at
 * least once, in order; `id` makes consumption idempotent.
 */
#ifndef ENGRAM_AUDIT_H
#define ENGRAM_AUDIT_H

#include <engram/metering.h>

#define ENGRAM_AUDIT "engram.audit/1"

typedef struct engram_audit_query {
    uint32_t size;
    uint32_t server_events; /* 1: also events without a tenant */
    engram_str tenant;
    engram_time from, until;        /* [from, until); ENGRAM_TIME_NONE = open */
    engram_str operation, subject;  /* empty = any */
    uint32_t limit, reserved;       /* 1 to 1000 */
    engram_str cursor;              /* from an earlier answer, empty = the newest; else INVALID_ARGUMENT */
} engram_audit_query;

typedef struct engram_audit_entries { /* receives events; another status than OK stops the query and is returned */
    uint32_t size, reserved;
    void *ctx;
    engram_status (*entry)(void *ctx, const engram_event *);
} engram_audit_entries;

typedef struct engram_audit_verdict {
    uint32_t size, reserved;
    uint64_t entries, first, last; /* sequence numbers of the oldest and the newest entry kept; 0 = none */
    engram_str head;               /* hash of the newest entry: kept elsewhere, it proves the log up to there */
    engram_str problem;            /* the first thing that is wrong, empty if nothing is */
} engram_audit_verdict;

typedef struct engram_audit_v1 {
    uint32_t size, reserved;
    /* Serialised per instance. `taken` events from the front are durable on return, also when the status is an error;
     * the rest comes again. */
    engram_status (*consume)(void *, engram_call *, const engram_event *, size_t n, size_t *taken);
    /* [any] optional. Newest first. May push fewer than `limit` although more follow, to bound its work: `next_cursor`
     * is empty only at the end. */
    engram_status (*query)(void *, engram_call *, const engram_audit_query *, const engram_audit_entries *,
                           engram_str *next_cursor);
    /* [any] optional. Reads everything and says whether it is as it was written. */
    engram_status (*verify)(void *, engram_call *, engram_audit_verdict *out);
} engram_audit_v1;

#endif
