#include "cli/memory_body.hpp"

#include "json/json.hpp"

namespace engram::cli {
namespace {

class Body {
public:
    explicit Body(const Arguments& arguments) : arguments_(arguments), out_(buffer_) { out_.StartObject(); }

    void text(const char* name, const std::string& value) {
        out_.Key(name);
        out_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    }

    void option(const char* option, const char* name) {
        if (arguments_.has(option)) text(name, arguments_.get(option));
    }

    // An option whose value is JSON already: a number or an object.
    void jsonOption(const char* option, const char* name) {
        if (!arguments_.has(option)) return;
        const std::string value = arguments_.get(option);
        if (auto parsed = json::parse(value); !parsed) {
            if (complaint_.empty()) complaint_ = "--" + std::string(option) + " is not JSON: " + parsed.error().message;
            return;
        }
        out_.Key(name);
        out_.RawValue(value.data(), value.size(), rapidjson::kObjectType);
    }

    void words(const char* name) { texts(name, arguments_.words); }
    void texts(const char* option, const char* name) { texts(name, arguments_.all(option)); }

    void texts(const char* name, const std::vector<std::string>& values) {
        if (values.empty()) return;
        out_.Key(name);
        out_.StartArray();
        for (const std::string& value : values) out_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
        out_.EndArray();
    }

    void boolean(const char* name, bool value) {
        out_.Key(name);
        out_.Bool(value);
    }

    void flag(const char* option) {
        if (arguments_.has(option)) boolean(option, true);
    }

    Result<std::string> finish() {
        if (!complaint_.empty()) return Error{"", complaint_, "quote it for the shell, e.g. '{\"a\": 1}'", ""};
        out_.EndObject();
        return std::string(buffer_.GetString(), buffer_.GetSize());
    }

private:
    const Arguments& arguments_;
    json::Buffer buffer_;
    json::Writer out_;
    std::string complaint_;
};

}  // namespace

Result<std::string> memoryBody(const Arguments& arguments, const std::string* content) {
    Body body(arguments);
    if (content) body.text("content", *content);
    body.option("workspace", "workspace");
    body.option("type", "type");
    body.texts("tag", "tags");
    body.jsonOption("metadata", "metadata");
    body.jsonOption("importance", "importance");
    if (arguments.has("pin")) body.boolean("pinned", true);
    if (arguments.has("unpin")) body.boolean("pinned", false);
    body.option("tier", "tier");
    body.option("occurred-at", "occurred_at");
    body.option("valid-from", "valid_from");
    body.option("valid-until", "valid_until");
    body.option("expires-at", "expires_at");
    body.jsonOption("ttl-seconds", "ttl_seconds");
    body.option("on-duplicate", "on_duplicate");
    body.option("private", "private");
    return body.finish();
}

Result<std::string> batchBody(const Arguments& arguments) {
    Body body(arguments);
    body.words("ids");
    body.texts("add", "add");
    body.texts("remove", "remove");
    body.flag("atomic");
    return body.finish();
}

Result<std::string> mergeBody(const Arguments& arguments) {
    Body body(arguments);
    body.words("ids");
    body.option("content", "content");
    return body.finish();
}

Result<std::string> searchBody(const Arguments& arguments) {
    Body body(arguments);
    body.text("query", arguments.words[0]);
    body.option("workspace", "workspace");
    body.jsonOption("filter", "filter");
    body.jsonOption("limit", "limit");
    body.option("context", "context");
    body.option("dates", "dates");
    body.option("fuzzy", "fuzzy");
    body.option("why-not", "why_not");
    body.texts("type", "types");
    body.texts("tag", "tags");
    body.option("valid-at", "valid_at");
    body.jsonOption("weights", "weights");
    body.option("cursor", "cursor");
    body.option("since", "since");
    body.option("until", "until");
    body.jsonOption("max-tokens", "max_tokens");
    if (const std::string as_of = arguments.get("as-of"); as_of.find_first_not_of("0123456789") == std::string::npos)
        body.jsonOption("as-of", "as_of");
    else body.option("as-of", "as_of");
    body.flag("explain");
    return body.finish();
}

}  // namespace engram::cli
