// main() of a harness without libFuzzer: runs it over every file of the folders named, then over each file cut short and
// with single bytes changed, always the same ones. Seconds, and g++ will do.
#include "fuzz/harness.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr int kChanges = 200;  // of each file
constexpr size_t kMostChanged = 64 * 1024;

void run(const std::string& input) {
    // A copy of exactly its size on the heap, so that AddressSanitizer sees a step too far.
    const std::vector<uint8_t> bytes(input.begin(), input.end());
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

void runChanged(const std::string& input) {
    std::mt19937 random(static_cast<unsigned>(input.size()));
    for (int i = 0; i < kChanges && !input.empty(); ++i) {
        std::string changed = input.substr(0, 1 + random() % input.size());
        run(changed);
        changed = input;
        for (unsigned n = 1 + random() % 3; n > 0; --n) changed[random() % changed.size()] = static_cast<char>(random());
        run(changed);
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < argc; ++i)
        if (std::filesystem::is_directory(argv[i])) {
            for (const auto& entry : std::filesystem::directory_iterator(argv[i])) files.push_back(entry.path());
        } else if (std::filesystem::exists(argv[i])) {
            files.emplace_back(argv[i]);
        }
    std::sort(files.begin(), files.end());
    run("");
    for (const auto& path : files) {
        std::ifstream file(path, std::ios::binary);
        const std::string input{std::istreambuf_iterator<char>(file), {}};
        run(input);
        if (input.size() <= kMostChanged) runChanged(input);
    }
    std::cout << files.size() << " inputs, each with " << 2 * kChanges << " changes\n";
    return files.empty() ? 1 : 0;
}
