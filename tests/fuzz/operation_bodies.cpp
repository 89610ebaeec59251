// A body, through the schema of each operation and into the engine's structs: a value that passed is used without another
// look, so nothing may get through that the code behind does not expect. First line: method and target.
#include "fuzz/harness.hpp"

#include "engine/memory.hpp"
#include "operations/memory_json.hpp"
#include "rest/router.hpp"

#include <string>

namespace {

using namespace engram;

void useNewMemory(const json::Value& value) {
    auto memory = operations::readNewMemory(value, 1'764'000'000'000, "");
    if (!memory) return fuzz::require(!memory.error().code.empty(), "an error has a code");
    (void)engine::validate(*memory);
}

void use(const rest::Match& match, const json::Document& input) {
    const std::string_view name = match.route->operation->name;
    fuzz::require(input.IsObject(), "an operation's input is an object");
    if (name == "memory.create") useNewMemory(input);
    if (name == "memory.update") (void)operations::readPatch(input, 1'764'000'000'000);
    if (json::find(input, "id")) (void)operations::readId(input);
    // What is written must be read again as the same.
    auto again = json::parse(json::write(input));
    fuzz::require(static_cast<bool>(again) && *again == input, "JSON survives being written and read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    static const rest::Router router;
    const std::string_view input = fuzz::text(bytes, size);
    const size_t line = std::min(input.find('\n'), input.size());
    const size_t space = std::min(input.find(' '), line);
    const std::string_view target = input.substr(std::min(space + 1, line), line - std::min(space + 1, line));
    const std::string_view path = target.substr(0, target.find('?'));
    const rest::Match match = router.match(input.substr(0, space), path);
    if (!match.route) return 0;
    const std::string_view query = path.size() < target.size() ? target.substr(path.size() + 1) : std::string_view();
    const std::string_view body = input.substr(std::min(line + 1, input.size()));
    auto bound = router.bind(match, {query, body, "application/json", [](std::string_view) { return std::string_view(); }});
    if (bound) use(match, *bound);
    else fuzz::require(!bound.error().code.empty() && !bound.error().message.empty(), "a refusal says what is wrong");
    return 0;
}
