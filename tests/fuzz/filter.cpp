// The filter language: whatever is accepted must be a tree that storage accepts, and evaluating it must be safe.
#include "fuzz/harness.hpp"

#include "engine/filter.hpp"

#include <engram/cpp/filter.hpp>

#include <optional>
#include <string>
#include <vector>

namespace {

using namespace engram;

// A record with something in every field.
struct Fields {
    std::vector<std::string> all_tags = {"tea", "mountains"};
    std::optional<filter::Scalar> field(const engram_filter_node& node) {
        switch (node.field) {
            case ENGRAM_FIELD_IMPORTANCE: return filter::Scalar::ofReal(0.5);
            case ENGRAM_FIELD_METADATA:  // now a text, now an array
                return node.path.len % 2 ? filter::Scalar::ofText("text") : filter::Scalar{};
            case ENGRAM_FIELD_PINNED: return filter::Scalar::ofBool(true);
            case ENGRAM_FIELD_TEXT: return filter::Scalar::ofText("Ada drinks tea");
            case ENGRAM_FIELD_EXPIRES_AT: return std::nullopt;
            case ENGRAM_FIELD_TYPE: return filter::Scalar::ofText("fact");
            default: return filter::Scalar::ofInteger(1'764'000'000'000);
        }
    }
    bool anyElement(const engram_filter_node&, const filter::ElementTest& test) { return test(filter::Scalar::ofText("tea")); }
    const std::vector<std::string>& tags() { return all_tags; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    auto value = json::parse(fuzz::text(bytes, size));
    if (!value) return 0;
    auto parsed = engine::parseFilter(*value);
    if (!parsed) {
        fuzz::require(parsed.error().code == "invalid_filter" && !parsed.error().message.empty(), "a refusal says why");
        return 0;
    }
    engine::Filter copy = *parsed;
    copy.require(engine::notExpired(1));
    const engine::LoweredFilter lowered(copy);
    const std::string complaint = filter::complaint(lowered.abi());
    fuzz::require(complaint.empty(), complaint.c_str());
    Fields fields;
    const engram_filter abi = lowered.abi();
    (void)filter::Evaluator<Fields>(abi, fields).passes();
    return 0;
}
