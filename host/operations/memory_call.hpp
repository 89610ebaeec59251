// What the operations on memories share: options and limits of a write, and how its receipt becomes an answer.
//
// Pure functions; any thread. The WriteDones run where the engine completes the write.
#pragma once

#include "engine/engine.hpp"
#include "operations/operation.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace engram::operations {

// The most items of a batch: memories, ids.
inline constexpr size_t kMaxBatch = 1000;

// Key, hash of the request and limits of the plan. `operation` keeps a key of one operation from another's.
engine::WriteOptions writeOptions(const Invocation& call, std::string_view operation, engine::Render render);
engine::ReadOptions readOptions(const Invocation& call);
std::optional<uint64_t> expectedVersion(const json::Value& input);

// Receipt renderers: {"memory": {...}} and {} without the closing brace, since the LSN is not known yet.
std::string renderMemory(std::span<const engine::Memory> memories);
std::string renderNothing(std::span<const engine::Memory> memories);

// A rendered answer with the receipt's LSN and its closing brace.
std::string withLsn(std::string open_object, uint64_t lsn);

// The end of a write whose answer names no single memory.
engine::WriteDone finish(Done done, Usage usage);
// The end of a write of one memory: its version and id are read from the answer, which on a replay is the only place where
// they are. memory_not_found if the memory of a replayed request was purged since, and the answer with it.
engine::WriteDone finishFromAnswer(Done done, Usage usage);

}  // namespace engram::operations
