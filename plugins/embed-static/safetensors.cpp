#include "safetensors.hpp"

#include "malformed.hpp"

#include <rapidjson/document.h>

#include <bit>
#include <cstring>
#include <limits>
#include <optional>

namespace engram::embed_static {
namespace {

using rapidjson::Value;

struct TypeName {
    const char* name;
    Tensor::Type type;
    uint64_t size;
};
constexpr TypeName kTypes[] = {
    {"F64", Tensor::Type::F64, 8}, {"F32", Tensor::Type::F32, 4}, {"F16", Tensor::Type::F16, 2}, {"BF16", Tensor::Type::BF16, 2},
    {"I64", Tensor::Type::I64, 8}, {"I32", Tensor::Type::I32, 4}, {"I8", Tensor::Type::I8, 1},
};

const TypeName* typeNamed(std::string_view name) {
    for (const TypeName& type : kTypes)
        if (name == type.name) return &type;
    return nullptr;
}

uint64_t sizeOf(Tensor::Type type) {
    for (const TypeName& known : kTypes)
        if (known.type == type) return known.size;
    return 1;
}

template <class T>
T load(const char* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

// IEEE 754 binary16.
float half(uint16_t bits) {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 1023;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
    if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
    const float tiny = static_cast<float>(fraction) / 16777216.0f;  // 2^-24 each
    return sign ? -tiny : tiny;
}

double numberAt(Tensor::Type type, const char* at) {
    switch (type) {
        case Tensor::Type::F64: return load<double>(at);
        case Tensor::Type::F32: return load<float>(at);
        case Tensor::Type::F16: return half(load<uint16_t>(at));
        case Tensor::Type::BF16: return std::bit_cast<float>(static_cast<uint32_t>(load<uint16_t>(at)) << 16);
        case Tensor::Type::I64: return static_cast<double>(load<int64_t>(at));
        case Tensor::Type::I32: return load<int32_t>(at);
        case Tensor::Type::I8: return load<int8_t>(at);
    }
    return 0;
}

[[noreturn]] void refuse(const std::string& tensor, const char* why) { throw Malformed("tensor '" + tensor + "': " + why); }

std::optional<uint64_t> product(uint64_t a, uint64_t b) {
    if (a != 0 && b > std::numeric_limits<uint64_t>::max() / a) return std::nullopt;
    return a * b;
}

std::vector<uint64_t> readShape(const std::string& name, const Value& entry) {
    auto it = entry.FindMember("shape");
    if (it == entry.MemberEnd() || !it->value.IsArray() || it->value.Size() > 8) refuse(name, "no shape of at most eight dimensions");
    std::vector<uint64_t> shape;
    for (const Value& size : it->value.GetArray()) {
        if (!size.IsUint64()) refuse(name, "a dimension is not a whole number");
        shape.push_back(size.GetUint64());
    }
    return shape;
}

std::string_view readBytes(const std::string& name, const Value& entry, std::string_view area) {
    auto it = entry.FindMember("data_offsets");
    if (it == entry.MemberEnd() || !it->value.IsArray() || it->value.Size() != 2 || !it->value[0].IsUint64() ||
        !it->value[1].IsUint64())
        refuse(name, "no data_offsets of two whole numbers");
    const uint64_t begin = it->value[0].GetUint64(), end = it->value[1].GetUint64();
    if (begin > end) refuse(name, "data_offsets end before they begin");
    if (end > area.size()) refuse(name, "data_offsets lead beyond the end of the file");
    return area.substr(begin, end - begin);
}

std::optional<Tensor> readTensor(const std::string& name, const Value& entry, std::string_view area) {
    if (!entry.IsObject()) refuse(name, "not an object");
    auto type = entry.FindMember("dtype");
    if (type == entry.MemberEnd() || !type->value.IsString()) refuse(name, "no dtype");
    Tensor tensor;
    tensor.shape = readShape(name, entry);
    tensor.bytes = readBytes(name, entry, area);
    const TypeName* known = typeNamed({type->value.GetString(), type->value.GetStringLength()});
    if (!known) return std::nullopt;
    tensor.type = known->type;
    uint64_t bytes = known->size;
    for (uint64_t size : tensor.shape) {
        const auto more = product(bytes, size);
        if (!more) refuse(name, "the shape's size overflows");
        bytes = *more;
    }
    if (bytes != tensor.bytes.size()) refuse(name, "data_offsets do not fit shape and dtype");
    return tensor;
}

}  // namespace

uint64_t Tensor::elements() const { return bytes.size() / sizeOf(type); }

double Tensor::number(uint64_t i) const { return numberAt(type, bytes.data() + i * sizeOf(type)); }

void Tensor::addTo(float* out, uint64_t first, size_t n, float factor) const {
    const char* at = bytes.data() + first * sizeOf(type);
    if (type == Type::F32) {
        for (size_t i = 0; i < n; ++i) out[i] += factor * load<float>(at + i * sizeof(float));
        return;
    }
    for (size_t i = 0; i < n; ++i) out[i] += factor * static_cast<float>(numberAt(type, at + i * sizeOf(type)));
}

std::map<std::string, Tensor> readSafetensors(std::string_view file) {
    if (file.size() < 8) throw Malformed("the file is shorter than its header's length");
    const uint64_t length = load<uint64_t>(file.data());
    if (length > kMaxHeader) throw Malformed("the header has " + std::to_string(length) + " bytes, at most " + std::to_string(kMaxHeader) + " are read");
    if (length > file.size() - 8) throw Malformed("the header is longer than the file");
    const std::string_view header = file.substr(8, length), area = file.substr(8 + length);
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(header.data(), header.size());
    if (document.HasParseError() || !document.IsObject()) throw Malformed("the header is not a JSON object");
    if (document.MemberCount() > kMaxTensors) throw Malformed("more than " + std::to_string(kMaxTensors) + " tensors");
    std::map<std::string, Tensor> tensors;
    for (const auto& entry : document.GetObject()) {
        const std::string name(entry.name.GetString(), entry.name.GetStringLength());
        if (name == "__metadata__") continue;
        auto tensor = readTensor(name, entry.value, area);
        if (tensor && !tensors.emplace(name, std::move(*tensor)).second) refuse(name, "given twice");
    }
    return tensors;
}

}  // namespace engram::embed_static
