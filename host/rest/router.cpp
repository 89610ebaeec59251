#include "rest/router.hpp"

#include "config/did_you_mean.hpp"
#include "json/utf8.hpp"

#include <charconv>
#include <stdexcept>

namespace engram::rest {
namespace {

std::vector<std::string_view> split(std::string_view path) {
    std::vector<std::string_view> parts;
    size_t start = path.starts_with('/') ? 1 : 0;
    for (size_t slash; (slash = path.find('/', start)) != std::string_view::npos; start = slash + 1)
        parts.push_back(path.substr(start, slash - start));
    parts.push_back(path.substr(start));
    return parts;
}

int hexDigit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

Error invalidParameter(const Parameter& parameter, std::string_view value, std::string_view expected) {
    return {"invalid_request",
            std::string(parameter.name) + " is '" + std::string(value.substr(0, 64)) + "', expected " +
                std::string(expected),
            "", "/" + std::string(parameter.member)};
}

Result<json::Value> integerValue(const Parameter& parameter, std::string_view text) {
    std::string_view digits = text;
    if (parameter.from == From::Header && digits.size() >= 2 && digits.front() == '"' && digits.back() == '"')
        digits = digits.substr(1, digits.size() - 2);  // an entity tag
    uint64_t number = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (failed != std::errc() || end != digits.data() + digits.size() || digits.empty())
        return invalidParameter(parameter, text, "a whole number");
    return json::Value(number);
}

Result<json::Value> valueOf(const Parameter& parameter, const std::string& text, json::Document& document) {
    switch (parameter.shape) {
        case Shape::Text: return json::copy(text, document.GetAllocator());
        case Shape::Integer: return integerValue(parameter, text);
        case Shape::Flag:
            if (text != "true" && text != "false") return invalidParameter(parameter, text, "true or false");
            return json::Value(text == "true");
        case Shape::Json: {
            auto parsed = json::parse(text);
            if (!parsed) {
                Error error = parsed.error();
                error.pointer = "/" + std::string(parameter.member);
                return error;
            }
            return json::Value(*parsed, document.GetAllocator());
        }
    }
    return invalidParameter(parameter, text, "a value");
}

Result<void> add(json::Document& input, const Parameter& parameter, const std::string& text) {
    auto value = valueOf(parameter, text, input);
    if (!value) return value.error();
    // A body must not contradict what the path or a header says.
    input.RemoveMember(json::Value(rapidjson::StringRef(parameter.member.data(), parameter.member.size())));
    input.AddMember(json::copy(parameter.member, input.GetAllocator()), *value, input.GetAllocator());
    return {};
}

const Parameter* queryParameter(const Binding& binding, std::string_view name) {
    for (const Parameter& parameter : binding.parameters)
        if (parameter.from == From::Query && parameter.name == name) return &parameter;
    return nullptr;
}

Error unknownParameter(const Binding& binding, const std::string& name) {
    std::vector<std::string_view> known;
    for (const Parameter& parameter : binding.parameters)
        if (parameter.from == From::Query) known.push_back(parameter.name);
    std::string hint;
    if (auto close = config::closest(name, known)) hint = "did you mean '" + std::string(*close) + "'?";
    return {"unknown_field", "unknown query parameter '" + name + "'", hint, ""};
}

Result<void> addQuery(json::Document& input, const Binding& binding, std::string_view query) {
    while (!query.empty()) {
        const size_t ampersand = query.find('&');
        const std::string_view pair = query.substr(0, ampersand);
        query = ampersand == std::string_view::npos ? std::string_view() : query.substr(ampersand + 1);
        if (pair.empty()) continue;
        const size_t equals = pair.find('=');
        std::string spaced(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
        for (char& c : spaced)
            if (c == '+') c = ' ';
        const auto name = percentDecode(pair.substr(0, equals));
        const auto value = percentDecode(spaced);
        if (!name || !value)
            return Error{"invalid_request", "the query is not percent-encoded UTF-8", "encode the query", ""};
        const Parameter* parameter = queryParameter(binding, *name);
        if (!parameter) return unknownParameter(binding, *name);
        if (json::find(input, parameter->member))
            return Error{"invalid_request", "query parameter '" + *name + "' is given twice", "", "/" + *name};
        if (auto added = add(input, *parameter, *value); !added) return added;
    }
    return {};
}

bool isJson(std::string_view content_type) {
    constexpr std::string_view kJson = "application/json";
    if (content_type.size() < kJson.size()) return false;
    for (size_t i = 0; i < kJson.size(); ++i)
        if ((content_type[i] | 0x20) != (kJson[i] | 0x20)) return false;
    return content_type.size() == kJson.size() || content_type[kJson.size()] == ';' || content_type[kJson.size()] == ' ';
}

}  // namespace

std::optional<std::string> percentDecode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        unsigned char c = static_cast<unsigned char>(text[i]);
        if (c == '%') {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hexDigit(text[i + 1]), low = hexDigit(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<unsigned char>(high * 16 + low);
            i += 2;
        }
        if (c < 0x20 || c == 0x7F) return std::nullopt;
        out.push_back(static_cast<char>(c));
    }
    if (!json::isUtf8(out)) return std::nullopt;
    return out;
}

Router::Router() {
    for (const Binding& binding : bindings()) {
        const operations::Operation* operation = operations::find(binding.operation);
        if (!operation) throw std::logic_error("no operation " + std::string(binding.operation));
        schemas_.emplace_back(operation->input);
        routes_.push_back({&binding, operation, &schemas_.back(), routes_.size()});
        std::vector<Segment> pattern;
        for (std::string_view part : split(binding.path)) {
            const size_t colon = part.find(':');
            const std::string_view verb = colon == std::string_view::npos ? "" : part.substr(colon);
            const std::string_view name = part.substr(0, colon);
            pattern.push_back({name.starts_with('{') ? std::string_view() : name, verb});
        }
        patterns_.push_back(std::move(pattern));
    }
}

Match Router::match(std::string_view method, std::string_view path) const {
    Match match;
    const std::vector<std::string_view> parts = split(path);
    for (size_t i = 0; i < patterns_.size(); ++i) {
        const auto& pattern = patterns_[i];
        if (pattern.size() != parts.size()) continue;
        size_t values = 0;
        bool fits = true;
        std::array<std::string_view, 2> found{};
        for (size_t s = 0; fits && s < parts.size(); ++s) {
            const Segment& segment = pattern[s];
            std::string_view part = parts[s];
            if (!segment.literal.empty()) {
                fits = part.size() == segment.literal.size() + segment.verb.size() &&
                       part.starts_with(segment.literal) && part.ends_with(segment.verb);
                continue;
            }
            fits = part.size() > segment.verb.size() && part.ends_with(segment.verb);
            if (!fits) break;
            part.remove_suffix(segment.verb.size());
            // A verb of another route ("…:revert") is not part of an id.
            if (segment.verb.empty() && s + 1 == parts.size() && part.find(':') != std::string_view::npos &&
                patterns_[i].front().literal == "v1" && pattern[1].literal != "workspaces" &&
                pattern[1].literal != "members")
                fits = false;
            found[values++] = part;
        }
        if (!fits) continue;
        if (routes_[i].binding->method == method || (method == "HEAD" && routes_[i].binding->method == "GET")) {
            match.route = &routes_[i];
            match.path_values = found;
            return match;
        }
        if (!match.allow.empty()) match.allow += ", ";
        match.allow += routes_[i].binding->method;
        if (routes_[i].binding->method == "GET") match.allow += ", HEAD";
    }
    return match;
}

Result<json::Document> Router::bind(const Match& match, const Incoming& request) const {
    const Binding& binding = *match.route->binding;
    json::Document input(rapidjson::kObjectType);
    if (binding.body == Body::Input && !request.body.empty()) {
        if (!isJson(request.content_type))
            return Error{"unsupported_media_type", "the body must be application/json", "", ""};
        auto parsed = json::parse(request.body);
        if (!parsed) return parsed.error();
        if (!parsed->IsObject()) return Error{"invalid_request", "the body must be a JSON object", "", ""};
        input = std::move(*parsed);
        // Members that come from elsewhere are not part of the body.
        for (const Parameter& parameter : binding.parameters)
            if (json::find(input, parameter.member))
                return Error{"unknown_field",
                             "'" + std::string(parameter.member) + "' belongs in the " +
                                 (parameter.from == From::Path ? "path" : "header") + ", not in the body",
                             "", "/" + std::string(parameter.member)};
    } else if (binding.body == Body::None && !request.body.empty()) {
        return Error{"invalid_request", "this route takes no body", "leave the body out", ""};
    }
    if (auto added = addQuery(input, binding, request.query); !added) return added.error();
    size_t next_path_value = 0;
    for (const Parameter& parameter : binding.parameters) {
        if (parameter.from == From::Path) {
            const auto value = percentDecode(match.path_values[next_path_value++]);
            if (!value) return Error{"invalid_request", "the path is not percent-encoded UTF-8", "", ""};
            if (auto added = add(input, parameter, *value); !added) return added.error();
        } else if (parameter.from == From::Header) {
            const std::string value(request.header(parameter.name));
            if (value.empty() || value == "*") continue;
            if (auto added = add(input, parameter, value); !added) return added.error();
        }
    }
    if (auto valid = match.route->input->check(input); !valid) return valid.error();
    return input;
}

}  // namespace engram::rest
