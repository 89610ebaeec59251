#include "spool/event.hpp"

#include <cstring>

namespace engram::spool {
namespace {

template <class T>
void number(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void text(std::string& out, std::string_view value) {
    number(out, static_cast<uint32_t>(value.size()));
    out.append(value);
}

class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}
    template <class T>
    T number() {
        T value{};
        if (bytes_.size() < sizeof value) {
            good_ = false;
            return value;
        }
        std::memcpy(&value, bytes_.data(), sizeof value);
        bytes_.remove_prefix(sizeof value);
        return value;
    }
    std::string text() {
        const auto size = number<uint32_t>();
        if (size > bytes_.size()) {
            good_ = false;
            return {};
        }
        std::string value(bytes_.substr(0, size));
        bytes_.remove_prefix(size);
        return value;
    }
    bool good() const { return good_; }
    bool done() const { return good_ && bytes_.empty(); }

private:
    std::string_view bytes_;
    bool good_ = true;
};

}  // namespace

void encode(std::string& out, const Event& event) {
    number(out, static_cast<uint8_t>(event.stream));
    out.append(reinterpret_cast<const char*>(event.id.bytes), sizeof event.id.bytes);
    number(out, event.status_code);
    number(out, event.occurred_at);
    for (const std::string* value : {&event.tenant, &event.workspace, &event.route, &event.subject, &event.json})
        text(out, *value);
    number(out, static_cast<uint32_t>(event.counters.size()));
    for (const auto& [unit, n] : event.counters) {
        text(out, unit);
        number(out, n);
    }
}

std::optional<Event> decode(std::string_view bytes) {
    Reader in(bytes);
    Event event;
    const auto stream = in.number<uint8_t>();
    if (stream != 1 && stream != 2) return std::nullopt;
    event.stream = static_cast<Stream>(stream);
    for (uint8_t& byte : event.id.bytes) byte = in.number<uint8_t>();
    event.status_code = in.number<uint32_t>();
    event.occurred_at = in.number<int64_t>();
    for (std::string* value : {&event.tenant, &event.workspace, &event.route, &event.subject, &event.json})
        *value = in.text();
    const auto counters = in.number<uint32_t>();
    for (uint32_t i = 0; i < counters && in.good(); ++i) {
        std::string unit = in.text();
        const auto n = in.number<uint64_t>();
        event.counters.emplace_back(std::move(unit), n);
    }
    if (!in.done()) return std::nullopt;
    return event;
}

}  // namespace engram::spool
