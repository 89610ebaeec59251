#include "embed-static/static_model.hpp"

#include "model_files.hpp"
#include "support/temporary_folder.hpp"

#include <cmath>
#include <fstream>
#include <limits>

#include <sys/stat.h>

using namespace engram;
using namespace engram::embed_static;
using testing::bert;
using testing::bytesOf;
using testing::contains;
using testing::refusalOf;
using testing::safetensors;

namespace {

const std::vector<std::string> kPieces = {"[UNK]", "cat", "kitten", "stone"};

std::string matrix(const std::vector<float>& values, size_t rows) {
    const size_t columns = values.size() / rows;
    return safetensors(R"({"embeddings": {"dtype": "F32", "shape": [)" + std::to_string(rows) + "," + std::to_string(columns) +
                           R"(], "data_offsets": [0,)" + std::to_string(values.size() * 4) + "]}}", bytesOf(values));
}

std::string vectorOf(const StaticModel& model, const std::string& text, size_t most = 512) {
    std::vector<float> out(model.dimensions());
    CHECK(model.embed(text, most, out.data()));
    std::string shown;
    for (float value : out) shown += (shown.empty() ? "" : " ") + std::to_string(std::lround(value * 1000));
    return shown;
}

void write(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

}  // namespace

TEST("a text's vector is the mean of its pieces', of length 1") {
    const std::string tensors = matrix({9, 9, 1, 0, 0.6f, 0.8f, 0, -2}, 4);
    const StaticModel model(tensors, bert(kPieces));
    CHECK_EQ(uint32_t(2), model.dimensions());
    CHECK_TEXT("1000 0", vectorOf(model, "cat"));
    CHECK_TEXT("600 800", vectorOf(model, "Kitten"));
    CHECK_TEXT("894 447", vectorOf(model, "cat kitten"));  // (1.6, 0.8), scaled
    CHECK_TEXT("0 -1000", vectorOf(model, "stone unheard of"));
    CHECK_TEXT("0 0", vectorOf(model, "unheard of"));
    CHECK_TEXT("0 0", vectorOf(model, ""));
    CHECK_TEXT("1000 0", vectorOf(model, "cat stone", 1));
}

TEST("pieces may share vectors and have weights") {
    const std::vector<float> rows = {1, 0, 0, 1};
    const std::vector<int64_t> mapping = {0, 0, 1, 1};
    const std::vector<double> weights = {1, 3, 4, 0};
    const std::string tensors = safetensors(
        R"({"embeddings": {"dtype": "F32", "shape": [2,2], "data_offsets": [0,16]},
            "mapping": {"dtype": "I64", "shape": [4], "data_offsets": [16,48]},
            "weights": {"dtype": "F64", "shape": [4], "data_offsets": [48,80]}})",
        bytesOf(rows) + bytesOf(mapping) + bytesOf(weights));
    const StaticModel model(tensors, bert(kPieces));
    CHECK_TEXT("600 800", vectorOf(model, "cat kitten stone"));
}

TEST("a model whose files do not belong together is refused") {
    auto refused = [](const std::string& part, const std::string& tensors) {
        contains(part, refusalOf([&] { const StaticModel model(tensors, bert(kPieces)); }));
    };
    refused("the tokenizer knows 4 pieces, the model 3", matrix({1, 0, 1, 0, 1, 0}, 3));
    refused("no tensor 'embeddings'", safetensors("{}"));
    refused("not a matrix", safetensors(R"({"embeddings": {"dtype": "F32", "shape": [4], "data_offsets": [0,16]}})", std::string(16, 0)));
    refused("not a matrix", safetensors(R"({"embeddings": {"dtype": "I64", "shape": [4,1], "data_offsets": [0,32]}})", std::string(32, 0)));
    refused("0 columns", safetensors(R"({"embeddings": {"dtype": "F32", "shape": [4,0], "data_offsets": [0,0]}})"));
    const std::string head = R"({"embeddings": {"dtype": "F32", "shape": [4,1], "data_offsets": [0,16]}, )";
    refused("leads outside", safetensors(head + R"("mapping": {"dtype": "I32", "shape": [4], "data_offsets": [16,32]}})",
                                         std::string(16, 0) + bytesOf<int32_t>({0, 1, 2, 4})));
    refused("leads outside", safetensors(head + R"("mapping": {"dtype": "I32", "shape": [4], "data_offsets": [16,32]}})",
                                         std::string(16, 0) + bytesOf<int32_t>({0, 1, 2, -1})));
    refused("the model 3", safetensors(head + R"("mapping": {"dtype": "I32", "shape": [3], "data_offsets": [16,28]}})", std::string(28, 0)));
    refused("'weights'", safetensors(head + R"("weights": {"dtype": "F32", "shape": [3], "data_offsets": [16,28]}})", std::string(28, 0)));
}

TEST("a model that gives what is no number says so") {
    const std::string tensors = matrix({0, 1, std::numeric_limits<float>::quiet_NaN(), 1}, 4);
    const StaticModel model(tensors, bert(kPieces));
    float out = 0;
    CHECK(!model.embed("kitten", 512, &out));
    CHECK(model.embed("cat", 512, &out));
}

TEST("the fingerprint tells models and tokenizers apart") {
    const std::string one = matrix({1, 2, 3, 4}, 4), other = matrix({1, 2, 3, 5}, 4);
    const std::string same = StaticModel(one, bert(kPieces)).fingerprint();
    CHECK_EQ(size_t(12), same.size());
    CHECK_TEXT(same, StaticModel(one, bert(kPieces)).fingerprint());
    CHECK(same != StaticModel(other, bert(kPieces)).fingerprint());
    CHECK(same != StaticModel(one, bert({"[UNK]", "cat", "kitten", "rock"})).fingerprint());
}

TEST("a folder's files are opened, and one that cannot be is named") {
    testing::TemporaryFolder folder;
    const std::string tensors = folder.path() + "/model.safetensors", tokenizer = folder.path() + "/tokenizer.json";
    auto refusal = [&] { return refusalOf([&] { (void)StaticModel::open(folder.path()); }); };
    contains("model.safetensors: No such file", refusal());
    write(tensors, matrix({1, 2, 3, 4}, 4));
    contains("tokenizer.json: No such file", refusal());
    write(tokenizer, "");
    contains("tokenizer.json: the file is empty", refusal());
    write(tokenizer, "{}");
    contains("tokenizer.json: no 'model'", refusal());
    write(tokenizer, bert(kPieces));
    const StaticModel model = StaticModel::open(folder.path());
    CHECK_TEXT("1000", vectorOf(model, "stone"));
    write(tensors + "2", "short");
    ::rename((tensors + "2").c_str(), tensors.c_str());
    contains("model.safetensors: the file is shorter", refusal());
    CHECK_TEXT("1000", vectorOf(model, "stone"));  // the one that is open is not concerned
    ::remove(tensors.c_str());
    ::mkdir(tensors.c_str(), 0700);
    contains("not a regular file", refusal());
    ::rmdir(tensors.c_str());
    ::mkfifo(tensors.c_str(), 0600);
    contains("not a regular file", refusal());
}
