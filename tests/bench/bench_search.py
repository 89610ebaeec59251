#!/usr/bin/env python3
"""Search over 100,000 memories for queries of any shape, beside SQLite's FTS5 over the same texts in the same run.

Words follow Zipf's law, as in language; a memory has 30 to 100 of them, a vector of 384 dimensions, a type, a topic in its
metadata, a date, and a session of 25 memories. Promise: p50 under 3 ms, p95 under 10 ms for any query, on one core: the
server has one to itself, the client another (or shares it where there is no other). With --postgres the server keeps the
memories in PostgreSQL. CPU is the server's own time a query, which other work on the machine does not stretch.

    ENGRAM_BENCH_MEMORIES  100000    ENGRAM_BENCH_QUERIES  100 of each kind; fewer show caches that are not yet filled
"""

import contextlib
import http.client
import itertools
import json
import os
import sqlite3
import statistics
import sys
import time

from support.engram_server import Server
from support.load import cpu_ms, settle
from support.postgres import plugins_under_bench
from support.texts import Zipf, percentile

MEMORIES = int(os.environ.get("ENGRAM_BENCH_MEMORIES", "100000"))
BATCH = 1000
AT_ONCE = 100 * BATCH  # memories made before they are sent, so that the server does not wait for texts
QUERIES = int(os.environ.get("ENGRAM_BENCH_QUERIES", "100"))
SESSION = 25


def memories(zipf):
    for n in range(MEMORIES):
        yield {"content": zipf.memory(), "workspace": "bench",
               "type": "fact" if n % 10 == 0 else "note", "tags": ["red"] if n % 7 == 0 else [],
               "occurred_at": f"202{n * 5 // MEMORIES}-{n % 12 + 1:02}-{n % 28 + 1:02}T12:00:00Z",
               "metadata": {"session": f"s{n // SESSION}", "topic": f"t{n % 10}"}}


def queries(zipf):
    """Name, texts, what else is asked."""
    words = zipf.words

    def some(k):
        return [zipf.text(k) for _ in range(QUERIES)]

    def of(choice, k):
        return [" ".join(zipf.random.choices(choice, k=k)) for _ in range(QUERIES)]

    def misspelt(word):  # no word of the vocabulary has an x
        return word[:2] + "x" + word[3:]

    sentences = some(8)
    long_words = [w for w in words[200:5000] if len(w) >= 6]
    return [("rare words", of(words[5000:], 2), {}), ("common words", of(words[:100], 2), {}),
            ("the 5 most common", [" ".join(words[:5])] * QUERIES, {}), ("a sentence of 8", sentences, {}),
            ("30 words", some(30), {}), ("2 misspelt words", [" ".join(map(misspelt, q.split())) for q in of(long_words, 2)], {}),
            ("unknown words", [f"zzz{n} qqq{n}" for n in range(QUERIES)], {}),
            ("8, one type of 10", sentences, {"filter": {"type": "fact"}}),
            ("8, a tag of 7", sentences, {"filter": {"tags": "red"}}),
            ("8, a topic of 10", sentences, {"filter": {"metadata.topic": "t3"}}),
            ("8, words alone", sentences, {"mode": "lexical"}), ("8, vectors alone", sentences, {"mode": "vector"}),
            ("8, no context", sentences, {"context": "none"}),
            ("8, and a month", [s + " in June 2023" for s in sentences], {})]


def resident(server):
    return int(server.metric("resident_bytes")) >> 20


def on_cores(cores):
    os.sched_setaffinity(0, cores)


def baseline():
    fts = sqlite3.connect(":memory:")
    fts.execute("CREATE VIRTUAL TABLE t USING fts5(text, tokenize='porter unicode61')")
    return fts


def load(zipf, fts, call):
    """The same memories to both; the seconds that the server took."""
    stored, loaded, took = memories(zipf), 0, 0.0
    while part := list(itertools.islice(stored, AT_ONCE)):
        fts.executemany("INSERT INTO t VALUES(?)", ((m["content"],) for m in part))
        began = time.monotonic()
        for at in range(0, len(part), BATCH):
            call("POST", "/v1/memories:batch", {"memories": part[at:at + BATCH]})
        part_took = time.monotonic() - began
        loaded, took = loaded + len(part), took + part_took
        if MEMORIES > AT_ONCE:
            print(f"  {loaded} loaded, the last {len(part)} at {len(part) / part_took:.0f}/s", flush=True)
    return took


def main():
    zipf, fts = Zipf(), baseline()
    every = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        plugins, storage = stack.enter_context(plugins_under_bench())
        plugins = [{"use": "wide-embed"} if p["use"] == "embed-builtin" else p for p in plugins]
        on_cores(every[:1])  # the server's threads inherit it
        server = stack.enter_context(Server(plugins, server={"max_body": "64MiB"}))
        on_cores(every[1:] or every)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}

        def call(method, target, body=None):
            connection.request(method, target, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            answer = response.read()
            assert response.status == 200, answer
            return json.loads(answer)

        loaded = load(zipf, fts, call)
        began = time.monotonic()
        call("POST", "/v1/search", {"query": "warm up", "workspace": "bench"})
        print(f"{storage}: {MEMORIES} memories loaded in {loaded:.1f} s ({MEMORIES / loaded:.0f}/s, batches of {BATCH}, durable); "
              f"first search {time.monotonic() - began:.1f} s; resident {resident(server)} MiB")
        print(f"{'query':18} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'CPU ms':>8} {'FTS5 p50':>9} {'FTS5 p95':>9} {'x FTS5':>8}")
        settle(server)
        worst50 = worst95 = 0.0
        for name, asked, options in queries(zipf):
            ours, theirs, used = [], [], cpu_ms(server)
            for query in asked:
                began = time.monotonic()
                call("POST", "/v1/search", {"query": query, "workspace": "bench", "limit": 10, **options})
                ours.append((time.monotonic() - began) * 1e3)
            used = cpu_ms(server) - used
            # After ours, not between them: a scan of a tenth of a second empties the caches that both cores share.
            for query in asked if not options else ():  # FTS5 knows no options
                match = " OR ".join(f'"{w}"' for w in query.split())
                began = time.monotonic()
                fts.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY bm25(t) LIMIT 10", (match,)).fetchall()
                theirs.append((time.monotonic() - began) * 1e3)
            p50, p95, p99 = statistics.median(ours), percentile(ours, 0.95), percentile(ours, 0.99)
            worst50, worst95 = max(worst50, p50), max(worst95, p95)
            line = f"{name:18} {p50:8.2f} {p95:8.2f} {p99:8.2f} {used / len(asked):8.2f}"
            if theirs:
                f50 = statistics.median(theirs)
                line += f" {f50:9.2f} {percentile(theirs, 0.95):9.2f} {p50 / f50 if f50 else 0:8.3f}"
            print(line, flush=True)
        print(f"resident {resident(server)} MiB")
        connection.close()
    print(f"worst p50 {worst50:.2f} ms (promise 3), worst p95 {worst95:.2f} ms (promise 10); over HTTP")
    return 0


if __name__ == "__main__":
    sys.exit(main())
