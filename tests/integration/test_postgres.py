"""A server with storage-postgres, end to end: what is written is found, over restarts of the server and of PostgreSQL and
over connections that are lost at the worst moment; several servers on one database; roles and refusals at start."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest
import urllib.parse
from pathlib import Path

from support.engram_server import ENGRAM, Server, main, wait_until, with_plugin
from support.postgres import Postgres
from support.trouble import MANY_TENANTS, As, add_tenants


def plugins(config):
    return with_plugin("storage-postgres", config, instead_of="storage-sqlite")


def create(server, content, key=None, **more):
    headers = {"Idempotency-Key": key} if key else {}
    return server.call("POST", "/v1/memories", {"content": content, "workspace": "w", **more}, headers)


def search(server, query, **more):
    answer = server.call("POST", "/v1/search", {"query": query, "workspace": "w", "limit": 10, **more})
    assert answer.status == 200, answer.body
    return [r["memory"]["content"] for r in answer.body["results"]]


def listed(server):
    contents, cursor = [], ""
    while True:
        page = server.call("GET", f"/v1/memories?workspace=w&limit=1000{cursor}").body
        contents += [m["content"] for m in page["memories"]]
        if not page["next_cursor"]:
            return sorted(contents)
        cursor = f"&cursor={page['next_cursor']}"


class Relay:
    """Stands between a plugin and PostgreSQL. With `swallow` set it lets the next COMMIT of a write through, waits until
    PostgreSQL has answered, and closes the connection without handing the answer on."""

    def __init__(self, postgres):
        self.folder = Path(tempfile.mkdtemp(prefix="engram-relay-"))
        self.target = str(postgres.folder / ".s.PGSQL.5432")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.folder / ".s.PGSQL.5432"))
        self.listener.listen(50)
        self.swallow = False
        self.swallowed = 0
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.target)
            except OSError:
                client.close()
                continue
            caught = threading.Event()
            self.sockets += [client, server]
            threading.Thread(target=self._to_server, args=(client, server, caught), daemon=True).start()
            threading.Thread(target=self._to_client, args=(client, server, caught), daemon=True).start()

    def _to_server(self, client, server, caught):
        tail = b""
        try:
            while data := client.recv(65536):
                # The name of the statement that every write ends with, in the messages that bind it.
                if self.swallow and b"written_tenant\0" in tail + data:
                    self.swallow = False
                    caught.set()
                tail = data[-32:]
                server.sendall(data)
        except OSError:
            pass
        self._end(client, server)

    def _to_client(self, client, server, caught):
        try:
            while data := server.recv(65536):
                if caught.is_set():
                    if data[-6:-1] == b"Z\0\0\0\5":  # ready for the next query: the transaction has ended
                        self.swallowed += 1
                        break
                    continue
                client.sendall(data)
        except OSError:
            pass
        self._end(client, server)

    def _end(self, *sockets):
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)  # wakes the thread of the other direction
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in [self.listener, *self.sockets]:
            one.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Writers:
    """Writes with idempotency keys from several threads until told to stop; what got no answer is sent again."""

    def __init__(self, server, name, threads=3):
        self.server, self.stopping, self.failures = server, threading.Event(), []
        self.acknowledged = {}
        self.refused = 0
        self.threads = [threading.Thread(target=self._run, args=(f"{name} {n}",)) for n in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self, name):
        number = 0
        while not self.stopping.is_set():
            number += 1
            content = f"{name} note {number}"
            while True:
                try:
                    answer = create(self.server, content, key=content)
                except (OSError, ValueError) as e:
                    self.failures.append(repr(e))
                    return
                if answer.status == 201:
                    self.acknowledged[content] = answer.body["memory"]["id"]
                    break
                if answer.status != 503:
                    self.failures.append(answer.body)
                    return
                self.refused += 1

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class EndToEnd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.postgres = Postgres(durable=True)

    @classmethod
    def tearDownClass(cls):
        cls.postgres.__exit__()

    def schema(self):
        return "s_" + self.id().rsplit(".", 1)[1][:50].lower()

    def config(self, **more):
        return self.postgres.config(schema=self.schema(), **more)

    def test_what_is_written_is_found_again_after_restarts_and_kills_of_the_server(self):
        server = Server(plugins(self.config()))
        try:
            server.start()
            made = [create(server, f"drinks {kind} tea").body["memory"] for kind in ("green", "black", "white")]
            self.assertEqual("drinks black tea", search(server, "black")[0])
            self.assertEqual({"drinks green tea", "drinks black tea", "drinks white tea"}, set(search(server, "tea")))
            self.assertEqual(0, server.stop())
            server.start()
            self.assertEqual("drinks white tea", search(server, "white")[0])
            got = server.call("GET", f"/v1/memories/{made[0]['id']}").body["memory"]
            self.assertEqual(made[0]["content"], got["content"])
            changed = server.call("PATCH", f"/v1/memories/{made[0]['id']}", {"content": "drinks coffee"},
                                  {"If-Match": f'"{got["version"]}"'})
            self.assertEqual(200, changed.status, changed.body)
            self.assertEqual(200, server.call("DELETE", f"/v1/memories/{made[1]['id']}").status)
            server.kill()
            server.start()
            self.assertEqual(["drinks coffee", "drinks white tea"], listed(server))
            self.assertEqual("drinks white tea", search(server, "tea")[0])
            self.assertEqual("drinks coffee", search(server, "coffee")[0])
            self.assertNotIn("drinks black tea", search(server, "black tea"))
        finally:
            if server.process:
                self.assertEqual(0, server.stop())

    def test_a_filter_holds_in_lists_and_searches(self):
        with Server(plugins(self.config())) as server:
            for n in range(30):
                create(server, f"note {n} about tea", metadata={"even": n % 2 == 0}, tags=[f"t{n % 3}"])
            wanted = {"and": [{"metadata.even": True}, {"tags": "t0"}]}
            expected = {f"note {n} about tea" for n in range(0, 30, 6)}
            self.assertEqual(expected, set(search(server, "tea", filter=wanted)))
            page = server.call("GET", "/v1/memories?workspace=w&limit=2&filter=" + urllib.parse.quote(json.dumps(wanted))).body
            self.assertEqual(2, len(page["memories"]))
            self.assertTrue(page["next_cursor"])
            self.assertTrue({m["content"] for m in page["memories"]} <= expected)

    def test_it_ranks_as_sqlite_does(self):
        random.seed(4)
        words = [a + b for a in ("tea", "moun", "riv", "cit", "gar", "sto") for b in ("", "tain", "er", "y", "den", "ne", "ing")]
        texts = [" ".join(random.choices(words, k=random.randint(4, 20))) for _ in range(200)]
        queries = [" ".join(random.choices(words, k=random.randint(1, 6))) for _ in range(30)] + ["mountaim", "gardne tea"]
        answers = []
        for plugin_list in (None, plugins(self.config())):
            with Server(plugin_list) as server:
                made = server.call("POST", "/v1/memories:batch",
                                   {"memories": [{"content": t, "workspace": "w", "occurred_at": "2026-01-01T00:00:00Z"} for t in texts]})
                self.assertEqual(200, made.status, made.body)
                answers.append([search(server, q) for q in queries])
        for query, expected, actual in zip(queries, *answers):
            self.assertEqual(expected, actual, query)
            self.assertTrue(expected, query)

    def test_postgres_restarted_in_order_is_not_noticed_by_the_next_request(self):
        with Server(plugins(self.config())) as server:
            create(server, "before the restart")
            self.assertEqual(["before the restart"], search(server, "restart"))
            self.postgres.stop()
            self.postgres.start()
            self.assertEqual(201, create(server, "after the restart").status)
            self.assertEqual({"before the restart", "after the restart"}, set(search(server, "restart")))

    def test_while_postgres_is_away_requests_are_refused_with_a_reason_and_afterwards_served(self):
        with Server(plugins(self.config())) as server:
            create(server, "kept")
            self.postgres.stop()
            try:
                for answer in (create(server, "not kept"), server.call("GET", "/v1/memories?workspace=w"),
                               server.call("POST", "/v1/search", {"query": "kept", "workspace": "w"})):
                    self.assertEqual(503, answer.status, answer.body)
                    self.assertEqual("unavailable", answer.body["code"])
                    self.assertNotIn("postgresql://", json.dumps(answer.body))
                self.assertEqual(503, server.admin("/readyz").status)
            finally:
                self.postgres.start()
            wait_until(lambda: create(server, "kept again", key="again").status == 201, "writes to be taken again")
            self.assertEqual(["kept", "kept again"], listed(server))

    def test_postgres_killed_again_and_again_under_writers_loses_and_doubles_nothing(self):
        with Server(plugins(self.config(connections=4))) as server:
            writers = Writers(server, "writer")
            for round_number in range(3):
                had = len(writers.acknowledged)
                wait_until(lambda: len(writers.acknowledged) >= had + 20 or writers.failures, "writes to go on")
                if round_number == 1:
                    self.postgres.end_sessions()
                else:
                    self.postgres.kill()
                    self.postgres.start()
            had = len(writers.acknowledged)
            wait_until(lambda: len(writers.acknowledged) >= had + 10 or writers.failures, "writes to go on")
            writers.stop()
            self.assertEqual([], writers.failures)
            self.assertEqual(sorted(writers.acknowledged), listed(server))
            some = sorted(writers.acknowledged)[0]
            self.assertIn(some, search(server, some))

    def test_a_connection_that_hangs_is_replaced_in_time(self):
        with Server(plugins(self.config(statement_timeout_ms=100))) as server:
            create(server, "before")
            hung = [int(row[0]) for row in self.postgres.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'engram_app'")]
            self.assertTrue(hung)
            for pid in hung:
                os.kill(pid, signal.SIGSTOP)
            try:
                self.assertEqual(201, create(server, "while a connection hangs").status)
                self.assertEqual(["before", "while a connection hangs"], listed(server))
            finally:
                for pid in hung:
                    os.kill(pid, signal.SIGCONT)

    def test_a_write_whose_answer_to_commit_is_lost_is_acknowledged_and_done_once(self):
        with Relay(self.postgres) as relay:
            config = self.config()
            config["url"] = f"postgresql:///engram?host={relay.folder}&user=engram_app"
            with Server(plugins(config)) as server:
                create(server, "first")
                for n in range(3):
                    relay.swallow = True
                    answer = create(server, f"committed without an answer {n}")
                    self.assertEqual(201, answer.status, answer.body)
                    self.assertEqual(n + 1, relay.swallowed)
                self.assertEqual(["committed without an answer 0", "committed without an answer 1",
                                  "committed without an answer 2", "first"], listed(server))

    def test_two_servers_on_one_database_see_each_others_writes_at_once(self):
        first, second = Server(plugins(self.config())), Server(plugins(self.config()))
        first.start()
        create(first, "written before")
        self.assertEqual(0, first.stop())
        shutil.copytree(first.data, second.data)  # the same tenant and key
        with first, second:
            for n in range(5):
                memory = create(first, f"first server's note {n}").body["memory"]
                self.assertIn(memory["content"], search(second, f"first note {n}"))
                self.assertEqual(201, create(second, f"second server's note {n}").status)
                self.assertIn(f"second server's note {n}", search(first, f"second note {n}"))
                self.assertEqual(200, second.call("DELETE", f"/v1/memories/{memory['id']}").status)
                self.assertNotIn(memory["content"], search(first, f"first note {n}"))
            self.retag(first, second)
            writers = [Writers(server, name, threads=2) for server, name in ((first, "a"), (second, "b"))]
            wait_until(lambda: all(len(w.acknowledged) >= 30 or w.failures for w in writers), "both to write")
            for w in writers:
                w.stop()
                self.assertEqual([], w.failures)
            written = sorted([*writers[0].acknowledged, *writers[1].acknowledged, "written before",
                              *(f"second server's note {n}" for n in range(5))])
            self.assertEqual(written, listed(first))
            self.assertEqual(written, listed(second))

    def retag(self, first, second):
        """Tags that one server changes are those that the other filters by, and the search as of before has the old ones."""
        memory = create(first, "tagged tea", tags=["red"]).body
        red, blue = {"filter": {"tags": "red"}}, {"filter": {"tags": "blue"}}
        self.assertEqual(["tagged tea"], search(second, "tea", **red))
        changed = second.call("PATCH", f"/v1/memories/{memory['memory']['id']}", {"tags": ["blue"]})
        self.assertEqual(200, changed.status, changed.body)
        for server in (first, second):
            self.assertEqual([], search(server, "tea", **red))
            self.assertEqual(["tagged tea"], search(server, "tea", **blue))
            self.assertEqual(["tagged tea"], search(server, "tea", as_of=memory["lsn"], **red))
        self.assertEqual(200, first.call("DELETE", f"/v1/memories/{memory['memory']['id']}").status)

    def test_rows_are_seen_by_nobody_who_names_no_tenant(self):
        schema = self.schema()
        with Server(plugins(self.config())) as server:
            create(server, "secret")
        rows = f"SELECT count(*) FROM {schema}.versions"
        self.assertEqual([["1"]], self.postgres.sql(rows, "postgres", "engram"))
        for role in ("engram_app", "engram_owner"):
            self.assertEqual([["0"]], self.postgres.sql(rows, role))

    def test_a_damaged_row_is_found_when_asked_and_the_other_tenant_is_not_blamed(self):
        storage = {"use": "storage-postgres", "config": self.config()}
        server = Server([storage if p["use"] == "storage-sqlite" else p for p in MANY_TENANTS])
        server.start()
        server.stop()
        ids = add_tenants(server, ["ada", "bob"])
        with server:
            ada, bob = As(server, "ada"), As(server, "bob")
            made = [who.add(f"note {n} about tea").body["memory"] for who in (ada, bob) for n in range(3)]
            self.assertEqual([], self.damaged_tenants(server, expected=0))
            self.postgres.sql(f"BEGIN; SELECT set_config('engram.tenant', '{ids['ada']}', true);"
                              f" UPDATE {self.schema()}.versions SET terms = '\\xff' WHERE id = '{made[1]['id']}'; COMMIT",
                              "engram_owner")
            found = self.damaged_tenants(server, expected=1)
            self.assertEqual(1, len(found), found)
            for named in (f"tenant {ids['ada']}: ", f"record {made[1]['id']}, ", "damaged terms"):
                self.assertIn(named, found[0])
            self.assertEqual(200, bob.search("tea").status)

    def test_a_database_that_does_not_answer_is_not_called_damaged(self):
        with Postgres() as postgres, Server(plugins(postgres.config())) as server:
            self.assertEqual(201, server.call("POST", "/v1/memories", {"content": "tea"}).status)
            postgres.kill()
            said = self.findings(server)
            self.assertEqual([], said.get("tenant_damaged", []))
            self.assertTrue(any(evidence.startswith("tenant ") for evidence in said["integrity_unknown"]), said)

    def findings(self, server, expected=None):
        """What `engram doctor --integrity` says, by code, when it ends with the status expected."""
        done = subprocess.run([ENGRAM, "doctor", "--config", server.config, "--json", "--integrity"], env=server.env,
                              capture_output=True, text=True)
        if expected is not None:
            self.assertEqual(expected, done.returncode, done.stdout + done.stderr)
        said = {}
        for finding in json.loads(done.stdout)["findings"]:
            said.setdefault(finding["code"], []).append(finding["evidence"])
        return said

    def damaged_tenants(self, server, expected):
        said = self.findings(server, expected)
        self.assertNotIn("integrity_unknown", said)
        return said.get("tenant_damaged", [])

    def test_a_role_that_could_bypass_the_policies_refuses_the_start(self):
        for role in ("postgres", "engram_owner"):
            config = self.config()
            config["url"] = self.postgres.url(role)
            code, said = Server(plugins(config)).run_to_end()
            self.assertNotEqual(0, code)
            self.assertIn("role", said)

    def test_without_tables_the_start_is_refused_with_the_reason(self):
        config = self.config()
        del config["owner_url"]
        code, said = Server(plugins(config)).run_to_end()
        self.assertNotEqual(0, code)
        self.assertIn("has no tables", said)

    def test_an_address_where_nobody_answers_refuses_the_start_and_names_no_password(self):
        config = {"url": "postgresql://engram_app:${env:PG_SECRET}@127.0.0.1:1/engram"}
        server = Server(plugins(config), env={"PG_SECRET": "not-to-be-seen"})
        code, said = server.run_to_end()
        self.assertNotEqual(0, code)
        self.assertIn("127.0.0.1", said)
        self.assertNotIn("not-to-be-seen", said)
        self.assertNotIn("not-to-be-seen", server.log_text() if (server.folder / "log").exists() else "")


if __name__ == "__main__":
    main()
