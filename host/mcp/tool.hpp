// The tools a model is offered: which operation each calls and what a model must know to call it well.
//
// Schemas and hints come from the table of operations; here are only names (those of engram-core where the meaning is
// the same) and words for a model. Constants; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace engram::mcp {

// Every client pays for the list with every conversation: what few of them need is found with discover_tools.
enum class Listed { Always, WhenAsked };

struct Tool {
    std::string_view name;       // "memory_search"
    std::string_view operation;  // "memory.search"
    std::string_view title;      // for people
    std::string_view description;
    Listed listed = Listed::Always;
};

// In the order in which they are listed: first those that always are.
std::span<const Tool> tools();
const Tool* findTool(std::string_view name);

// Operations for which there is no tool, each with the reason. Those of administrators
// (a scope that ends in ":admin", or "operator") need none.
struct Withheld {
    std::string_view operation, reason;
};
std::span<const Withheld> withheld();

// The tool as `tools/list` shows it: JSON text with inputSchema, outputSchema and annotations. Made once.
std::string_view definitionOf(const Tool& tool);

// Whether an agent can be let do what the name says: see operations::Mode.
bool isMode(std::string_view name);

// How the server is to be used, for the model (`instructions` of initialize and server/discover).
std::string_view instructions();

// A schema of the table of operations as JSON Schema that refers to nothing outside of itself. Of answers names
// and types will do: a model sees the answer itself, and pays for the list of tools with every conversation.
enum class Detail { Full, Types };
std::string selfContained(std::string_view schema, Detail detail);

}  // namespace engram::mcp
