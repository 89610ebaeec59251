"""The clock jumps: ids stay unique and ascending, what expires follows the clock, limits neither lock out nor flood."""

import json
import unittest

from support.engram_server import Server, main, with_plugin
from support.trouble import Faults

DAY = 24 * 3600


class Clock(unittest.TestCase):
    def run_server(self, **options):
        self.faults = Faults()
        server = Server(env=self.faults.env, **options)
        server.start()
        self.addCleanup(server.__exit__, None, None, None)
        return server

    def test_ids_are_unique_and_ascend_whatever_the_clock_does(self):
        # One writer thread's ids ascend; a jump back must not bring an id again.
        server = self.run_server(server={"cpu_threads": 1})
        ids, lsns = [], []
        for offset in (0, 3600, -3600, -30 * DAY, 0, 365 * DAY, 1):
            self.faults.clock(offset)
            for n in range(20):
                made = server.call("POST", "/v1/memories", {"content": f"at {offset}, number {n}"})
                self.assertEqual(201, made.status, made.body)
                ids.append(made.body["memory"]["id"])
                lsns.append(made.body["lsn"])
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual(sorted(ids), ids)
        self.assertEqual(sorted(set(lsns)), lsns)
        self.assertEqual(140, len(server.call("GET", "/v1/memories?limit=1000").body["memories"]))

    def test_memories_expire_by_the_clock_and_come_back_with_it(self):
        server = self.run_server()
        made = server.call("POST", "/v1/memories", {"content": "a day of tea", "ttl_seconds": DAY}).body["memory"]
        read = lambda: server.call("GET", f"/v1/memories/{made['id']}").status
        found = lambda: len(server.call("POST", "/v1/search", {"query": "tea"}).body["results"])
        self.assertEqual((200, 1), (read(), found()))
        self.faults.clock(2 * DAY)
        self.assertEqual((404, 0), (read(), found()))
        self.faults.clock(-2 * DAY)
        self.assertEqual((200, 1), (read(), found()))

    def test_keys_expire_by_the_clock(self):
        server = self.run_server()
        code, out, err = server.cli("key", "create", "short", "--scope", "memory:read", "--expires-at", "2100-01-01T00:00:00Z", "--json")
        self.assertEqual(0, code, err)
        key = json.loads(out)["secret"]
        self.assertEqual(200, server.call("GET", "/v1/memories", key=key).status)
        self.faults.clock(120 * 365 * DAY)
        refused = server.call("GET", "/v1/memories", key=key)
        self.assertEqual((401, "key_expired"), (refused.status, refused.body["code"]))
        self.faults.clock(0)
        self.assertEqual(200, server.call("GET", "/v1/memories", key=key).status)

    def test_rate_limits_do_not_look_at_the_time_of_day(self):
        plugins = with_plugin("quota-local", {"requests_per_minute": 1, "burst": 5})
        server = self.run_server(plugins=plugins)
        statuses = []
        for offset in (0, -365 * DAY, 0, 365 * DAY, -1, 7200, 0):
            self.faults.clock(offset)
            statuses.append(server.call("GET", "/v1/memories").status)
        self.assertEqual([200] * 5 + [429] * 2, statuses, "five at once, neither fewer nor more")

    def test_an_idempotency_key_is_kept_over_a_jump_back(self):
        server = self.run_server()
        send = lambda: server.call("POST", "/v1/memories", {"content": "once"}, {"Idempotency-Key": "k"})
        first = send()
        self.faults.clock(-30 * DAY)
        self.assertEqual(first.body["memory"]["id"], send().body["memory"]["id"])
        self.faults.clock(23 * 3600)
        self.assertEqual(first.body["memory"]["id"], send().body["memory"]["id"])


if __name__ == "__main__":
    main()
