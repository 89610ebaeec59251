// A file of JSON lines, as `engram memory import` reads it, against a server that answers whatever comes: the first byte
// chooses the answer. Every line is either stored or told of with its number.
#include "fuzz/harness.hpp"

#include "cli/import.hpp"

#include <sstream>
#include <string>

namespace {

using namespace engram;

class Server final : public cli::Transport {
public:
    explicit Server(uint8_t mood) : mood_(mood) {}

    Result<cli::Answer> send(const cli::Call& call) override {
        auto body = json::parse(call.body, 256);
        fuzz::require(static_cast<bool>(body), "what is sent is JSON");
        const json::Value* memories = json::find(*body, "memories");
        fuzz::require(memories && memories->IsArray() && memories->Size() > 0 && memories->Size() <= 100, "in batches");
        sent += memories->Size();
        switch (mood_ % 4) {
            case 0: return cli::Answer{200, "{\"results\":[]}"};
            case 1: return cli::Answer{422, "{\"detail\":\"no\"}"};
            case 2: return cli::Answer{200, "not JSON"};
            default: return answerAll(memories->Size());
        }
    }

    std::unique_ptr<cli::Transport> another() const override { return std::make_unique<Server>(mood_); }

    size_t sent = 0;

private:
    static cli::Answer answerAll(size_t n) {
        std::string results;
        for (size_t i = 0; i < n; ++i) results += std::string(i ? "," : "") + (i % 3 ? R"({"memory":{}})" : R"({"error":{"detail":"x"}})");
        return {200, "{\"results\":[" + results + "]}"};
    }

    uint8_t mood_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    if (size == 0) return 0;
    std::istringstream in(std::string(fuzz::text(bytes + 1, size - 1)));
    std::ostringstream out, err;
    cli::Arguments arguments;
    arguments.words = {"-"};
    arguments.options = {{"workspace", "w"}};
    const uint8_t mood = bytes[0];
    const int code = cli::importFile(
        [mood](const cli::Arguments&) -> Result<std::unique_ptr<cli::Transport>> { return std::unique_ptr<cli::Transport>(new Server(mood)); },
        arguments, {out, err, in});
    fuzz::require(code >= 0 && code < 128, "it ends with an exit code");
    fuzz::require(!out.str().empty(), "it says what it did");
    return 0;
}
