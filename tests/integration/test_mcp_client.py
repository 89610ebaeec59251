"""The official TypeScript clients, unchanged, store and recall over stdio and HTTP."""

import json
import subprocess
import unittest

from support.engram_server import DEADLINE, ENGRAM, Server, main
from support.mcp import npm_project, stop


class OfficialClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder, cls.node = npm_project()

    def remember(self, server, generation, *target):
        done = subprocess.run([self.node, "remember.mjs", generation, *map(str, target)], cwd=self.folder, env=server.env,
                              capture_output=True, text=True, timeout=4 * DEADLINE)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        saw = json.loads(done.stdout.splitlines()[-1])
        self.assertIn("memory_search", saw["tools"])
        self.assertEqual(saw["made"]["memory"], saw["found"]["results"][0]["memory"])
        self.assertTrue(saw["refused"]["isError"])
        self.assertEqual("memory_not_found", json.loads(saw["refused"]["content"][0]["text"])["code"])
        self.assertEqual(-32602, saw["unknown"])
        self.assertEqual(21, saw["stored"])
        return saw

    def test_over_http(self):
        with Server() as server:
            for generation in ("v1", "v2", "v2-modern"):
                with self.subTest(generation):
                    self.remember(server, generation, "http", server.url + "/mcp", server.key)

    def test_over_stdio_where_nothing_runs_yet(self):
        server = Server()
        try:
            for generation in ("v1", "v2", "v2-modern"):
                with self.subTest(generation):
                    self.remember(server, generation, "stdio", ENGRAM, "mcp", "--config", server.config, "--data", server.data)
        finally:
            stop(server)


if __name__ == "__main__":
    main()
