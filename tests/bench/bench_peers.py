#!/usr/bin/env python3
"""Writes and searches of the same texts by three: Engram (MCP over stdio and over HTTP), the reference memory server of MCP
(npm, stdio), and a replica of engram-core's algorithm (support/engram_core_replica.py says what it is and is not), which
runs in this process without a transport.

Every query is made of words of one memory, its target: found is the share of queries with the target among the first 10.
One client, one call at a time; the runs are interleaved. A write of Engram is on the disk when it is answered, a write of
the others is not: the reference writes its JSON file anew without fsync, engram-core's synchronous=NORMAL commits to a log
that is synced at checkpoints only. Fails if Engram refuses a query.

    ENGRAM_BENCH_MEMORIES  10000    ENGRAM_BENCH_CALLS  100    ENGRAM_BENCH_ROUNDS  3
"""

import http.client
import itertools
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

from support.engram_core_replica import EngramCoreReplica
from support.engram_server import ENGRAM, Server
from support.mcp import ACCEPT, INITIALIZE, npm_project, request
from support.texts import Zipf, percentile

MEMORIES = int(os.environ.get("ENGRAM_BENCH_MEMORIES", "10000"))
CALLS = int(os.environ.get("ENGRAM_BENCH_CALLS", "100"))
ROUNDS = int(os.environ.get("ENGRAM_BENCH_ROUNDS", "3"))
LIMIT = 10
BATCH = 500
BASE = "engram stdio"  # what ratios are to
ZIPF = Zipf()


def text(number):
    """A memory of 30 to 100 words after its name, the same for everybody."""
    return f"memory{number} " + " ".join(ZIPF.numbered(number))


def some(words, k, pick):
    """k of the words, in their order."""
    return " ".join(words[at] for at in sorted(pick.sample(range(len(words)), k)))


def rarest(words, k):
    return sorted(set(words), key=ZIPF.ranks.get)[-k:]


def question(words, pick):
    a, b, c = pick.sample(rarest(words, 10), 3)
    return f"what's known of {a}, {b} and {c}?"


def verbatim(words, pick):
    at = pick.randrange(len(words) - 7)
    return " ".join(words[at:at + 8])


# A query for memory `number`, whose words are `words`.
KINDS = {"its name": lambda number, words, pick: f"memory{number}",
         "1 rare word": lambda number, words, pick: rarest(words, 1)[0],
         "2 rare words": lambda number, words, pick: " ".join(rarest(words, 2)),
         "2 common words": lambda number, words, pick: some([w for w in words if ZIPF.ranks[w] < 100], 2, pick),
         "4 words": lambda number, words, pick: some(words, 4, pick),
         "a sentence of 8": lambda number, words, pick: some(words, 8, pick),
         "8 words verbatim": lambda number, words, pick: verbatim(words, pick),
         "a question": lambda number, words, pick: question(words, pick)}


class Refused(Exception):
    """The system answered with an error."""


class Stdio:
    def __init__(self, words, env):
        self.process = subprocess.Popen(words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
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
    if "result" not in answer or answer["result"].get("isError"):
        raise Refused(answer)
    return answer["result"]["structuredContent"]


class Engram:
    durable = "fsync"

    def __init__(self, channel):
        self.channel = channel
        self.close = channel.close

    def fill(self, numbers):
        call(self.channel, "memory_create_batch", {"memories": [{"content": text(n)} for n in numbers]})

    def create(self, number):
        call(self.channel, "memory_create", {"content": text(number)})

    def search(self, query):
        """Contents, best first."""
        found = call(self.channel, "memory_search", {"query": query, "limit": LIMIT})["results"]
        return [each["memory"]["content"] for each in found]


class Reference:
    durable = "no fsync"

    def __init__(self, channel):
        self.channel = channel
        self.close = channel.close

    def fill(self, numbers):
        call(self.channel, "create_entities", {"entities": [self.entity(n) for n in numbers]})

    def create(self, number):
        self.fill([number])

    def search(self, query):
        return [each["observations"][0] for each in call(self.channel, "search_nodes", {"query": query})["entities"]]

    @staticmethod
    def entity(number):
        return {"name": f"memory{number}", "entityType": "note", "observations": [text(number)]}


class Replica:
    durable = "at checkpoints"

    def __init__(self, path):
        self.core = EngramCoreReplica(path)
        self.close = self.core.close

    def fill(self, numbers):
        self.core.create_many(map(text, numbers))

    def create(self, number):
        self.core.create(text(number))

    def search(self, query):
        try:
            return self.core.search(query, LIMIT)
        except sqlite3.OperationalError as error:
            raise Refused(error) from None


class Sample:
    """What calls of one kind to one system took, found and failed."""

    def __init__(self):
        self.times, self.found, self.errors = [], 0, 0

    def take(self, ask, target=None):
        began = time.perf_counter()
        try:
            answer = ask()
        except Refused:
            answer, self.errors = [], self.errors + 1
        self.times.append((time.perf_counter() - began) * 1e3)
        if target is not None:
            self.found += any(content.startswith(f"memory{target} ") for content in answer[:LIMIT])

    def line(self, name, base):
        p50, p95, p99 = statistics.median(self.times), percentile(self.times, 0.95), percentile(self.times, 0.99)
        return f"  {name:22} {p50:8.2f} {p95:8.2f} {p99:8.2f} {p50 / statistics.median(base.times):9.2f}"


def fill(systems):
    for first in range(0, MEMORIES, BATCH):
        for system in systems:
            system.fill(range(first, min(first + BATCH, MEMORIES)))


def searches(kind, round_number):
    """(target, query) of a round, the same for every system."""
    pick = random.Random(f"{kind} {round_number}")
    for number in pick.choices(range(MEMORIES), k=CALLS):
        yield number, KINDS[kind](number, ZIPF.numbered(number), pick)


def measure(systems):
    """Samples by kind, then by system."""
    samples = {kind: {name: Sample() for name in systems} for kind in ("write", *KINDS)}
    new = itertools.count(MEMORIES)
    for round_number in range(ROUNDS):
        for kind in KINDS:
            asked = list(searches(kind, round_number))
            for name, system in systems.items():
                for number, query in asked:
                    samples[kind][name].take(lambda: system.search(query), number)
        for name, system in systems.items():
            for number in itertools.islice(new, CALLS):
                samples["write"][name].take(lambda: system.create(number))
    return samples


def report(samples, systems):
    print(f"{MEMORIES} memories, {ROUNDS} interleaved rounds of {CALLS} calls, one at a time; x is p50 to that of {BASE}")
    print(f"{'':24} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'x':>9} {'found':>7} {'errors':>7}")
    for kind, by_system in samples.items():
        print(kind)
        for name, sample in by_system.items():
            line, calls = sample.line(name, by_system[BASE]), len(sample.times)
            print(f"{line}   {systems[name].durable}" if kind == "write" else
                  f"{line} {sample.found / calls:7.0%} {sample.errors / calls:7.0%}")


def main():
    folder, node = npm_project()
    with Server() as server:
        script = folder / "node_modules/@modelcontextprotocol/server-memory/dist/index.js"
        reference_env = {**os.environ, "MEMORY_FILE_PATH": str(server.folder / "memory.jsonl")}
        systems = {BASE: Engram(Stdio([ENGRAM, "mcp", "--data", server.data], server.env)), "engram HTTP": Engram(Http(server)),
                   "server-memory stdio": Reference(Stdio([node, script], reference_env)),
                   "engram-core replica": Replica(Path(server.folder) / "replica.db")}
        fill([system for name, system in systems.items() if name != BASE])  # which has the same memories as over HTTP
        for system in systems.values():
            system.search("warm up")
        samples = measure(systems)
        for system in systems.values():
            system.close()
    report(samples, systems)
    refused = sum(by_system[name].errors for by_system in samples.values() for name in (BASE, "engram HTTP"))
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
