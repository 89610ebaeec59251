#include "observe/metrics.hpp"

#include "support/test.hpp"

#include <engram/host/metrics.h>

using namespace engram;
using namespace engram::observe;

namespace {

// The value of the sample that starts with `name_and_labels`, or -1.
double sample(Metrics& metrics, const std::string& name_and_labels) {
    const std::string text = "\n" + metrics.text();
    const size_t at = text.find("\n" + name_and_labels + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name_and_labels.size() + 2));
}

void add(Metrics& metrics, uint64_t id, std::vector<std::string_view> labels, double value) { metrics.add(id, labels, value); }

}  // namespace

TEST("requests are counted by route and status, their time by route") {
    Metrics metrics({"a", "b"});
    metrics.request(0, 200, 0.002);
    metrics.request(0, 200, 0.002);
    metrics.request(1, 404, 3);
    CHECK_EQ(2.0, sample(metrics, "engram_requests_total{route=\"a\",status=\"200\"}"));
    CHECK_EQ(1.0, sample(metrics, "engram_requests_total{route=\"b\",status=\"404\"}"));
    CHECK_EQ(2.0, sample(metrics, "engram_request_duration_seconds_count{route=\"a\"}"));
    CHECK_EQ(0.0, sample(metrics, "engram_request_duration_seconds_bucket{route=\"a\",le=\"0.001\"}"));
    CHECK_EQ(2.0, sample(metrics, "engram_request_duration_seconds_bucket{route=\"a\",le=\"0.0025\"}"));
}

TEST("a route or status out of range counts nothing") {
    Metrics metrics({"a"});
    metrics.request(1, 200, 1);
    metrics.request(SIZE_MAX, 200, 1);
    metrics.request(0, -1, 1);
    metrics.request(0, 600, 1);
    CHECK_EQ(0.0, sample(metrics, "engram_request_duration_seconds_count{route=\"a\"}"));
}

TEST("the counters of refusals are there before the first refusal") {
    Metrics metrics({});
    for (const char* name : {"engram_auth_failures_total{reason=\"unauthenticated\"}", "engram_rate_limited_total",
                             "engram_quota_exceeded_total", "engram_usage_flush_failures_total", "engram_spool_full_total"})
        CHECK_MESSAGE(name, sample(metrics, name) == 0.0);
    metrics.authFailure("key_expired");
    metrics.rateLimited();
    metrics.refused("invalid_http");
    CHECK_EQ(1.0, sample(metrics, "engram_auth_failures_total{reason=\"key_expired\"}"));
    CHECK_EQ(1.0, sample(metrics, "engram_rate_limited_total"));
    CHECK_EQ(1.0, sample(metrics, "engram_refused_total{code=\"invalid_http\"}"));
}

TEST("a gauge is read when somebody asks") {
    Metrics metrics({});
    double value = 1;
    metrics.gauge("engram_open", "help", [&] { return value; });
    value = 7;
    CHECK_EQ(7.0, sample(metrics, "engram_open"));
}

TEST("a plugin's metric is defined once and added to by its labels") {
    Metrics metrics({});
    const auto id = metrics.define(ENGRAM_METRIC_COUNTER, "my_total", "help", {"kind"});
    CHECK(id.ok());
    CHECK_EQ(*id, *metrics.define(ENGRAM_METRIC_COUNTER, "my_total", "help", {"kind"}));
    CHECK(!metrics.define(ENGRAM_METRIC_GAUGE, "my_total", "help", {"kind"}));
    CHECK(!metrics.define(ENGRAM_METRIC_COUNTER, "my_total", "help", {"other"}));
    add(metrics, *id, {"x"}, 2);
    add(metrics, *id, {"x"}, 3);
    CHECK_EQ(5.0, sample(metrics, "my_total{kind=\"x\"}"));
}

TEST("what a plugin gets wrong costs it its sample and nobody else anything") {
    Metrics metrics({});
    const auto id = metrics.define(ENGRAM_METRIC_COUNTER, "my_total", "help", {"kind"});
    add(metrics, 0, {"x"}, 1);
    add(metrics, 99, {"x"}, 1);
    add(metrics, *id, {}, 1);
    add(metrics, *id, {"x", "y"}, 1);
    add(metrics, *id, {"x"}, -1);
    CHECK(sample(metrics, "my_total{kind=\"x\"}") <= 0);
    CHECK(!metrics.define(99, "other_total", "help", {}));
    for (const char* name : {"", "1x", "a b", "a-b", "\xC3\xA9"}) CHECK_MESSAGE(name, !metrics.define(ENGRAM_METRIC_COUNTER, name, "help", {}));
}

TEST("a label with an impossible name is refused when it is defined") {
    Metrics metrics({});
    for (const char* label : {"", "a-b", "1x", "__reserved", "a b"})
        CHECK_MESSAGE(label, !metrics.define(ENGRAM_METRIC_COUNTER, "my_total", "help", {label}));
    CHECK(!metrics.define(ENGRAM_METRIC_COUNTER, "my_total", "help", {"a", "a"}));
    CHECK(!metrics.define(ENGRAM_METRIC_HISTOGRAM, "my_seconds", "help", {"le"}));
    CHECK(metrics.define(ENGRAM_METRIC_COUNTER, "my_total", "help", {"a", "b"}).ok());
}

TEST("a metric has a thousand series and no more") {
    Metrics metrics({});
    const auto id = metrics.define(ENGRAM_METRIC_GAUGE, "my_gauge", "help", {"n"});
    for (int i = 0; i < 1100; ++i) {
        const std::string n = std::to_string(i);
        add(metrics, *id, {n}, 1);
    }
    CHECK_EQ(1.0, sample(metrics, "my_gauge{n=\"999\"}"));
    CHECK_EQ(-1.0, sample(metrics, "my_gauge{n=\"1000\"}"));
    add(metrics, *id, {"0"}, 5);
    CHECK_EQ(5.0, sample(metrics, "my_gauge{n=\"0\"}"));
}
