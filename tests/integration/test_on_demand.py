"""One data directory, one server, many clients: engram mcp, the server that clients start, its end, engram stop."""

import json
import os
import signal
import socket
import subprocess
import threading
import unittest
from pathlib import Path

from support.engram_server import DEADLINE, ENGRAM, OSS, Server, main, wait_until
from support.mcp import INITIALIZE, Stdio, notification, request, stop, tool_call

EX_USAGE, EX_UNAVAILABLE, EX_TEMPFAIL = 64, 69, 75


def holder(server):
    """Process id in the lock of the data directory."""
    return int((server.data / "LOCK").read_text().split()[0])


def lives(pid):
    """False too for a process that has ended and was not waited for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class OnDemand(unittest.TestCase):
    def setUp(self):
        self.server = Server()  # written, not started: clients start it

    def tearDown(self):
        stop(self.server)

    def engram(self, *arguments, **more):
        done = subprocess.run([ENGRAM, *arguments, "--config", self.server.config, "--data", self.server.data],
                              env=self.server.env, capture_output=True, text=True, timeout=DEADLINE, **more)
        return done.returncode, done.stdout, done.stderr

    def add(self, content):
        code, out, error = self.engram("memory", "add", content, "--json")
        self.assertEqual((0, ""), (code, error))
        return json.loads(out)["memory"]["id"]

    def contents(self):
        code, out, error = self.engram("memory", "list", "--limit", "1000", "--json")
        self.assertEqual(0, code, error)
        return [m["content"] for m in json.loads(out)["memories"]]

    def test_a_command_starts_a_server_which_stays_for_the_next(self):
        self.add("first")
        pid = holder(self.server)
        self.add("second")
        self.assertEqual(pid, holder(self.server))
        self.assertEqual(pid, os.getsid(pid), "a session of its own")
        descriptors = {os.readlink(f"/proc/{pid}/fd/{n}") for n in (0, 1, 2)}
        self.assertEqual({"/dev/null", str(self.server.data / "serve.log")}, descriptors)
        self.assertEqual(str(self.server.data), os.readlink(f"/proc/{pid}/cwd"))
        self.assertEqual(0o600, (self.server.data / "serve.log").stat().st_mode & 0o777)

    def test_it_opens_no_port_unless_told_to(self):
        self.add("x")
        pid = holder(self.server)
        sockets = {os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}
        listening = [l.split() for name in ("tcp", "tcp6") for l in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
        self.assertFalse([l for l in listening if l[3] == "0A" and f"socket:[{l[9]}]" in sockets])
        stop(self.server)
        self.server.write_config(OSS, {"on_demand_listen": "127.0.0.1:0"})
        self.add("y")
        url = json.loads([l for l in (self.server.data / "serve.log").read_text().splitlines() if '"url":"http' in l][0])["url"]
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=DEADLINE):
            pass

    def test_many_starters_end_with_one_server(self):
        results = []
        threads = [threading.Thread(target=lambda n=n: results.append(self.engram("memory", "add", f"note {n}"))) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        self.assertEqual([0] * 6, [code for code, _, _ in results], results)
        self.assertEqual({f"note {n}" for n in range(6)}, set(self.contents()))

    def test_a_foreground_server_names_the_holder_and_how_to_stop_it(self):
        self.add("x")
        code, said = self.server.run_to_end()
        self.assertEqual(EX_TEMPFAIL, code)
        self.assertIn(str(holder(self.server)), said)
        self.assertIn("engram stop --data", said)
        self.assertIn("stopped", stop(self.server))
        self.server.start()
        self.server.stop()

    def test_clients_use_a_server_that_runs_already(self):
        self.server.start()
        with Stdio(self.server) as agent:
            agent.initialize()
            agent.call("memory_create", content="over the foreground server")
        self.assertEqual(1, len(self.server.call("GET", "/v1/memories").body["memories"]))
        self.assertEqual(0, self.server.stop())

    def test_it_ends_when_nobody_is_connected(self):
        self.server.write_config(OSS, {"idle_exit_seconds": 1})
        with Stdio(self.server) as agent:
            agent.initialize()
            agent.call("memory_create", content="kept")
            pid = holder(self.server)
            with socket.socket(socket.AF_UNIX) as kept:  # a connection keeps it
                kept.connect(self.socket())
        wait_until(lambda: not lives(pid), "the server to end by itself")
        self.assertEqual(["kept"], self.contents())
        self.assertNotEqual(pid, holder(self.server))

    def socket(self):
        return str(next((self.server.runtime / "engram").glob("*.sock")))

    def test_a_connection_keeps_it(self):
        self.server.write_config(OSS, {"idle_exit_seconds": 1})
        self.add("x")
        pid = holder(self.server)
        with socket.socket(socket.AF_UNIX) as kept:
            kept.connect(self.socket())
            kept.settimeout(3)
            with self.assertRaises(TimeoutError):
                kept.recv(1)  # three times the limit later nobody has closed it
            self.assertTrue(lives(pid))

    def test_no_start_fails_at_once(self):
        code, _, error = self.engram("memory", "list", "--no-start")
        self.assertEqual(EX_UNAVAILABLE, code)
        self.assertIn("engram serve", error)
        self.assertFalse(self.server.data.exists())

    def test_why_no_server_could_be_started_is_said(self):
        self.server.write_config([*OSS, {"use": "storage-sqlit"}])
        code, _, error = self.engram("memory", "list")
        self.assertEqual(EX_UNAVAILABLE, code)
        self.assertIn('did you mean use = "storage-sqlite"', error)

    def test_stop_where_nothing_runs(self):
        self.assertIn("no server runs", stop(self.server))
        done = subprocess.run([ENGRAM, "stop", "--data", self.server.data, "--timeout", "soon"], env=self.server.env,
                              capture_output=True, text=True)
        self.assertEqual(EX_USAGE, done.returncode)


class Bridge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def run_lines(self, *lines):
        """Everything at once and the end of the input: what came out, by id; the exit code."""
        text = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
        done = subprocess.run([ENGRAM, "mcp", "--data", self.server.data], env=self.server.env, input=text, capture_output=True,
                              timeout=DEADLINE)
        return [json.loads(line) for line in done.stdout.splitlines()], done.returncode

    def test_a_conversation(self):
        with Stdio(self.server) as agent:
            self.assertEqual("2025-11-25", agent.initialize()["protocolVersion"])
            self.assertEqual({}, agent.ask("ping")["result"])
            self.assertIn("memory_search", [t["name"] for t in agent.ask("tools/list")["result"]["tools"]])
            made = agent.call("memory_create", content="two\nlines", workspace="stdio")["memory"]
            self.assertEqual(made, agent.call("memory_search", query="lines", workspace="stdio")["results"][0]["memory"])
            self.assertEqual(-32601, agent.ask("resources/list")["error"]["code"])
        self.assertTrue(agent.others.empty(), "something came that nobody asked for")
        self.assertEqual([], agent.said)

    def test_what_is_under_way_at_the_end_of_input_is_finished(self):
        lines = [tool_call("memory_create", {"content": f"end {n}", "workspace": "end"}, id=n) for n in range(40)]
        answers, code = self.run_lines(*lines)
        self.assertEqual(0, code)
        self.assertEqual(set(range(40)), {a["id"] for a in answers})
        self.assertEqual(40, len({a["result"]["structuredContent"]["memory"]["id"] for a in answers}))

    def test_lines_that_are_no_messages(self):
        answers, code = self.run_lines(b"", b"  ", b"{", b"\xff\xfe", b'{"jsonrpc":"2.0","id":7}', request("ping", id="after"))
        self.assertEqual(0, code)
        by_id = {a["id"]: a for a in answers}
        self.assertEqual({None, 7, "after"}, set(by_id))
        self.assertEqual(4, len(answers))
        self.assertEqual((-32700, -32600), (by_id[None]["error"]["code"], by_id[7]["error"]["code"]))

    def test_a_message_over_the_servers_limit_is_answered_with_its_id(self):
        answers, _ = self.run_lines(tool_call("memory_create", {"content": "x" * (5 << 20)}, id="large"), request("ping", id=2))
        by_id = {a["id"]: a for a in answers}
        self.assertEqual("body_too_large", by_id["large"]["error"]["data"]["code"])
        self.assertEqual({}, by_id[2]["result"])

    def test_batches_and_cancellation(self):
        answers, _ = self.run_lines([request("ping", id=1), notification("notifications/initialized"), request("ping", id=2)])
        self.assertEqual([[1, 2]], [[a["id"] for a in answer] for answer in answers])
        answers, code = self.run_lines(notification("notifications/cancelled", {"requestId": "never"}), request("ping", id=3))
        self.assertEqual(([3], 0), ([a["id"] for a in answers], code))

    def test_a_modern_message_gets_its_headers(self):
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
        answers, _ = self.run_lines(request("server/discover", {"_meta": meta}, id=1),
                                    request("tools/call", {"_meta": meta, "name": "workspace_list"}, id=2),
                                    request("initialize", INITIALIZE, id=3))
        by_id = {a["id"]: a["result"] for a in answers}
        self.assertEqual(["2026-07-28"], by_id[1]["supportedVersions"])
        self.assertEqual("complete", by_id[2]["resultType"])
        self.assertEqual("2025-11-25", by_id[3]["protocolVersion"])

    def test_over_tcp_with_a_key(self):
        key = self.server.folder / "key"
        key.write_text(self.server.key)
        done = subprocess.run([ENGRAM, "mcp", "--url", self.server.url, "--key-file", key], env=self.server.env,
                              input=json.dumps(tool_call("workspace_list")) + "\n", capture_output=True, text=True, timeout=DEADLINE)
        self.assertIn("workspaces", json.loads(done.stdout)["result"]["structuredContent"])


class Restart(unittest.TestCase):
    def test_a_bridge_survives_the_end_of_its_server(self):
        server = Server()
        try:
            with Stdio(server) as agent:
                agent.initialize()
                for n, how in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)):
                    agent.call("memory_create", content=f"before {n}")
                    pid = holder(server)
                    os.kill(pid, how)
                    wait_until(lambda: not lives(pid), "the server to end")
                    agent.call("memory_create", content=f"after {n}")
                    self.assertNotEqual(pid, holder(server))
                contents = [m["content"] for m in agent.call("memory_list", limit=100)["memories"]]
            self.assertEqual(sorted(f"{w} {n}" for w in ("before", "after") for n in range(3)), sorted(contents))
        finally:
            stop(server)


if __name__ == "__main__":
    main()
