"""What operators see and set: rate limits with their headers, logs with their fields, metrics, health, usage."""

import json
import unittest
from pathlib import Path

from support.engram_server import OSS, ROOT, Server, main, wait_until, with_plugin

LOG_FIELDS = {"request_id", "tenant_id", "tenant_slug", "user_id", "route", "method", "status_code", "latency_ms",
              "error_code"}


class RateLimit(unittest.TestCase):
    def test_a_bucket_runs_dry_says_until_when_and_fills_again(self):
        with Server(with_plugin("quota-local", {"requests_per_minute": 120, "burst": 5})) as server:
            answers = [server.call("GET", "/v1/workspaces") for _ in range(8)]
            statuses = [a.status for a in answers]
            self.assertEqual([200] * 5, statuses[:5])
            self.assertIn(429, statuses)
            refused = next(a for a in answers if a.status == 429)
            self.assertEqual("rate_limited", refused.body["code"])
            self.assertEqual(5, refused.body["limit"])
            for field in ("used", "reset"):
                self.assertIn(field, refused.body)
            self.assertGreaterEqual(int(refused.headers["retry-after"]), 1)
            self.assertEqual("5", refused.headers["ratelimit-limit"])
            self.assertEqual("0", refused.headers["ratelimit-remaining"])
            self.assertGreaterEqual(server.metric("rate_limited_total"), 1)
            self.assertEqual(200, server.call("GET", "/healthz", key=False).status)
            wait_until(lambda: server.call("GET", "/v1/workspaces").status == 200, "a token", 10)

    def test_an_operation_may_have_a_limit_of_its_own(self):
        routes = {"memory.search": {"requests_per_minute": 1, "burst": 2}}
        with Server(with_plugin("quota-local", {"requests_per_minute": 0, "routes": routes})) as server:
            searches = [server.call("POST", "/v1/search", {"query": "x"}).status for _ in range(3)]
            self.assertEqual([200, 200, 429], searches)
            self.assertEqual(200, server.call("GET", "/v1/memories").status)

    def test_strangers_pay_from_their_own_bucket(self):
        with Server() as server:
            statuses = [server.call("GET", "/v1/memories", key="egm_live_x_y").status for _ in range(400)]
            self.assertIn(429, statuses)
            self.assertEqual(401, statuses[0])


class Signals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def test_each_request_is_one_line_of_json_with_its_fields(self):
        answer = self.server.call("POST", "/v1/memories", {"content": "secret content"}, {"X-Request-Id": "theirs"})
        request_id = answer.headers["x-request-id"]
        wait_until(lambda: any(line.get("request_id") == request_id for line in self.server.log_lines()), "the line")
        line = next(line for line in self.server.log_lines() if line.get("request_id") == request_id)
        self.assertLessEqual(LOG_FIELDS, set(line))
        self.assertEqual(("default", "memory.create", "POST", 201, ""),
                         tuple(line[k] for k in ("tenant_slug", "route", "method", "status_code", "error_code")))
        self.assertGreater(line["latency_ms"], 0)
        self.assertTrue(line["user_id"].startswith("key:"))
        refused = self.server.call("GET", "/v1/memories?limit=x").headers["x-request-id"]
        wait_until(lambda: any(line.get("request_id") == refused for line in self.server.log_lines()), "the line")
        self.assertEqual("invalid_request", next(line for line in self.server.log_lines()
                                                 if line.get("request_id") == refused)["error_code"])
        self.assertNotIn("secret content", self.server.log_text())
        self.assertNotIn(self.server.key.rsplit("_", 1)[1], self.server.log_text())

    def test_metrics_are_those_of_the_published_list(self):
        self.server.call("GET", "/v1/memories")
        published = {m["name"]: m for m in json.loads((ROOT / "sdk" / "schema" / "metrics.json").read_text())["metrics"]}
        text = self.server.admin("/metrics").body.decode()
        shown = {}
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name, _, help_ = line[7:].partition(" ")
                shown[name] = {"help": help_}
            elif line.startswith("# TYPE "):
                name, kind = line[7:].split(" ")
                shown[name]["type"] = kind
        for name, metric in shown.items():
            self.assertIn(name, published)
            self.assertEqual((published[name]["type"], published[name]["help"]), (metric["type"], metric["help"]))
        always = {name for name, metric in published.items() if metric.get("appears", "always") == "always"}
        self.assertLessEqual(always, set(shown))
        self.assertGreaterEqual(self.server.metric("requests_total", route="memory.list", status="200"), 1)
        self.assertGreaterEqual(self.server.metric("request_duration_seconds_count", route="memory.list"), 1)

    def test_health_is_on_both_listeners_and_readiness_tells_of_each_plugin(self):
        self.assertEqual(200, self.server.call("GET", "/healthz", key=False).status)
        self.assertEqual(200, self.server.admin("/healthz").status)
        ready = self.server.admin("/readyz")
        self.assertEqual(200, ready.status)
        self.assertEqual({p["use"] for p in OSS}, {p["name"] for p in ready.body["plugins"]})
        self.assertEqual(404, self.server.call("GET", "/metrics", key=False).status, "not on the API's listener")
        self.assertEqual(404, self.server.admin("/v1/memories").status, "not on the admin listener")

    def test_usage_adds_up(self):
        def row(operation, workspace):
            rows = self.server.call("GET", "/v1/usage").body["usage"]
            found = [r for r in rows if r["operation"] == operation and r["workspace"] == workspace]
            return found[0] if found else {"requests": 0, "errors": 0, "counters": {}}

        for n in range(7):
            self.server.call("POST", "/v1/memories", {"content": f"usage {n}", "workspace": "counted"})
        self.server.call("POST", "/v1/memories:batch", {"memories": [{"content": "a", "workspace": "counted"}] * 3})
        created = row("memory.create", "counted")
        self.assertEqual((7, 0, 7), (created["requests"], created["errors"], created["counters"]["memories_written"]))
        batch = row("memory.create_batch", "counted")
        self.assertEqual((1, 3), (batch["requests"], batch["counters"]["memories_written"]))
        yesterday = self.server.call("GET", "/v1/usage?until=2020-01-01T00:00:00Z").body
        self.assertEqual([], yesterday["usage"])


if __name__ == "__main__":
    main()
