#include "embed-static/safetensors.hpp"

#include "model_files.hpp"

#include <cmath>

using namespace engram;
using namespace engram::embed_static;
using testing::bytesOf;
using testing::contains;
using testing::refusalOf;
using testing::safetensors;

namespace {

void refused(const std::string& part, const std::string& file) {
    contains(part, refusalOf([&] { (void)readSafetensors(file); }));
}

std::string entry(const std::string& shape, const std::string& offsets, const std::string& type = "F32") {
    return R"({"a": {"dtype": ")" + type + R"(", "shape": )" + shape + R"(, "data_offsets": )" + offsets + "}}";
}

Tensor only(const std::string& file) {
    auto tensors = readSafetensors(file);
    CHECK_EQ(size_t(1), tensors.size());
    return tensors.begin()->second;
}

}  // namespace

TEST("a tensor's numbers are read in every type") {
    auto check = [](const std::string& type, const std::string& bytes, std::vector<double> expected) {
        const std::string file = safetensors(
            entry("[" + std::to_string(expected.size()) + "]", "[0," + std::to_string(bytes.size()) + "]", type), bytes);
        const Tensor tensor = only(file);
        CHECK_EQ(uint64_t(expected.size()), tensor.elements());
        for (size_t i = 0; i < expected.size(); ++i) CHECK_EQ(expected[i], tensor.number(i));
        std::vector<float> sum(expected.size(), 1.0f);
        tensor.addTo(sum.data(), 0, sum.size(), 2.0f);
        for (size_t i = 0; i < expected.size(); ++i) CHECK_EQ(static_cast<float>(1 + 2 * expected[i]), sum[i]);
    };
    check("F32", bytesOf<float>({1.5f, -2.0f}), {1.5, -2});
    check("F64", bytesOf<double>({1.5, -2.0}), {1.5, -2});
    check("I8", bytesOf<int8_t>({127, -128}), {127, -128});
    check("I32", bytesOf<int32_t>({7, -8}), {7, -8});
    check("I64", bytesOf<int64_t>({7, -8}), {7, -8});
    check("BF16", bytesOf<uint16_t>({0x3FC0, 0xC000}), {1.5, -2});
    check("F16", bytesOf<uint16_t>({0x3E00, 0xC000, 0x0000, 0x0001, 0x8400, 0x7BFF}), {1.5, -2, 0, std::ldexp(1, -24), -std::ldexp(1, -14), 65504});
}

TEST("halves that are no numbers stay so") {
    const std::string file = safetensors(entry("[3]", "[0,6]", "F16"), bytesOf<uint16_t>({0x7C00, 0xFC00, 0x7E00}));
    const Tensor tensor = only(file);
    CHECK(std::isinf(tensor.number(0)) && tensor.number(0) > 0);
    CHECK(std::isinf(tensor.number(1)) && tensor.number(1) < 0);
    CHECK(std::isnan(tensor.number(2)));
}

TEST("metadata and types that nobody needs are passed over") {
    const std::string file = safetensors(
        R"({"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
            "b": {"dtype": "BOOL", "shape": [4], "data_offsets": [4, 8]}})", bytesOf<float>({1, 2}));
    CHECK_EQ(size_t(1), readSafetensors(file).size());
}

TEST("a header that is not what it says is refused") {
    refused("shorter than its header's length", "1234567");
    refused("longer than the file", safetensors("{}").substr(0, 9));
    refused("at most", std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}", 10));
    refused("at most", std::string("\x00\x00\x00\x00\x00\x00\x00\x80{}", 10));
    refused("not a JSON object", safetensors("[]"));
    refused("not a JSON object", safetensors("{"));
    refused("not a JSON object", safetensors(std::string(10000, '[')));
    refused("not a JSON object", safetensors(""));
    std::string many = "{";
    for (size_t i = 0; i <= kMaxTensors; ++i) many += (i ? ",\"" : "\"") + std::to_string(i) + "\":{}";
    refused("tensors", safetensors(many + "}"));
}

TEST("offsets and shapes that lead astray are refused") {
    const std::string four(16, 'x');
    refused("beyond the end", safetensors(entry("[4]", "[0,16]"), four.substr(1)));
    refused("beyond the end", safetensors(entry("[4]", "[0,18446744073709551615]"), four));
    refused("end before they begin", safetensors(entry("[4]", "[16,0]"), four));
    refused("do not fit", safetensors(entry("[3]", "[0,16]"), four));
    refused("do not fit", safetensors(entry("[5]", "[0,16]"), four));
    refused("overflows", safetensors(entry("[4611686018427387904,4]", "[0,16]"), four));
    refused("overflows", safetensors(entry("[18446744073709551615,18446744073709551615]", "[0,0]"), four));
    refused("eight dimensions", safetensors(entry("[1,1,1,1,1,1,1,1,1]", "[0,4]"), four));
    for (const char* shape : {"[-1]", "[1.5]", "[\"4\"]", "[null]"}) refused("whole number", safetensors(entry(shape, "[0,16]"), four));
    for (const char* offsets : {"[0]", "[0,1,2]", "[-1,4]", "[0,4.5]", "{}", "null"}) refused("data_offsets", safetensors(entry("[4]", offsets), four));
    refused("no dtype", safetensors(R"({"a": {"shape": [1], "data_offsets": [0,4]}})", four));
    refused("not an object", safetensors(R"({"a": 7})", four));
    refused("given twice", safetensors(R"({"a": {"dtype": "I8", "shape": [1], "data_offsets": [0,1]},
                                           "a": {"dtype": "I8", "shape": [1], "data_offsets": [0,1]}})", four));
}

TEST("a tensor without elements is one") {
    CHECK_EQ(uint64_t(0), only(safetensors(entry("[0,4]", "[0,0]"))).elements());
}
