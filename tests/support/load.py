"""Load for benchmarks: wrk against our server, and nginx answering a static 200 beside it.

Each Run keeps its connections busy for some seconds. Needs wrk, and nginx for Nginx (tests/run installs both).
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from support.engram_server import wait_until

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

# Distinct 70-word memories; the words come with create_script().
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
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def cpu_ms(server):
    """Of all threads of the server, to the nanosecond."""
    tasks = Path(f"/proc/{server.process.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


def settle(server):
    """Until what the server does on its own (folding the words of what was written) is done."""
    def is_idle():
        before, began = cpu_ms(server), time.monotonic()
        time.sleep(0.5)
        return cpu_ms(server) - before < 0.02 * 1e3 * (time.monotonic() - began)
    wait_until(is_idle, "an idle server", 600)


def milliseconds(text):
    value, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


class Run:
    """One wrk run: requests a second, p50 and p99 in ms, CPU microseconds a request of the server."""

    def __init__(self, url, pids, headers=(), script=None, connections=64, seconds=3):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s"]
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

    def run(self, **more):
        return Run(f"http://127.0.0.1:{self.port}/", self.pids, **more)

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)
        shutil.rmtree(self.folder)


def create_script(folder):
    """A wrk script that creates distinct memories of 70 words out of 5,000; its path."""
    pick = random.Random(7)
    words = " ".join("".join(pick.choices("abcdefghijklmnopqrstuvwxyz", k=pick.randint(3, 9))) for _ in range(5000))
    path = Path(folder) / "create.lua"
    path.write_text(CREATE % words)
    return path


def missing():
    """What this machine lacks to run a load, as text; empty if nothing."""
    return ", ".join(program for program in ("wrk", "nginx") if not shutil.which(program))
