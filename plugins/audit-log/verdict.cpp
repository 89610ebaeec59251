#include "verdict.hpp"

namespace engram::audit_log {
namespace {

std::string place(const LogFiles::Part& part, uint64_t line) {
    return part.path.substr(part.path.rfind('/') + 1) + " line " + std::to_string(line) + ": ";
}

// What is wrong between a line and the one before it; empty if nothing is.
std::string broken(const Verdict& so_far, const Sealed& line) {
    if (so_far.entries == 0) return {};
    if (line.seq == so_far.last + 1 && line.prev == so_far.head) return {};
    if (line.seq > so_far.last + 1)
        return "entries " + std::to_string(so_far.last + 1) + " to " + std::to_string(line.seq - 1) + " are missing";
    if (line.seq <= so_far.last) return "entry " + std::to_string(line.seq) + " comes after entry " + std::to_string(so_far.last);
    return "entry " + std::to_string(line.seq) + " does not follow the entry before it";
}

}  // namespace

Verdict judge(const std::vector<LogFiles::Part>& parts, const Link& head) {
    Verdict verdict;
    auto complain = [&](std::string problem) {
        if (verdict.problem.empty()) verdict.problem = std::move(problem);
    };
    bool head_seen = head.seq == 0;
    for (const LogFiles::Part& part : parts) {
        const FileView file(part.path, part.bytes);
        if (!file.good() || file.text().size() < part.bytes) complain(part.path.substr(part.path.rfind('/') + 1) + " is shorter than it was");
        uint64_t number = 0;
        for (std::string_view rest = file.text(); !rest.empty();) {
            const size_t end = rest.find('\n');
            const std::string_view text = rest.substr(0, end);
            rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
            ++number;
            const auto line = unseal(text);
            if (!line) {
                complain(place(part, number) + "the entry was changed or is damaged");
                continue;
            }
            if (std::string wrong = broken(verdict, *line); !wrong.empty()) complain(place(part, number) + wrong);
            if (line->seq == head.seq && line->hash == head.hash) head_seen = true;
            if (verdict.entries++ == 0) verdict.first = line->seq;
            verdict.last = line->seq;
            verdict.head = line->hash;
        }
    }
    if (!head_seen) complain("the log had come to entry " + std::to_string(head.seq) + ", which is not there as it was");
    return verdict;
}

}  // namespace engram::audit_log
