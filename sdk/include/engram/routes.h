/* engram.routes/1 - HTTP routes a plugin serves itself (console, SCIM, webhooks in). Draft.
 *
 * Combination: union; two owners of one method and path is a start-up error, and so is a path under /v1.
 */
#ifndef ENGRAM_ROUTES_H
#define ENGRAM_ROUTES_H

#include <engram/call.h>

#define ENGRAM_ROUTES "engram.routes/1"

enum {
    ENGRAM_ROUTE_PUBLIC = 1,       /* no credential; pays from the peer's bucket */
    ENGRAM_ROUTE_AUTHENTICATED = 2 /* auth, tenancy and request bucket run first */
};

typedef struct engram_route {
    uint32_t size, access;
    engram_str method;
    engram_str path;   /* "/console/{file}"; a last segment "{name*}" takes the rest */
    engram_str scope;  /* needed scope for AUTHENTICATED, empty = none */
    uint64_t max_body; /* bytes */
} engram_route;

typedef struct engram_request {
    uint32_t size, reserved;
    engram_str method, path, query;
    const engram_kv *headers; /* names in lower case */
    size_t n_headers;
    const engram_kv *params; /* of the path */
    size_t n_params;
    engram_bytes body;
} engram_request;

typedef struct engram_reply {
    uint32_t size, reserved;
    void *ctx;
    engram_status (*head)(void *ctx, uint32_t status, const engram_kv *headers, size_t n); /* once, first */
    engram_status (*body)(void *ctx, engram_bytes);                                        /* any number of times */
} engram_reply;

typedef struct engram_routes_v1 {
    uint32_t size, reserved;
    /* [ctl] Static list, constant for an instance. */
    engram_status (*routes)(void *, engram_call *, const engram_route **, size_t *n);
    /* [any] Runs on the blocking lane. */
    engram_status (*handle)(void *, engram_call *, size_t route, const engram_request *, const engram_reply *);
} engram_routes_v1;

#endif
