#!/usr/bin/env python3
"""Group commit: 16 writers over HTTP with fsync, beside the same run without. Promise: at least 0.6 of it.

Each round starts two servers on new data directories, one after the other; wrk writes distinct 70-word memories.
With --postgres each round has a third one, on PostgreSQL with fsync.
"""

import os
import statistics
import sys

from support.engram_server import Server, with_plugin
from support.load import Run, create_script, missing
from support.postgres import plugins_under_bench

ROUNDS = int(os.environ.get("ENGRAM_BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("ENGRAM_BENCH_SECONDS", "3"))
WRITERS = 16


def run(plugins):
    with Server(plugins) as server:
        headers = [f"Authorization: Bearer {server.key}", "Content-Type: application/json"]
        return Run(f"{server.url}/v1/memories", lambda: [server.process.pid], headers, create_script(server.folder),
                   connections=WRITERS, seconds=SECONDS)


def main():
    if missing():
        print(f"SKIPPED: {missing()} needed")
        return 77
    with_fsync, without = (with_plugin("storage-sqlite", {"synchronous": s}) for s in ("full", "off"))
    pairs, others = [], []
    with plugins_under_bench() as (plugins, storage):
        for _ in range(ROUNDS):
            pairs.append((run(with_fsync), run(without)))
            if storage != "storage-sqlite":
                others.append(run(plugins))
    ratios = sorted(full.rate / off.rate for full, off in pairs)
    print(f"{WRITERS} writers, {ROUNDS} interleaved runs of {SECONDS} s on new data")
    table = [("fsync", [f for f, _ in pairs]), ("without", [o for _, o in pairs])] + ([("postgres", others)] if others else [])
    for name, runs in table:
        print(f"{name:8} {statistics.median(r.rate for r in runs):8.0f}/s  p50 {statistics.median(r.p50 for r in runs):6.2f} ms"
              f"  p99 {statistics.median(r.p99 for r in runs):6.2f} ms  CPU {statistics.median(r.cpu for r in runs):6.1f} us a write")
    print(f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f}..{ratios[-1]:.2f}), promise >= 0.6")
    if statistics.median(ratios) < 0.6:
        print("missed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
