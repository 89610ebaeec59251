/* The two nouns of storage: a record and an edge; and the typed filter over records. Draft, part of storage.h.
 *
 * A stored unit is a version: record content that is visible for lsn_from <= lsn < lsn_to. Deleting closes the
 * version and adds a tombstone version (deleted = 1, content empty), so history shows it and undelete is a put.
 * A tombstone keeps id, kind, workspace, type and created_at, has the updated_at of its DELETE, and nothing else.
 * Strings that people write (workspace, name, type, text, metadata, tags) are UTF-8 without NUL; numbers are finite.
 */
#ifndef ENGRAM_RECORD_H
#define ENGRAM_RECORD_H

#include <engram/types.h>

enum {
    ENGRAM_KIND_ANY = 0,
    ENGRAM_KIND_MEMORY = 1,
    ENGRAM_KIND_MESSAGE = 2,
    ENGRAM_KIND_BLOCK = 3,
    ENGRAM_KIND_IDENTITY = 4,
    ENGRAM_KIND_SESSION = 5
};

#define ENGRAM_LSN_MAX UINT64_MAX

/* A term that begins with this is the mark of a group that its record is in: those of a session. A record has one at most. */
#define ENGRAM_GROUP_MARK "\x01s"

typedef struct engram_term { /* made by the host's analysis; opaque to storage: compare bytes only */
    engram_str term;         /* 1 to 64 bytes */
    uint32_t tf;             /* occurrences in the text, at least 1 */
    uint32_t reserved;
} engram_term;

typedef struct engram_vector {
    uint32_t space; /* id of a vector space, see spaces() */
    uint32_t dimensions;
    const float *values;
} engram_vector;

typedef struct engram_record {
    uint32_t size, kind;
    engram_uuid id;
    engram_str workspace;    /* 1 to 128 bytes */
    engram_str name;         /* optional; unique among live records of a workspace and kind */
    engram_str type;         /* the user's classification, e.g. "fact" */
    engram_uuid parent;      /* none = zero */
    uint64_t position;       /* in the parent; below 2^63 */
    engram_str text;
    engram_str metadata;     /* a JSON object or empty */
    const engram_str *tags;
    size_t n_tags;
    double importance;       /* 0 to 1 */
    engram_time occurred_at, created_at, updated_at, expires_at, valid_from, valid_until;
    const engram_term *terms; /* distinct, any order */
    size_t n_terms;
    const engram_vector *vectors; /* at most one a space */
    size_t n_vectors;
    uint32_t length;          /* of the text in terms, with repetitions: BM25's document length */
    uint32_t deleted;         /* 1 = tombstone */
    uint32_t pinned;          /* 0 or 1: its owner wants it kept; storage only remembers it. A tombstone is not */
    uint32_t reserved;
    /* Set by storage, ignored in a put (but kept by a REPLAY). */
    uint64_t version;         /* 1, 2, ... per record */
    uint64_t lsn_from, lsn_to; /* lsn_to is ENGRAM_LSN_MAX while current */
    uint64_t rid;              /* local number of this version row, for match/nearest -> get; never 0 */
} engram_record;

typedef struct engram_edge {
    uint32_t size, deleted;
    engram_uuid from, to;
    engram_str type;     /* (from, to, type) is the key */
    double weight;
    engram_time valid_from, valid_until, created_at;
    engram_str metadata; /* a JSON object or empty */
    uint64_t lsn_from, lsn_to;
} engram_edge;

/* ---- filters: a tree flattened into an array; the root is node 0; children follow their parent, a node has one parent,
 * at most 32 levels and 1024 nodes. A filter that is not one, has an unknown operator, field or type of value, or a `path`
 * that is not a pointer ("/..." with ~0 and ~1 only), is INVALID_ARGUMENT. ---- */

enum { /* operator */
    ENGRAM_AND = 1, /* n_children >= 0; no child = true */
    ENGRAM_OR = 2,  /* no child = false */
    ENGRAM_NOT = 3, /* one child */
    ENGRAM_EQ = 4,
    ENGRAM_NE = 5, /* not EQ: also true where the field is absent or of another type */
    ENGRAM_LT = 6,
    ENGRAM_LE = 7,
    ENGRAM_GT = 8,
    ENGRAM_GE = 9,
    ENGRAM_IN = 10,    /* equals one of values */
    ENGRAM_EXISTS = 11, /* field present and not null; values unused */
    ENGRAM_CONTAINS = 12 /* a text that has the value's text in it, byte by byte (every text has ""), or an array in metadata
                          * with an element that is EQ to the value */
};

enum { /* field */
    ENGRAM_FIELD_ID = 1,          /* compared as 36-character lower-case text */
    ENGRAM_FIELD_WORKSPACE = 2,
    ENGRAM_FIELD_TYPE = 3,
    ENGRAM_FIELD_TAG = 4,         /* EQ, CONTAINS, IN, LT..GE: the record has such a tag; NE: has none such; EXISTS: has any */
    ENGRAM_FIELD_METADATA = 5,    /* `path`: RFC 6901 pointer into metadata, e.g. "/a/b" */
    ENGRAM_FIELD_IMPORTANCE = 6,
    ENGRAM_FIELD_OCCURRED_AT = 7, /* times compare as INTEGER milliseconds; ENGRAM_TIME_NONE = absent */
    ENGRAM_FIELD_CREATED_AT = 8,
    ENGRAM_FIELD_UPDATED_AT = 9,
    ENGRAM_FIELD_EXPIRES_AT = 10,
    ENGRAM_FIELD_VALID_FROM = 11,
    ENGRAM_FIELD_VALID_UNTIL = 12,
    ENGRAM_FIELD_NAME = 13,
    ENGRAM_FIELD_PARENT = 14, /* as ID */
    ENGRAM_FIELD_POSITION = 15,
    ENGRAM_FIELD_PINNED = 16, /* a bool, never absent */
    ENGRAM_FIELD_TEXT = 17    /* absent if empty */
};

enum { ENGRAM_VALUE_STRING = 1, ENGRAM_VALUE_INTEGER = 2, ENGRAM_VALUE_REAL = 3, ENGRAM_VALUE_BOOL = 4 };

/* Comparison is typed: strings with strings by bytes (memcmp, then length), numbers with numbers by exact value (2^53 + 1
 * is not 2^53, whichever of the two is REAL), bools with bools (false < true); any other pairing is false. An absent
 * field makes every comparison but NE false. Absent are: an empty name, type or text, a zero parent, ENGRAM_TIME_NONE, what
 * `path` does not lead to, JSON null, and all metadata that is not JSON; present is an empty string in metadata. An object
 * or array in metadata EXISTS and equals nothing; an array CONTAINS its elements. An array index has no leading zero. */
typedef struct engram_value {
    uint32_t type, boolean;
    int64_t integer;
    double real;
    engram_str string;
} engram_value;

typedef struct engram_filter_node {
    uint32_t op, field;
    engram_str path;
    const engram_value *values; /* one for EQ..GE and CONTAINS, n for IN */
    size_t n_values;
    uint32_t first_child, n_children; /* children are nodes [first_child, first_child + n_children) */
} engram_filter_node;

typedef struct engram_filter {
    const engram_filter_node *nodes;
    size_t n_nodes; /* 0 = everything */
} engram_filter;

#endif
