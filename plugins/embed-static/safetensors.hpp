// Tensors in a safetensors file: eight bytes with the length of a JSON header, the header, the bytes of the tensors
// (https://github.com/huggingface/safetensors, "Format"). The file is hostile until checked. Immutable; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace engram::embed_static {

struct Tensor {
    enum class Type { F64, F32, F16, BF16, I64, I32, I8 };
    Type type = Type::F32;
    std::vector<uint64_t> shape;
    std::string_view bytes;  // exactly shape and type's size; into the file

    uint64_t elements() const;
    // Element `i`, which must be below elements(), as a number.
    double number(uint64_t i) const;
    // Elements [first, first + n) added to `out`, each times `factor`.
    void addTo(float* out, uint64_t first, size_t n, float factor) const;
};

inline constexpr size_t kMaxHeader = 16u << 20;  // bytes
inline constexpr size_t kMaxTensors = 10000;

// Every tensor of the file, by name. Tensors of a type that is not above are left out. Throws Malformed: the header's length,
// its JSON, a shape whose size overflows, offsets outside of the file, out of order, or that do not fit shape and type.
std::map<std::string, Tensor> readSafetensors(std::string_view file);

}  // namespace engram::embed_static
