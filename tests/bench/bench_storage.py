#!/usr/bin/env python3
"""storage-postgres beside storage-sqlite: the same server, memories, reads and writes, interleaved in one run.

Both are durable: PostgreSQL is a cluster of its own with fsync on the same disk, over a Unix socket. Reads and searches are
one call at a time over one connection and come first, over the same memories; writes add to them afterwards.

    ENGRAM_BENCH_MEMORIES  10000    ENGRAM_BENCH_CALLS  100    ENGRAM_BENCH_ROUNDS  3    ENGRAM_BENCH_SECONDS  3
"""

import contextlib
import http.client
import json
import os
import statistics
import sys
import time

from support.engram_server import OSS, Server
from support.load import Run, create_script, missing
from support.postgres import plugins_on_postgres
from support.texts import Zipf, percentile

MEMORIES = int(os.environ.get("ENGRAM_BENCH_MEMORIES", "10000"))
CALLS = int(os.environ.get("ENGRAM_BENCH_CALLS", "100"))
ROUNDS = int(os.environ.get("ENGRAM_BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("ENGRAM_BENCH_SECONDS", "3"))
FILL = 1000    # memories a batch
BATCH = 100    # of those that are measured
PAGE = 50
STORAGES = ("storage-sqlite", "storage-postgres")


class Storage:
    """A server that keeps its memories in one of them, and a connection to it."""

    def __init__(self, server):
        self.server, self.ids = server, []
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        self.headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}

    def call(self, method, target, body=None):
        self.connection.request(method, target, json.dumps(body) if body is not None else None, self.headers)
        response = self.connection.getresponse()
        answer = response.read()
        assert response.status == 200, answer
        return json.loads(answer)

    def add(self, memories):
        results = self.call("POST", "/v1/memories:batch", {"memories": memories})["results"]
        self.ids += [each["memory"]["id"] for each in results]

    def create(self, writers):
        """A wrk run of `writers` connections, a memory a request."""
        headers = [f"{name}: {value}" for name, value in self.headers.items()]
        return Run(f"{self.server.url}/v1/memories", lambda: [self.server.process.pid], headers,
                   create_script(self.server.folder), connections=writers, seconds=SECONDS)


def memories(zipf, first, count):
    return [{"content": zipf.memory(), "workspace": "reads", "type": "fact" if n % 10 == 0 else "note",
             "tags": ["red"] if n % 7 == 0 else []} for n in range(first, first + count)]


def searching(**options):
    return lambda storage, query, _: storage.call("POST", "/v1/search", {"query": query, "workspace": "reads", "limit": 10,
                                                                         **options})


# Name, what one call does with a text of 8 words and the number of a memory.
READS = [("read by id", lambda storage, _, number: storage.call("GET", f"/v1/memories/{storage.ids[number]}")),
         (f"page of {PAGE}", lambda storage, *_: storage.call("GET", f"/v1/memories?workspace=reads&limit={PAGE}")),
         ("search, hybrid", searching()), ("search, words", searching(mode="lexical")),
         ("search, vectors", searching(mode="vector")), ("search, no context", searching(context="none")),
         ("search, one type of 10", searching(filter={"type": "fact"})),
         ("search, a tag of 7", searching(filter={"tags": "red"}))]


def timed(calls):
    """Milliseconds of each."""
    times = []
    for call in calls:
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1e3)
    return times


def measure_reads(storages, zipf):
    times = {name: {storage: [] for storage in storages} for name, _ in READS}
    for _ in range(ROUNDS):
        for name, read in READS:
            asked = [(zipf.text(8), zipf.random.randrange(MEMORIES)) for _ in range(CALLS)]
            for key, storage in storages.items():
                times[name][key] += timed(lambda a=a: read(storage, *a) for a in asked)
    return times


def measure_batches(storages, zipf):
    times = {key: [] for key in storages}
    for _ in range(ROUNDS):
        batches = [memories(zipf, 0, BATCH) for _ in range(max(1, CALLS // 5))]
        for key, storage in storages.items():
            times[key] += timed(lambda b=b: storage.add(b) for b in batches)
    return times


def measure_creates(storages, writers):
    runs = {key: [] for key in storages}
    for _ in range(ROUNDS):
        for key, storage in storages.items():
            runs[key].append(storage.create(writers))
    return runs


def report_times(name, times):
    columns = [f"{statistics.median(times[s]):8.2f} {percentile(times[s], 0.95):8.2f} {percentile(times[s], 0.99):8.2f}"
               for s in STORAGES]
    sqlite, postgres = (statistics.median(times[s]) for s in STORAGES)
    print(f"{name:24} {columns[0]}   {columns[1]} {postgres / sqlite:7.2f}")


def report_rates(name, rates):
    sqlite, postgres = (statistics.median(rates[s]) for s in STORAGES)
    print(f"{name:24} {sqlite:26.0f}   {postgres:26.0f} {postgres / sqlite:7.2f}", flush=True)


def main():
    if missing():
        print(f"SKIPPED: {missing()} needed")
        return 77
    zipf = Zipf()
    with contextlib.ExitStack() as stack:
        plugins = dict(zip(STORAGES, (OSS, stack.enter_context(plugins_on_postgres()))))
        servers = {name: stack.enter_context(Server(p, server={"max_body": "64MiB"})) for name, p in plugins.items()}
        storages = {name: Storage(server) for name, server in servers.items()}
        for first in range(0, MEMORIES, FILL):
            batch = memories(zipf, first, min(FILL, MEMORIES - first))
            for storage in storages.values():
                storage.add(batch)
        for storage in storages.values():
            storage.call("POST", "/v1/search", {"query": "warm up", "workspace": "reads"})
        print(f"{MEMORIES} memories, {ROUNDS} interleaved rounds of {CALLS} calls or {SECONDS} s; ratio is postgres / sqlite")
        print(f"{'':24} {'sqlite':>26}   {'postgres':>26}\n{'milliseconds':24} " + "   ".join(
            [f"{'p50':>8} {'p95':>8} {'p99':>8}"] * 2) + f" {'ratio':>7}")
        for name, times in measure_reads(storages, zipf).items():
            report_times(name, times)
        batches = measure_batches(storages, zipf)
        report_times(f"batch of {BATCH}", batches)
        print("memories a second")
        for writers in (1, 16):
            runs = measure_creates(storages, writers)
            report_rates(f"create, {writers} writer{'s' * (writers > 1)}", {s: [r.rate for r in runs[s]] for s in STORAGES})
        report_rates(f"batches of {BATCH}", {s: [BATCH * 1e3 / t for t in batches[s]] for s in STORAGES})
        for storage in storages.values():
            storage.connection.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
