/* engram.host.metrics/1 - counters, gauges and histograms on the admin listener's /metrics.
 *
 * Names get the prefix engram_<plugin>_; label values must come from a small closed set.
 */
#ifndef ENGRAM_HOST_METRICS_H
#define ENGRAM_HOST_METRICS_H

#include <engram/plugin.h>

#define ENGRAM_HOST_METRICS "engram.host.metrics/1"

enum { ENGRAM_METRIC_COUNTER = 1, ENGRAM_METRIC_GAUGE = 2, ENGRAM_METRIC_HISTOGRAM = 3 };

typedef struct engram_host_metrics_v1 {
    uint32_t size, reserved;
    /* [ctl] Before start returns. `id` is for add(). ALREADY_EXISTS if the name has another shape. */
    engram_status (*define)(const engram_host *, uint32_t kind, engram_str name, engram_str help,
                            const engram_str *labels, size_t n, uint64_t *id);
    /* [any] Adds (counter), sets (gauge), observes (histogram, seconds). */
    void (*add)(const engram_host *, uint64_t id, const engram_str *label_values, size_t n, double value);
} engram_host_metrics_v1;

#endif
