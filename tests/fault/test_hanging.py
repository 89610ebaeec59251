"""A plugin hangs: whoever meets it is told so by the deadline, everybody else goes on, and the server still stops."""

import concurrent.futures
import http.client
import json
import time
import unittest

from support.engram_server import OSS, Server, main, wait_until


class Hanging(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.folder = self.server.folder / "hang"
        self.folder.mkdir()
        self.begin(answer_seconds=2)
        self.addCleanup(self.end)

    def begin(self, answer_seconds):
        plugins = [{"use": "hanging", "config": {"folder": str(self.folder)}},
                   *[p for p in OSS if p["use"] not in ("embed-builtin", "metering-sqlite")]]
        self.server.write_config(plugins, {"answer_seconds": answer_seconds, "drain_seconds": 1, "cpu_threads": 2,
                                           "blocking_threads": 2})
        self.server.start()

    def end(self):
        for place in self.folder.iterdir():
            place.unlink()
        if self.server.process:
            self.server.kill()

    def hang(self, place):
        (self.folder / place).touch()

    def together(self, n, call):
        with concurrent.futures.ThreadPoolExecutor(n) as pool:
            return [f.result() for f in [pool.submit(call) for _ in range(n)]]

    def check_overdue(self, answers):
        self.assertEqual({503}, {a.status for a in answers})
        self.assertLessEqual({a.body["code"] for a in answers}, {"deadline_exceeded", "overloaded"})
        self.assertIn("deadline_exceeded", {a.body["code"] for a in answers})
        self.assertTrue(all(a.body["hint"] and a.headers.get("retry-after") for a in answers))

    def check_others(self):
        made = self.server.call("POST", "/v1/memories", {"content": "tea"})
        self.assertEqual(201, made.status, made.body)
        self.assertEqual(200, self.server.call("POST", "/v1/search", {"query": "tea"}).status)
        self.assertEqual(200, self.server.call("GET", "/v1/workspaces").status)  # the blocking lane
        self.assertEqual(200, self.server.call("GET", "/healthz").status)
        self.assertEqual(200, self.server.admin("/readyz").status)

    def check_it_stops(self):
        begun = time.monotonic()
        code = self.server.stop()
        self.assertLess(time.monotonic() - begun, 30)
        return code

    def test_in_authenticate(self):
        self.hang("authenticate")
        ask = lambda: self.server.call("GET", "/v1/memories", key="hang")
        self.check_overdue(self.together(8, ask))
        self.check_others()
        self.assertGreater(self.server.metric("lane_stuck_tasks"), 0)
        (self.folder / "authenticate").unlink()
        wait_until(lambda: self.server.metric("lane_stuck_tasks") == 0, "the stuck tasks to come back")
        self.assertEqual(401, ask().status)
        self.check_others()
        self.assertEqual(0, self.check_it_stops())

    def test_in_quota(self):
        made = self.server.call("POST", "/v1/memories", {"content": "tea"}).body["memory"]
        self.hang("reserve")
        self.check_overdue(self.together(4, lambda: self.server.call("GET", f"/v1/memories/{made['id']}/history")))
        self.check_others()
        self.assertEqual(70, self.check_it_stops(), "it ends without the plugin, and says so")

    def test_in_embed(self):
        self.hang("embed")
        self.check_overdue(self.together(4, lambda: self.server.call("POST", "/v1/memories", {"content": "hang"})))
        self.check_others()
        self.assertEqual(70, self.check_it_stops())
        self.assertIn("stopped without waiting", self.server.log_text())
        self.server.start()
        listed = self.server.call("GET", "/v1/memories").body["memories"]
        self.assertEqual(["tea"], [m["content"] for m in listed], "what was acknowledged is there")
        self.assertEqual(0, self.check_it_stops())

    def test_in_metering(self):
        self.server.stop()
        self.begin(answer_seconds=30)  # more than a usage query waits for the events that are on their way
        self.hang("consume")
        for _ in range(3):
            self.check_others()
        self.assertEqual(200, self.server.call("GET", "/v1/usage").status, "it does not wait for the batch that hangs")
        self.assertEqual(70, self.check_it_stops())

    def test_an_answer_that_comes_too_late_goes_to_nobody(self):
        self.hang("authenticate")
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection.request("GET", "/v1/memories", headers={"Authorization": "Bearer hang"})
        response = connection.getresponse()
        self.assertEqual((503, "close"), (response.status, response.getheader("connection")))
        self.assertEqual("deadline_exceeded", json.loads(response.read())["code"])
        (self.folder / "authenticate").unlink()
        wait_until(lambda: self.server.metric("lane_stuck_tasks") == 0, "the late answer")
        self.check_others()
        self.assertEqual(0, self.check_it_stops())


if __name__ == "__main__":
    main()
