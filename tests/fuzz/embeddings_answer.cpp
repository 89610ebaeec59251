// What a provider of embeddings answers: refused with a reason, or vectors of length 1 or 0 and nothing else.
#include "fuzz/harness.hpp"

#include "plugins/embed-http/wire.hpp"

#include <cmath>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    using namespace engram;
    const std::string body(fuzz::text(bytes, size));
    float vectors[2 * 3];
    uint64_t tokens = 0;
    if (embed_http::readAnswer(body, 2, 3, vectors, tokens).empty())
        for (int i = 0; i < 2; ++i) {
            double squares = 0;
            for (int d = 0; d < 3; ++d) squares += static_cast<double>(vectors[3 * i + d]) * static_cast<double>(vectors[3 * i + d]);
            fuzz::require(squares == 0 || std::fabs(squares - 1) < 1e-3, "a length of 1 or 0");
        }
    const std::string said = embed_http::errorOf(body, "secret");
    fuzz::require(said.find("secret") == std::string::npos && said.find('\n') == std::string::npos, "a line without the secret");
    (void)embed_http::retryAfter(body.substr(0, 64), 1'764'000'000);
    fuzz::require(!embed_http::requestBody("model", {&body, 1}, 3).empty(), "any text can be sent");
    return 0;
}
