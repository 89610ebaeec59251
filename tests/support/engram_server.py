"""A real server for a test: its own data, runtime and configuration folders, ports picked by the kernel.

    with Server() as server:
        status, headers, body = server.call("POST", "/v1/memories", {"content": "tea"})
        done = server.cli("memory", "list", "--json")

Needs ENGRAM_BUILD, the build folder under test (ctest sets it).
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
from pathlib import Path

BUILD = Path(os.environ["ENGRAM_BUILD"])
ENGRAM = BUILD / "bin" / "engram"
PLUGINS = BUILD / "lib" / "engram" / "plugins"
ROOT = Path(__file__).resolve().parents[2]
SANITIZED = "ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ  # tests/run sets them
DEADLINE = 60.0  # seconds; generous, since sanitizers on a busy machine are slow

OSS = [{"use": "auth-apikey"}, {"use": "tenancy-sqlite"}, {"use": "quota-local", "config": {"requests_per_minute": 0}},
       {"use": "storage-sqlite"}, {"use": "embed-builtin"}, {"use": "metering-sqlite"}, {"use": "quota-plan"},
       {"use": "audit-log"}]


def corpus(name):
    """The folder of a public corpus; skips the test, loudly, where there is none."""
    root = os.environ.get("ENGRAM_CORPORA", "")
    if not root or not (Path(root) / name).is_dir():
        raise unittest.SkipTest(f"SKIPPED: ENGRAM_CORPORA has no folder {name}")
    return Path(root) / name


def main():
    """Runs the tests of the calling script; exit code 77, which ctest reports as skipped, if none could run."""
    result = unittest.main(module="__main__", verbosity=2, exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.skipped and len(result.skipped) >= result.testsRun else 0)


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{k}" = {toml(v)}' for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def with_plugin(use, config=None, instead_of=None):
    """The OSS set with one plugin's configuration changed, or one plugin replaced by another."""
    entry = {"use": use, **({"config": config} if config is not None else {})}
    out = [entry if p["use"] == (instead_of or use) else p for p in OSS]
    return out if entry in out else out + [entry]


class Answer(tuple):
    """(status, headers, body); headers by lower-case name; body parsed where it is JSON, else bytes."""
    status = property(lambda self: self[0])
    headers = property(lambda self: self[1])
    body = property(lambda self: self[2])


def parse(status, headers, raw):
    headers = {k.lower(): v for k, v in headers}
    is_json = "json" in headers.get("content-type", "")
    return Answer((status, headers, json.loads(raw) if is_json and raw else raw))


class Server:
    def __init__(self, plugins=None, server=None, data=None, extra="", arguments=(), env=None, dirs=()):
        self.folder = Path(tempfile.mkdtemp(prefix="engram-"))
        self.data = Path(data) if data else self.folder / "data"
        self.runtime = self.folder / "run"
        self.runtime.mkdir(mode=0o700)
        self.config = self.folder / "engram.toml"
        self.arguments = list(arguments)
        self.env = {**os.environ, "XDG_RUNTIME_DIR": str(self.runtime), **(env or {})}
        self.dirs = [*map(str, dirs), str(PLUGINS), str(BUILD / "tests" / "plugins")]
        self.write_config(plugins or OSS, server or {}, extra)
        self.process = None
        self.trust = None  # an ssl.SSLContext, for a server that speaks TLS

    def write_config(self, plugins, server=None, extra=""):
        lines = ["[server]", f"data = {toml(str(self.data))}"]
        settings = {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", **(server or {})}
        lines += [f"{k} = {toml(v)}" for k, v in settings.items()]
        lines += ["[plugins]", f"dirs = {toml(self.dirs)}", extra]
        for plugin in plugins:
            lines += ["[[plugin]]"] + [f"{k} = {toml(v)}" for k, v in plugin.items()]
        self.config.write_text("\n".join(lines) + "\n")

    def start(self):
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([ENGRAM, "serve", "--config", self.config, *self.arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, env=self.env)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(DEADLINE)
            raise AssertionError(f"serve ended with {self.process.returncode}:\n{self.log_text()}")
        self.greeting = json.loads(line)
        self.url = self.greeting["url"]
        self.port = urllib.parse.urlsplit(self.url).port
        self.admin_port = urllib.parse.urlsplit(self.greeting["admin_url"]).port
        key = self.data / "first-key"
        self.key = key.read_text().strip() if key.exists() else None
        return self

    def run_to_end(self, *arguments):
        """`engram serve` that is expected not to start: exit code and what it said."""
        done = subprocess.run([ENGRAM, "serve", "--config", self.config, *arguments], env=self.env, capture_output=True,
                              text=True, timeout=DEADLINE, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout + done.stderr

    def stop(self):
        """SIGTERM; the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        return self._wait()

    def kill(self):
        self.process.kill()
        self._wait()

    def _wait(self):
        code = self.process.wait(DEADLINE)
        self.process.stdout.close()
        self.log.close()
        self.process = None
        return code

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        code = self.stop()
        if kind is not None:
            print(f"---- the server's log\n{self.log_text()[-8000:]}")
        shutil.rmtree(self.folder, ignore_errors=True)
        if kind is None and code != 0:
            raise AssertionError(f"the server ended with {code}")

    def log_text(self):
        return (self.folder / "log").read_text(errors="replace")

    def log_lines(self):
        return [json.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]

    # ---- HTTP

    def client(self, port=None):
        """An http.client connection; with TLS to a server that speaks it, unless another port is given."""
        if port is None and self.url.startswith("https:"):
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=DEADLINE, context=self.trust)
        return http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=DEADLINE)

    def call(self, method, target, body=None, headers=None, key=None, raw=None, port=None):
        """One request on a new connection. `body` is sent as JSON, `raw` as it is; key False sends no credential."""
        sent = dict(headers or {})
        if key is not False:
            sent.setdefault("Authorization", f"Bearer {key or self.key}")
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = self.client(port)
        try:
            connection.request(method, target, data, sent)
            response = connection.getresponse()
            return parse(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def admin(self, target):
        return self.call("GET", target, key=False, port=self.admin_port)

    def metric(self, name, **labels):
        """Sum of the samples of metric engram_<name> that have these labels."""
        total = 0.0
        for line in self.admin("/metrics").body.decode().splitlines():
            head, _, value = line.rpartition(" ")
            base, _, rest = head.partition("{")
            if base == f"engram_{name}" and all(f'{k}="{v}"' in rest for k, v in labels.items()):
                total += float(value)
        return total

    def connect(self, port=None):
        connection = socket.create_connection(("127.0.0.1", port or self.port), timeout=DEADLINE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def raw(self, data, port=None):
        """Sends bytes, ends the sending side, and returns every answer there is until the server closes."""
        with self.connect(port) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # refused and closed before all was sent
            return read_answers(connection)

    # ---- command line

    def cli(self, *arguments, stdin=None, env=None):
        """Exit code, stdout, stderr of `engram ARGUMENTS` as a client of this server's socket; it starts no other."""
        words = [str(a) for a in arguments]
        end = words.index("--") if "--" in words else len(words)
        start = [] if words[:2] == ["config", "reload"] else ["--no-start"]  # which starts none anyway
        done = subprocess.run([ENGRAM, *words[:end], "--data", self.data, *start, *words[end:]],
                              env={**self.env, **(env or {})}, input=stdin, capture_output=True, text=True, timeout=DEADLINE)
        return done.returncode, done.stdout, done.stderr

    def cli_json(self, *arguments, stdin=None):
        end = arguments.index("--") if "--" in arguments else len(arguments)
        code, out, err = self.cli(*arguments[:end], "--json", *arguments[end:], stdin=stdin)
        if code != 0:
            raise AssertionError(f"{arguments} ended with {code}: {err}")
        return json.loads(out)


def read_to_end(connection):
    data = b""
    while True:
        try:
            more = connection.recv(65536)
        except ConnectionResetError:
            return data
        if not more:
            return data
        data += more


def read_answers(connection):
    """Every response on a connection until it is closed, as Answers. Knows Content-Length only, which is all we send."""
    return split_answers(read_to_end(connection))


def split_answers(data):
    answers = []
    while data:
        head, separator, data = data.partition(b"\r\n\r\n")
        if not separator:
            raise AssertionError(f"half a response: {head!r}")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = [tuple(line.split(": ", 1)) for line in lines]
        status = int(first.split(" ")[1])
        length = int({k.lower(): v for k, v in headers}.get("content-length", "0"))
        answers.append(parse(status, headers, data[:length]))
        data = data[length:]
    return answers


def wait_until(condition, what, seconds=DEADLINE):
    """Polls; for what the server does on its own time (a log line, a spooled event)."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.01)
