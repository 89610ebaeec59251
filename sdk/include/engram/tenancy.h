/* engram.tenancy/1 - the control plane's documents: tenants, members, invites, workspaces, keys, plans. Draft.
 *
 * Combination: exactly one. A document is JSON with a kind, an id and a version; the plugin may spread it over
 * columns but gives back every member it was given. Every change gets an epoch (a counter of the whole control
 * plane); changes() is the feed by which caches learn of revocations.
 *
 * kind          id       name (unique alternate key)     members beside id, created_at, updated_at (RFC 3339 strings)
 * tenant        uuid     slug, unique                    slug, name, status active|suspended|deleted, owner_user_id, plan
 * member        user id  user id, in its tenant          tenant_id, user_id, role owner|admin|member|viewer, email
 * invite        uuid     email, in its tenant            tenant_id, email, role, token_hash, expires_at, accepted_at, invited_by
 * workspace     uuid     name, in its tenant             tenant_id, name, settings {}
 * api_key       uuid     prefix, unique                  tenant_id, name, prefix, key_hash, scopes [], last_used_at,
 *                                                        expires_at, revoked_at, created_by, replaced_by, member_id
 * plan          plan     plan, unique                    memories, workspaces, identities, sessions, api_calls_day,
 *                                                        storage_bytes, rpm, burst (null = unlimited)
 * subscription  tenant   tenant id                       tenant_id, stripe_customer_id, stripe_subscription_id,
 *                                                        status inactive|active|past_due|canceled, current_period_end
 */
#ifndef ENGRAM_TENANCY_H
#define ENGRAM_TENANCY_H

#include <engram/call.h>

#define ENGRAM_TENANCY "engram.tenancy/1"

enum {
    ENGRAM_DOC_TENANT = 1,
    ENGRAM_DOC_MEMBER = 2,
    ENGRAM_DOC_INVITE = 3,
    ENGRAM_DOC_WORKSPACE = 4,
    ENGRAM_DOC_API_KEY = 5,
    ENGRAM_DOC_PLAN = 6,
    ENGRAM_DOC_SUBSCRIPTION = 7
};

typedef struct engram_doc {
    uint32_t size, kind;
    engram_str tenant; /* owning tenant's id; empty for tenant and plan */
    engram_str id;
    engram_str json;  /* empty in the change feed when the document was deleted */
    uint64_t version; /* 1 for a new document */
    uint64_t epoch;   /* of its last change */
} engram_doc;

typedef struct engram_docs { /* receives documents; another status than OK stops the listing and is returned */
    uint32_t size, reserved;
    void *ctx;
    engram_status (*doc)(void *ctx, const engram_doc *);
} engram_docs;

#define ENGRAM_ANY_VERSION UINT64_MAX

typedef struct engram_doc_change {
    uint32_t size, kind;
    engram_str tenant, id;
    engram_str json;    /* empty = delete */
    uint64_t expected;  /* version the document must have; 0 = must not exist; ENGRAM_ANY_VERSION */
    uint64_t max_count; /* a new document: how many of its kind the tenant may have with it; 0 = any number */
} engram_doc_change;

typedef struct engram_tenancy_v1 {
    uint32_t size, reserved;
    /* [any] The tenant with this slug or id. NOT_FOUND. Hot: answered from memory. */
    engram_status (*resolve)(void *, engram_call *, engram_str slug_or_id, engram_doc *out);
    /* [any] Membership of a subject in a tenant. NOT_FOUND. Hot. */
    engram_status (*member)(void *, engram_call *, engram_str tenant, engram_str subject, engram_doc *out);
    /* [any] By id, or by name if `by_name` is not 0; `tenant` may be empty where the key is unique over all tenants. */
    engram_status (*get)(void *, engram_call *, uint32_t kind, engram_str tenant, engram_str key, uint32_t by_name,
                         engram_doc *out);
    /* [any] Documents of a kind (in a tenant) in order of id, after `after` (an id, empty = from the start), at most
     * `limit`. */
    engram_status (*list)(void *, engram_call *, uint32_t kind, engram_str tenant, engram_str after, uint32_t limit,
                          const engram_docs *);
    /* [any] All or nothing, durable on return. ABORTED: a version differs; ALREADY_EXISTS: a unique name is taken;
     * OUT_OF_RANGE: max_count would be passed (counted in the change's own transaction, so that parallel changes
     * cannot pass it); INVALID_ARGUMENT: a document breaks the table above. */
    engram_status (*apply)(void *, engram_call *, const engram_doc_change *, size_t n, uint64_t *epoch);
    /* [any] Changes with an epoch above `after_epoch`, oldest first; waits up to wait_ms for the first (0 = never). */
    engram_status (*changes)(void *, engram_call *, uint64_t after_epoch, uint32_t wait_ms, const engram_docs *);
    /* [any] The newest epoch; an atomic load. */
    uint64_t (*epoch)(void *);
} engram_tenancy_v1;

#endif
