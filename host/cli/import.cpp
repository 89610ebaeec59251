#include "cli/import.hpp"

#include <openssl/evp.h>

#include <chrono>
#include <fstream>
#include <thread>

#include <sysexits.h>
#include <unistd.h>

namespace engram::cli {
namespace {

constexpr size_t kLines = 100;          // a batch
constexpr size_t kBytes = 2u << 20;     // a batch
constexpr unsigned kAttempts = 20;

std::string sha256(std::string_view bytes) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr);
    std::string out;
    for (unsigned i = 0; i < length; ++i) {
        out += "0123456789abcdef"[digest[i] >> 4];
        out += "0123456789abcdef"[digest[i] & 15];
    }
    return out;
}

struct Line {
    size_t number;
    std::string json;
};

class Importer {
public:
    Importer(Transport& transport, std::string workspace, Streams streams)
        : transport_(transport), workspace_(std::move(workspace)), streams_(streams) {}

    int run(std::istream& in) {
        std::string line;
        size_t number = 0, bytes = 0;
        while (std::getline(in, line)) {
            ++number;
            if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
            bytes += line.size();
            if (auto body = prepare(line)) batch_.push_back({number, *body});
            else refuse(number, "not a JSON object");
            if (batch_.size() < kLines && bytes < kBytes) continue;
            bytes = 0;
            if (const int failed = send()) return failed;
        }
        if (const int failed = send()) return failed;
        progress(true);
        return refused_ > 0 ? EX_DATAERR : EX_OK;
    }

    size_t stored() const { return stored_; }
    size_t refused() const { return refused_; }

private:
    // The line with the workspace in it, unless it names one.
    std::optional<std::string> prepare(const std::string& line) const {
        auto parsed = json::parse(line);
        if (!parsed || !parsed->IsObject()) return std::nullopt;
        if (!workspace_.empty() && !parsed->HasMember("workspace"))
            parsed->AddMember("workspace", json::copy(workspace_, parsed->GetAllocator()), parsed->GetAllocator());
        return json::write(*parsed);
    }

    void refuse(size_t number, const std::string& why) {
        ++refused_;
        streams_.err << "line " << number << ": " << why << "\n";
    }

    int send() {
        if (batch_.empty()) return EX_OK;
        std::string body = "{\"memories\":[";
        for (size_t i = 0; i < batch_.size(); ++i) body += (i ? "," : "") + batch_[i].json;
        body += "]}";
        // The key follows from what is sent and where it stood: the same import again repeats nothing for a day.
        const std::string key = "import-" + sha256(std::to_string(batch_.front().number) + "\n" + body).substr(0, 48);
        const Call call{"POST", "/v1/memories:batch", body, {{"Idempotency-Key", key}}};
        for (unsigned attempt = 1;; ++attempt) {
            auto answer = transport_.send(call);
            if (!answer) return tell(answer.error(), EX_UNAVAILABLE, streams_);
            const bool later = answer->status == 429 || answer->status == 503;
            if (later && attempt < kAttempts) {
                std::this_thread::sleep_for(std::chrono::milliseconds(100 * attempt));
                continue;
            }
            auto parsed = json::parse(answer->body, 256);
            if (answer->status != 200 || !parsed) {
                Error error{"", "status " + std::to_string(answer->status), "", ""};
                if (parsed) error = {"", text(*parsed, "detail"), text(*parsed, "hint"), ""};
                return tell(error, exitCodeOf(answer->status), streams_);
            }
            take(*parsed);
            return EX_OK;
        }
    }

    void take(const json::Value& answer) {
        const json::Value* results = json::find(answer, "results");
        for (rapidjson::SizeType i = 0; results && i < results->Size() && i < batch_.size(); ++i) {
            if (const json::Value* error = json::find((*results)[i], "error"))
                refuse(batch_[i].number, text(*error, "detail"));
            else
                ++stored_;
        }
        batch_.clear();
        progress(false);
    }

    void progress(bool last) {
        if (!isatty(STDERR_FILENO)) return;
        streams_.err << "\r" << stored_ << " stored" << (last ? "\n" : "") << std::flush;
    }

    Transport& transport_;
    std::string workspace_;
    Streams streams_;
    std::vector<Line> batch_;
    size_t stored_ = 0, refused_ = 0;
};

}  // namespace

int importFile(const Connect& connect, const Arguments& arguments, Streams streams) {
    const std::string& path = arguments.words[0];
    std::ifstream file;
    if (path != "-") {
        file.open(path, std::ios::binary);
        if (!file) return tell({"", path + " cannot be read", "check the path", ""}, EX_NOINPUT, streams);
    }
    auto transport = connect(arguments);
    if (!transport) return tell(transport.error(), EX_UNAVAILABLE, streams);
    Importer importer(**transport, arguments.get("workspace"), streams);
    const int code = importer.run(path == "-" ? streams.in : file);
    if (arguments.has("json"))
        streams.out << "{\"stored\":" << importer.stored() << ",\"refused\":" << importer.refused() << "}\n";
    else
        streams.out << importer.stored() << " stored, " << importer.refused() << " refused\n";
    return code;
}

}  // namespace engram::cli
