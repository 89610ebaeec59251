/* engram.embed/1 - text to vectors. Draft.
 *
 * Combination: a named set; a tenant is searched by the model of one (the first is the default).
 */
#ifndef ENGRAM_EMBED_H
#define ENGRAM_EMBED_H

#include <engram/call.h>

#define ENGRAM_EMBED "engram.embed/1"

enum { ENGRAM_EMBED_DOCUMENT = 1, ENGRAM_EMBED_QUERY = 2 };

typedef struct engram_embed_info {
    uint32_t size;
    uint32_t dimensions;
    uint32_t max_batch;     /* texts a call */
    uint32_t deterministic; /* 1: cheap and local, runs inside writes and searches. 0: it may be slow, far away or down; memories
                             * are embedded in the background, at most max_batch a call, and a search does not wait long */
    engram_str model;       /* name and revision; a change of it is a new vector space */
} engram_embed_info;

typedef struct engram_embed_v1 {
    uint32_t size, reserved;
    /* [any] Constant for an instance. */
    engram_status (*info)(void *, engram_call *, engram_embed_info *out);
    /* [any] n texts to n * dimensions floats in the caller's memory, each vector of length 1 (or all zero when the text
     * has no feature). `tokens`, if not NULL, gets what a provider would bill. INVALID_ARGUMENT: one of the texts is refused
     * for good (the host finds out which); any other failure is tried again later, after a pause. Holds to the call's
     * deadline and looks at cancelled(). */
    engram_status (*embed)(void *, engram_call *, uint32_t purpose, const engram_str *texts, size_t n, float *out,
                           uint64_t *tokens);
} engram_embed_v1;

#endif
