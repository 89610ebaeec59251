"""engram mcp install and uninstall: the right file, everything else in it kept, the old one beside it, broken ones alone."""

import json
import os
import shutil
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

from support.engram_server import ENGRAM, main

EX_USAGE, EX_DATAERR = 64, 65
PLACES = {"claude": ".claude.json", "claude-desktop": ".config/Claude/claude_desktop_config.json", "cursor": ".cursor/mcp.json",
          "vscode": ".config/Code/User/mcp.json", "codex": ".codex/config.toml", "windsurf": ".codeium/windsurf/mcp_config.json"}


class Install(unittest.TestCase):
    def setUp(self):
        self.home = Path(tempfile.mkdtemp(prefix="engram-home-"))
        self.env = {k: v for k, v in os.environ.items() if k not in ("XDG_CONFIG_HOME", "CODEX_HOME")} | {"HOME": str(self.home)}

    def tearDown(self):
        shutil.rmtree(self.home)

    def run_it(self, *arguments, **env):
        done = subprocess.run([ENGRAM, "mcp", *arguments], env={**self.env, **env}, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def good(self, *arguments, **env):
        code, out, error = self.run_it(*arguments, **env)
        self.assertEqual((0, ""), (code, error))
        return out

    def read(self, path):
        text = path.read_text()
        return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)

    def entry(self, agent, path):
        key = {"codex": "mcp_servers", "vscode": "servers"}.get(agent, "mcpServers")
        return self.read(path).get(key, {}).get("engram")

    def backups(self, path):
        return sorted(path.parent.glob(path.name + ".before-engram-*"))

    def test_each_agent_in_a_new_home(self):
        for agent, place in PLACES.items():
            with self.subTest(agent):
                path = self.home / place
                out = self.good("install", agent, "--data", "memories", "--dry-run")
                self.assertFalse(path.exists())
                self.assertIn("+ ", out)
                self.good("install", agent, "--data", "memories")
                entry = self.entry(agent, path)
                self.assertEqual((str(ENGRAM.resolve()), ["mcp", "--data", os.path.abspath("memories")]),
                                 (entry["command"], entry["args"]))
                self.assertEqual(0o600, path.stat().st_mode & 0o777)
                self.assertEqual([], self.backups(path))
                before = path.read_bytes()
                self.assertIn("engram is in", self.good("install", agent, "--data", "memories"))
                self.assertEqual((before, []), (path.read_bytes(), self.backups(path)), "the second time does nothing")
                self.good("uninstall", agent)
                self.assertIsNone(self.entry(agent, path))
                self.assertIn("engram is not in", self.good("uninstall", agent))

    def test_what_is_printed_starts_the_server(self):
        for agent in PLACES:
            text = self.good("install", agent, "--print")
            entry = tomllib.loads(text)["mcp_servers"]["engram"] if agent == "codex" else list(json.loads(text).values())[0]["engram"]
            self.assertEqual([entry["command"], *entry["args"]], [str(ENGRAM.resolve()), "mcp"])
        self.assertEqual([], list(self.home.iterdir()))

    def test_everything_else_in_the_file_stays(self):
        path = self.home / PLACES["cursor"]
        path.parent.mkdir()
        old = {"theme": "dark", "big": 12345678901234567890, "deep": [{"a": [1, 2.5, None, True, "ü\n"]}],
               "mcpServers": {"other": {"command": "x", "env": {"K": "v"}}}, "last": {}}
        path.write_text(json.dumps(old))
        os.chmod(path, 0o640)
        said = self.good("install", "cursor")
        new = self.read(path)
        self.assertEqual(old["mcpServers"]["other"], new["mcpServers"]["other"])
        self.assertEqual(list(old), list(new))
        self.assertEqual({k: v for k, v in old.items() if k != "mcpServers"}, {k: v for k, v in new.items() if k != "mcpServers"})
        self.assertEqual(0o640, path.stat().st_mode & 0o777)
        [backup] = self.backups(path)
        self.assertEqual(old, json.loads(backup.read_text()))
        self.assertIn(str(backup), said)
        new["mcpServers"]["engram"]["env"] = {"ADDED": "by hand"}
        path.write_text(json.dumps(new))
        self.good("install", "cursor", "--url", "http://127.0.0.1:7227", "--key-file", "key", "--tools", "all")
        entry = self.entry("cursor", path)
        self.assertEqual({"ADDED": "by hand"}, entry["env"])
        self.assertIn("--url", entry["args"])
        self.assertEqual(["--tools", "all"], entry["args"][-2:])
        self.assertEqual(2, len(self.backups(path)), "no backup replaces another")
        self.good("uninstall", "cursor")
        self.assertEqual(old, self.read(path))

    def test_a_toml_file_keeps_its_comments(self):
        path = self.home / PLACES["codex"]
        path.parent.mkdir()
        before = '# mine\nmodel = "x"  # why\n\n[mcp_servers.other]\ncommand = "y"\n'
        after = '\n[profiles.a]\nn = 1 # kept\n'
        stale = '\n[mcp_servers.engram]\ncommand = "/old/engram"\nargs = ["mcp"]\n\n[mcp_servers.engram.env]\nA = "b"\n'
        path.write_text(before + stale + after)
        self.good("install", "codex")
        text = path.read_text()
        for piece in ("# mine", "# why", "# kept", "[mcp_servers.other]", "[profiles.a]"):
            self.assertIn(piece, text)
        self.assertEqual(str(ENGRAM.resolve()), self.entry("codex", path)["command"])
        self.good("uninstall", "codex")
        self.assertEqual(tomllib.loads(before + after), self.read(path))
        for piece in ("# mine", "# why", "# kept"):
            self.assertIn(piece, path.read_text())

    def test_a_file_that_cannot_be_read_is_left_alone(self):
        for agent, text in [("cursor", "{"), ("cursor", "[]"), ("cursor", '{"mcpServers": []}'), ("cursor", '{"mcpServers": {"engram": 1}}'),
                            ("vscode", '{\n  // comment\n  "servers": {}\n}'), ("claude", '{"a": 1, "a": 2}'), ("codex", "x = ["),
                            ("codex", 'mcp_servers = { other = { command = "y" } }\n')]:
            with self.subTest(text):
                path = self.home / PLACES[agent]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                code, _, error = self.run_it("install", agent)
                self.assertEqual(EX_DATAERR, code)
                self.assertIn(str(path), error)
                self.assertIn("hint:", error)
                self.assertEqual((text, []), (path.read_text(), self.backups(path)))

    def test_an_empty_file_and_a_link_to_one(self):
        target = self.home / "dotfiles" / "mcp.json"
        target.parent.mkdir()
        target.write_text("\n")
        path = self.home / PLACES["windsurf"]
        path.parent.mkdir(parents=True)
        path.symlink_to(target)
        self.good("install", "windsurf")
        self.assertTrue(path.is_symlink())
        self.assertEqual("mcp", self.entry("windsurf", target)["args"][0])

    def test_places_follow_the_environment(self):
        self.good("install", "vscode", XDG_CONFIG_HOME=str(self.home / "xdg"))
        self.assertTrue((self.home / "xdg/Code/User/mcp.json").exists())
        self.good("install", "codex", CODEX_HOME=str(self.home / "cx"))
        self.assertTrue((self.home / "cx/config.toml").exists())
        self.good("install", "cursor", "--file", str(self.home / "project/.cursor/mcp.json"))
        self.assertTrue((self.home / "project/.cursor/mcp.json").exists())
        code, _, error = self.run_it("install", "cursor", HOME="")
        self.assertEqual(EX_USAGE, code)
        self.assertIn("--file", error)

    def test_an_unknown_agent(self):
        code, _, error = self.run_it("install", "cursr")
        self.assertEqual(EX_USAGE, code)
        self.assertIn("did you mean 'cursor'?", error)


if __name__ == "__main__":
    main()
