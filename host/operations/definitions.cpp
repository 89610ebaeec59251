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
  "required": ["id", "workspace", "type", "content", "tags", "metadata", "importance", "occurred_at", "expires_at", "created_at", "updated_at", "version"],
  "properties": {
    "id": {"$ref": "#/definitions/uuid"},
    "workspace": {"type": "string"},
    "type": {"type": "string"},
    "content": {"type": "string"},
    "tags": {"$ref": "#/definitions/tags"},
    "metadata": {"$ref": "#/definitions/metadata"},
    "importance": {"type": "number"},
    "occurred_at": {"$ref": "#/definitions/time_or_null"},
    "expires_at": {"$ref": "#/definitions/time_or_null"},
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
"new_memory": {
  "type": "object", "additionalProperties": false, "required": ["content"],
  "properties": {
    "content": {"type": "string", "minLength": 1, "description": "The text to remember, 1 byte to 1 MB"},
    "workspace": {"$ref": "#/definitions/workspace_name"},
    "type": {"type": "string", "minLength": 1, "maxLength": 64, "description": "Your own classification, e.g. fact; note if not given"},
    "tags": {"$ref": "#/definitions/tags"},
    "metadata": {"$ref": "#/definitions/metadata"},
    "importance": {"type": "number", "minimum": 0, "maximum": 1, "description": "0.5 if not given"},
    "occurred_at": {"$ref": "#/definitions/time_or_null"},
    "expires_at": {"$ref": "#/definitions/time_or_null"},
    "ttl_seconds": {"type": "integer", "minimum": 1, "maximum": 3153600000, "description": "Instead of expires_at"}
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
  "required": ["id", "name", "prefix", "scopes", "created_at", "created_by", "expires_at", "revoked_at", "last_used_at", "replaced_by"],
  "properties": {
    "id": {"$ref": "#/definitions/uuid"}, "name": {"type": "string"}, "prefix": {"type": "string"},
    "scopes": {"type": "array", "items": {"type": "string"}},
    "created_at": {"$ref": "#/definitions/time"}, "created_by": {"type": "string"},
    "expires_at": {"$ref": "#/definitions/time_or_null"}, "revoked_at": {"$ref": "#/definitions/time_or_null"},
    "last_used_at": {"$ref": "#/definitions/time_or_null"}, "replaced_by": {"type": ["string", "null"]}
  }},
"issued_key": {
  "type": "object", "additionalProperties": false, "required": ["secret", "key"],
  "properties": {
    "secret": {"type": "string", "description": "The whole key; shown this once"},
    "key": {"$ref": "#/definitions/key"}
  }}
})json";
}

}  // namespace engram::operations
