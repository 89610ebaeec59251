#include "spool/event.hpp"

#include "support/test.hpp"

#include <cstring>

using namespace engram::spool;

namespace {

Event full() {
    Event event;
    event.stream = Stream::Audit;
    for (uint8_t i = 0; i < 16; ++i) event.id.bytes[i] = static_cast<uint8_t>(0xF0 + i);
    event.status_code = 503;
    event.occurred_at = -1;
    event.tenant = "t";
    event.workspace = std::string("w\0w", 3);
    event.route = "memory.create";
    event.subject = std::string(1000, 's');
    event.json = "{\"a\":\"\xC3\xA9\"}";
    event.counters = {{"searches", 1}, {"bytes_in", UINT64_MAX}};
    return event;
}

std::string bytesOf(const Event& event) {
    std::string out;
    encode(out, event);
    return out;
}

}  // namespace

TEST("an event comes back as it was") {
    const Event event = full();
    const auto back = decode(bytesOf(event));
    CHECK(back.has_value());
    CHECK(back->stream == Stream::Audit);
    CHECK_EQ(0, memcmp(event.id.bytes, back->id.bytes, 16));
    CHECK_EQ(503u, back->status_code);
    CHECK_EQ(int64_t(-1), back->occurred_at);
    CHECK(back->tenant == event.tenant && back->workspace == event.workspace && back->route == event.route);
    CHECK(back->subject == event.subject && back->json == event.json && back->counters == event.counters);
    CHECK(decode(bytesOf(Event()))->counters.empty());
}

TEST("encoding appends") {
    std::string out = "before";
    encode(out, full());
    CHECK(out.starts_with("before"));
    CHECK(decode(std::string_view(out).substr(6)).has_value());
}

TEST("no part of an event, and nothing longer, is an event") {
    const std::string bytes = bytesOf(full());
    for (size_t n = 0; n < bytes.size(); ++n) CHECK(!decode(std::string_view(bytes).substr(0, n)));
    CHECK(!decode(bytes + "x"));
}

TEST("lengths and counts that lie are refused without allocating for them") {
    const std::string good = bytesOf(Event());
    for (size_t at = 0; at + 4 <= good.size(); ++at) {
        std::string bad = good;
        for (size_t i = 0; i < 4; ++i) bad[at + i] = '\xFF';
        decode(bad);  // must end, soon
    }
    std::string counters = good;
    for (size_t i = 1; i <= 4; ++i) counters[counters.size() - i] = '\xFF';
    CHECK(!decode(counters));
    std::string stream = good;
    for (char c : {'\0', '\3'}) {
        stream[0] = c;
        CHECK(!decode(stream));
    }
}
