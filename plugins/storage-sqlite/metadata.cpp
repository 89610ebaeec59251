#include "metadata.hpp"

#include "codec.hpp"

#include <algorithm>
#include <cstring>

namespace engram::storage_sqlite {
namespace {

using filter::Scalar;

// The first byte of an encoded value; an absent one has none.
enum Tag : char { kText = 's', kInteger = 'i', kReal = 'r', kBool = 'b', kObject = 'o', kArray = 'a' };

template <class T>
std::string tagged(Tag tag, T number) {
    std::string out(1 + sizeof number, tag);
    std::memcpy(out.data() + 1, &number, sizeof number);
    return out;
}

template <class T>
T numberIn(std::string_view encoded) {
    T number{};
    std::memcpy(&number, encoded.data() + 1, sizeof number);
    return number;
}

std::string encode(const Scalar& scalar) {
    switch (scalar.type) {
        case Scalar::Type::Text: return std::string(1, kText).append(scalar.text);
        case Scalar::Type::Number: return scalar.is_integer ? tagged(kInteger, scalar.integer) : tagged(kReal, scalar.real);
        case Scalar::Type::Bool: return tagged(kBool, static_cast<char>(scalar.boolean));
        case Scalar::Type::Structure: break;
    }
    return std::string(1, kObject);
}

std::optional<Scalar> decode(std::string_view encoded) {
    if (encoded.empty()) return std::nullopt;
    switch (encoded.front()) {
        case kText: return Scalar::ofText(encoded.substr(1));
        case kInteger: return Scalar::ofInteger(numberIn<int64_t>(encoded));
        case kReal: return Scalar::ofReal(numberIn<double>(encoded));
        case kBool: return Scalar::ofBool(numberIn<char>(encoded) != 0);
        default: return Scalar{};
    }
}

rapidjson::Pointer pointerOf(std::string_view path) { return {path.data(), path.size()}; }

}  // namespace

Metadata::Metadata(std::string_view json) {
    document_.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag>(json.data(), json.size());
}

const rapidjson::Value* Metadata::at(const rapidjson::Pointer& path) const {
    return document_.HasParseError() ? nullptr : path.Get(document_);
}

std::optional<Scalar> Metadata::scalarAt(std::string_view path) const {
    return filter::scalarOf(at(pointerOf(path)));
}

bool Metadata::anyElementAt(std::string_view path, const filter::ElementTest& test) const {
    return filter::anyElementOf(at(pointerOf(path)), test);
}

std::string encodeValue(const rapidjson::Value* value) {
    const std::optional<Scalar> scalar = filter::scalarOf(value);
    if (!scalar) return {};
    if (!value->IsArray()) return encode(*scalar);
    std::string out(1, kArray);
    filter::anyElementOf(value, [&](const Scalar& element) {
        if (element.type != Scalar::Type::Structure) encodeText(out, encode(element));  // a structure equals nothing
        return false;
    });
    return out;
}

std::optional<Scalar> MetadataField::field(const engram_filter_node&) const { return decode(encoded_); }

bool MetadataField::anyElement(const engram_filter_node&, const filter::ElementTest& test) const {
    std::vector<std::string> elements;
    if (encoded_.empty() || encoded_.front() != kArray || !decodeTexts(encoded_.substr(1), elements)) return false;
    return std::any_of(elements.begin(), elements.end(), [&](const std::string& element) { return test(*decode(element)); });
}

}  // namespace engram::storage_sqlite
