#include "health/server.hpp"

#include "codes.hpp"
#include "support/test.hpp"

using namespace engram;
using namespace engram::health;

TEST("a plugin that is down, and one that says what is wrong") {
    Findings out;
    judgePlugins({{"good", "", "", "", "", loader::State::Started, {}, "", false},
                  {"ill", "", "", "", "", loader::State::Started, {}, "no connection", false},
                  {"hurt", "", "", "", "", loader::State::Started, {}, "one tenant", true},
                  {"gone", "", "", "", "", loader::State::Degraded, {}, "", false}},
                 out);
    CHECK_TEXT("plugin_unwell plugin_degraded plugin_down", codesOf(out));
    CHECK_TEXT("ill: no connection", out[0].evidence);
    CHECK_TEXT("gone: degraded", out[2].evidence);
}

TEST("events that pile up, and log lines that were dropped") {
    Findings out;
    judgeSpool(512, 1024, out);
    judgeLog(0, out);
    CHECK_TEXT("", codesOf(out));
    judgeSpool(513 << 10, 1024 << 10, out);
    judgeLog(3, out);
    CHECK_TEXT("spool_backlog log_dropped", codesOf(out));
    CHECK_TEXT("513 of 1024 KiB are not consumed", out[0].evidence);
}
