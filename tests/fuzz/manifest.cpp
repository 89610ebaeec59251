// A plugin's file before any of its code runs: an ELF file, and the manifest in it. The first byte chooses: an ELF file,
// or the text of a manifest with a configuration after a zero byte.
#include "fuzz/harness.hpp"

#include "loader/config_schema.hpp"
#include "loader/manifest.hpp"
#include "loader/manifest_reader.hpp"

#include <string>

namespace {

using namespace engram;

void readText(std::string_view text) {
    const size_t end = std::min(text.find('\0'), text.size());
    auto manifest = loader::parseManifest(text.substr(0, end));
    if (!manifest) return fuzz::require(!manifest.error().message.empty(), "a refusal has a reason");
    fuzz::require(!manifest->id.empty() && manifest->config_schema != nullptr, "a manifest has an id and a schema");
    (void)loader::checkDrafts(*manifest, "engram.auth/1=0;", "engram.auth/1=0;engram.quota/1=1;");
    const std::string configuration(text.substr(std::min(end + 1, text.size())));
    (void)loader::applySchema(*manifest->config_schema, configuration);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    if (size == 0) return 0;
    const std::string_view input = fuzz::text(bytes, size);
    if (input[0] != 0x7F) {
        readText(input.substr(1));
        return 0;
    }
    auto sections = loader::readManifest(input);
    if (sections) {
        fuzz::require(sections->manifest.size() <= loader::kMaxManifest, "a manifest has its limit");
        readText(sections->manifest);
    } else {
        fuzz::require(sections.error().code == "plugin" && !sections.error().message.empty(), "a refusal has a reason");
    }
    return 0;
}
