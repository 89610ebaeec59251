"""The command line as a person or a script meets it: output, exit codes, help, import."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from support.engram_server import ENGRAM, Server, main

EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_UNAVAILABLE = 64, 65, 66, 69


class CommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def test_a_day_with_it(self):
        code, out, _ = self.server.cli("memory", "add", "Ada prefers green tea", "--tag", "drinks")
        self.assertEqual(0, code)
        memory_id = out.split()[0]
        code, out, _ = self.server.cli("memory", "search", "what does Ada drink tea")
        self.assertEqual(0, code)
        self.assertIn("Ada prefers green tea", out)
        self.assertIn(memory_id, out)
        self.assertIn("green tea", self.server.cli("memory", "get", memory_id)[1])
        self.assertEqual(0, self.server.cli("memory", "delete", memory_id)[0])
        self.assertEqual(EX_DATAERR, self.server.cli("memory", "get", memory_id)[0])
        for group in (["workspace", "list"], ["key", "list"], ["tenant", "show"], ["usage"]):
            code, out, error = self.server.cli(*group)
            self.assertEqual((0, ""), (code, error))
            self.assertTrue(out)

    def test_standard_input_is_content(self):
        made = self.server.cli_json("memory", "add", "-", stdin="two\nlines")["memory"]
        self.assertEqual("two\nlines", made["content"])

    def test_a_content_may_look_like_an_option(self):
        made = self.server.cli_json("memory", "add", "--", "--not-an-option")["memory"]
        self.assertEqual("--not-an-option", made["content"])

    def test_errors_go_to_stderr_with_a_hint_and_a_code(self):
        cases = [(["memry", "add", "x"], EX_USAGE, "memory"), (["memory", "ad", "x"], EX_USAGE, "add"),
                 (["memory", "add"], EX_USAGE, "TEXT"), (["memory", "add", "x", "--workspce", "y"], EX_USAGE, "--workspace"),
                 (["memory", "add", "x", "--metadata", "{"], EX_USAGE, "--metadata"),
                 (["memory", "get", "nothing"], EX_DATAERR, "nothing"),
                 (["memory", "search", "x", "--filter", '{"typ": 1}'], EX_DATAERR, "type"),
                 (["memory", "import", "/does/not/exist"], EX_NOINPUT, "/does/not/exist"), ([], EX_USAGE, "memory")]
        for arguments, expected, mention in cases:
            with self.subTest(arguments):
                done = subprocess.run([ENGRAM, *arguments, *(["--data", self.server.data] if arguments else [])],
                                      env=self.server.env, capture_output=True, text=True)
                self.assertEqual((expected, ""), (done.returncode, done.stdout if arguments else ""), done.stderr)
                self.assertIn(mention, done.stderr)

    def test_json_errors_are_the_problem_document(self):
        code, out, error = self.server.cli("memory", "get", "nothing", "--json")
        self.assertEqual(EX_DATAERR, code)
        self.assertEqual("memory_not_found", json.loads(out or error)["code"])

    def test_no_server_is_said_with_what_to_do(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([ENGRAM, "memory", "list", "--no-start", "--data", folder], env=self.server.env, capture_output=True,
                                  text=True)
        self.assertEqual(EX_UNAVAILABLE, done.returncode)
        self.assertIn("engram serve", done.stderr)

    def test_a_server_elsewhere_is_asked_with_a_key(self):
        with tempfile.NamedTemporaryFile("w") as key:
            key.write(self.server.key + "\n")
            key.flush()
            done = subprocess.run([ENGRAM, "tenant", "show", "--url", self.server.url, "--key-file", key.name, "--json"],
                                  env=self.server.env, capture_output=True, text=True)
        self.assertEqual("default", json.loads(done.stdout)["tenant"]["slug"], done.stderr)

    def test_import_stores_lines_once_and_tells_of_bad_ones(self):
        lines = [json.dumps({"content": f"line {n}", "metadata": {"n": n}}) for n in range(250)]
        lines[10:10] = ["", "not json", "[]", '{"content": 5}', '{"contentt": "x"}']
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "turns.jsonl"
            file.write_text("\n".join(lines))
            code, out, error = self.server.cli("memory", "import", file, "--workspace", "imported", "--json")
            self.assertEqual(EX_DATAERR, code)
            self.assertEqual({"stored": 250, "refused": 4}, json.loads(out))
            for number in (12, 13, 14, 15):
                self.assertIn(f"line {number}: ", error)
            again = self.server.cli("memory", "import", file, "--workspace", "imported")[0]
            self.assertEqual(EX_DATAERR, again)
        stored = self.server.cli_json("memory", "list", "--workspace", "imported", "--limit", "1000")["memories"]
        self.assertEqual(250, len(stored), "the second import repeats nothing")

    def test_help_version_and_openapi_need_no_server(self):
        def run(*arguments):
            return subprocess.run([ENGRAM, *arguments], capture_output=True, text=True)

        self.assertIn("engram serve", run("--help").stdout)
        self.assertIn("--workspace", run("memory", "add", "--help").stdout)
        self.assertRegex(run("version").stdout, r"\d+\.\d+\.\d+")
        self.assertEqual(self.server.call("GET", "/v1/openapi.json", key=False).body, json.loads(run("openapi").stdout))

    def test_plugins_are_listed(self):
        done = subprocess.run([ENGRAM, "plugin", "list", "--config", self.server.config, "--json"], capture_output=True,
                              text=True, env=self.server.env)
        self.assertIn("storage-sqlite", [p["id"] for p in json.loads(done.stdout)])


if __name__ == "__main__":
    main()
