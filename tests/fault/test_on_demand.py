"""Three agents and a command line start at once on an empty directory; the server is killed with -9 while they write.

Nothing that was acknowledged is lost, and nothing that the clients sent again is stored twice."""

import json
import os
import random
import signal
import subprocess
import threading
import time
import unittest

from support.engram_server import DEADLINE, ENGRAM, Server, main
from support.mcp import Stdio, stop

KILLS = int(os.environ.get("ENGRAM_KILLS", "60" if os.environ.get("ENGRAM_LONG") else "8"))
AGENTS = 3


class Agent(threading.Thread):
    """Writes over its own engram mcp, some calls at a time, until told to stop."""

    def __init__(self, server, name, done):
        super().__init__()
        self.server, self.prefix, self.done = server, name, done
        self.acknowledged, self.refused, self.failure = {}, [], None

    def run(self):
        try:
            with Stdio(self.server) as agent:
                agent.initialize()
                number = 0
                while not self.done.is_set():
                    boxes = {}
                    for _ in range(4):
                        number += 1
                        content = f"{self.prefix} note {number}"
                        boxes[content] = agent.begin("tools/call", {"name": "memory_create", "arguments": {"content": content, "workspace": "many"}})
                    for content, box in boxes.items():
                        answer = box.get(timeout=3 * DEADLINE)
                        if answer and "result" in answer and not answer["result"]["isError"]:
                            self.acknowledged[content] = answer["result"]["structuredContent"]["memory"]["id"]
                        else:
                            self.refused.append(answer)
        except Exception as failure:
            self.failure = failure


class CommandLine(threading.Thread):
    def __init__(self, server, done):
        super().__init__()
        self.server, self.done = server, done
        self.acknowledged, self.refused, self.failure = {}, [], None

    def run(self):
        number = 0
        while not self.done.is_set():
            number += 1
            content = f"cli note {number}"
            ran = subprocess.run([ENGRAM, "memory", "add", content, "--workspace", "many", "--json", "--data", self.server.data,
                                  "--config", self.server.config], env=self.server.env, capture_output=True, text=True)
            if ran.returncode == 0:
                self.acknowledged[content] = json.loads(ran.stdout)["memory"]["id"]
            else:
                self.refused.append(ran.stderr)


class ManyClients(unittest.TestCase):
    def test_nothing_is_lost_and_nothing_is_stored_twice(self):
        random.seed(20261125)
        server, done = Server(), threading.Event()
        clients = [Agent(server, f"agent {n}", done) for n in range(AGENTS)] + [CommandLine(server, done)]
        killed = set()
        try:
            for client in clients:
                client.start()
            end = time.monotonic() + 3 * DEADLINE
            while len(killed) < KILLS and time.monotonic() < end and not any(c.failure for c in clients):
                before = sum(len(c.acknowledged) for c in clients)
                time.sleep(random.uniform(0.02, 0.3))  # a moment to be killed in, not a wait for something
                try:
                    pid = int((server.data / "LOCK").read_text().split()[0])
                except (FileNotFoundError, IndexError):
                    continue
                if pid in killed or sum(len(c.acknowledged) for c in clients) == before:
                    continue  # the next one has not answered anybody yet
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            done.set()
            for client in clients:
                client.join(4 * DEADLINE)
                self.assertFalse(client.is_alive())
                self.assertIsNone(client.failure)
                self.assertEqual([], client.refused, "a client gave up although a server could be started")
            self.assertEqual(KILLS, len(killed))
            self.check(server, {c: i for client in clients for c, i in client.acknowledged.items()})
        finally:
            done.set()
            stop(server)
        print(f"{KILLS} kills, {sum(len(c.acknowledged) for c in clients)} memories of {len(clients)} clients")

    def check(self, server, acknowledged):
        stored = {}
        with Stdio(server) as agent:
            agent.initialize()
            cursor = {}
            while True:
                page = agent.call("memory_list", workspace="many", limit=1000, **cursor)
                for memory in page["memories"]:
                    self.assertNotIn(memory["content"], stored, "stored twice")
                    stored[memory["content"]] = memory["id"]
                if not page["next_cursor"]:
                    break
                cursor = {"cursor": page["next_cursor"]}
        self.assertEqual(acknowledged, stored)


if __name__ == "__main__":
    main()
