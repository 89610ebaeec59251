// What changed between two versions of a memory, as JSON. Pure; any thread.
#pragma once

#include "engine/memory.hpp"
#include "json/json.hpp"

namespace engram::operations {

// The members {"content": [hunks], "tags": {added, removed}, "metadata": {name: {from, to}}, "type": {from, to}, ...} of what
// differs; equal fields are left out.
void writeChanges(json::Writer& out, const engine::Memory& from, const engine::Memory& to);

}  // namespace engram::operations
