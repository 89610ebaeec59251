#!/usr/bin/env python3
"""Search over 100,000 memories for queries of any shape, beside SQLite's FTS5 over the same texts in the same run.

Words follow Zipf's law, as in language. Promise: p50 under 3 ms, p95 under 10 ms for any query text, on one core.
"""

import http.client
import itertools
import json
import os
import random
import sqlite3
import statistics
import sys
import time

from support.engram_server import Server, wait_until

MEMORIES = int(os.environ.get("ENGRAM_BENCH_MEMORIES", "100000"))
BATCH = 1000
QUERIES = 60


def vocabulary(n):
    random.seed(11)
    syllables = ["".join(p) for p in itertools.product("bdfgklmnprst", "aeiou")]
    words = list(dict.fromkeys("".join(random.choices(syllables, k=random.randint(2, 4))) for _ in range(n)))
    return words, [1 / (rank + 2) for rank in range(len(words))]


def queries(words, weights):
    """Name, texts."""
    def some(k):
        return [" ".join(random.choices(words, weights, k=k)) for _ in range(QUERIES)]

    return [("2 words", some(2)), ("a question of 8", some(8)), ("30 words", some(30)),
            ("the 5 most common", [" ".join(words[:5])] * QUERIES), ("rare words", [" ".join(random.choices(words[5000:], k=2)) for _ in range(QUERIES)]),
            ("unknown words", [f"zzz{n} qqq{n}" for n in range(QUERIES)])]


def main():
    words, weights = vocabulary(20000)
    texts = [" ".join(random.choices(words, weights, k=random.randint(15, 45))) for _ in range(MEMORIES)]
    fts = sqlite3.connect(":memory:")
    fts.execute("CREATE VIRTUAL TABLE t USING fts5(text, tokenize='porter unicode61')")
    fts.executemany("INSERT INTO t VALUES(?)", ((t,) for t in texts))
    with Server(server={"max_body": "64MiB"}) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}

        def call(target, body):
            connection.request("POST", target, json.dumps(body), headers)
            response = connection.getresponse()
            answer = response.read()
            assert response.status == 200, answer
            return answer

        began = time.monotonic()
        for at in range(0, MEMORIES, BATCH):
            call("/v1/memories:batch", {"memories": [{"content": t, "workspace": "bench"} for t in texts[at:at + BATCH]]})
        loaded = time.monotonic() - began
        call("/v1/search", {"query": "warm up", "workspace": "bench"})
        print(f"{MEMORIES} memories loaded in {loaded:.1f} s ({MEMORIES / loaded:.0f}/s, batches of {BATCH}, durable)")
        print(f"{'query':18} {'p50 ms':>8} {'p95 ms':>8} {'FTS5 p50':>9} {'FTS5 p95':>9} {'x FTS5':>8}")
        worst50 = worst95 = 0.0
        for name, asked in queries(words, weights):
            ours, theirs = [], []
            for query in asked:
                began = time.monotonic()
                call("/v1/search", {"query": query, "workspace": "bench", "limit": 10})
                ours.append((time.monotonic() - began) * 1e3)
                match = " OR ".join(f'"{w}"' for w in query.split())
                began = time.monotonic()
                fts.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY bm25(t) LIMIT 10", (match,)).fetchall()
                theirs.append((time.monotonic() - began) * 1e3)
            p50, p95 = statistics.median(ours), sorted(ours)[int(len(ours) * 0.95)]
            f50, f95 = statistics.median(theirs), sorted(theirs)[int(len(theirs) * 0.95)]
            worst50, worst95 = max(worst50, p50), max(worst95, p95)
            print(f"{name:18} {p50:8.2f} {p95:8.2f} {f50:9.2f} {f95:9.2f} {p50 / f50 if f50 else 0:8.3f}")
        connection.close()
    print(f"worst p50 {worst50:.2f} ms (promise 3), worst p95 {worst95:.2f} ms (promise 10); over HTTP, client on the same cores")
    return 0


if __name__ == "__main__":
    sys.exit(main())
