#include "operations/definitions.hpp"

namespace engram::operations {

std::string_view definitions() {
    return R"json({
"uuid": {"type": "string", "minLength": 36, "maxLength": 36, "description": "RFC 9562 UUID, version 7, lower case"},
"time": {"type": "string", "description": "RFC 3339 date and time, e.g. 2026-01-31T09:30:00Z"},
"time_or_null": {"type": ["string", "null"], "description": "RFC 3339 date and time, or null"},
"workspace_name": {"type": "string", "minLength": 1, "maxLength": 128, "description": "Starts with a letter or digit; then letters, digits and ._:/@-"},
"tags": {"type": "array", "items": {"type": "string"}, "maxItems": 64},
"metadata": {"type": "object", "description": "Any JSON object up to 64 KiB"},
"lsn": {"type": "integer", "minimum": 0, "description": "Position in the tenant's log; a read may ask for at least this one"},
"memory": {
  "type": "object", "additionalProperties": false,
  "required": ["id", "workspace", "type", "content", "tags", "metadata", "importance", "pinned", "tier", "occurred_at", "expires_at", "valid_from", "valid_until", "created_at", "updated_at", "version"],
  "properties": {
    "id": {"$ref": "#/definitions/uuid"},
    "workspace": {"type": "string"},
    "type": {"type": "string"},
    "content": {"type": "string"},
    "tags": {"$ref": "#/definitions/tags"},
    "metadata": {"$ref": "#/definitions/metadata"},
    "importance": {"type": "number"},
    "pinned": {"type": "boolean"},
    "tier": {"$ref": "#/definitions/tier"},
    "occurred_at": {"$ref": "#/definitions/time_or_null"},
    "expires_at": {"$ref": "#/definitions/time_or_null"},
    "valid_from": {"$ref": "#/definitions/time_or_null"},
    "valid_until": {"$ref": "#/definitions/time_or_null"},
    "created_at": {"$ref": "#/definitions/time"},
    "updated_at": {"$ref": "#/definitions/time"},
    "version": {"type": "integer", "minimum": 1}
  }},
"memory_version": {
  "type": "object", "additionalProperties": false,
  "required": ["version", "lsn", "state", "memory"],
  "properties": {
    "version": {"type": "integer", "minimum": 1},
    "lsn": {"$ref": "#/definitions/lsn"},
    "state": {"type": "string", "enum": ["live", "deleted"]},
    "memory": {"anyOf": [{"$ref": "#/definitions/memory"}, {"type": "null"}]}
  }},
"written_memory": {
  "type": "object", "additionalProperties": false, "required": ["memory", "lsn"],
  "properties": {"memory": {"$ref": "#/definitions/memory"}, "lsn": {"$ref": "#/definitions/lsn"}}},
"new_memory": {
  "type": "object", "additionalProperties": false, "required": ["content"],
  "properties": {
    "content": {"type": "string", "minLength": 1, "description": "The text to remember, 1 byte to 1 MB"},
    "workspace": {"$ref": "#/definitions/workspace_name"},
    "type": {"type": "string", "minLength": 1, "maxLength": 64, "description": "note (if not given), fact, preference, decision, procedure, event, task, summary, or a word of your own"},
    "tags": {"$ref": "#/definitions/tags"},
    "metadata": {"$ref": "#/definitions/metadata"},
    "importance": {"type": "number", "minimum": 0, "maximum": 1, "description": "0.5 if not given"},
    "pinned": {"$ref": "#/definitions/pinned"},
    "tier": {"$ref": "#/definitions/tier"},
    "occurred_at": {"$ref": "#/definitions/time_or_null"},
    "expires_at": {"$ref": "#/definitions/time_or_null"},
    "valid_from": {"$ref": "#/definitions/time_or_null"},
    "valid_until": {"$ref": "#/definitions/time_or_null"},
    "ttl_seconds": {"type": "integer", "minimum": 1, "maximum": 3153600000, "description": "Instead of expires_at"},
    "private": {"$ref": "#/definitions/private"},
    "on_duplicate": {"type": "string", "enum": ["allow", "reject", "skip", "merge"],
      "description": "If the workspace has a memory with the same text (white space aside): store another (allow, if not given), refuse, answer with that one, or add tags and metadata to it"}
  }},
"changes": {
  "type": "object", "additionalProperties": false, "description": "What differs; equal fields are left out",
  "properties": {
    "content": {"type": "array", "description": "Places in the order of the text, counted in Unicode characters",
      "items": {"type": "object", "additionalProperties": false, "required": ["at_old", "at_new", "removed", "added"],
        "properties": {"at_old": {"type": "integer"}, "at_new": {"type": "integer"}, "removed": {"type": "string"},
                       "added": {"type": "string"}}}},
    "tags": {"type": "object", "properties": {"added": {"type": "array"}, "removed": {"type": "array"}}},
    "metadata": {"type": "object", "description": "A member's name to its {from, to}; null where it is absent"},
    "type": {"type": "object"}, "importance": {"type": "object"}, "pinned": {"type": "object"},
    "occurred_at": {"type": "object"}, "expires_at": {"type": "object"}, "valid_from": {"type": "object"},
    "valid_until": {"type": "object"}
  }},
"pinned": {"type": "boolean", "description": "Never expires or fades with age"},
"tier": {"type": "string", "enum": ["daily", "permanent"], "description": "daily: expires, in a day unless a time is given"},
"private": {"type": "string", "enum": ["keep", "strip"], "description": "strip: leave out what stands in <private>...</private>"},
"atomic": {"type": "boolean", "description": "true: one item that cannot be done refuses the batch, and nothing is written"},
"ids": {"type": "array", "minItems": 1, "items": {"type": "string"}, "description": "Ids of memories, at most 1,000"},
"item_error": {
  "type": "object", "required": ["code", "detail", "hint", "pointer"],
  "properties": {"code": {"type": "string"}, "detail": {"type": "string"}, "hint": {"type": "string"}, "pointer": {"type": "string"}}},
"changed_batch": {
  "type": "object", "additionalProperties": false, "required": ["results", "lsn"],
  "properties": {"lsn": {"$ref": "#/definitions/lsn"},
    "results": {"type": "array", "items": {"type": "object", "additionalProperties": false, "required": ["id", "outcome"],
      "properties": {"id": {"type": "string"}, "version": {"type": "integer"},
        "outcome": {"type": "string", "enum": ["changed", "unchanged", "deleted", "refused"]},
        "error": {"$ref": "#/definitions/item_error"}}}}}},
"weights": {
  "type": "object", "additionalProperties": false, "description": "How much a part of the score counts, instead of the default",
  "properties": {
    "vector": {"type": "number", "minimum": 0, "maximum": 10, "description": "Beside the words, which count 1; 0.1 if not given"},
    "session": {"type": "number", "minimum": 0, "maximum": 10, "description": "What the best session adds; 1 if not given"},
    "dates": {"type": "number", "minimum": 0, "maximum": 10, "description": "What a time that the query names adds; 0.6 if not given"},
    "importance": {"type": "number", "minimum": 0, "maximum": 1, "description": "0.15 if not given"},
    "recency": {"type": "number", "minimum": 0, "maximum": 1, "description": "0.1 if not given"},
    "half_life_days": {"type": "number", "minimum": 0.001, "maximum": 36500, "description": "Until recency counts half; 30 if not given"}
  }},
"filter": {"type": "object", "description": "Conditions on type, tags, metadata, importance and times; see the filter language"},
"problem": {
  "type": "object", "required": ["type", "title", "status", "detail", "code", "hint", "request_id"],
  "properties": {
    "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
    "detail": {"type": "string"}, "code": {"type": "string"}, "hint": {"type": "string"},
    "request_id": {"type": "string"}, "pointer": {"type": "string"},
    "limit": {"type": "integer"}, "used": {"type": "integer"}, "reset": {"type": "integer"}
  }},
"workspace": {
  "type": "object", "additionalProperties": false, "required": ["name", "memories", "created_at"],
  "properties": {
    "name": {"type": "string"}, "memories": {"type": "integer", "minimum": 0},
    "created_at": {"$ref": "#/definitions/time"}
  }},
"key": {
  "type": "object", "additionalProperties": false,
  "required": ["id", "name", "prefix", "scopes", "created_at", "created_by", "member_id", "expires_at", "revoked_at", "last_used_at", "replaced_by"],
  "properties": {
    "id": {"$ref": "#/definitions/uuid"}, "name": {"type": "string"}, "prefix": {"type": "string"},
    "scopes": {"type": "array", "items": {"type": "string"}},
    "created_at": {"$ref": "#/definitions/time"}, "created_by": {"type": "string"},
    "member_id": {"type": ["string", "null"], "description": "The member it acts for; it may no more than that member's role"},
    "expires_at": {"$ref": "#/definitions/time_or_null"}, "revoked_at": {"$ref": "#/definitions/time_or_null"},
    "last_used_at": {"$ref": "#/definitions/time_or_null"}, "replaced_by": {"type": ["string", "null"]}
  }},
"role": {"type": "string", "enum": ["owner", "admin", "member", "viewer"]},
"member": {
  "type": "object", "additionalProperties": false,
  "required": ["user_id", "role", "email", "created_at", "updated_at", "version"],
  "properties": {
    "user_id": {"type": "string"}, "role": {"$ref": "#/definitions/role"}, "email": {"type": ["string", "null"]},
    "created_at": {"$ref": "#/definitions/time"}, "updated_at": {"$ref": "#/definitions/time"},
    "version": {"type": "integer", "minimum": 1}
  }},
"invite": {
  "type": "object", "additionalProperties": false,
  "required": ["id", "email", "role", "state", "invited_by", "created_at", "expires_at", "accepted_at"],
  "properties": {
    "id": {"$ref": "#/definitions/uuid"}, "email": {"type": "string"}, "role": {"$ref": "#/definitions/role"},
    "state": {"type": "string", "enum": ["open", "accepted", "expired"]}, "invited_by": {"type": "string"},
    "created_at": {"$ref": "#/definitions/time"}, "expires_at": {"$ref": "#/definitions/time"},
    "accepted_at": {"$ref": "#/definitions/time_or_null"}
  }},
"tenant": {
  "type": "object", "additionalProperties": false,
  "required": ["id", "slug", "name", "status", "plan", "owner_user_id", "created_at", "version"],
  "properties": {
    "id": {"$ref": "#/definitions/uuid"}, "slug": {"type": "string"}, "name": {"type": "string"},
    "status": {"type": "string", "enum": ["active", "suspended", "deleted"]}, "plan": {"type": "string"},
    "owner_user_id": {"type": "string"}, "created_at": {"$ref": "#/definitions/time"},
    "version": {"type": "integer", "minimum": 1}
  }},
"audit_event": {
  "type": "object", "additionalProperties": false,
  "required": ["id", "at", "operation", "subject", "status", "details"],
  "properties": {
    "id": {"$ref": "#/definitions/uuid"}, "at": {"$ref": "#/definitions/time"}, "operation": {"type": "string"},
    "subject": {"type": "string"}, "status": {"type": "integer"},
    "details": {"type": "object", "description": "outcome, target, before, after, request_id and more"}
  }},
"limit": {
  "type": "object", "additionalProperties": false, "required": ["unit", "limit", "used", "reset"],
  "properties": {
    "unit": {"type": "string", "description": "memories, workspaces, identities, sessions, storage_bytes, api_calls_day or rpm"},
    "limit": {"type": ["integer", "null"], "description": "null: unlimited"}, "used": {"type": ["integer", "null"]},
    "reset": {"type": ["integer", "null"], "description": "Seconds until it counts from zero"}
  }},
"embedding": {
  "type": "object", "additionalProperties": false, "required": ["model", "memories", "spaces", "embedders", "failure"],
  "properties": {
    "model": {"type": ["string", "null"], "description": "That memories are searched by; null: by their words alone"},
    "memories": {"type": "integer", "minimum": 0},
    "spaces": {"type": "array", "items": {"type": "object", "additionalProperties": false,
      "required": ["id", "model", "dimensions", "embedder", "state", "covered", "pending", "refused"],
      "properties": {
        "id": {"type": "integer", "minimum": 1}, "model": {"type": "string"}, "dimensions": {"type": "integer"},
        "embedder": {"type": ["string", "null"], "description": "null: none of the configuration has the model"},
        "state": {"type": "string", "enum": ["active", "next", "idle"], "description": "next: active when no memory is pending"},
        "covered": {"type": "integer", "description": "Memories with a vector"},
        "pending": {"type": "integer", "description": "Memories whose vector is still to come"},
        "refused": {"type": "integer", "description": "Memories whose text the embedder refused since the start"}
      }}},
    "embedders": {"type": "array", "description": "Of the configuration, the preferred one first",
      "items": {"type": "object", "additionalProperties": false, "required": ["name", "model"],
        "properties": {"name": {"type": "string"}, "model": {"type": "string"}}}},
    "failure": {"type": ["string", "null"], "description": "Why vectors do not come at the moment"}
  }},
"incomplete": {
  "type": "array", "description": "Arms of the search that did not see everything; absent if all did",
  "items": {"type": "object", "additionalProperties": false, "required": ["arm", "reason"],
    "properties": {
      "arm": {"type": "string", "enum": ["vector"]},
      "reason": {"type": "string", "enum": ["pending", "failed", "no_embedder"],
        "description": "pending: some memories have no vector yet; failed: the embedder did not answer in time; no_embedder: none has the tenant's model"},
      "pending": {"type": "integer"}, "detail": {"type": "string"}
    }}},
"issued_key": {
  "type": "object", "additionalProperties": false, "required": ["secret", "key"],
  "properties": {
    "secret": {"type": "string", "description": "The whole key; shown this once"},
    "key": {"$ref": "#/definitions/key"}
  }}
})json";
}

}  // namespace engram::operations
