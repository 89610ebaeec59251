#!/usr/bin/env python3
"""Throughput, latency and CPU of the server beside nginx on the same machine, interleaved.

nginx answers a static 200 and writes a JSON access line a request (buffered, as our log is). wrk keeps 64 connections
busy. Five rounds, each system in turn; figures are medians, ratios are against nginx's median.
health: GET /healthz. read: GET /v1/memories/{id} with a key. create: POST /v1/memories of distinct 70-word texts, each
durable (fsync) before its answer.
"""

import os
import shutil
import statistics
import sys

from support.engram_server import Server
from support.load import Nginx, Run, create_script, missing

ROUNDS = int(os.environ.get("ENGRAM_BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("ENGRAM_BENCH_SECONDS", "3"))
CONNECTIONS = 64
TARGETS = {"health": 0.95, "read": 0.5, "create": 0.08}  # times nginx; ARCHITECTURE, section 9


def main():
    if missing():
        print(f"SKIPPED: {missing()} needed")
        return 77
    nginx = Nginx()
    results = {"nginx": [], "health": [], "read": [], "create": []}
    size = {"connections": CONNECTIONS, "seconds": SECONDS}
    server = Server().start()
    try:
        script = create_script(server.folder)
        auth = [f"Authorization: Bearer {server.key}"]
        memory = server.call("POST", "/v1/memories", {"content": "the memory that is read " * 12}).body["memory"]["id"]
        pids = lambda: [server.process.pid]
        runs = {
            "nginx": lambda: nginx.run(**size),
            "health": lambda: Run(f"{server.url}/healthz", pids, **size),
            "read": lambda: Run(f"{server.url}/v1/memories/{memory}", pids, auth, **size),
            "create": lambda: Run(f"{server.url}/v1/memories", pids, [*auth, "Content-Type: application/json"], script, **size),
        }
        for _ in range(ROUNDS):
            for name, run in runs.items():
                results[name].append(run())
        stored = server.call("GET", "/v1/tenant").body["tenant"]["memories"]
    finally:
        nginx.stop()
        server.stop()
        shutil.rmtree(server.folder)

    base = statistics.median(r.rate for r in results["nginx"])
    print(f"{CONNECTIONS} connections, median of {ROUNDS} interleaved runs of {SECONDS} s, {os.cpu_count()} cores shared with wrk;"
          f" {stored} memories at the end")
    print(f"{'':8} {'req/s':>9} {'x nginx':>8} {'p50 ms':>8} {'p99 ms':>8} {'CPU us':>8}   range x nginx   promise")
    missed = []
    for name, measured in results.items():
        rate = statistics.median(r.rate for r in measured)
        each = sorted(r.rate / n.rate for r, n in zip(measured, results["nginx"]))
        promise = f">= {TARGETS[name]}" if name in TARGETS else ""
        print(f"{name:8} {rate:9.0f} {rate / base:8.3f} {statistics.median(r.p50 for r in measured):8.2f}"
              f" {statistics.median(r.p99 for r in measured):8.2f} {statistics.median(r.cpu for r in measured):8.1f}"
              f"   {each[0]:.3f}..{each[-1]:.3f}   {promise}")
        if name in TARGETS and rate / base < TARGETS[name]:
            missed.append(name)
    if missed:
        print("missed: " + ", ".join(missed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
