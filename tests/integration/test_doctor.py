"""engram doctor, GET /v1/admin/health and engram_health_issues: what is broken on purpose is found, named and fixed."""

import json
import os
import socket
import sqlite3
import stat
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

from support.engram_server import ENGRAM, OSS, Server, main, toml, wait_until


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def codes(report):
    return [f["code"] for f in report["findings"]]


class Doctor(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.clean)

    def clean(self):
        self.server.__exit__(None)

    def doctor(self, *arguments, expected=0, env=None):
        """`engram doctor --json` with the server's configuration: the report."""
        done = subprocess.run([ENGRAM, "doctor", "--config", self.server.config, "--json", *map(str, arguments)],
                              env={**self.server.env, **(env or {})}, capture_output=True, text=True)
        self.assertEqual(expected, done.returncode, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def evidence(self, report, code):
        found = [f for f in report["findings"] if f["code"] == code]
        self.assertTrue(found, f"{code} was not found: {report}")
        self.assertTrue(all(f["fix"] and f["title"] for f in found))
        return found[0]["evidence"]

    # ---- without a server

    def test_before_the_first_start_nothing_is_wrong(self):
        report = self.doctor()
        self.assertIn("server_stopped", codes(report))
        self.assertFalse(self.server.data.exists(), "looking makes nothing")

    def test_a_bad_configuration_is_an_error_with_file_line_and_suggestion(self):
        self.server.config.write_text("[server]\nlissten = \"127.0.0.1:0\"\n")
        report = self.doctor(expected=1)
        self.assertIn(f"{self.server.config}:2", self.evidence(report, "config_invalid"))
        self.assertIn("listen", [f["fix"] for f in report["findings"] if f["code"] == "config_invalid"][0])

    def test_a_configuration_that_others_can_change(self):
        self.server.config.chmod(0o666)
        self.assertIn("0666", self.evidence(self.doctor(expected=1), "config_writable"))
        self.doctor("--fix")
        self.assertEqual(0o644, mode(self.server.config))

    def test_a_plugin_that_is_missing(self):
        self.server.write_config(OSS + [{"use": "no-such-plugin"}])
        self.assertIn("no-such-plugin", self.evidence(self.doctor(expected=1), "plugin_refused"))

    def test_a_port_that_somebody_has(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.server.write_config(OSS, {"listen": address})
            evidence = self.evidence(self.doctor(expected=1), "port_in_use")
        self.assertIn(f"server.listen {address} is taken by process {os.getpid()} (python3", evidence)

    def test_what_a_killed_server_left_is_found_and_removed(self):
        self.server.start()
        path = self.server.greeting["socket"]
        self.server.kill()
        leftover = self.server.data / "spool" / "cursor.new"
        leftover.write_text("")
        leftover.chmod(0o600)
        report = self.doctor()
        self.assertEqual(path, self.evidence(report, "stale_socket"))
        self.assertEqual(str(leftover), self.evidence(report, "leftover_file"))
        planned = self.doctor("--fix", "--dry-run")
        self.assertEqual({f"remove {path}", f"remove {leftover}"}, {f["done"] for f in planned["fixes"]})
        self.assertTrue(os.path.exists(path) and leftover.exists(), "a dry run changes nothing")
        fixed = self.doctor("--fix")
        self.assertEqual([""], list({f["error"] for f in fixed["fixes"]}))
        self.assertFalse({"stale_socket", "leftover_file"} & set(codes(fixed)), fixed)
        self.assertFalse(os.path.exists(path) or leftover.exists())

    def test_a_server_that_holds_the_data_but_does_not_answer(self):
        self.server.start()
        with tempfile.TemporaryDirectory() as elsewhere:  # as for a service with another runtime folder
            report = self.doctor(expected=1, env={"XDG_RUNTIME_DIR": elsewhere})
        self.assertIn(str(self.server.data), self.evidence(report, "server_silent"))

    # ---- with a server

    def test_a_healthy_server_says_so_on_every_surface(self):
        self.server.start()
        self.server.call("POST", "/v1/memories", {"content": "tea"})
        report = self.doctor("--integrity")
        self.assertNotEqual("error", report["status"])
        self.assertIn("first_key_file", codes(report))
        self.assertNotIn("server_stopped", codes(report))
        answer = self.server.call("GET", "/v1/admin/health", key=self.operator())
        self.assertEqual((200, report["version"]), (answer.status, answer.body["version"]))
        wait_until(lambda: self.server.metric("health_issues", code="first_key_file", severity="info") == 1, "the metric")
        self.assertEqual(0, self.server.metric("health_issues", code="tenant_damaged"))

    def test_modes_are_found_told_and_fixed_while_the_server_runs(self):
        self.server.start()
        key, control = self.server.data / "first-key", next(self.server.data.rglob("control.db"))
        key.chmod(0o644)
        control.chmod(0o664)
        done = subprocess.run([ENGRAM, "doctor", "--config", self.server.config], env=self.server.env, capture_output=True,
                              text=True)
        self.assertEqual(1, done.returncode)
        self.assertLess(done.stdout.index("[secret_readable]"), done.stdout.index("[data_open]"), "the gravest comes first")
        self.assertIn("1 errors", done.stdout.splitlines()[-1])
        health = self.server.call("GET", "/v1/admin/health", key=self.operator()).body
        self.assertLessEqual({"secret_readable", "data_open"}, set(codes(health)))
        fixed = self.doctor("--fix")
        self.assertFalse({"secret_readable", "data_open"} & set(codes(fixed)))
        self.assertEqual((0o600, 0o600), (mode(key), mode(control)))
        self.assertTrue(key.exists(), "a secret is never removed")

    def test_a_damaged_tenant_is_found_when_asked_and_the_others_are_not_blamed(self):
        self.server.start()
        for n in range(200):
            self.server.call("POST", "/v1/memories", {"content": f"memory {n} " + "word " * 100})
        self.server.stop()
        file = next(self.server.data.rglob("engram.db"))
        tenant = file.parent.name
        with sqlite3.connect(file) as database:
            page = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'versions_id'").fetchone()[0]
            size = database.execute("PRAGMA page_size").fetchone()[0]
        database.close()
        with open(file, "r+b") as raw:
            raw.seek((page - 1) * size)
            raw.write(b"\xff" * 200)
        self.server.start()
        quick = self.doctor()
        report = self.doctor("--integrity", expected=1)
        self.assertIn(f"tenant {tenant}: ", self.evidence(report, "tenant_damaged"))
        self.assertNotIn("tenant_damaged", codes(quick))
        self.assertNotIn("plugin_unwell", codes(report))

    def test_a_damaged_control_plane_or_usage_file_is_told_by_its_plugin(self):
        for name, table in (("usage.db", "usage_daily"), ("control.db", "subscriptions")):
            with self.subTest(name):
                server = self.server = Server()
                try:
                    server.start()
                    server.call("POST", "/v1/memories", {"content": "tea"})
                    server.call("GET", "/v1/usage")
                    server.stop()
                    file = next(server.data.rglob(name))
                    database = sqlite3.connect(file)
                    page = database.execute("SELECT rootpage FROM sqlite_schema WHERE tbl_name = ? ORDER BY rootpage DESC",
                                            (table,)).fetchone()[0]
                    size = database.execute("PRAGMA page_size").fetchone()[0]
                    database.close()
                    with open(file, "r+b") as raw:
                        raw.seek((page - 1) * size)
                        raw.write(b"\xff" * 100)
                    server.start()
                    self.assertNotIn("plugin_unwell", codes(self.doctor()))
                    self.assertIn(f"{name}: ", self.evidence(self.doctor("--integrity", expected=1), "plugin_unwell"))
                finally:
                    server.__exit__(None)

    def test_a_server_that_refuses_to_tell_is_not_called_silent(self):
        self.server.start()
        self.server.stop()
        with sqlite3.connect(next(self.server.data.rglob("control.db"))) as database:
            database.execute("UPDATE tenants SET status = 'suspended'")
        database.close()
        self.server.start()
        report = self.doctor(expected=1)
        self.assertIn("suspended", self.evidence(report, "server_refuses"))
        self.assertFalse({"server_silent", "server_stopped", "port_in_use"} & set(codes(report)), report)

    def test_only_the_operator_may_ask(self):
        self.server.start()
        refused = self.server.call("GET", "/v1/admin/health")  # the first key: everything in its tenant, not the server
        self.assertEqual((403, "permission_denied"), (refused.status, refused.body["code"]))
        self.assertEqual(200, self.server.call("GET", "/v1/admin/health", key=self.operator()).status)
        self.assertEqual(401, self.server.call("GET", "/v1/admin/health", key=False).status)
        self.assertEqual(400, self.server.call("GET", "/v1/admin/health?integrity=perhaps", key=self.operator()).status)

    def test_another_tenants_owner_is_not_the_operator(self):
        self.server.start()
        key = self.server.cli_json("tenant", "create", "acme")["secret"]
        self.assertEqual(403, self.server.call("GET", "/v1/admin/health", key=key).status)
        report = self.doctor("--integrity")
        self.assertNotIn("tenant_damaged", codes(report))

    def operator(self):
        return self.server.cli_json("key", "create", "monitor", "--scope", "operator")["secret"]

    def test_a_server_elsewhere_is_asked_by_url(self):
        self.server.start()
        key = self.server.folder / "key"
        key.write_text(self.operator() + "\n")
        report = self.doctor("--url", self.server.url, "--key-file", key)
        self.assertIn("first_key_file", codes(report))
        for arguments in (["--fix"], ["--bundle", self.server.folder / "x.tgz"]):
            done = subprocess.run([ENGRAM, "doctor", "--url", self.server.url, "--key-file", key, *arguments],
                                  env=self.server.env, capture_output=True, text=True)
            self.assertEqual(64, done.returncode)
        key.write_text("egm_live_nothing\n")
        done = subprocess.run([ENGRAM, "doctor", "--url", self.server.url, "--key-file", key], env=self.server.env,
                              capture_output=True, text=True)
        self.assertEqual(69, done.returncode)

    def test_a_dry_run_of_nothing_is_a_wrong_line(self):
        done = subprocess.run([ENGRAM, "doctor", "--dry-run"], env=self.server.env, capture_output=True, text=True)
        self.assertEqual(64, done.returncode)

    # ---- the bundle

    def test_a_bundle_has_what_support_needs_and_no_secret(self):
        planted = ["hunter2-of-the-config", "hunter2-of-the-environment", "Ada's diary entry", "hunter2-in-a-url",
                   "sesame-opened-it", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"]
        log = self.server.folder / "engram.log"
        self.server.env["GUEST_PASSWORD"] = "hunter2-of-the-environment"
        guests = [{"use": "tiny-auth", "name": "first", "config": {"password": "hunter2-of-the-config"}},
                  {"use": "tiny-auth", "name": "second", "config": {"password": "${env:GUEST_PASSWORD}"}}]
        self.server.write_config(OSS + guests, extra=f"[log]\nfile = {toml(str(log))}")
        self.server.start()
        self.server.call("POST", "/v1/memories", {"content": "Ada's diary entry"})
        self.server.call("POST", "/v1/search", {"query": "Ada's diary entry"})
        with open(log, "a") as file:  # what should never be there, and might be
            file.write(json.dumps({"message": f"Bearer {self.server.key} and {planted[5]}"}) + "\n")
            file.write(json.dumps({"message": "connect postgres://engram:hunter2-in-a-url@db/x"}) + "\n")
            file.write('{"password": "sesame-opened-it"} token=sesame-opened-it\n')
        bundle = self.server.folder / "bundle.tgz"
        self.doctor("--bundle", bundle, "--admin-url", self.server.greeting["admin_url"])
        self.assertEqual(0o600, mode(bundle))
        with tarfile.open(bundle) as archive:
            members = {Path(m.name).name: archive.extractfile(m).read().decode() for m in archive.getmembers()}
        self.assertEqual({"README.txt", "versions.txt", "config.toml", "findings.json", "metrics.txt", "log.txt"}, set(members))
        self.assertIn("plugin storage-sqlite", members["versions.txt"])
        self.assertIn("first_key_file", codes(json.loads(members["findings.json"])))
        self.assertIn("engram_requests_total", members["metrics.txt"])
        self.assertIn("listening", members["log.txt"])
        self.assertIn("postgres://[redacted]@db/x", members["log.txt"])
        everything = "\n".join(members.values())
        for secret in planted + [self.server.key, self.server.key[-20:]]:
            self.assertNotIn(secret, everything)
        self.assertGreaterEqual(members["log.txt"].count("[redacted]"), 4)

    def test_a_bundle_overwrites_nothing_and_needs_no_server(self):
        bundle = self.server.folder / "bundle.tgz"
        self.doctor("--bundle", bundle)
        before = bundle.read_bytes()
        self.doctor("--bundle", bundle, expected=73)
        self.assertEqual(before, bundle.read_bytes())
        with tarfile.open(bundle) as archive:
            self.assertEqual(6, len(archive.getmembers()))


if __name__ == "__main__":
    main()
