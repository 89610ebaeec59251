#include "codec.hpp"

#include <cmath>
#include <cstring>

namespace engram::storage_sqlite {
namespace {

void varint(std::string& out, uint64_t value) {  // LEB128
    while (value >= 0x80) {
        out.push_back(static_cast<char>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<char>(value));
}

bool varint(std::string_view& bytes, uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        value |= static_cast<uint64_t>(byte & 0x7F) << shift;
        if (!(byte & 0x80)) return true;
    }
    return false;
}

bool text(std::string_view& bytes, std::string_view& out) {
    uint64_t size = 0;
    if (!varint(bytes, size) || size > bytes.size()) return false;
    out = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return true;
}

}  // namespace

void encodeText(std::string& out, std::string_view value) {
    varint(out, value.size());
    out.append(value);
}

bool decodeTexts(std::string_view bytes, std::vector<std::string>& out) {
    while (!bytes.empty()) {
        std::string_view value;
        if (!text(bytes, value)) return false;
        out.emplace_back(value);
    }
    return true;
}

void encodeTerm(std::string& out, std::string_view term, uint32_t tf) {
    encodeText(out, term);
    varint(out, tf);
}

bool decodeTerms(std::string_view bytes, std::vector<TermCount>& out) {
    while (!bytes.empty()) {
        std::string_view term;
        uint64_t tf = 0;
        if (!text(bytes, term) || !varint(bytes, tf) || tf > UINT32_MAX) return false;
        out.push_back({term, static_cast<uint32_t>(tf)});
    }
    return true;
}

std::string encodePostings(const std::vector<Posting>& postings) {
    std::string out;
    uint64_t previous = 0;
    for (const Posting& posting : postings) {
        varint(out, posting.rid - previous);
        varint(out, posting.tf);
        previous = posting.rid;
    }
    return out;
}

bool decodePostings(std::string_view bytes, std::vector<Posting>& out) {
    uint64_t rid = 0;
    while (!bytes.empty()) {
        uint64_t step = 0, tf = 0;
        if (!varint(bytes, step) || !varint(bytes, tf) || tf > UINT32_MAX) return false;
        if (step == 0 || step > UINT64_MAX - rid) return false;  // rows ascend from 1
        rid += step;
        out.push_back({rid, static_cast<uint32_t>(tf)});
    }
    return true;
}

void encodeVector(std::string& out, uint32_t space, const float* values, uint32_t dimensions) {
    float largest = 0;
    for (uint32_t i = 0; i < dimensions; ++i) largest = std::max(largest, std::fabs(values[i]));
    const float scale = largest / 127.0f;
    varint(out, space);
    varint(out, dimensions);
    out.append(reinterpret_cast<const char*>(&scale), sizeof scale);
    for (uint32_t i = 0; i < dimensions; ++i)
        out.push_back(static_cast<char>(scale > 0 ? std::lround(values[i] / scale) : 0));
}

namespace {

// Takes one vector's head and the view of its codes off `bytes`.
bool vectorHead(std::string_view& bytes, QuantisedVector& vector, std::string_view& codes) {
    uint64_t space = 0, dimensions = 0;
    if (!varint(bytes, space) || !varint(bytes, dimensions) || space > UINT32_MAX) return false;
    if (bytes.size() < sizeof vector.scale || dimensions == 0 || dimensions > bytes.size() - sizeof vector.scale)
        return false;
    std::memcpy(&vector.scale, bytes.data(), sizeof vector.scale);
    vector.space = static_cast<uint32_t>(space);
    codes = bytes.substr(sizeof vector.scale, dimensions);
    bytes.remove_prefix(sizeof vector.scale + dimensions);
    return true;
}

}  // namespace

bool decodeVectors(std::string_view bytes, std::vector<QuantisedVector>& out) {
    while (!bytes.empty()) {
        QuantisedVector vector{};
        std::string_view codes;
        if (!vectorHead(bytes, vector, codes)) return false;
        vector.codes.resize(codes.size());
        std::memcpy(vector.codes.data(), codes.data(), codes.size());
        out.push_back(std::move(vector));
    }
    return true;
}

bool decodeSpaces(std::string_view bytes, std::vector<uint32_t>& out) {
    while (!bytes.empty()) {
        QuantisedVector vector{};
        std::string_view codes;
        if (!vectorHead(bytes, vector, codes)) return false;
        out.push_back(vector.space);
    }
    return true;
}

}  // namespace engram::storage_sqlite
