/* engram.auth/1 - who is asking. Draft.
 *
 * Combination: plugins are asked in configuration order; the first answer other than PASS wins. If all pass, the
 * request is unauthenticated and every challenge is sent.
 * The host keeps no verdict of its own: a plugin that caches must drop an entry as soon as the directory's epoch
 * (host/directory.h) shows that its key, tenant or member changed.
 */
#ifndef ENGRAM_AUTH_H
#define ENGRAM_AUTH_H

#include <engram/call.h>

#define ENGRAM_AUTH "engram.auth/1"

enum { ENGRAM_CREDENTIAL_BEARER = 1, ENGRAM_CREDENTIAL_BASIC = 2, ENGRAM_CREDENTIAL_COOKIE = 3 };

typedef struct engram_credential {
    uint32_t size, kind;
    engram_str value;       /* the token, without its scheme; secret: never log it */
    engram_str tenant_hint; /* slug the request names, may be empty */
    engram_str peer;        /* address of the client after trusted proxies, without port */
} engram_credential;

typedef struct engram_principal {
    uint32_t size;
    uint32_t member;          /* 1: the host must find `member_id` among the tenant's members, and grants no more scopes
                               * than that member's role gives */
    engram_str subject;       /* "key:<id>", "user:<issuer>|<sub>" */
    engram_str tenant;        /* tenant id the credential is bound to; empty = the request must name one */
    engram_str credential_id; /* public id for logs, e.g. the key's id */
    engram_str display;
    const engram_str *scopes; /* "memory:read"; "*" = all */
    size_t n_scopes;
    engram_time expires_at; /* ENGRAM_TIME_NONE = does not expire by itself */
    engram_str member_id;   /* user id of the member the credential acts for; empty = `subject` */
} engram_principal;

/* A credential to make. For an API key `document` is the api_key document as stored, without any secret. */
typedef struct engram_issue_request {
    uint32_t size, kind; /* an ENGRAM_CREDENTIAL_* */
    engram_str tenant, name, created_by;
    const engram_str *scopes;
    size_t n_scopes;
    engram_time expires_at;
    engram_str replaces;    /* id of the key being rotated, or empty */
    uint64_t overlap_ms;    /* how long a replaced key stays valid */
    engram_str environment; /* "live" or "test"; empty = "live" */
    engram_str member_id;   /* user id of the member it acts for; empty = of nobody */
} engram_issue_request;

typedef struct engram_issued {
    uint32_t size, reserved;
    engram_str secret; /* the whole credential; exists nowhere else */
    engram_str id;
    engram_str document; /* JSON, see tenancy.h */
} engram_issued;

typedef struct engram_auth_v1 {
    uint32_t size, reserved;
    /* [any] OK, PASS (not mine), UNAUTHENTICATED (mine and wrong), PERMISSION_DENIED, RESOURCE_EXHAUSTED (too many
     * failures), UNAVAILABLE; with ENGRAM_CALL_INLINE also AGAIN. `out` is zeroed and sized by the host. */
    engram_status (*authenticate)(void *, engram_call *, const engram_credential *, engram_principal *out);
    /* [any] optional: the value of one WWW-Authenticate header. */
    engram_status (*challenge)(void *, engram_call *, engram_str *www_authenticate);
    /* [any] optional: makes and stores a credential; PASS if it makes none of that kind. */
    engram_status (*issue)(void *, engram_call *, const engram_issue_request *, engram_issued *out);
} engram_auth_v1;

#endif
