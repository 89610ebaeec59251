#!/usr/bin/env python3
"""What neighbours do to reads: the p99 of reads by id at a steady rate, alone, beside searches that keep the CPU lane
full, and beside 1,000 slow clients. Promise: at most twice the p99 of reads alone.

As a yardstick, the same reads beside as many plain busy processes as there are cores: what the machine itself does to
whoever shares it. The reader sends at fixed times and counts from them, so that a stall is not left out.
"""

import http.client
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

from support.engram_server import Server
from support.load import missing

ROUNDS = int(os.environ.get("ENGRAM_BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("ENGRAM_BENCH_SECONDS", "3"))
RATE = 400          # reads a second
MEMORIES = 20000
SEARCHERS = 32      # connections
SLOW = 1000
SEARCH = """
local words = {}
for word in ("%s"):gmatch("%%S+") do words[#words + 1] = word end
request = function()
  local text = {}
  for i = 1, 8 do text[i] = words[math.random(#words)] end
  return wrk.format("POST", "/v1/search", nil, '{"query":"' .. table.concat(text, " ") .. '","workspace":"bench"}')
end
"""


def read_latencies(server, memory):
    """Milliseconds from the time a read was due to its answer, sorted."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {server.key}"}
    took, start = [], time.perf_counter() + 0.01
    for n in range(int(RATE * SECONDS)):
        due = start + n / RATE
        while (wait := due - time.perf_counter()) > 0:
            time.sleep(wait)
        connection.request("GET", f"/v1/memories/{memory}", headers=headers)
        response = connection.getresponse()
        response.read()
        assert response.status == 200, response.status
        took.append((time.perf_counter() - due) * 1e3)
    connection.close()
    return sorted(took)


class Searches:
    def __init__(self, server, words):
        script = server.folder / "search.lua"
        script.write_text(SEARCH % " ".join(words))
        self.process = subprocess.Popen(
            ["wrk", "-t1", f"-c{SEARCHERS}", "-d600s", "-s", str(script), "-H", f"Authorization: Bearer {server.key}",
             "-H", "Content-Type: application/json", f"{server.url}/v1/search"], stdout=subprocess.DEVNULL)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


class SlowClients:
    """A thousand connections that send a byte of their header section now and then."""

    def __init__(self, server):
        self.sockets = [server.connect() for _ in range(SLOW)]
        for each in self.sockets:
            each.sendall(b"POST /v1/memories HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.drip)
        self.thread.start()

    def drip(self):
        while not self.ended.wait(1):
            for each in self.sockets:
                try:
                    each.sendall(b"a")
                except OSError:
                    pass  # the server's patience has ended, which is its right

    def stop(self):
        self.ended.set()
        self.thread.join()
        for each in self.sockets:
            each.close()


class Burners:
    def __init__(self):
        self.processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count())]

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


class Nobody:
    def stop(self):
        pass


def fill(server, words):
    pick = random.Random(3)
    for at in range(0, MEMORIES, 1000):
        batch = [{"content": " ".join(pick.choices(words, k=30)), "workspace": "bench"} for _ in range(1000)]
        answer = server.call("POST", "/v1/memories:batch", {"memories": batch})
        assert answer.status == 200, answer.body
    return answer.body["results"][0]["memory"]["id"]


def main():
    if missing():
        print(f"SKIPPED: {missing()} needed")
        return 77
    words = ["".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=6)) for n in range(3000)]
    with Server(server={"max_connections_per_peer": 2000}) as server:
        memory = fill(server, words)
        neighbours = {"alone": Nobody, "searches": lambda: Searches(server, words), "slow clients": lambda: SlowClients(server),
                      "busy processes": Burners}
        measured = {name: [] for name in neighbours}
        for _ in range(ROUNDS):
            for name, start in neighbours.items():
                neighbour = start()
                time.sleep(0.3)  # the neighbour is at full speed
                measured[name].append(read_latencies(server, memory))
                neighbour.stop()
    print(f"{RATE} reads/s for {SECONDS:g} s, median of {ROUNDS} rounds; {SEARCHERS} searching connections, {SLOW} slow clients,"
          f" {os.cpu_count()} cores shared with the clients")
    print(f"{'beside':15} {'p50 ms':>8} {'p99 ms':>8} {'x alone':>8}")
    alone = statistics.median(took[int(len(took) * 0.99)] for took in measured["alone"])
    for name, rounds in measured.items():
        p50 = statistics.median(took[len(took) // 2] for took in rounds)
        p99 = statistics.median(took[int(len(took) * 0.99)] for took in rounds)
        promised = name in ("searches", "slow clients")
        print(f"{name:15} {p50:8.2f} {p99:8.2f} {p99 / alone:8.2f}{'   promise <= 2' if promised else ''}")
        if promised and p99 > 2 * alone:
            print("missed: " + name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
