// The kinds of control-plane documents: their tables, columns and rules. Constants and pure functions; any thread.
#pragma once

#include <engram/tenancy.h>

#include <rapidjson/document.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engram::tenancy_sqlite {

enum class Type { Text, TextOrNull, IntegerOrNull, List };

struct Column {
    const char* name;  // of the column and of the document's member
    Type type;
    const char* allowed;  // "a|b|c", or nullptr for anything
};

struct Kind {
    uint32_t id;
    const char* table;
    const char* id_column;
    const char* name_column;    // the unique alternate key
    const char* tenant_column;  // nullptr: the kind belongs to no tenant
    std::span<const Column> columns;
};

// nullptr if there is no such kind.
const Kind* kindOf(uint32_t id);
std::span<const Kind> kinds();

// A document spread over columns; `extra` holds the members the table does not know.
struct Row {
    std::vector<std::optional<std::string>> values;  // as text, one a column
    std::string extra;                               // JSON object
};

// Checks the document against its kind. The error names the member.
struct Split {
    Row row;
    std::string error;
};
Split split(const Kind& kind, std::string_view json);

// The document of a row.
std::string join(const Kind& kind, const Row& row);

}  // namespace engram::tenancy_sqlite
