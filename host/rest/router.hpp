// From method and path to a binding, and from a request to an operation's input. Immutable after construction; any
// thread.
#pragma once

#include "json/json.hpp"
#include "operations/operation.hpp"
#include "operations/schema.hpp"
#include "rest/binding.hpp"

#include <engram/cpp/result.hpp>

#include <array>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace engram::rest {

struct Route {
    const Binding* binding;
    const operations::Operation* operation;
    const operations::Schema* input;
    size_t index;  // position among all routes, for metrics
};

struct Match {
    const Route* route = nullptr;
    std::array<std::string_view, 2> path_values{};  // of the path's parameters, in order, still percent-encoded
    std::string allow;                              // if no route: methods the path has, for the Allow header
};

// What the binding needs of a request, so that this room does not know HTTP.
struct Incoming {
    std::string_view query;
    std::string_view body;
    std::string_view content_type;
    std::function<std::string_view(std::string_view)> header;  // by lower-case name, empty if absent
};

class Router {
public:
    // Throws std::logic_error if a binding names an operation that does not exist.
    Router();

    Match match(std::string_view method, std::string_view path) const;

    // The operation's input, checked against its schema. Errors: invalid_json, invalid_request, unknown_field,
    // unsupported_media_type, with a pointer.
    Result<json::Document> bind(const Match& match, const Incoming& request) const;

    const std::deque<Route>& routes() const { return routes_; }

private:
    struct Segment {
        std::string_view literal;  // or, for a parameter, empty
        std::string_view verb;     // ":revert"
    };
    std::deque<operations::Schema> schemas_;
    std::deque<Route> routes_;
    std::vector<std::vector<Segment>> patterns_;
};

// Percent-decoding (RFC 3986); nullopt if malformed, with a control byte, or not UTF-8.
std::optional<std::string> percentDecode(std::string_view text);

}  // namespace engram::rest
