#!/usr/bin/env python3
"""Group commit: 16 writers over HTTP with fsync, beside the same run without. Promise: at least 0.6 of it."""

import http.client
import json
import os
import random
import statistics
import sys
import threading
import time

from support.engram_server import Server, with_plugin

ROUNDS = int(os.environ.get("ENGRAM_BENCH_ROUNDS", "3"))
SECONDS = float(os.environ.get("ENGRAM_BENCH_SECONDS", "3"))
WRITERS = 16


def write(server, end, words, counts, n):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    pick = random.Random(n)
    while time.monotonic() < end:
        body = json.dumps({"content": " ".join(pick.choices(words, k=70))})
        connection.request("POST", "/v1/memories", body, headers)
        response = connection.getresponse()
        response.read()
        assert response.status == 201, response.status
        counts[n] += 1
    connection.close()


def rate(synchronous):
    with Server(with_plugin("storage-sqlite", {"synchronous": synchronous})) as server:
        words = ["".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(5000)]
        counts = [0] * WRITERS
        began = time.monotonic()
        threads = [threading.Thread(target=write, args=(server, began + SECONDS, words, counts, n)) for n in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / (time.monotonic() - began)


def main():
    pairs = [(rate("full"), rate("off")) for _ in range(ROUNDS)]
    ratios = sorted(full / off for full, off in pairs)
    print(f"{WRITERS} writers, {ROUNDS} interleaved runs of {SECONDS:g} s: with fsync"
          f" {statistics.median(f for f, _ in pairs):.0f}/s, without {statistics.median(o for _, o in pairs):.0f}/s")
    print(f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f}..{ratios[-1]:.2f}), promise >= 0.6; the client is Python and shares"
          " the cores")
    return 0


if __name__ == "__main__":
    sys.exit(main())
