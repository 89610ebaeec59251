/* engram.metering/1 - a sink of usage events. Draft.
 *
 * Combination: all consume. The host writes events to its spool before the reply and hands them over in batches, at
 * least once, in order; `id` makes consumption idempotent. Audit events are of the same struct, see audit.h.
 */
#ifndef ENGRAM_METERING_H
#define ENGRAM_METERING_H

#include <engram/call.h>

#define ENGRAM_METERING "engram.metering/1"

typedef struct engram_counter {
    engram_str unit; /* "requests", "memories_written", "memories_read", "searches", "bytes_in", "bytes_out" */
    uint64_t n;
} engram_counter;

typedef struct engram_event {
    uint32_t size;
    uint32_t status_code;
    engram_uuid id; /* event_id, minted by the host */
    engram_time occurred_at;
    engram_str tenant, workspace;
    engram_str route;   /* operation name */
    engram_str subject; /* principal */
    const engram_counter *counters;
    size_t n_counters;
    engram_str json; /* audit: details; usage: empty */
} engram_event;

typedef struct engram_usage_query {
    uint32_t size, reserved;
    engram_str tenant;
    engram_time from, until; /* days in UTC that overlap [from, until) */
} engram_usage_query;

typedef struct engram_usage_row {
    uint32_t size, reserved;
    engram_str day; /* "2026-11-24" */
    engram_str workspace, route;
    uint64_t requests, errors; /* errors: status_code >= 400 */
    const engram_counter *counters;
    size_t n_counters;
} engram_usage_row;

typedef struct engram_usage_rows {
    uint32_t size, reserved;
    void *ctx;
    engram_status (*row)(void *ctx, const engram_usage_row *);
} engram_usage_rows;

typedef struct engram_metering_v1 {
    uint32_t size, reserved;
    /* Serialised per instance. `taken` events from the front are durable on return, also when the status is an error;
     * the rest comes again. */
    engram_status (*consume)(void *, engram_call *, const engram_event *, size_t n, size_t *taken);
    /* [any] optional. Ordered by day, workspace, route. */
    engram_status (*query)(void *, engram_call *, const engram_usage_query *, const engram_usage_rows *);
} engram_metering_v1;

#endif
