// The bytes of a connection as requests, parsed whole and a byte at a time: both must see the same requests, bodies and
// refusals, for where two readers disagree an attacker hides a request (RFC 9112, section 11.2).
#include "fuzz/harness.hpp"

#include "http/request_parser.hpp"

#include <string>
#include <vector>

namespace {

using namespace engram::http;
using Progress = RequestParser::Progress;

constexpr uint64_t kMaxBody = 4096;

// A line a request: what a handler would see.
std::string describe(const Request& request) {
    std::string out(request.method());
    out.append(" ").append(request.target());
    for (const Header& header : request.headers()) out.append("|").append(header.name).append(":").append(header.value);
    return out + "#" + std::string(request.body());
}

// Everything that comes of the bytes when at most `step` more of them arrive at a time.
std::vector<std::string> parse(std::string_view bytes, size_t step) {
    static const Limits limits;
    std::vector<std::string> seen;
    RequestParser parser(limits);
    Request request;
    size_t begin = 0, end = 0;
    bool in_body = false;
    while (true) {
        size_t used = 0;
        const std::string_view have = bytes.substr(begin, end - begin);
        const Progress progress = in_body ? parser.body(have, used, request, kMaxBody, RequestParser::Keep::Yes)
                                  : have.empty() ? Progress::NeedMore
                                                 : parser.head(have, used, request);
        engram::fuzz::require(used <= have.size(), "no byte is used that has not arrived");
        if (progress == Progress::Refused) {
            engram::fuzz::require(!parser.refusal().code.empty() && !parser.refusal().reason.empty(), "a refusal has a reason");
            seen.push_back("refused " + std::string(parser.refusal().code));
            return seen;
        }
        if (in_body || progress == Progress::Done) begin += used;
        if (progress == Progress::NeedMore) {
            if (end == bytes.size()) return seen;
            end = std::min(bytes.size(), end + step);
            continue;
        }
        if (!in_body && parser.hasBody()) {
            in_body = true;
            continue;
        }
        seen.push_back(describe(request));
        if (!parser.keepsAlive()) return seen;
        in_body = false;
        parser.reset();
        request = Request();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    const std::string_view input = engram::fuzz::text(bytes, size);
    const auto whole = parse(input, input.size() + 1);
    engram::fuzz::require(whole == parse(input, 1), "whole and a byte at a time are the same");
    if (size > 0) engram::fuzz::require(whole == parse(input, 1 + bytes[0] % 31), "and so are pieces");
    return 0;
}
