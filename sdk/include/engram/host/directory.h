/* engram.host.directory/1 - the control plane's documents, over whatever tenancy plugin is loaded. Draft. [any]
 *
 * The functions are those of engram.tenancy/1 (tenancy.h) without `self`; from a plugin's start() on.
 */
#ifndef ENGRAM_HOST_DIRECTORY_H
#define ENGRAM_HOST_DIRECTORY_H

#include <engram/plugin.h>
#include <engram/tenancy.h>

#define ENGRAM_HOST_DIRECTORY "engram.host.directory/1"

typedef struct engram_host_directory_v1 {
    uint32_t size, reserved;
    engram_status (*get)(const engram_host *, engram_call *, uint32_t kind, engram_str tenant, engram_str key,
                         uint32_t by_name, engram_doc *out);
    engram_status (*list)(const engram_host *, engram_call *, uint32_t kind, engram_str tenant, engram_str after,
                          uint32_t limit, const engram_docs *);
    engram_status (*apply)(const engram_host *, engram_call *, const engram_doc_change *, size_t n, uint64_t *epoch);
    engram_status (*changes)(const engram_host *, engram_call *, uint64_t after_epoch, uint32_t wait_ms,
                             const engram_docs *);
    uint64_t (*epoch)(const engram_host *); /* an atomic load: compare on every cache hit */
} engram_host_directory_v1;

#endif
