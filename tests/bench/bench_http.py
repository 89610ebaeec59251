#!/usr/bin/env python3
"""Throughput, latency and CPU of the server beside nginx on the same machine, interleaved.

nginx answers a static 200 and writes a JSON access line a request (buffered, as our log is). wrk keeps 64 connections
busy. Five rounds, each system in turn; figures are medians, ratios are against nginx's median.
health: GET /healthz. read: GET /v1/memories/{id} with a key. create: POST /v1/memories of distinct 70-word texts, each
durable (fsync) before its answer.
"""

import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.engram_server import Server, wait_until, with_plugin

ROUNDS = int(os.environ.get("ENGRAM_BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("ENGRAM_BENCH_SECONDS", "3"))
CONNECTIONS = 64
TARGETS = {"health": 0.95, "read": 0.5, "create": 0.08}  # times nginx; ARCHITECTURE, section 9

NGINX = """
worker_processes {cores};
daemon off;
pid {folder}/pid;
error_log {folder}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  log_format line escape=json '{{"time":"$time_iso8601","request_id":"$request_id","method":"$request_method",'
    '"route":"$uri","status_code":$status,"latency_ms":$request_time,"peer":"$remote_addr"}}';
  access_log {folder}/access.log line buffer=64k flush=100ms;
  keepalive_requests 1000000000;
  server {{
    listen 127.0.0.1:{port} reuseport backlog=4096;
    location / {{ default_type application/json; return 200 '{{"status":"ok"}}'; }}
  }}
}}
"""

CREATE = """
local words = {}
for word in ("%s"):gmatch("%%S+") do words[#words + 1] = word end
local n, id = 0, 0
function setup(thread) thread:set("id", os.time()) end
request = function()
  n = n + 1
  local text = {}
  for i = 1, 70 do text[i] = words[math.random(#words)] end
  text[1] = "memory" .. n .. "x" .. id
  return wrk.format("POST", "/v1/memories", nil, '{"content":"' .. table.concat(text, " ") .. '","workspace":"bench"}')
end
done = function(summary, latency)
  io.write(string.format("bad %%d\\n", summary.errors.status))
end
"""


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def milliseconds(text):
    value, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


class Run:
    """One wrk run: requests a second, p50 and p99 in ms, CPU microseconds a request of the server."""

    def __init__(self, url, pids, headers=(), script=None):
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "--timeout", "30s"]
        for header in headers:
            command += ["-H", header]
        if script:
            command += ["-s", str(script)]
        before = cpu_seconds(pids())
        out = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
        used = cpu_seconds(pids()) - before
        self.rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
        self.p50 = milliseconds(re.search(r"^\s+50%\s+(\S+)", out, re.M)[1])
        self.p99 = milliseconds(re.search(r"^\s+99%\s+(\S+)", out, re.M)[1])
        requests = int(re.search(r"(\d+) requests in", out)[1])
        self.cpu = used / requests * 1e6
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
        if bad or "Socket errors" in out:
            raise AssertionError(out)


class Nginx:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="engram-nginx-"))
        self.port = free_port()
        config = self.folder / "nginx.conf"
        config.write_text(NGINX.format(cores=os.cpu_count(), folder=self.folder, port=self.port))
        self.process = subprocess.Popen(["nginx", "-p", str(self.folder), "-c", str(config)], stderr=subprocess.DEVNULL)
        wait_until(lambda: (self.folder / "pid").exists(), "nginx", 10)
        time.sleep(0.2)

    def pids(self):
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        return [self.process.pid, *map(int, children)]

    def run(self):
        return Run(f"http://127.0.0.1:{self.port}/", self.pids)

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)
        shutil.rmtree(self.folder)


def texts():
    random.seed(7)
    return " ".join("".join(random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(random.randint(3, 9)))
                    for _ in range(5000))


def main():
    if not shutil.which("wrk") or not shutil.which("nginx"):
        print("SKIPPED: wrk and nginx are needed")
        return 77
    nginx = Nginx()
    results = {"nginx": [], "health": [], "read": [], "create": []}
    server = Server(with_plugin("quota-local", {"requests_per_minute": 0})).start()
    try:
        script = server.folder / "create.lua"
        script.write_text(CREATE % texts())
        auth = [f"Authorization: Bearer {server.key}"]
        memory = server.call("POST", "/v1/memories", {"content": "the memory that is read " * 12}).body["memory"]["id"]
        pids = lambda: [server.process.pid]
        runs = {
            "nginx": nginx.run,
            "health": lambda: Run(f"{server.url}/healthz", pids),
            "read": lambda: Run(f"{server.url}/v1/memories/{memory}", pids, auth),
            "create": lambda: Run(f"{server.url}/v1/memories", pids, [*auth, "Content-Type: application/json"], script),
        }
        for _ in range(ROUNDS):
            for name, run in runs.items():
                results[name].append(run())
        ended = time.monotonic()
        wait_until(lambda: server.call("GET", "/healthz", key=False).status == 200, "an answer")
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
