"""SIGHUP and `engram config reload`: taken over as a whole or not at all, without a failed request."""

import http.client
import json
import shutil
import signal
import tempfile
import threading
import unittest
from pathlib import Path

from support.certificates import Authority, replace, section
from support.engram_server import DEADLINE, OSS, Server, main, wait_until, with_plugin

RELOADS = 20
EX_DATAERR, EX_UNAVAILABLE = 65, 69


def reload(server):
    return server.cli_json("config", "reload")


class Reload(unittest.TestCase):
    def test_what_can_change_changes(self):
        with Server(with_plugin("quota-local", {"requests_per_minute": 0})) as server:
            self.assertEqual([], reload(server)["changed"])
            self.assertNotIn("ratelimit-limit", server.call("GET", "/v1/memories").headers)
            server.write_config(with_plugin("quota-local", {"requests_per_minute": 600, "burst": 77}),
                                {"max_body": 2048, "max_connections": 50}, '[log]\nlevel = "warn"\n'
                                '[cors]\norigins = ["https://app.example.com"]\n')
            done = reload(server)
            self.assertEqual({"plugin.quota-local", "server.max_body", "server.max_connections", "log.level", "cors.origins"},
                             set(done["changed"]))
            self.assertEqual([], done["needs_restart"])
            answer = server.call("GET", "/v1/memories", headers={"Origin": "https://app.example.com"})
            self.assertEqual("77", answer.headers["ratelimit-limit"])
            self.assertEqual("https://app.example.com", answer.headers["access-control-allow-origin"])
            self.assertEqual(413, server.call("POST", "/v1/memories", {"content": "x" * 4000}).status)
            lines = len(server.log_lines())
            server.call("GET", "/v1/memories")
            server.write_config(with_plugin("quota-local", {"requests_per_minute": 0}))
            reload(server)
            self.assertEqual(201, server.call("POST", "/v1/memories", {"content": "x" * 4000}).status)
            wait_until(lambda: "/v1" not in server.log_text() and len(server.log_lines()) > lines, "lines at level info")

    def test_tls_and_proxies_come_and_go(self):
        folder = Path(tempfile.mkdtemp(prefix="engram-reload-"))
        self.addCleanup(shutil.rmtree, folder)
        authority = Authority(folder)
        with Server() as server:
            server.trust = authority.client()
            kept = server.client()

            def secure(headers):
                kept.request("GET", "/healthz", headers=headers)
                response = kept.getresponse()
                response.read()
                return response.getheader("Strict-Transport-Security") is not None

            https = {"X-Forwarded-Proto": "https"}
            self.assertFalse(secure(https))
            server.write_config(OSS, {"trusted_proxies": ["127.0.0.1"]}, section(*authority.issue()))
            self.assertEqual({"server.trusted_proxies", "tls.certificate", "tls.key"}, set(reload(server)["changed"]))
            self.assertTrue(secure(https), "on the connection from before")
            plain, server.url = server.url, server.url.replace("http:", "https:")
            self.assertEqual(200, server.call("GET", "/v1/memories").status)
            self.assertGreater(server.metric("tls_certificate_expiry_seconds"), 0)
            server.write_config(OSS)
            reload(server)
            server.url = plain
            self.assertEqual(200, server.call("GET", "/v1/memories").status)
            self.assertFalse(secure(https))

    def test_plugins_come_and_go(self):
        with Server() as server:
            self.assertEqual(404, server.call("GET", "/tiny/hello").status)
            server.write_config([*OSS, {"use": "tiny-routes"}, {"use": "quota-local", "name": "second",
                                                                "config": {"requests_per_minute": 60, "burst": 9}}])
            self.assertEqual({"plugin.tiny-routes", "plugin.second"}, set(reload(server)["changed"]))
            names = {p["name"]: p["state"] for p in server.admin("/readyz").body["plugins"]}
            self.assertEqual("ok", names["tiny-routes"])
            self.assertEqual(200, server.call("GET", "/tiny/hello", key=False).status)
            self.assertEqual("9", server.call("GET", "/v1/memories").headers["ratelimit-limit"])
            server.write_config(OSS)
            self.assertEqual({"plugin.tiny-routes", "plugin.second"}, set(reload(server)["changed"]))
            self.assertNotIn("tiny-routes", {p["name"] for p in server.admin("/readyz").body["plugins"]})
            self.assertNotIn("ratelimit-limit", server.call("GET", "/v1/memories").headers)

    def test_an_auth_plugin_with_another_configuration(self):
        with Server() as server:
            made = server.call("POST", "/v1/memories", {"content": "before"}).body["memory"]["id"]
            server.write_config(with_plugin("auth-apikey", {"hash_scheme": "hmac-sha256"}))
            self.assertEqual(["plugin.auth-apikey"], reload(server)["changed"])
            self.assertEqual(200, server.call("GET", f"/v1/memories/{made}").status, "the old key still verifies")
            fresh = server.call("POST", "/v1/keys", {"name": "fresh"}).body["secret"]
            self.assertEqual(200, server.call("GET", f"/v1/memories/{made}", key=fresh).status)

    def test_what_needs_a_restart_is_said_and_keeps_its_value(self):
        with Server() as server:
            server.call("POST", "/v1/memories", {"content": "kept"})
            changed = with_plugin("storage-memory", instead_of="storage-sqlite")
            server.write_config(changed, {"listen": "127.0.0.1:1", "io_threads": 7},
                                '[spool]\nmax_bytes = "2MiB"\n')
            done = reload(server)
            self.assertEqual({"server.listen", "spool.max_bytes", "server.io_threads", "plugin.storage-memory",
                              "plugin.storage-sqlite"}, set(done["needs_restart"]))
            self.assertEqual([], done["changed"])
            self.assertEqual(1, len(server.call("GET", "/v1/memories").body["memories"]))
            # The log is written by a thread of its own.
            warned = lambda: {line.get("key") for line in server.log_lines() if line["level"] == "warn"}
            wait_until(lambda: warned() >= set(done["needs_restart"]), "a warning for each in the log")

    def test_a_bad_configuration_changes_nothing_and_says_why(self):
        def bad(change, *mentions):
            failures = server.metric("config_reload_failures_total")
            change()
            code, _, said = server.cli("config", "reload")
            self.assertEqual(EX_DATAERR, code, said)
            for mention in mentions:
                self.assertIn(mention, said)
            self.assertEqual(failures + 1, server.metric("config_reload_failures_total"))
            self.assertEqual("50", server.call("GET", "/v1/memories").headers["ratelimit-limit"])
            self.assertEqual(taken_over, server.metric("config_last_reload_success_timestamp_seconds"))

        good = with_plugin("quota-local", {"requests_per_minute": 6000, "burst": 50})
        with Server(good) as server:
            taken_over = server.metric("config_last_reload_success_timestamp_seconds")
            self.assertGreater(taken_over, 0)
            limit_nine = with_plugin("quota-local", {"requests_per_minute": 6000, "burst": 9})
            bad(lambda: server.config.write_text("[server\n"), "engram.toml:1")
            bad(lambda: server.write_config(limit_nine, {"lisen": "x"}), "server.lisen", "did you mean")
            bad(lambda: server.write_config(with_plugin("quota-local", {"burst": 0})), "quota-local", "burst")
            bad(lambda: server.write_config([*limit_nine, {"use": "missing"}]), "missing")
            bad(lambda: server.write_config([*limit_nine, {"use": "tiny-routes"}, {"use": "tiny-routes", "name": "b"}]),
                "/tiny")
            bad(lambda: server.write_config(limit_nine, {"admin_listen": "0.0.0.0:0"}), "server.admin_listen")
            bad(lambda: server.write_config(limit_nine, extra='[tls]\ncertificate = "/nowhere"\nkey = "/nowhere"\n'),
                "/nowhere")
            bad(lambda: server.write_config(limit_nine, extra='[log]\nfile = "/nowhere/at/all"\n'), "/nowhere/at/all")
            bad(lambda: server.write_config([p for p in limit_nine if p["use"] != "auth-apikey"]), "engram.auth/1")
            bad(lambda: server.config.unlink(), "engram.toml")
            wait_until(lambda: "the configuration was not taken over" in server.log_text(), "the log")

    def test_what_runs_must_not_become_exposed(self):
        folder = Path(tempfile.mkdtemp(prefix="engram-reload-"))
        self.addCleanup(shutil.rmtree, folder)
        authority = Authority(folder)
        server = Server(server={"listen": "0.0.0.0:0"}, extra=section(*authority.issue()))
        server.trust = authority.client()
        with server:
            server.write_config(OSS, {"listen": "127.0.0.1:0"})  # good for a restart, not for the address that stays
            code, _, said = server.cli("config", "reload")
            self.assertEqual(EX_DATAERR, code, said)
            self.assertIn("server.listen", said)
            self.assertEqual(200, server.call("GET", "/healthz", key=False).status)

    def test_a_signal_does_the_same_and_opens_the_log_anew(self):
        server = Server()
        log = server.folder / "engram.log"
        text = f'[log]\nfile = "{log}"\n'
        server.write_config(OSS, extra=text)
        with server:
            server.call("GET", "/v1/memories")
            wait_until(lambda: "memory.list" in log.read_text(), "a line")
            log.rename(server.folder / "rotated.log")
            server.write_config(with_plugin("quota-local", {"requests_per_minute": 600, "burst": 33}), extra=text)
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: server.call("GET", "/v1/memories").headers.get("ratelimit-limit") == "33", "the new limit")
            wait_until(lambda: log.exists() and "memory.list" in log.read_text(), "a line in the new file")
            server.config.write_text("[server\n")
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: server.metric("config_reload_failures_total") == 1, "the failure")

    def test_the_command_without_a_server(self):
        server = Server()
        code, _, said = server.cli("config", "reload")
        self.assertEqual(EX_UNAVAILABLE, code)
        self.assertIn("engram serve", said)
        shutil.rmtree(server.folder)

    def test_only_the_local_owner_may(self):
        with Server() as server:
            self.assertEqual(404, server.call("POST", "/v1/server:reload").status)
            self.assertEqual(404, server.call("POST", "/v1/server:reload", port=server.admin_port).status)

    def test_requests_under_way_finish_on_what_they_began_with(self):
        with Server() as server:
            body = json.dumps({"content": "slowly sent"}).encode()
            connection = server.connect()
            connection.sendall(f"POST /v1/memories HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\nContent-Type: "
                               f"application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode())
            wait_until(lambda: server.metric("http_connections") >= 1, "the connection")
            for burst in (5, 6, 7):
                server.write_config(with_plugin("quota-local", {"requests_per_minute": 60, "burst": burst}))
                reload(server)
            connection.sendall(body)
            self.assertIn(b"201 Created", connection.recv(65536))
            connection.close()


class UnderLoad(unittest.TestCase):
    """Clients at full speed on kept connections; reloads that change a quota and the certificate meanwhile."""

    def test_no_request_fails(self):
        folder = Path(tempfile.mkdtemp(prefix="engram-reload-"))
        self.addCleanup(shutil.rmtree, folder)
        authority = Authority(folder)
        place = folder / "live.pem", folder / "live.key"
        pairs = [authority.issue(f"certificate-{n}") for n in range(4)]
        replace(pairs[0], place)
        tls = section(*place)

        def plugins(n):
            return with_plugin("quota-local", {"requests_per_minute": 60_000_000, "burst": 1_000_000 + n})

        server = Server(plugins(0), extra=tls)
        server.trust = authority.client()
        failures, counts, served, stop = [], [0] * 4, set(), threading.Event()

        def client(number):
            connection = server.client()
            headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
            try:
                while not stop.is_set():
                    counts[number] += 1
                    if number < 2:
                        connection.request("POST", "/v1/memories", json.dumps({"content": f"{number} {counts[number]}"}), headers)
                    elif number == 2:
                        connection.request("POST", "/v1/search", '{"query":"1"}', headers)
                    else:
                        connection.request("GET", "/v1/memories?limit=2", headers=headers)
                    response = connection.getresponse()
                    body = response.read()
                    served.add(response.getheader("RateLimit-Limit"))
                    if response.status not in (200, 201):
                        failures.append((response.status, body))
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))

        def newcomer():
            """A new connection a request: what a reload does to those that come just then."""
            while not stop.is_set():
                try:
                    answer = server.call("GET", "/v1/tenant")
                    if answer.status != 200:
                        failures.append(answer)
                except OSError as error:
                    failures.append(repr(error))

        with server:
            threads = [threading.Thread(target=client, args=(n,)) for n in range(4)] + [threading.Thread(target=newcomer)]
            for thread in threads:
                thread.start()
            try:
                for n in range(1, RELOADS + 1):
                    replace(pairs[n % len(pairs)], place)
                    server.write_config(plugins(n), extra=tls)
                    self.assertEqual(["plugin.quota-local"], reload(server)["changed"])
                    seen = sum(counts)
                    wait_until(lambda: failures or sum(counts) > seen + 20, "requests after the reload")
            finally:
                stop.set()
                for thread in threads:
                    thread.join(DEADLINE)
            self.assertEqual([], failures[:5])
            self.assertGreaterEqual(len(served), RELOADS, "every configuration has served requests")
            self.assertEqual(0, server.metric("config_reload_failures_total"))
            stored = server.call("GET", "/v1/tenant").body["tenant"]["memories"]
            self.assertEqual(counts[0] + counts[1], stored, "each acknowledged memory is there once")


if __name__ == "__main__":
    main()
