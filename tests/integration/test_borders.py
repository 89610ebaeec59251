"""A plugin of a few lines for each kind takes the place of ours by configuration alone: the same executable, nothing
rebuilt (tests/plugins/)."""

import tempfile
import unittest
from pathlib import Path

from support.engram_server import OSS, Server, main, wait_until, with_plugin


def without(*names):
    return [p for p in OSS if p["use"] not in names]


class Borders(unittest.TestCase):
    def test_auth(self):
        plugins = with_plugin("tiny-auth", {"password": "open sesame"}, instead_of="auth-apikey")
        with Server(plugins) as server:
            named = {"X-Engram-Tenant": "default"}
            self.assertEqual(401, server.call("GET", "/v1/memories", key="wrong", headers=named).status)
            made = server.call("POST", "/v1/memories", {"content": "tea"}, named, key="open sesame")
            self.assertEqual(201, made.status, made.body)
            self.assertEqual(400, server.call("GET", "/v1/memories", key="open sesame").status, "no tenant was named")
            self.assertEqual(403, server.call("DELETE", f"/v1/memories/{made.body['memory']['id']}", key="open sesame",
                                              headers=named).status, "the scope is not among the plugin's")

    def test_tenancy(self):
        plugins = [{"use": "tiny-auth", "config": {"password": "p"}}, {"use": "tiny-tenancy", "config": {"slug": "nut"}},
                   *without("auth-apikey", "tenancy-sqlite")]
        with Server(plugins) as server:
            self.assertEqual(404, server.call("GET", "/v1/memories", key="p", headers={"X-Engram-Tenant": "default"}).status)
            made = server.call("POST", "/v1/memories", {"content": "tea"}, {"X-Engram-Tenant": "nut"}, key="p")
            self.assertEqual(201, made.status, made.body)

    def test_quota(self):
        with Server(with_plugin("tiny-quota", {"searches": 2}, instead_of="quota-local")) as server:
            statuses = [server.call("POST", "/v1/search", {"query": "tea"}).status for _ in range(4)]
            self.assertEqual([200, 200, 402, 402], statuses)
            self.assertEqual(200, server.call("GET", "/v1/memories").status, "only searches are limited")

    def test_storage(self):
        plugins = with_plugin("tiny-storage", instead_of="storage-sqlite")
        with Server([p for p in plugins if p["use"] != "embed-builtin"]) as server:
            made = server.call("POST", "/v1/memories", {"content": "tea"})
            self.assertEqual(201, made.status, made.body)
            memory = server.call("GET", f"/v1/memories/{made.body['memory']['id']}").body["memory"]
            self.assertEqual(made.body["memory"], memory)
            self.assertEqual([memory], server.call("GET", "/v1/memories").body["memories"])
            self.assertEqual(501, server.call("POST", "/v1/search", {"query": "tea"}).status, "the plugin cannot search")
            self.assertFalse(list(server.data.rglob("engram.db")), "nothing was written by storage-sqlite")

    def test_oracle_as_storage(self):
        with Server(with_plugin("storage-memory", instead_of="storage-sqlite")) as server:
            server.call("POST", "/v1/memories", {"content": "green tea"})
            self.assertEqual(1, len(server.call("POST", "/v1/search", {"query": "tea"}).body["results"]))

    def test_embed(self):
        with Server(with_plugin("tiny-embed", instead_of="embed-builtin")) as server:
            server.call("POST", "/v1/memories", {"content": "listen"})
            found = server.call("POST", "/v1/search", {"query": "silent", "explain": True}).body["results"]
            self.assertEqual(1, len(found), "an anagram has the same letters")
            self.assertGreater(found[0]["explain"]["similarity"], 0.98)

    def test_metering(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "events"
            with Server(with_plugin("tiny-metering", {"file": str(file)}, instead_of="metering-sqlite")) as server:
                server.call("POST", "/v1/memories", {"content": "tea"})
                server.call("POST", "/v1/memories", {})
                wait_until(lambda: file.read_text().count("\n") == 2, "two events")
                self.assertEqual("memory.create 201\nmemory.create 400\n", file.read_text())
                self.assertEqual(501, server.call("GET", "/v1/usage").status)

    def test_routes(self):
        with Server([*OSS, {"use": "tiny-routes"}]) as server:
            self.assertEqual(b"hello world", server.call("GET", "/tiny/world", key=False).body)
            self.assertEqual(401, server.call("POST", "/tiny", key=False, raw=b"x").status)
            answer = server.call("POST", "/tiny", raw=b"bytes")
            self.assertTrue(answer.body.endswith(b" sent bytes"), answer.body)
            self.assertEqual(413, server.call("POST", "/tiny", raw=b"x" * 101).status)


if __name__ == "__main__":
    main()
