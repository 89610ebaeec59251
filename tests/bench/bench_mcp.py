#!/usr/bin/env python3
"""tools/call create and search over stdio and HTTP, beside the reference memory server (npm, stdio), which keeps one JSON file
and does not fsync. Both hold the same memories; one client, one call at a time, and the runs are interleaved.

    ENGRAM_BENCH_MEMORIES  10000    ENGRAM_BENCH_CALLS  200    ENGRAM_BENCH_ROUNDS  3
"""

import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import time

from support.engram_server import ENGRAM, Server
from support.mcp import ACCEPT, INITIALIZE, npm_project, request

MEMORIES = int(os.environ.get("ENGRAM_BENCH_MEMORIES", "10000"))
CALLS = int(os.environ.get("ENGRAM_BENCH_CALLS", "200"))
ROUNDS = int(os.environ.get("ENGRAM_BENCH_ROUNDS", "3"))
WORDS = ["".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=6)) for n in range(5000)]


def text(number):
    """A memory of 30 words, the same for everybody."""
    return f"memory{number} " + " ".join(random.Random(number).choices(WORDS, k=29))


class Stdio:
    def __init__(self, words, env):
        self.process = subprocess.Popen(words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.exchange(request("initialize", INITIALIZE))
        self.process.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')

    def exchange(self, message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        while True:
            answer = json.loads(self.process.stdout.readline())
            if answer.get("id") == message["id"]:
                return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


class Http:
    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.connection.connect()
        self.headers = {**ACCEPT, "Content-Type": "application/json", "Authorization": f"Bearer {server.key}"}

    def exchange(self, message):
        self.connection.request("POST", "/mcp", json.dumps(message), self.headers)
        return json.loads(self.connection.getresponse().read())

    def close(self):
        self.connection.close()


def call(channel, name, arguments):
    answer = channel.exchange(request("tools/call", {"name": name, "arguments": arguments}))
    assert "result" in answer and not answer["result"].get("isError"), answer
    return answer["result"]


class Engram:
    @staticmethod
    def fill(channel):
        for first in range(0, MEMORIES, 500):
            numbers = range(first, min(first + 500, MEMORIES))
            call(channel, "memory_create_batch", {"memories": [{"content": text(n)} for n in numbers]})

    @staticmethod
    def create(channel, number):
        call(channel, "memory_create", {"content": text(number)})

    @staticmethod
    def search(channel, number):
        found = call(channel, "memory_search", {"query": f"memory{number}"})["structuredContent"]["results"]
        assert found[0]["memory"]["content"].startswith(f"memory{number} "), number


class Reference:
    @staticmethod
    def entity(number):
        return {"name": f"memory{number}", "entityType": "note", "observations": [text(number)]}

    @staticmethod
    def fill(channel):
        for first in range(0, MEMORIES, 500):
            numbers = range(first, min(first + 500, MEMORIES))
            call(channel, "create_entities", {"entities": [Reference.entity(n) for n in numbers]})

    @staticmethod
    def create(channel, number):
        call(channel, "create_entities", {"entities": [Reference.entity(number)]})

    @staticmethod
    def search(channel, number):
        found = call(channel, "search_nodes", {"query": f"memory{number}"})["structuredContent"]["entities"]
        assert any(e["name"] == f"memory{number}" for e in found), number


def measure(what, channel, first):
    """Milliseconds of each call."""
    times = []
    for n in range(CALLS):
        number = first + n if what.__name__ == "create" else random.Random(first + n).randrange(MEMORIES)
        began = time.perf_counter()
        what(channel, number)
        times.append((time.perf_counter() - began) * 1000)
    return times


def main():
    folder, node = npm_project()
    with Server() as server:
        script = folder / "node_modules/@modelcontextprotocol/server-memory/dist/index.js"
        reference_env = {**os.environ, "MEMORY_FILE_PATH": str(server.folder / "memory.jsonl")}
        channels = {"engram stdio": (Engram, Stdio([ENGRAM, "mcp", "--data", server.data], server.env)),
                    "engram HTTP": (Engram, Http(server)),
                    "server-memory stdio": (Reference, Stdio([node, script], reference_env))}
        Engram.fill(channels["engram HTTP"][1])
        Reference.fill(channels["server-memory stdio"][1])
        times = {(name, kind): [] for name in channels for kind in ("create", "search")}
        for round_number in range(ROUNDS):
            for place, (name, (maker, channel)) in enumerate(channels.items()):
                first = MEMORIES * (2 + place) + round_number * CALLS
                for kind in ("create", "search"):
                    times[name, kind] += measure(getattr(maker, kind), channel, first)
        for _, channel in channels.values():
            channel.close()
    print(f"{MEMORIES} memories, {ROUNDS} interleaved rounds of {CALLS} calls, one at a time; milliseconds")
    for kind in ("create", "search"):
        base = statistics.median(times["server-memory stdio", kind])
        for name in channels:
            sample = sorted(times[name, kind])
            median = statistics.median(sample)
            print(f"  {kind:6}  {name:20} p50 {median:8.2f}  p99 {sample[int(len(sample) * 0.99)]:8.2f}   {base / median:6.1f}x the reference's rate")
    return 0


if __name__ == "__main__":
    sys.exit(main())
