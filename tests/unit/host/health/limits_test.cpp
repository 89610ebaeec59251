#include "health/limits.hpp"

#include "codes.hpp"
#include "support/test.hpp"

using namespace engram::health;

namespace {

LimitFacts ample() {
    LimitFacts facts;
    facts.descriptors = 65536;
    facts.descriptors_open = 100;
    facts.descriptors_wanted = 11024;
    facts.memory_free = uint64_t(2048) << 20;
    facts.memory_limit = uint64_t(4096) << 20;
    facts.memory_of = "the machine";
    return facts;
}

std::string judged(const LimitFacts& facts) {
    Findings out;
    judgeLimits(facts, out);
    return codesOf(out);
}

}  // namespace

TEST("ample limits are well, and so are figures that cannot be read") {
    CHECK_TEXT("", judged(ample()));
    CHECK_TEXT("", judged({}));
}

TEST("fewer descriptors than the configuration needs, or nearly all in use") {
    LimitFacts facts = ample();
    facts.descriptors = 1024;
    CHECK_TEXT("descriptors_low", judged(facts));
    facts = ample();
    facts.descriptors_open = 60000;
    CHECK_TEXT("descriptors_used", judged(facts));
}

TEST("little free memory, by share or by size") {
    LimitFacts facts = ample();
    facts.memory_free = 100u << 20;
    CHECK_TEXT("memory_low", judged(facts));
    facts.memory_limit = 64u << 20;
    facts.memory_free = 31u << 20;
    CHECK_TEXT("memory_low", judged(facts));
    facts.memory_free = 40u << 20;
    CHECK_TEXT("", judged(facts));
}

TEST("this process's own figures can be read") {
    const LimitFacts facts = readLimits(10000);
    CHECK(facts.descriptors > 0 && facts.descriptors_open > 2 && facts.memory_limit > 0);
    CHECK_EQ(uint64_t(11024), facts.descriptors_wanted);
}
