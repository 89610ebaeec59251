// A file of tensors from anywhere: refused with a reason, or every tensor can be read from its first element to its last.
#include "fuzz/harness.hpp"

#include "plugins/embed-static/malformed.hpp"
#include "plugins/embed-static/safetensors.hpp"

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    using namespace engram;
    const std::string file(fuzz::text(bytes, size));  // a copy of its own, so that a read beyond it is seen
    try {
        for (const auto& [name, tensor] : embed_static::readSafetensors(file)) {
            const uint64_t n = tensor.elements();
            uint64_t product = 1;
            for (uint64_t length : tensor.shape) product *= length;
            fuzz::require(product == n, "shape and elements agree");
            if (n == 0) continue;
            (void)tensor.number(0);
            (void)tensor.number(n - 1);
            float sum = 0;
            tensor.addTo(&sum, n - 1, 1, 1.0f);
        }
    } catch (const embed_static::Malformed& e) {
        fuzz::require(*e.what() != 0, "a refusal says why");
    }
    return 0;
}
