// What a plugin says about itself (sdk/schema/manifest.schema.json), parsed and checked. Values; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "json/json.hpp"
#include "loader/manifest_reader.hpp"

namespace engram::loader {

struct Manifest {
    std::string id, version, kind;
    std::string status = "experimental";  // stable, beta or experimental
    std::string license, description;
    std::vector<std::string> provides;  // interface ids
    std::vector<std::string> services;  // ids of the host services it asks for
    std::shared_ptr<const json::Document>
        config_schema;  // JSON Schema of the instance's configuration, never null

    bool offers(std::string_view interface_id) const;
    bool asksFor(std::string_view service_id) const;
};

// Errors have code "plugin"; the message is the reason.
Result<Manifest> parseManifest(std::string_view text);

// The plugin must have been compiled with the host's text of every draft interface it provides or asks for.
// `theirs` is its section engram_drafts, `ours` the host's ENGRAM_DRAFTS.
Result<void> checkDrafts(const Manifest& manifest, std::string_view theirs, std::string_view ours);

// The draft hash of an interface or service id, empty if the list has none.
std::string_view draftOf(std::string_view drafts, std::string_view id);

}  // namespace engram::loader
