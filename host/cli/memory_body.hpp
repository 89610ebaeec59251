// Request bodies from the options of `engram memory …`. Values are passed on as they are; the server checks them. Values.
#pragma once

#include "cli/command.hpp"

#include <engram/cpp/result.hpp>

#include <string>

namespace engram::cli {

// The fields of a memory beside its content and workspace.
inline constexpr Option kMemoryFields[] = {
    {"type", Option::Takes::Value, "TYPE", "your own classification"},
    {"tag", Option::Takes::Value, "TAG", "may be repeated"},
    {"metadata", Option::Takes::Value, "JSON", "an object of your own"},
    {"importance", Option::Takes::Value, "N", "0 to 1"},
    {"pin", Option::Takes::Nothing, "", "keep it: it never expires or fades with age"},
    {"tier", Option::Takes::Value, "TIER", "daily: expires in a day; permanent: never"},
    {"occurred-at", Option::Takes::Value, "TIME", "RFC 3339: when it happened"},
    {"expires-at", Option::Takes::Value, "TIME", "RFC 3339: when to forget it"},
    {"ttl-seconds", Option::Takes::Value, "N", "or after how long"},
    {"valid-from", Option::Takes::Value, "TIME", "RFC 3339: since when it holds in the world"},
    {"valid-until", Option::Takes::Value, "TIME", "RFC 3339: until when"},
    {"private", Option::Takes::Value, "HOW", "strip: leave out what stands in <private>...</private>"},
};

// {"content": …, "workspace": …, and the fields given}. Error: an option whose value must be JSON is not.
Result<std::string> memoryBody(const Arguments& arguments, const std::string* content);

// Of the operations on many memories: their ids, tags to add and to remove, --atomic.
Result<std::string> batchBody(const Arguments& arguments);
Result<std::string> mergeBody(const Arguments& arguments);
// {"query": …, …} of `memory search`.
Result<std::string> searchBody(const Arguments& arguments);

}  // namespace engram::cli
