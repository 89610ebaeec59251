#include "entry.hpp"

#include "sample.hpp"
#include "support/test.hpp"

#include <cstring>

using namespace engram;
using namespace engram::audit_log;

namespace {

std::string line(Link& link, uint8_t number = 1) {
    const Sample sample(number);
    std::string text = lineOf(sample.event, link);
    CHECK_EQ('\n', text.back());
    text.pop_back();
    return text;
}

}  // namespace

TEST("a line says everything of its event again") {
    Link link;
    const Sample sample(7, R"({"outcome":"done","after":{"name":"Ünï","hash":"x"}})");
    std::string text = lineOf(sample.event, link);
    text.pop_back();
    const auto entry = parseEntry(text);
    CHECK(entry.has_value());
    const engram_event again = entry->event();
    CHECK(std::memcmp(&sample.event.id, &again.id, sizeof again.id) == 0);
    CHECK_EQ(sample.event.occurred_at, again.occurred_at);
    CHECK_EQ(sample.event.status_code, again.status_code);
    CHECK_TEXT(view(sample.event.subject), view(again.subject));
    CHECK_TEXT(sample.json, view(again.json));
}

TEST("lines are numbered and each names the hash of the one before") {
    Link link;
    const std::string first = line(link), second = line(link, 2);
    const auto one = unseal(first), two = unseal(second);
    CHECK(one && two);
    CHECK_EQ(uint64_t(1), one->seq);
    CHECK_EQ(uint64_t(2), two->seq);
    CHECK_TEXT(kNoHash, one->prev);
    CHECK_TEXT(one->hash, two->prev);
    CHECK_TEXT(link.hash, two->hash);
    CHECK_EQ(uint8_t(2), two->id.bytes[15]);
}

TEST("the hash is the SHA-256 of what stands before it") {
    // Computed by another program over the same bytes; a change of the format has to be meant.
    Link link;
    engram_event event{};
    event.size = sizeof event;
    event.route = engram_lit("r");
    const std::string text = lineOf(event, link);
    const std::string content = R"({"seq":1,"id":"00000000-0000-0000-0000-000000000000","at":"1970-01-01T00:00:00.000Z","tenant":"",)"
                                R"("operation":"r","subject":"","status":0,"details":{},"prev":")" + std::string(kNoHash) + "\"";
    CHECK_TEXT(content, text.substr(0, content.size()));
    CHECK_TEXT("84e70c7dc1ea458724f2b65d517f5c2189916ed2fccc8d72e65b176d0eb618a8", link.hash);
}

TEST("a line with any byte changed is not one") {
    Link link;
    const std::string good = line(link);
    for (size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] ^= 1;
        CHECK_MESSAGE("byte " + std::to_string(i), !unseal(bad));
    }
    for (size_t n = 0; n < good.size(); ++n) CHECK(!unseal(good.substr(0, n)));
    CHECK(!unseal(""));
}
