#include "parameters.hpp"

#include <bit>
#include <cstring>

namespace engram::storage_postgres {
namespace {

// Network byte order.
template <class T>
void append(std::string& out, T value) {
    for (int shift = static_cast<int>(sizeof value) * 8 - 8; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>(value >> shift));
}

template <class T>
std::string encode(T value) {
    std::string out;
    append(out, value);
    return out;
}

template <class T>
T decode(std::string_view bytes) {
    T value = 0;
    if (bytes.size() != sizeof value) return 0;
    for (const char c : bytes) value = static_cast<T>(value << 8 | static_cast<unsigned char>(c));
    return value;
}

}  // namespace

namespace binary {

std::string integer(int64_t value) { return encode(static_cast<uint64_t>(value)); }
std::string small(int32_t value) { return encode(static_cast<uint32_t>(value)); }
std::string single(float value) { return encode(std::bit_cast<uint32_t>(value)); }
std::string real(double value) { return encode(std::bit_cast<uint64_t>(value)); }
std::string_view uuid(const engram_uuid& id) { return {reinterpret_cast<const char*>(id.bytes), sizeof id.bytes}; }
int64_t toInteger(std::string_view bytes) { return static_cast<int64_t>(decode<uint64_t>(bytes)); }
int32_t toSmall(std::string_view bytes) { return static_cast<int32_t>(decode<uint32_t>(bytes)); }
float toSingle(std::string_view bytes) { return std::bit_cast<float>(decode<uint32_t>(bytes)); }
double toReal(std::string_view bytes) { return std::bit_cast<double>(decode<uint64_t>(bytes)); }

engram_uuid toUuid(std::string_view bytes) {
    engram_uuid id{};
    if (bytes.size() == sizeof id.bytes) std::memcpy(id.bytes, bytes.data(), sizeof id.bytes);
    return id;
}

}  // namespace binary

Array& Array::add(std::string_view binary_value) {
    append(elements_, static_cast<uint32_t>(binary_value.size()));
    elements_.append(binary_value);
    ++n_;
    return *this;
}

Array& Array::addNull() {
    append(elements_, uint32_t(0xFFFFFFFF));  // length -1
    nulls_ = true;
    ++n_;
    return *this;
}

// array_send in PostgreSQL's arrayfuncs.c: dimensions, has nulls, type, then length and lower bound of each dimension.
std::string Array::encoded() const {
    std::string out;
    append(out, uint32_t(n_ > 0 ? 1 : 0));
    append(out, uint32_t(nulls_ ? 1 : 0));
    append(out, static_cast<uint32_t>(element_));
    if (n_ == 0) return out;
    append(out, static_cast<uint32_t>(n_));
    append(out, uint32_t(1));
    out.append(elements_);
    return out;
}

}  // namespace engram::storage_postgres
