// The filter language: JSON conditions over memories, parsed into the typed tree that storage takes.
//
// {"type": "fact"} equals; {"importance": {"gte": 0.5}}; {"tags": {"any": ["a", "b"]}}; {"metadata.session": 3};
// {"and": […]}, {"or": […]}, {"not": {…}}; several members of an object must all hold. docs/how-to/filter.md is the
// manual. A value; any thread.
#pragma once

#include "json/json.hpp"

#include <engram/cpp/result.hpp>
#include <engram/record.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace engram::engine {

class Filter {
public:
    struct Value {
        uint32_t type;  // ENGRAM_VALUE_*
        std::string text;
        int64_t integer = 0;
        double real = 0;
        bool boolean = false;
    };
    struct Node {
        uint32_t op;         // ENGRAM_AND …
        uint32_t field = 0;  // ENGRAM_FIELD_*
        std::string path;    // RFC 6901, of metadata
        std::vector<Value> values;
        std::vector<Node> children;
    };

    bool empty() const { return !root_; }
    const std::optional<Node>& root() const { return root_; }
    // Both must hold.
    void require(Node node);

private:
    friend Result<Filter> parseFilter(const json::Value& value);
    std::optional<Node> root_;
};

// invalid_filter with a pointer, and a did-you-mean for an unknown field or operator.
Result<Filter> parseFilter(const json::Value& value);

// expires_at absent or after `now`.
Filter::Node notExpired(int64_t now);
// valid_from absent or not after `time`, and valid_until absent or after it.
Filter::Node validAt(int64_t time);

// What a node is about, for messages: "importance gte", "metadata:/project eq"; "and", "or", "not".
std::string nameOf(const Filter::Node& node);

// A filter laid out for storage; lives as long as what it was made from.
class LoweredFilter {
public:
    explicit LoweredFilter(const Filter& filter);
    LoweredFilter(const LoweredFilter&) = delete;
    engram_filter abi() const { return {nodes_.data(), nodes_.size()}; }

private:
    std::vector<engram_filter_node> nodes_;
    std::deque<std::vector<engram_value>> values_;
};

}  // namespace engram::engine
