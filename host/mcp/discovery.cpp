#include "mcp/discovery.hpp"

#include "operations/operation.hpp"

#include <algorithm>
#include <cctype>

namespace engram::mcp {
namespace {

constexpr size_t kMaxQuery = 1'000;  // bytes

constexpr std::string_view kDefinition =
    R"({"name":"discover_tools","title":"Find more tools","description":"Less common tools that are not in the list: comparing )"
    R"(versions, undoing, finding duplicates, changing many memories at once. Answers their definitions; call them by their names.",)"
    R"("inputSchema":{"type":"object","properties":{"query":{"type":"string","maxLength":1000,"description":"words for what is to be )"
    R"(done; all tools if left out"}},"additionalProperties":false},)"
    R"("outputSchema":{"type":"object","properties":{"tools":{"type":"array","items":{"type":"object"}}},"required":["tools"]},)"
    R"("annotations":{"title":"Find more tools","readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":false}})";

std::string lowered(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

// Letters and digits of ASCII make words, and bytes beyond it: the tools' own words are English.
std::vector<std::string> wordsOf(std::string_view query) {
    std::vector<std::string> words(1);
    for (unsigned char c : lowered(query)) {
        if (std::isalnum(c) || c >= 0x80) words.back().push_back(static_cast<char>(c));
        else if (!words.back().empty()) words.emplace_back();
    }
    if (words.back().empty()) words.pop_back();
    return words;
}

size_t wordsIn(const Tool& tool, const std::vector<std::string>& words) {
    const std::string text = lowered(std::string(tool.name) + " " + std::string(tool.title) + " " + std::string(tool.description));
    return static_cast<size_t>(std::count_if(words.begin(), words.end(),
                                             [&](const std::string& word) { return text.find(word) != std::string::npos; }));
}

Result<std::string_view> queryOf(const json::Value* arguments) {
    if (!arguments) return std::string_view();
    for (const auto& member : arguments->GetObject())
        if (json::view(member.name) != "query")
            return Error{"unknown_field", "unknown field '" + std::string(json::view(member.name).substr(0, 128)) + "'", "did you mean 'query'?", "/query"};
    const json::Value* query = json::find(*arguments, "query");
    if (!query) return std::string_view();
    if (!query->IsString() || json::view(*query).size() > kMaxQuery)
        return Error{"invalid_request", "query must be a text of at most 1,000 bytes", "", "/query"};
    return json::view(*query);
}

}  // namespace

std::string_view definitionOfDiscovery() { return kDefinition; }

std::vector<const Tool*> toolsOf(const operations::Caller& caller, Listed listed) {
    std::vector<const Tool*> out;
    for (const Tool& tool : tools())
        if (tool.listed == listed && caller.may(operations::find(tool.operation)->scope)) out.push_back(&tool);
    return out;
}

Result<std::string> discoverTools(const json::Value* arguments, const operations::Caller& caller) {
    const auto query = queryOf(arguments);
    if (!query) return query.error();
    std::vector<const Tool*> found = toolsOf(caller, Listed::WhenAsked);
    if (const auto words = wordsOf(*query); !words.empty()) {
        std::erase_if(found, [&](const Tool* tool) { return wordsIn(*tool, words) == 0; });
        std::stable_sort(found.begin(), found.end(),
                         [&](const Tool* a, const Tool* b) { return wordsIn(*a, words) > wordsIn(*b, words); });
    }
    std::string out = R"({"tools":[)";
    for (const Tool* tool : found) out.append(tool == found.front() ? "" : ",").append(definitionOf(*tool));
    return out + "]}";
}

}  // namespace engram::mcp
