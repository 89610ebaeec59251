"""The audit log: every change and refused attempt is told, with before and after and no secret; nothing can be changed in
it unseen; it outlives kills, torn lines and full disks; and what anybody can cause does not flood it."""

import json
import tempfile
import unittest
from pathlib import Path

from support.engram_server import OSS, Server, main, wait_until, with_plugin

HMAC = {"use": "auth-apikey", "config": {"hash_scheme": "hmac-sha256"}}


def plugins(**config):
    """The OSS set with quick keys and a configuration of audit-log."""
    changed = {"auth-apikey": HMAC, "audit-log": {"use": "audit-log", "config": config}}
    return [changed.get(p["use"], p) for p in OSS]


class Log(unittest.TestCase):
    def ok(self, answer, status=200):
        self.assertEqual(status, answer.status, answer.body)
        return answer.body

    def events(self, server, query="", key=None):
        return self.ok(server.call("GET", "/v1/audit" + query, key=key))["events"]

    def all_events(self, server, query="?limit=1000"):
        """Every page."""
        found, cursor = [], None
        while True:
            page = self.ok(server.call("GET", f"/v1/audit{query}" + (f"&cursor={cursor}" if cursor else "")))
            found += page["events"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def files(self, server):
        return sorted(server.data.rglob("audit-*.jsonl"))

    def verdict(self, server):
        return server.cli_json("audit", "verify")


class WhatIsTold(Log):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(plugins()).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def newest(self, operation):
        return self.events(self.server, f"?operation={operation}&limit=1")[0]

    def test_every_change_is_told_with_who_what_before_and_after(self):
        server = self.server
        key = self.ok(server.call("POST", "/v1/keys", {"name": "ci", "scopes": ["memory:read"]}), 201)
        event = self.newest("key.create")
        details = event["details"]
        self.assertEqual(("done", 201, "key", key["key"]["id"]),
                         (details["outcome"], event["status"], details["target"]["kind"], details["target"]["id"]))
        self.assertTrue(event["subject"].startswith("key:"))
        self.assertEqual("127.0.0.1", details["peer"])
        self.assertEqual(["memory:read"], details["after"]["scopes"])
        self.assertNotIn("before", details)

        request = self.ok(server.call("DELETE", f"/v1/keys/{key['key']['id']}"))
        details = self.newest("key.revoke")["details"]
        self.assertIsNone(details["before"]["revoked_at"])
        self.assertEqual(request["key"]["revoked_at"], details["after"]["revoked_at"])

        answer = server.call("POST", "/v1/invites", {"email": "ann@example.org", "role": "viewer"})
        event = self.newest("invite.create")
        self.assertEqual(answer.headers["x-request-id"], event["details"]["request_id"])
        self.assertEqual("viewer", event["details"]["after"]["role"])
        self.ok(server.call("POST", "/v1/invites:accept", {"token": answer.body["token"], "user_id": "ann"}, key=False), 201)
        event = self.newest("invite.accept")
        after = event["details"]["after"]
        self.assertEqual(("user:ann", "viewer", "ann"), (event["subject"], after["role"], after["key"]["member_id"]))

        self.ok(server.call("PATCH", "/v1/members/ann", {"role": "member"}))
        details = self.newest("member.update")["details"]
        self.assertEqual(("viewer", "member"), (details["before"]["role"], details["after"]["role"]))
        self.ok(server.call("DELETE", "/v1/members/ann"))
        self.assertEqual("member", self.newest("member.remove")["details"]["before"]["role"])

        self.ok(server.call("PATCH", "/v1/tenant", {"name": "New"}))
        self.assertEqual("New", self.newest("tenant.update")["details"]["after"]["name"])
        self.ok(server.call("POST", "/v1/memories", {"content": "x", "workspace": "gone"}), 201)
        self.ok(server.call("DELETE", "/v1/workspaces/gone?force=true"))
        event = self.newest("workspace.delete")
        self.assertEqual(("gone", 1), (event["details"]["target"]["id"], event["details"]["before"]["memories"]))
        self.assertEqual([], [e for e in self.all_events(server) if e["operation"].startswith("memory.")])

    def test_the_first_key_is_in_it(self):
        first = self.all_events(self.server)[-1]
        self.assertEqual(("key.create", "local:owner", "first key"),
                         (first["operation"], first["subject"], first["details"]["after"]["name"]))

    def test_refused_attempts_are_told(self):
        reader = self.ok(self.server.call("POST", "/v1/keys", {"name": "r", "scopes": ["memory:read"]}), 201)["secret"]
        self.assertEqual(403, self.server.call("POST", "/v1/keys", {"name": "more"}, key=reader).status)
        event = self.newest("key.create")
        self.assertEqual((403, "refused", "permission_denied", "more"),
                         (event["status"], event["details"]["outcome"], event["details"]["error_code"],
                          event["details"]["target"]["id"]))
        self.assertEqual(409, self.server.call("DELETE", "/v1/members/local:owner").status)
        self.assertEqual("last_owner", self.newest("member.remove")["details"]["error_code"])

    def test_refused_attempts_of_one_subject_do_not_flood_it(self):
        reader = self.ok(self.server.call("POST", "/v1/keys", {"name": "r", "scopes": ["memory:read"]}), 201)
        for _ in range(80):
            self.server.call("GET", "/v1/keys", key=reader["secret"])  # not a change: not told
            self.server.call("POST", "/v1/keys", {"name": "more"}, key=reader["secret"])
        told = self.events(self.server, f"?subject=key:{reader['key']['id']}&limit=1000")
        self.assertGreater(len(told), 0)
        self.assertLessEqual(len(told), 60, "30 a minute, and the test may see two minutes")

    def test_failed_credentials_are_summed_up_for_operators(self):
        for _ in range(20):
            self.server.call("GET", "/v1/memories", key="egm_live_wrong")
        self.assertEqual([], self.events(self.server, "?operation=authentication.failed"), "not for a tenant's key")
        events = self.server.cli_json("audit", "list", "--operation", "authentication.failed")["events"]
        self.assertLessEqual(len(events), 4)
        self.assertEqual(20, sum(e["details"]["count"] for e in events))
        self.assertEqual({"127.0.0.1"}, {peer for e in events for peer in e["details"]["peers"]})

    def test_secrets_are_not_in_it(self):
        made = self.ok(self.server.call("POST", "/v1/keys", {"name": "s"}), 201)
        rotated = self.ok(self.server.call("POST", f"/v1/keys/{made['key']['id']}:rotate", {}), 201)
        text = json.dumps(self.all_events(self.server)) + "".join(f.read_text() for f in self.files(self.server))
        for secret in (made["secret"], rotated["secret"], self.server.key):
            self.assertNotIn(secret.rsplit("_", 1)[1], text)
        self.assertNotIn("hash", {k for e in self.all_events(self.server) for k in e["details"].get("after", {})})
        self.assertNotIn("key_hash", text)

    def test_filters_and_pages(self):
        for n in range(7):
            self.ok(self.server.call("POST", "/v1/keys", {"name": f"page-{n}"}), 201)
        everything = self.all_events(self.server)
        self.assertEqual(everything, self.all_events(self.server, "?limit=3"))
        self.assertEqual(sorted((e["at"] for e in everything), reverse=True), [e["at"] for e in everything])
        middle = everything[3]["at"]
        early = self.all_events(self.server, f"?until={middle}")
        self.assertTrue(all(e["at"] < middle for e in early))
        late = self.all_events(self.server, f"?from={middle}")
        self.assertTrue(all(e["at"] >= middle for e in late))
        self.assertEqual({"key.create"}, {e["operation"] for e in self.all_events(self.server, "?operation=key.create")})
        for query, status in [("?limit=0", 400), ("?from=yesterday", 422), ("?cursor=x", 400), ("?colour=red", 400)]:
            self.assertIn(self.server.call("GET", "/v1/audit" + query).status, (status, 400), query)

    def test_only_who_may_read_it_does_and_only_of_their_tenant(self):
        reader = self.ok(self.server.call("POST", "/v1/keys", {"name": "r", "scopes": ["memory:read"]}), 201)["secret"]
        self.assertEqual(403, self.server.call("GET", "/v1/audit", key=reader).status)
        other = self.server.cli_json("tenant", "create", "other", "--owner", "olga")["secret"]
        self.assertEqual({"tenant.create"}, {e["operation"] for e in self.events(self.server, "?limit=1000", key=other)})


class Tampering(Log):
    """Each change to the files of a stopped server shows in `audit verify` of the next."""

    def setUp(self):
        self.server = Server(plugins(max_bytes=4096, keep=50))
        self.server.start()
        for n in range(30):
            self.ok(self.server.call("POST", "/v1/workspaces", {"name": f"w{n}"}), 201)
            self.ok(self.server.call("DELETE", f"/v1/workspaces/w{n}"))
        before = self.verdict(self.server)
        self.assertEqual((True, 31, 1, 31), tuple(before[k] for k in ("intact", "entries", "first", "last")))
        self.assertGreater(len(self.files(self.server)), 2)
        self.server.stop()

    def tearDown(self):
        self.server.__exit__(None)

    def judged_after(self, change):
        files = self.files(self.server)
        saved = {f: f.read_bytes() for f in files}
        head = next(self.server.data.rglob("head"))
        saved[head] = head.read_bytes()
        change(files)
        self.server.start()
        verdict = self.verdict(self.server)
        self.server.stop()
        for file in self.files(self.server):
            file.unlink()
        for file, data in saved.items():
            file.write_bytes(data)
        return verdict

    def lines(self, file, change):
        lines = file.read_bytes().splitlines(keepends=True)
        change(lines)
        file.write_bytes(b"".join(lines))

    def test_whatever_is_changed_shows(self):
        def flip(lines):
            lines[1] = lines[1].replace(b"local", b"lokal") if b"local" in lines[1] else lines[1].replace(b"done", b"dine")

        changes = {
            "a changed line": lambda f: self.lines(f[0], flip),
            "a line removed": lambda f: self.lines(f[0], lambda lines: lines.pop(1)),
            "two lines exchanged": lambda f: self.lines(f[1], lambda lines: lines.insert(0, lines.pop(1))),
            "a line put in twice": lambda f: self.lines(f[1], lambda lines: lines.insert(0, lines[0])),
            "a file removed": lambda f: f[1].unlink(),
            "a file emptied": lambda f: f[1].write_bytes(b""),
            "the last line removed": lambda f: self.lines(f[-1], lambda lines: lines.pop()),
            "the last file removed": lambda f: f[-1].unlink(),
            "garbage appended": lambda f: f[-1].write_bytes(f[-1].read_bytes() + b"garbage\n"),
            "everything removed": lambda f: [file.unlink() for file in f],
        }
        for what, change in changes.items():
            with self.subTest(what):
                verdict = self.judged_after(change)
                self.assertFalse(verdict["intact"], what)
                self.assertTrue(verdict["problem"])

    def test_a_torn_last_line_is_taken_back_and_said(self):
        verdict = self.judged_after(lambda f: f[-1].write_bytes(f[-1].read_bytes() + b'{"seq":32,"id":"01'))
        self.assertEqual((True, None, 31), (verdict["intact"], verdict["problem"], verdict["entries"]))
        wait_until(lambda: "took back a torn line" in self.server.log_text(), "the line in the log")

    def test_a_gap_stays_visible_after_more_was_written(self):
        self.lines(self.files(self.server)[-1], lambda lines: lines.pop())
        self.server.start()
        self.ok(self.server.call("POST", "/v1/keys", {"name": "more"}), 201)
        verdict = self.verdict(self.server)
        self.assertFalse(verdict["intact"])
        self.assertIn("missing", verdict["problem"])


class Files(Log):
    def test_files_are_private_rotated_and_limited_in_number(self):
        with Server(plugins(max_bytes=4096, keep=3)) as server:
            for n in range(40):
                self.ok(server.call("POST", "/v1/keys", {"name": f"k{n}"}), 201)
            self.assertTrue(self.verdict(server)["intact"])
            files = self.files(server)
            self.assertEqual(3, len(files))
            for file in files:
                self.assertEqual(0o600, file.stat().st_mode & 0o777)
                self.assertLessEqual(file.stat().st_size, 4096)
            names = [e["details"]["after"]["name"] for e in self.all_events(server)]
            self.assertEqual([f"k{n}" for n in range(39, 39 - len(names), -1)], names)

    def test_an_event_that_comes_twice_is_written_once(self):
        with Server(plugins()) as server:
            for n in range(5):
                self.ok(server.call("POST", "/v1/keys", {"name": f"k{n}"}), 201)
            before = self.verdict(server)
            server.kill()
            (cursor,) = [f for f in (server.data / "spool").iterdir() if f.name == "audit-log.cursor"]
            cursor.unlink()  # as after a power cut: the host hands everything over again
            server.start()
            after = self.verdict(server)
            self.assertEqual((before["entries"], before["head"]), (after["entries"], after["head"]))

    def test_a_server_without_the_plugin_works_and_says_that_nobody_answers(self):
        with Server([p for p in plugins() if p["use"] != "audit-log"]) as server:
            self.ok(server.call("POST", "/v1/keys", {"name": "k"}), 201)
            answer = server.call("GET", "/v1/audit")
            self.assertEqual((501, "not_implemented"), (answer.status, answer.body["code"]))


class Kill(Log):
    def test_no_acknowledged_change_is_missing_after_kill_9(self):
        with Server(plugins()) as server:
            acknowledged = []
            for n in range(12):
                for k in range(3):
                    acknowledged.append(self.ok(server.call("POST", "/v1/keys", {"name": f"{n}-{k}"}), 201)["key"]["id"])
                server.kill()
                server.start()
            told = [e["details"]["target"]["id"] for e in self.all_events(server, "?operation=key.create&limit=1000")]
            self.assertEqual([], [key for key in acknowledged if key not in told])
            self.assertEqual(len(told), len(set(told)) , "none is there twice")
            self.assertTrue(self.verdict(server)["intact"])


class Trouble(Log):
    def test_a_log_that_cannot_be_written_is_said_and_catches_up(self):
        with Server(plugins(max_bytes=4096, keep=50)) as server:
            folder = self.files(server)[0].parent
            before = self.verdict(server)["entries"]
            blocked = folder / "audit-000002.jsonl"
            blocked.mkdir()  # the next file cannot be made, whoever runs the test
            for n in range(30):
                self.ok(server.call("POST", "/v1/keys", {"name": f"k{n}"}), 201)
            wait_until(lambda: server.metric("usage_flush_failures_total") > 0, "the failure to be counted")
            wait_until(lambda: server.admin("/readyz").status == 503, "the plugin to be unwell")
            self.assertIn("audit-log", str(server.admin("/readyz").body))
            blocked.rmdir()
            wait_until(lambda: server.admin("/readyz").status == 200, "the plugin to be well again")
            wait_until(lambda: self.verdict(server)["entries"] == before + 30, "every event")
            self.assertTrue(self.verdict(server)["intact"])


class AnotherSink(Log):
    def test_a_plugin_of_a_few_lines_takes_the_events(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "events"
            with Server(with_plugin("tiny-audit", {"file": str(file)}, instead_of="audit-log")) as server:
                self.ok(server.call("POST", "/v1/keys", {"name": "k"}), 201)
                wait_until(lambda: file.read_text().count("\n") == 2, "two events")
                self.assertEqual("key.create local:owner 201", file.read_text().splitlines()[0])
                self.assertEqual(501, server.call("GET", "/v1/audit").status)


if __name__ == "__main__":
    main()
