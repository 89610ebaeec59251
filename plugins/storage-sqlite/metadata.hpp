// A record's metadata as the filter language sees it: the document, and the value at one path in a compact form of its own.
// Pure; one thread.
#pragma once

#include <engram/cpp/filter.hpp>

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engram::storage_sqlite {

class Metadata {
public:
    // Text that is not JSON has nothing at any path.
    explicit Metadata(std::string_view json);

    const rapidjson::Value* at(const rapidjson::Pointer& path) const;  // nullptr if it leads nowhere
    std::optional<filter::Scalar> scalarAt(std::string_view path) const;
    bool anyElementAt(std::string_view path, const filter::ElementTest& test) const;

private:
    rapidjson::Document document_;
};

// All that conditions can ask of a value: the scalar it is, or the scalars in the array it is.
std::string encodeValue(const rapidjson::Value* value);  // nullptr: absent

// An encoded value as the field of filter::Evaluator, for conditions on its path. Borrows the bytes.
class MetadataField {
public:
    explicit MetadataField(std::string_view encoded) : encoded_(encoded) {}

    std::optional<filter::Scalar> field(const engram_filter_node&) const;
    bool anyElement(const engram_filter_node&, const filter::ElementTest& test) const;
    const std::vector<std::string>& tags() const { return none_; }

private:
    const std::string_view encoded_;
    const std::vector<std::string> none_;
};

}  // namespace engram::storage_sqlite
