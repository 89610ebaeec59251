"""sdk/template, built as a stranger would: against an installed Engram, in a folder of its own, with nothing of this tree.
The plugin then lets a guest read and not write."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from support.engram_server import BUILD, OSS, ROOT, Server, main

PASSWORD = "correct horse battery"
NAMED = {"X-Engram-Tenant": "default"}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


class Template(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="engram-template-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.prefix, cls.build = cls.folder / "installed", cls.folder / "hello-auth" / "build"
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)
        shutil.copytree(ROOT / "sdk" / "template", cls.folder / "hello-auth")
        # As docs/how-to/write-a-plugin.md says.
        run("cmake", "-S", cls.folder / "hello-auth", "-B", cls.build, f"-DCMAKE_PREFIX_PATH={cls.prefix}")
        run("cmake", "--build", cls.build)

    def server(self, config):
        return Server([{"use": "hello-auth", "config": config}, *OSS], dirs=[self.build])

    def test_it_exports_one_symbol(self):
        done = subprocess.run(["nm", "-D", "--defined-only", self.build / "hello-auth.so"], capture_output=True, text=True, check=True)
        self.assertEqual(["engram_plugin_v1"], [line.split()[2].partition("@")[0] for line in done.stdout.splitlines()
                                                if line.split()[1] != "A"])

    def test_its_guest_reads_and_does_not_write(self):
        with self.server({"password": PASSWORD}) as server:
            made = server.call("POST", "/v1/memories", {"content": "green tea"})
            self.assertEqual(201, made.status, "a key works beside it")
            path = f"/v1/memories/{made.body['memory']['id']}"
            guest = {"key": PASSWORD, "headers": NAMED}
            self.assertEqual("green tea", server.call("GET", path, **guest).body["memory"]["content"])
            self.assertEqual(1, len(server.call("POST", "/v1/search", {"query": "tea"}, **guest).body["results"]))
            for method, target, body in (("POST", "/v1/memories", {"content": "graffiti"}), ("PATCH", path, {"content": "graffiti"}),
                                         ("DELETE", path, None), ("GET", "/v1/keys", None)):
                answer = server.call(method, target, body, **guest)
                self.assertEqual((403, "permission_denied"), (answer.status, answer.body["code"]), (method, target))
            self.assertEqual(401, server.call("GET", path, key=PASSWORD + "!", headers=NAMED).status)
            self.assertEqual(made.body["memory"], server.call("GET", path).body["memory"], "nothing was written")

    def test_its_configuration_is_checked(self):
        for config in ({}, {"password": "short"}, {"password": PASSWORD, "pasword": "x"}):
            server = self.server(config)
            self.addCleanup(shutil.rmtree, server.folder, True)
            code, said = server.run_to_end()
            self.assertEqual(78, code, said)
            self.assertIn("hello-auth", said)


if __name__ == "__main__":
    main()
