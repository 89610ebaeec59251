/* engram.storage/1 - bytes, atomicity and indexes for one tenant's records. Draft.
 *
 * Combination: exactly one a tenant. Meaning (analysis, scoring, validation) is the host's; both of our backends and
 * the oracle (storage-memory) give the same answers to the same calls, in the same order.
 * A handle is a number. One apply() at a time per handle (the host's tenant actor); everything else is concurrent.
 * Every filter holds inside the arm that uses it: limits count only what passes.
 * Statuses beside the usual: DATA_LOSS (this tenant's file is damaged; others are not), RESOURCE_EXHAUSTED (disk or
 * byte quota full; nothing was changed), OUT_OF_RANGE (LSN not there yet, or trimmed).
 */
#ifndef ENGRAM_STORAGE_H
#define ENGRAM_STORAGE_H

#include <engram/call.h>
#include <engram/record.h>

#define ENGRAM_STORAGE "engram.storage/1"

/* ---- writing ---- */

enum {
    ENGRAM_OP_PUT = 1,         /* a new version of a record; also brings a deleted one back */
    ENGRAM_OP_DELETE = 2,      /* close and add a tombstone; record->id says which */
    ENGRAM_OP_PURGE = 3,       /* remove every version, term, vector and byte of it; edges too; the answers kept with the
                                * idempotency keys of batches that wrote it become empty */
    ENGRAM_OP_PUT_EDGE = 4,
    ENGRAM_OP_DELETE_EDGE = 5
};

#define ENGRAM_VERSION_ANY UINT64_MAX /* whatever the record's state */
#define ENGRAM_VERSION_NEW 0u         /* must never have existed */

typedef struct engram_op {
    uint32_t size, kind;
    const engram_record *record; /* PUT: all; DELETE: id, updated_at; PURGE: id */
    const engram_edge *edge;
    uint64_t expected; /* PUT, DELETE, PURGE: version the record's newest version (a tombstone counts) must have, or one of the
                        * above; a PUT that expects a version of a record never there is ABSENT.
                        * DELETE of an absent or deleted record is ABSENT whatever `expected` says; so is PURGE of a
                        * record never there (or purged), and DELETE_EDGE of an edge that is not live. A PUT_EDGE's ends need not
                        * exist. */
} engram_op;

typedef struct engram_limit { /* after the batch, the counter must not be above max if the batch raised it */
    engram_str counter;       /* "records.<kind number>", "workspace.<name>", "bytes" (text + metadata of live records) */
    uint64_t max;
} engram_limit;

/* Keep versions, LSNs and times of the records and edges given (restore, move); of a PURGE its record's lsn_from. An LSN
 * that is not above the newest becomes the next one. PURGE of an absent record is then done, not ABSENT: the feed that is
 * replayed has forgotten what was purged. */
enum { ENGRAM_BATCH_REPLAY = 1u };

typedef struct engram_batch { /* all or nothing; ops in order, each sees those before; at most 10000 */
    uint32_t size, flags;
    const engram_op *ops; /* a record at most once a batch */
    size_t n_ops;
    const engram_limit *limits;
    size_t n_limits;
    engram_str idempotency_key; /* empty = none; at most 512 bytes; kept 24 h after `now`; looked up before the ops */
    engram_bytes request_hash;  /* with a key: 32 bytes; the same key with another hash is KEY_REUSED */
    engram_bytes answer;        /* with a key: stored with it and handed back when the key comes again */
    engram_time now;
} engram_batch;

enum { /* why a batch was not applied */
    ENGRAM_APPLY_DONE = 0,
    ENGRAM_APPLY_REPLAYED = 1,         /* nothing applied: the key was seen with the same hash; `answer`, `lsn` are its */
    ENGRAM_APPLY_VERSION_MISMATCH = 2, /* `failed_op`, `current_version` */
    ENGRAM_APPLY_EXISTS = 3,           /* ENGRAM_VERSION_NEW and the record is there */
    ENGRAM_APPLY_ABSENT = 4,
    ENGRAM_APPLY_NAME_TAKEN = 5,
    ENGRAM_APPLY_KEY_REUSED = 6,
    ENGRAM_APPLY_LIMIT = 7,  /* `failed_limit`, `current_count` (what the counter would have become) */
    ENGRAM_APPLY_REFUSED = 8 /* malformed: `message` says what */
};

typedef struct engram_apply_result {
    uint32_t size, outcome; /* ENGRAM_APPLY_* */
    uint64_t lsn;           /* of the last op of the batch */
    uint64_t first_lsn;     /* of its first op: op i has first_lsn + i (but in a REPLAY) */
    uint64_t current_version, current_count;
    uint32_t failed_op, failed_limit;
    engram_str message;  /* in the call's arena */
    engram_bytes answer; /* in the call's arena */
    uint64_t count_before; /* LIMIT: what the counter is */
} engram_apply_result;

/* ---- reading ---- */

enum { /* what a row must carry beside its fixed-size fields, kind, id, workspace, type and version */
    ENGRAM_WANT_TEXT = 1u,
    ENGRAM_WANT_METADATA = 2u, /* and tags, name */
    ENGRAM_WANT_TERMS = 4u,
    ENGRAM_WANT_VECTORS = 8u,
    ENGRAM_WANT_DELETED = 16u, /* get: tombstones are pushed instead of skipped */
    ENGRAM_WANT_FACTS = 32u    /* get, alone: of a row no more is looked at than rid, id, kind, importance, pinned and when it was
                                * created, updated, occurred and expires; a store that has these at hand may leave out the rest */
};

typedef struct engram_rows { /* receives rows; another status than OK stops the read and is returned */
    uint32_t size, reserved;
    void *ctx;
    engram_status (*row)(void *ctx, size_t index, const engram_record *); /* index: position of the ref; else counts up */
} engram_rows;

typedef struct engram_edges {
    uint32_t size, reserved;
    void *ctx;
    engram_status (*edge)(void *ctx, const engram_edge *);
} engram_edges;

enum { ENGRAM_BY_ID = 1, ENGRAM_BY_RID = 2, ENGRAM_BY_NAME = 3 };

typedef struct engram_ref {
    uint32_t by, kind;
    engram_uuid id;
    uint64_t rid;
    engram_str workspace, name;
} engram_ref;

typedef struct engram_scope { /* which records a read is about: live in the view, of the kind, in one of the workspaces,
                               * passing the filter */
    uint32_t size, kind;
    const engram_str *workspaces; /* none = all */
    size_t n_workspaces;
    engram_filter filter;
} engram_scope;

enum { ENGRAM_ORDER_CREATED = 1, ENGRAM_ORDER_UPDATED = 2, ENGRAM_ORDER_OCCURRED = 3, ENGRAM_ORDER_IMPORTANCE = 4 };

typedef struct engram_list_query { /* ties are broken by id, in the same direction; absent times come last both ways */
    uint32_t size, order;
    uint32_t descending, limit; /* limit: 1 to 10000, else INVALID_ARGUMENT */
    uint32_t want, reserved;
    engram_scope scope;
    engram_str cursor; /* from an earlier answer to the same order and direction, empty = start; else INVALID_ARGUMENT */
} engram_list_query;

typedef struct engram_term_stats { /* over records live in the view, of the scope's kind and workspaces (filter ignored) */
    uint32_t size, reserved;
    uint64_t documents;
    uint64_t total_length;
} engram_term_stats;

typedef struct engram_posting {
    uint64_t rid;
    const uint32_t *tf; /* one a term asked for, 0 = not in it */
    uint32_t length, reserved;
} engram_posting;

typedef struct engram_postings {
    uint32_t size, reserved;
    void *ctx;
    engram_status (*push)(void *ctx, const engram_posting *, size_t n); /* in blocks, ascending rid, each rid once */
} engram_postings;

typedef struct engram_ranking { /* BM25 with the caller's weights: a record's score is the sum, in the order of the terms, of
                                 * weight * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average_length)) in doubles;
                                 * the higher the better, ties to the lower rid. See engram/cpp/bm25.hpp. */
    uint32_t size, keep;   /* keep: at least 1 */
    double k1, b, average_length; /* k1 >= 0, b 0 to 1, average_length > 0 */
    const double *weights; /* one a term, each above 0 */
} engram_ranking;

typedef struct engram_similar_terms {
    uint32_t size, reserved;
    void *ctx;
    engram_status (*term)(void *ctx, engram_str term, uint32_t distance, uint64_t df);
} engram_similar_terms;

typedef struct engram_neighbour {
    uint64_t rid;
    float similarity; /* cosine: 1 = same direction */
    uint32_t reserved;
} engram_neighbour;

typedef struct engram_member {
    uint64_t rid;
    uint32_t length, reserved; /* as in engram_record */
} engram_member;

typedef struct engram_groups {
    uint32_t size, reserved;
    void *ctx;
    engram_status (*group)(void *ctx, size_t index, const engram_member *, size_t n); /* by ascending rid */
} engram_groups;

enum {                       /* engram_space.active */
    ENGRAM_SPACE_IDLE = 0,   /* kept, nothing else */
    ENGRAM_SPACE_ACTIVE = 1, /* the one that is searched */
    ENGRAM_SPACE_NEXT = 2    /* chosen to become active when it is full, see space_prepare */
};

typedef struct engram_space {
    uint32_t size, id; /* id 0 in create: assigned */
    uint32_t dimensions, active;
    engram_str name; /* the embedder's model; unique */
    uint64_t covered; /* records that have a vector in it */
} engram_space;

enum { ENGRAM_SPACES_UNCOUNTED = 1u }; /* `covered` may be left 0: told at once, however many records there are */

typedef struct engram_spaces {
    uint32_t size, flags;
    void *ctx;
    engram_status (*space)(void *ctx, const engram_space *);
} engram_spaces;

typedef struct engram_fill { /* a vector for a version that is there already */
    uint64_t rid;
    const float *values; /* as many as the space has dimensions, finite */
} engram_fill;

typedef struct engram_counter_value {
    engram_str name;
    uint64_t value;
} engram_counter_value;

typedef struct engram_storage_stats {
    uint32_t size, reserved;
    uint64_t lsn, trimmed_lsn; /* newest; changes at or below the second are gone */
    uint64_t bytes_on_disk;
    uint64_t index_lag;                   /* versions not yet folded into the lexical index */
    const engram_counter_value *counters; /* in the call's arena; those of engram_limit, also per workspace */
    size_t n_counters;
} engram_storage_stats;

enum { ENGRAM_CHANGE_PUT = 1, ENGRAM_CHANGE_DELETE = 2, ENGRAM_CHANGE_PURGE = 3, ENGRAM_CHANGE_PUT_EDGE = 4,
       ENGRAM_CHANGE_DELETE_EDGE = 5 };

typedef struct engram_change { /* full post-image; a PURGE takes the record's and its edges' changes out of the feed */
    uint32_t size, kind;
    uint64_t lsn;
    const engram_record *record; /* DELETE: the tombstone; PURGE: id only */
    const engram_edge *edge;
} engram_change;

typedef struct engram_changes {
    uint32_t size, reserved;
    void *ctx;
    engram_status (*change)(void *ctx, const engram_change *);
} engram_changes;

typedef struct engram_sink {
    uint32_t size, reserved;
    void *ctx;
    engram_status (*write)(void *ctx, engram_bytes);
} engram_sink;

typedef struct engram_source {
    uint32_t size, reserved;
    void *ctx;
    engram_status (*read)(void *ctx, void *buffer, size_t capacity, size_t *n); /* n = 0: end */
} engram_source;

enum { ENGRAM_OPEN_CREATE = 1u }; /* make the tenant's store if it is not there (else NOT_FOUND) */

typedef struct engram_storage_v1 {
    uint32_t size, reserved;

    /* [any] A handle for a tenant (a uuid as text). Opening twice gives the same handle, counted. */
    engram_status (*open)(void *, engram_call *, engram_str tenant, uint32_t flags, uint64_t *db);
    engram_status (*close)(void *, engram_call *, uint64_t db);
    engram_status (*stats)(void *, engram_call *, uint64_t db, engram_storage_stats *out);
    /* [any] Removes the tenant and every byte of it. FAILED_PRECONDITION while it is open elsewhere. */
    engram_status (*erase)(void *, engram_call *, engram_str tenant);

    /* [one at a time a handle] results[i] tells about batches[i]; a refused batch does not hinder the others. On OK all
     * applied batches are durable (one fsync for all); on any other status none is applied. */
    engram_status (*apply)(void *, engram_call *, uint64_t db, const engram_batch *, size_t n,
                           engram_apply_result *results);

    /* [any] One consistent snapshot: of the newest LSN (at_lsn = ENGRAM_LSN_MAX) or as of at_lsn; OUT_OF_RANGE if min_lsn
     * is not reached. `lsn` gets the view's. A view is used by one thread at a time; end it soon. With INLINE: AGAIN
     * rather than waiting for a reader. */
    engram_status (*begin)(void *, engram_call *, uint64_t db, uint64_t at_lsn, uint64_t min_lsn, uint64_t *view,
                           uint64_t *lsn);
    void (*end)(void *, uint64_t view);

    /* All below: [any], on a view. */
    engram_status (*get)(void *, engram_call *, uint64_t view, const engram_ref *, size_t n, uint32_t want,
                         const engram_rows *); /* absent refs are skipped */
    engram_status (*list)(void *, engram_call *, uint64_t view, const engram_list_query *, const engram_rows *,
                          engram_str *next_cursor); /* empty = no more rows */
    engram_status (*history)(void *, engram_call *, uint64_t view, const engram_uuid *id, uint32_t want,
                             const engram_rows *); /* every version up to the view, oldest first, tombstones too */
    engram_status (*edges)(void *, engram_call *, uint64_t view, const engram_uuid *id, uint32_t incoming,
                           const engram_edges *); /* by type, then other end */
    /* Document frequencies of terms; `df` has n entries. Exact for the view. */
    engram_status (*terms)(void *, engram_call *, uint64_t view, const engram_scope *, const engram_str *terms, size_t n,
                           uint64_t *df, engram_term_stats *out);
    /* Terms in use that start with a prefix, most frequent first then by bytes, at most `limit`; df as in terms(). */
    engram_status (*expand)(void *, engram_call *, uint64_t view, const engram_scope *, engram_str prefix, uint32_t limit,
                            void *ctx, engram_status (*term)(void *ctx, engram_str term, uint64_t df));
    /* Every record of the scope with at least one of the terms. */
    engram_status (*match)(void *, engram_call *, uint64_t view, const engram_scope *, const engram_str *terms, size_t n,
                           const engram_postings *);
    /* The k records of the scope nearest to a vector, best first, ties by ascending rid. Similarity may be off by the
     * quantisation (1 per cent); which k may differ at equal similarity. */
    engram_status (*nearest)(void *, engram_call *, uint64_t view, const engram_scope *, uint32_t space,
                             const float *vector, uint32_t k, engram_neighbour *out, size_t *n_out);

    /* Vector spaces. [any] */
    engram_status (*space_create)(void *, engram_call *, uint64_t db, engram_space *inout); /* same name: the one there */
    engram_status (*space_activate)(void *, engram_call *, uint64_t db, uint32_t space); /* instead of the one before */
    engram_status (*space_drop)(void *, engram_call *, uint64_t db, uint32_t space);
    engram_status (*spaces)(void *, engram_call *, uint64_t db, const engram_spaces *);

    /* [any] The feed: changes with lsn > after_lsn in order, at most `limit`; waits up to wait_ms for the first.
     * OUT_OF_RANGE if they are trimmed. */
    engram_status (*changes)(void *, engram_call *, uint64_t db, uint64_t after_lsn, uint32_t limit, uint32_t wait_ms,
                             const engram_changes *);
    /* [any] Keeps changes above `lsn` from being trimmed, under a name; ENGRAM_LSN_MAX releases. */
    engram_status (*hold)(void *, engram_call *, uint64_t db, engram_str name, uint64_t lsn);

    engram_status (*snapshot)(void *, engram_call *, uint64_t db, const engram_sink *, uint64_t *lsn); /* [any] */
    engram_status (*restore)(void *, engram_call *, engram_str tenant, const engram_source *); /* [any] tenant absent */

    /* [any] optional. Reads through the tenant's whole store while others go on: OK, or DATA_LOSS with what is damaged as
     * the call's message. May take seconds a gigabyte. */
    engram_status (*check)(void *, engram_call *, uint64_t db);

    /* optional, all three or none: vectors that come after their records, those of a slow embedder or of a new space. They
     * are derived from the text: they take no LSN and no place in the feed, the version and its change carry them from then
     * on, and views that began earlier may show them.
     * [any] On a view: its live records of a kind that have no vector in the space, those with a rid above `after_rid`, by
     * ascending rid, at most `limit` (1 to 10000). A version that is written later has a higher rid. */
    engram_status (*unfilled)(void *, engram_call *, uint64_t view, uint32_t space, uint32_t kind, uint64_t after_rid,
                              uint32_t limit, uint32_t want, const engram_rows *);
    /* [any] Durable on OK, else nothing was changed. A rid that is not a live record's newest version is passed over, a
     * vector that is there is replaced; `filled` gets how many were taken. NOT_FOUND: no such space. INVALID_ARGUMENT: a
     * number that is not finite. */
    engram_status (*fill)(void *, engram_call *, uint64_t db, uint32_t space, const engram_fill *, size_t n,
                          uint64_t *filled);
    /* [any] Makes an idle space the next one, instead of the one before; 0: none is. Durable. NOT_FOUND: no such space.
     * FAILED_PRECONDITION: it is active. space_activate leaves no space next that is active. */
    engram_status (*space_prepare)(void *, engram_call *, uint64_t db, uint32_t space);

    /* [any] optional. On a view: as match(), but records may be left out that are not among the `keep` best of the ranking,
     * so that a store need not hand over what cannot be found. Which of the others are pushed is its own affair.
     * INVALID_ARGUMENT for a ranking that is not one. */
    engram_status (*match_best)(void *, engram_call *, uint64_t view, const engram_scope *, const engram_str *terms, size_t n,
                                const engram_ranking *, const engram_postings *);

    /* [any] optional. On a view: terms in use at an edit distance of 1 to `most` (1 or 2, see engram/cpp/edit_distance.hpp)
     * from a term, nearest first, then most frequent, then by bytes, at most `limit` (1 to 100); df as in terms(). Terms that
     * begin with a byte below 0x20 are marks of the host's, not words, and are never among them.
     * INVALID_ARGUMENT for another distance or limit, or a term that is not 1 to 64 bytes. */
    engram_status (*similar_terms)(void *, engram_call *, uint64_t view, const engram_scope *, engram_str term, uint32_t most,
                                   uint32_t limit, const engram_similar_terms *);

    /* [any] optional; without it a search lends no context. On a view, for each of `rids` in their order: the records of the
     * scope in its group (see ENGRAM_GROUP_MARK), with the position in `rids` of the first that is in it; a group is pushed
     * once, and none (n = 0) for a record without a mark. Ends at the first group with which more than `most` records
     * (the filter ignored) would be in those pushed. Rids that are not of a record live in the view are passed over. */
    engram_status (*companions)(void *, engram_call *, uint64_t view, const engram_scope *, const uint64_t *rids, size_t n,
                                uint64_t most, const engram_groups *);
} engram_storage_v1;

#endif
