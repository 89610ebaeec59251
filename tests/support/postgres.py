#!/usr/bin/env python3
"""PostgreSQL 15 for a test: a cluster of its own in a temporary folder, reached over a Unix socket in it.

    with Postgres() as postgres:
        plugin = {"use": "storage-postgres", "config": postgres.config()}

    support/postgres.py COMMAND...   runs the command beside a cluster, with ENGRAM_POSTGRES_URL (the application role),
                                     ENGRAM_POSTGRES_OWNER_URL and ENGRAM_POSTGRES_ADMIN_URL set; ends as it ends

Without fsync unless durable=True is asked for. As root it runs as the user `postgres`: initdb refuses root.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path("/usr/lib/postgresql/15/bin")
DEADLINE = 120.0  # seconds; generous, since sanitizers on a busy machine are slow
SETTINGS = {"listen_addresses": "", "shared_buffers": "64MB", "max_connections": "80", "log_min_messages": "fatal",
            "timezone": "UTC", "logging_collector": "off"}
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class Postgres:
    def __init__(self, durable=False, settings=None):
        if not (BIN / "postgres").exists():
            raise AssertionError(f"{BIN} has no postgres: install postgresql-15")
        self.folder = Path(tempfile.mkdtemp(prefix="engram-postgres-"))
        self.cluster = self.folder / "cluster"
        self.settings = {**SETTINGS, **({} if durable else NOT_DURABLE), **(settings or {}),
                         "unix_socket_directories": str(self.folder)}
        self.process = None
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.run("initdb", "--pgdata", self.cluster, "--username", "postgres", "--auth", "trust", "--no-locale",
                 "--encoding", "UTF8", "--no-sync")
        self.start()
        self.sql("CREATE ROLE engram_owner LOGIN; CREATE ROLE engram_app LOGIN")
        self.sql("CREATE DATABASE engram OWNER engram_owner")

    def _as_user(self, *command):
        words = [str(word) for word in command]
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *words] if os.geteuid() == 0 else words

    def run(self, program, *arguments):
        done = subprocess.run(self._as_user(BIN / program, *arguments), capture_output=True, text=True, timeout=DEADLINE,
                              cwd="/", env={**os.environ, "LC_ALL": "C"})
        if done.returncode != 0:
            raise AssertionError(f"{program} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def start(self):
        """Returns when connections are taken."""
        end = time.monotonic() + DEADLINE
        options = [word for key, value in self.settings.items() for word in ("-c", f"{key}={value}")]
        while True:
            self.log = open(self.folder / "log", "ab")
            self.process = subprocess.Popen(self._as_user(BIN / "postgres", "-D", self.cluster, *options), cwd="/",
                                            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
            while self.process.poll() is None:
                if self._is_ready():
                    return self
                if time.monotonic() > end:
                    raise AssertionError(f"PostgreSQL did not start: {self.log_text()}")
                time.sleep(0.02)
            self.log.close()
            # After a kill the last processes of the one before may still be going.
            if time.monotonic() > end:
                raise AssertionError(f"PostgreSQL ended with {self.process.returncode}: {self.log_text()}")
            time.sleep(0.1)

    def _is_ready(self):
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready" and int(lines[0]) == self.process.pid

    def stop(self, how=signal.SIGINT):
        """SIGINT ends sessions and the server in order, SIGKILL is a crash."""
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.wait(DEADLINE)
        self.process = None
        self.log.close()

    def kill(self):
        self.stop(signal.SIGKILL)

    def end_sessions(self):
        """Ends every session of the application role, as an administrator would."""
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'engram_app'")

    def url(self, role="engram_app", database="engram"):
        return f"postgresql:///{database}?host={self.folder}&user={role}"

    def config(self, **more):
        return {"url": self.url(), "owner_url": self.url("engram_owner"), **more}

    def sql(self, text, role="postgres", database=None):
        """Rows as lists of text."""
        out = self.run("psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", role,
                       "-d", database or ("postgres" if role == "postgres" else "engram"), "-c", text)
        return [line.split("\t") for line in out.splitlines() if line]

    def log_text(self):
        return (self.folder / "log").read_text(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def plugins_on_postgres():
    """The OSS set with storage-postgres on a durable cluster of its own, for benchmarks."""
    from support.engram_server import with_plugin
    with Postgres(durable=True, settings={"shared_buffers": "256MB", "max_wal_size": "2GB"}) as postgres:
        yield with_plugin("storage-postgres", postgres.config(), instead_of="storage-sqlite")


@contextlib.contextmanager
def plugins_under_bench():
    """The plugins of a benchmark's server: with --postgres on its command line plugins_on_postgres(), else the OSS set.
    Yields the list and the name of the storage."""
    from support.engram_server import OSS
    if "--postgres" not in sys.argv[1:]:
        yield OSS, "storage-sqlite"
        return
    with plugins_on_postgres() as plugins:
        yield plugins, "storage-postgres"


def main():
    with Postgres() as postgres:
        done = subprocess.run(sys.argv[1:], env={**os.environ, "ENGRAM_POSTGRES_URL": postgres.url(),
                                                 "ENGRAM_POSTGRES_OWNER_URL": postgres.url("engram_owner"),
                                                 "ENGRAM_POSTGRES_ADMIN_URL": postgres.url("postgres")})
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


if __name__ == "__main__":
    # ctest ends a test that takes too long with SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
