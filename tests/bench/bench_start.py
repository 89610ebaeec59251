#!/usr/bin/env python3
"""Cold start to listening, and what an idle server holds in memory, with the OSS set of plugins.

Beside it what starting a shell takes, so that a slow machine shows. Promises: 300 ms, 40 MB.
"""

import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from support.engram_server import Server

ROUNDS = 9


def resident_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def start_once(data):
    server = Server(data=data)
    began = time.monotonic()
    server.start()  # returns with the greeting, which is printed once all listeners are open
    took = (time.monotonic() - began) * 1000
    with server.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    time.sleep(1)  # idle: start-up's garbage has been given back
    idle = resident_mb(server.process.pid)
    server.stop()
    return took, idle


def main():
    began = time.monotonic()
    os.system("true")
    shell = (time.monotonic() - began) * 1000
    with tempfile.TemporaryDirectory() as folder:
        first, first_idle = start_once(f"{folder}/data")
        again = [start_once(f"{folder}/data") for _ in range(ROUNDS)]
    starts, idles = [a for a, _ in again], [b for _, b in again]
    print(f"a shell's `true`: {shell:.1f} ms")
    print(f"first start (makes data, tenant and key): {first:.0f} ms, idle {first_idle:.1f} MB")
    print(f"start: median {statistics.median(starts):.0f} ms, worst {max(starts):.0f} ms of {ROUNDS} (promise: 300 ms)")
    print(f"idle RSS: median {statistics.median(idles):.1f} MB, worst {max(idles):.1f} MB (promise: 40 MB)")
    missed = statistics.median(starts) > 300 or statistics.median(idles) > 40
    if missed:
        print("missed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
