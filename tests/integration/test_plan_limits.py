"""Quotas by plan: 32 parallel writers at each limit get exactly what the plan allows, never one more, and never a refusal
once something was deleted; what time gives back says when; usage tells limits and counts."""

import threading
import time
import unittest

from support.engram_server import OSS, Server, main, with_plugin

WRITERS = 32
PLANS = {
    "free": {"memories": 40, "workspaces": 5, "storage_bytes": -1, "api_calls_day": -1, "rpm": -1},
    "pro": {"storage_bytes": 2000, "memories": -1, "workspaces": -1, "api_calls_day": -1, "rpm": -1},
    "team": {"api_calls_day": 50, "memories": -1, "workspaces": -1, "storage_bytes": -1, "rpm": -1},
    "enterprise": {},
}


def plugins(plans, storage="storage-sqlite"):
    changed = {"auth-apikey": {"use": "auth-apikey", "config": {"hash_scheme": "hmac-sha256"}},
               "quota-plan": {"use": "quota-plan", "config": {"plans": plans}}, "storage-sqlite": {"use": storage}}
    return [changed.get(p["use"], p) for p in OSS]


class Limits(unittest.TestCase):
    storage = "storage-sqlite"

    @classmethod
    def setUpClass(cls):
        cls.server = Server(plugins(PLANS, cls.storage)).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def tenant(self, slug, plan):
        """A tenant of that plan: its owner's key."""
        return self.server.cli_json("tenant", "create", slug, "--plan", plan)["secret"]

    def write(self, key, content="x", **more):
        return self.server.call("POST", "/v1/memories", {"content": content, **more}, key=key)

    def in_parallel(self, call, each):
        """WRITERS threads, each calling call(writer, n) for n up to `each`; every answer."""
        answers, gate = [], threading.Barrier(WRITERS)

        def run(writer):
            gate.wait()
            for n in range(each):
                answers.append(call(writer, n))

        threads = [threading.Thread(target=run, args=(w,)) for w in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(WRITERS * each, len(answers))
        return answers

    def limits(self, key):
        answer = self.server.call("GET", "/v1/usage", key=key)
        self.assertEqual(200, answer.status, answer.body)
        return {limit["unit"]: limit for limit in answer.body["limits"]}

    def refusals(self, answers, code, status, limit):
        refused = [a for a in answers if a.status >= 300]
        for answer in refused:
            self.assertEqual((status, code, limit), (answer.status, answer.body["code"], answer.body["limit"]), answer.body)
            self.assertLessEqual(answer.body["used"], limit)
            self.assertIn("reset", answer.body)
        return refused

    def test_memories(self):
        key = self.tenant("many", "free")
        before = self.server.metric("quota_exceeded_total")
        answers = self.in_parallel(lambda w, n: self.write(key, f"{w} {n}"), 3)
        made = [a.body["memory"]["id"] for a in answers if a.status == 201]
        refused = self.refusals(answers, "plan_limit", 402, 40)
        self.assertEqual((40, WRITERS * 3 - 40), (len(made), len(refused)))
        self.assertEqual({40}, {a.body["used"] for a in refused})
        self.assertEqual(len(refused), self.server.metric("quota_exceeded_total") - before)
        self.assertEqual((40, 40), (self.limits(key)["memories"]["used"], self.limits(key)["memories"]["limit"]))
        # Room for exactly what was deleted, whoever comes first.
        for memory in made[:7]:
            self.assertEqual(200, self.server.call("DELETE", f"/v1/memories/{memory}", key=key).status)
        again = self.in_parallel(lambda w, n: self.write(key, f"again {w}"), 1)
        self.assertEqual(7, sum(a.status == 201 for a in again))
        self.refusals(again, "plan_limit", 402, 40)
        # What brings one back needs room, what changes one does not.
        self.assertEqual(402, self.server.call("POST", f"/v1/memories/{made[0]}:undelete", key=key).status)
        self.assertEqual(200, self.server.call("PATCH", f"/v1/memories/{made[20]}", {"content": "changed"}, key=key).status)
        self.assertEqual(200, self.server.call("DELETE", f"/v1/memories/{made[21]}", key=key).status)
        self.assertEqual(200, self.server.call("POST", f"/v1/memories/{made[0]}:undelete", key=key).status)

    def test_batches_are_stored_as_a_whole_or_not(self):
        key = self.tenant("batches", "free")
        body = {"memories": [{"content": f"m{n}"} for n in range(3)]}
        answers = self.in_parallel(lambda w, n: self.server.call("POST", "/v1/memories:batch", body, key=key), 1)
        self.assertEqual(13, sum(a.status == 200 for a in answers), "13 batches of 3 fit into 40")
        self.refusals(answers, "plan_limit", 402, 40)
        self.assertEqual(39, self.limits(key)["memories"]["used"])
        self.assertEqual(201, self.write(key).status, "the last one")

    def test_a_repeated_request_is_answered_though_the_limit_is_reached(self):
        key = self.tenant("repeats", "free")
        def once():
            return self.server.call("POST", "/v1/memories", {"content": "once"}, {"Idempotency-Key": "one"}, key=key)
        first = once()
        self.in_parallel(lambda w, n: self.write(key, f"{w} {n}"), 2)
        self.assertEqual(402, self.write(key).status)
        self.assertEqual((201, first.body), (once().status, once().body))

    def test_workspaces(self):
        key = self.tenant("rooms", "free")
        def make(writer, n):
            if n % 2:
                return self.write(key, "x", workspace=f"w{writer}-{n}")  # a first memory makes a workspace, too
            return self.server.call("POST", "/v1/workspaces", {"name": f"w{writer}-{n}"}, key=key)
        answers = self.in_parallel(make, 2)
        self.assertEqual(5, sum(a.status == 201 for a in answers))
        self.refusals(answers, "plan_limit", 402, 5)
        listed = self.server.call("GET", "/v1/workspaces", key=key).body["workspaces"]
        self.assertEqual(5, len(listed))
        self.assertEqual(201, self.write(key, "into one that is there", workspace=listed[0]["name"]).status)
        for room in listed[:2]:
            self.assertEqual(200, self.server.call("DELETE", f"/v1/workspaces/{room['name']}?force=true", key=key).status)
        again = self.in_parallel(lambda w, n: self.server.call("POST", "/v1/workspaces", {"name": f"n{w}"}, key=key), 1)
        self.assertEqual(2, sum(a.status == 201 for a in again))
        self.assertEqual((5, 5), (self.limits(key)["workspaces"]["used"], self.limits(key)["workspaces"]["limit"]))

    def test_storage_bytes(self):
        key = self.tenant("bytes", "pro")
        answers = self.in_parallel(lambda w, n: self.write(key, f"{w:03}{n:02}" + "y" * 93), 1)  # 98 bytes and {} of metadata
        made = [a.body["memory"]["id"] for a in answers if a.status == 201]
        self.assertEqual(20, len(made), "20 of 100 bytes fit into 2000")
        self.refusals(answers, "plan_limit", 402, 2000)
        self.assertEqual(2000, self.limits(key)["storage_bytes"]["used"])
        longer = self.server.call("PATCH", f"/v1/memories/{made[0]}", {"content": "z" * 99}, key=key)
        self.refusals([longer], "plan_limit", 402, 2000)
        self.assertEqual(200, self.server.call("PATCH", f"/v1/memories/{made[0]}", {"content": "z" * 48}, key=key).status)
        again = self.in_parallel(lambda w, n: self.write(key, "v" * 23), 1)
        self.assertEqual(2, sum(a.status == 201 for a in again), "50 bytes were freed")

    def test_calls_of_the_day(self):
        key = self.tenant("days", "team")
        answers = self.in_parallel(lambda w, n: self.server.call("GET", "/v1/memories", key=key), 3)
        refused = [a for a in answers if a.status == 429]
        # The day may turn while the test runs; then both days' calls are allowed.
        self.assertIn(sum(a.status == 200 for a in answers), (50, WRITERS * 3))
        for answer in refused:
            self.assertEqual(("daily_limit", 50, 50), tuple(answer.body[f] for f in ("code", "limit", "used")))
            self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
            self.assertLessEqual(int(answer.headers["retry-after"]), 86400)
        self.server.cli("tenant", "set-plan", "days", "enterprise")
        self.assertEqual(200, self.server.call("GET", "/v1/memories", key=key).status, "another plan holds at once")

    def test_a_plan_of_no_limits_has_none(self):
        limits = self.limits(self.server.key)
        self.assertEqual({"memories", "workspaces", "identities", "sessions", "storage_bytes", "api_calls_day", "rpm"}, set(limits))
        self.assertEqual({None}, {limit["limit"] for limit in limits.values()})
        code, out, _ = self.server.cli("usage")
        self.assertEqual(0, code)
        self.assertIn("plan enterprise", out)
        self.assertIn("unlimited", out)


class LimitsOfTheOracle(Limits):
    storage = "storage-memory"


class Days(unittest.TestCase):
    def test_calls_of_the_day_survive_a_restart_and_a_kill(self):
        with Server(plugins({"enterprise": {"api_calls_day": 30}})) as server:
            day = time.gmtime().tm_yday
            for _ in range(10):
                self.assertEqual(200, server.call("GET", "/v1/memories").status)
            server.stop()
            server.start()
            for _ in range(10):
                self.assertEqual(200, server.call("GET", "/v1/memories").status)
            calls = next(server.data.rglob("calls"))
            end = time.monotonic() + 30
            while " 20\n" not in calls.read_text() and time.monotonic() < end:
                time.sleep(0.05)  # written once a second
            server.kill()
            server.start()
            statuses = [server.call("GET", "/v1/memories").status for _ in range(12)]
            if time.gmtime().tm_yday == day:
                self.assertEqual([200] * 10 + [429] * 2, statuses)

    def test_requests_a_minute(self):
        with Server(plugins({"enterprise": {"rpm": 60, "burst": 4}})) as server:
            answers = [server.call("GET", "/v1/memories") for _ in range(8)]
            self.assertEqual([200] * 4, [a.status for a in answers[:4]])
            refused = next(a for a in answers if a.status != 200)
            self.assertEqual((429, "rate_limited", 4), (refused.status, refused.body["code"], refused.body["limit"]))
            self.assertIn("retry-after", refused.headers)
            self.assertEqual("60;w=60", refused.headers["ratelimit-policy"])

    def test_32_writers_share_one_bucket(self):
        with Server(plugins({"enterprise": {"rpm": 1, "burst": 10}})) as server:
            results, gate = [], threading.Barrier(WRITERS)

            def run():
                gate.wait()
                results.append(server.call("GET", "/v1/memories").status)

            started = time.monotonic()
            threads = [threading.Thread(target=run) for _ in range(WRITERS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            refilled = int((time.monotonic() - started) / 60)
            self.assertTrue(10 <= results.count(200) <= 11 + refilled, results)


class Configuration(unittest.TestCase):
    def test_plans_that_cannot_be_are_refused_at_the_start(self):
        for plans, name in [({"free": {"memorys": 1}}, "memorys"), ({"free": {"memories": -2}}, "memories"),
                            ({"free": {"rpm": "many"}}, "rpm"), ({"free": 3}, "free")]:
            with self.subTest(name):
                code, said = Server(plugins(plans)).run_to_end()
                self.assertEqual(78, code)
                self.assertIn(name, said)

    def test_the_plans_documents_hold_without_a_configuration(self):
        with Server(with_plugin("auth-apikey", {"hash_scheme": "hmac-sha256"})) as server:
            key = server.cli_json("tenant", "create", "small", "--plan", "free")["secret"]
            limits = {x["unit"]: x["limit"] for x in server.call("GET", "/v1/usage", key=key).body["limits"]}
            self.assertEqual({"memories": 10000, "workspaces": 5, "identities": 100, "sessions": 1000,
                              "storage_bytes": 268435456, "api_calls_day": 10000, "rpm": 60}, limits)


if __name__ == "__main__":
    main()
