#!/usr/bin/env python3
"""What an open tenant costs the server in memory and descriptors, beside a bare SQLite file in WAL mode with the same
pragmas, opened in this process; that beyond the bound nothing grows, and what a closed tenant costs.

Each tenant has a few memories. Touching one is a create, a list and a search. Costs are those of the tenants added since
the line before. What was freed may stay with the server to be used again, so what a closed tenant costs is what as many
others, opened and closed after them, add in the end. storage-sqlite's bound is a number of open files; on storage-postgres
a tenant is an index in memory, bounded in MiB, and the last column is what PostgreSQL's own processes hold.

    ENGRAM_BENCH_TENANTS  150: a third fits within storage-sqlite's bound
"""

import contextlib
import http.client
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.engram_server import Server, wait_until
from support.load import settle
from support.postgres import Postgres
from support.trouble import MANY_TENANTS, PASSWORD, add_tenants

TENANTS = int(os.environ.get("ENGRAM_BENCH_TENANTS", "150"))
OPEN = TENANTS // 3
WARM = 3        # tenants touched before anything is counted, for what all share
MEMORIES = 5    # a tenant
IDLE = max(10, OPEN // 6)  # seconds without use until a tenant is closed: longer than touching as many as are open takes
INDEX_MIB = 1   # the least that storage-postgres takes
WAVES = 3       # of tenants, none of which was open before
STEPS = [max(1, OPEN // 20), OPEN // 2, OPEN, 2 * OPEN, TENANTS]
PRAGMAS = ["cell_size_check=ON", "temp_store=MEMORY", "mmap_size=0", "secure_delete=ON", "journal_mode=WAL",
           "synchronous=FULL", "cache_size=-4096", "wal_autocheckpoint=0"]


def resident_kb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def tenants_with_files(pid):
    found = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.add(Path(os.readlink(fd)).parent)
    return {folder for folder in found if folder.parent.name == "tenants"}


def bare_sqlite(count):
    """KiB and descriptors of an open file with one row, written and read."""
    def opened(path):
        db = sqlite3.connect(path, isolation_level=None)
        for pragma in PRAGMAS:
            db.execute(f"PRAGMA {pragma}")
        db.execute("CREATE TABLE t(a)")
        db.execute("INSERT INTO t VALUES(1)")
        db.execute("SELECT a FROM t").fetchall()
        return db

    with tempfile.TemporaryDirectory() as folder:
        opened(f"{folder}/warm").close()
        kb, fds = resident_kb(os.getpid()), descriptors(os.getpid())
        files = [opened(f"{folder}/{n}") for n in range(count)]
        cost = (resident_kb(os.getpid()) - kb) / count, (descriptors(os.getpid()) - fds) / count
        for db in files:
            db.close()
    return cost


class Sqlite:
    name = "storage-sqlite"
    bound = f"{OPEN} open files"
    config = {"open_tenants": OPEN, "idle_seconds": IDLE}

    def open_now(self, pid):
        return len(tenants_with_files(pid))

    def own_mib(self):
        return 0


class PostgreSql:
    name = "storage-postgres"
    bound = f"{INDEX_MIB} MiB of indexes"

    def __init__(self, postgres):
        self.postgres = postgres
        self.config = postgres.config(index_megabytes=INDEX_MIB, idle_seconds=IDLE)
        self.last_touch = 0.0

    def open_now(self, _):
        """Nothing outside tells how many; none some seconds after they are idle."""
        return 0 if time.monotonic() - self.last_touch > IDLE + 5 else "?"

    def own_mib(self):
        """Shared memory is counted once."""
        pid = self.postgres.process.pid
        children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
        total = 0
        for process in [pid, *children]:
            with contextlib.suppress(FileNotFoundError):
                total += int(re.search(r"Pss:\s+(\d+)", Path(f"/proc/{process}/smaps_rollup").read_text())[1])
        return total / 1024


class Measured:
    """A server with tenants, all of them closed."""

    def __init__(self, server, storage):
        self.server, self.storage, self.pid = server, storage, server.process.pid

    def touch(self, slugs):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
        for slug in slugs:
            for method, target, body in (("POST", "/v1/memories", {"content": f"{slug} is touched"}),
                                         ("GET", "/v1/memories", None), ("POST", "/v1/search", {"query": "tea with milk"})):
                ask(connection, slug, method, target, body)
        connection.close()
        settle(self.server)  # what was written is folded, which takes memory, too
        self.storage.last_touch = time.monotonic()

    def close_all(self):
        wait_until(lambda: self.storage.open_now(self.pid) == 0, "idle tenants to be closed", 20 * IDLE)
        time.sleep(1)  # what was freed has been given back

    def state(self):
        return resident_kb(self.pid), descriptors(self.pid)


def ask(connection, slug, method, target, body):
    headers = {"Authorization": f"Bearer {PASSWORD}", "X-Engram-Tenant": slug, "Content-Type": "application/json"}
    connection.request(method, target, json.dumps(body) if body else None, headers)
    response = connection.getresponse()
    answer = response.read()
    assert response.status in (200, 201), answer


def fill(server, slugs):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    for slug in slugs:
        batch = [{"content": f"{slug} takes tea with milk and {n} lumps"} for n in range(MEMORIES)]
        ask(connection, slug, "POST", "/v1/memories:batch", {"memories": batch})
    connection.close()


class Table:
    """Lines of what the server holds, each beside the one before it."""

    def __init__(self, measured, bare):
        self.measured, self.bare, self.last = measured, bare, measured.state()
        print(f"{'':22} {'open':>5} {'RSS MiB':>9} {'fds':>6} {'KiB a tenant':>13} {'x bare':>7} {'fds a tenant':>13}"
              f" {'x bare':>7} {'PostgreSQL MiB':>15}")
        self._print("none open", self.last, 1, self.last)

    def line(self, what, tenants):
        """What was added is spread over `tenants`. The state."""
        state = self.measured.state()
        self._print(what, state, tenants, self.last)
        self.last = state
        return state

    def _print(self, what, state, tenants, since):
        kb, fds = ((now - then) / tenants for now, then in zip(state, since))
        open_now = self.measured.storage.open_now(self.measured.pid)
        print(f"{what:22} {open_now:>5} {state[0] / 1024:9.1f} {state[1]:6} {kb:13.1f} {kb / self.bare[0]:7.2f} {fds:13.2f}"
              f" {fds / self.bare[1]:7.2f} {self.measured.storage.own_mib():15.1f}", flush=True)


def measure(measured, slugs, bare):
    """`slugs` are of WAVES times TENANTS: the first wave in steps, each closed before the next."""
    table = Table(measured, bare)
    touched, open_states = 0, {0: table.last}
    for step in STEPS:
        measured.touch(slugs[touched:step])
        open_states[step] = table.line(f"{step} touched", step - touched)
        touched = step
    measured.close_all()
    closed_states = [table.line("all closed", TENANTS)]
    for wave in range(1, WAVES):
        measured.touch(slugs[wave * TENANTS:(wave + 1) * TENANTS])
        table.line(f"{TENANTS} others touched", TENANTS)
        measured.close_all()
        closed_states.append(table.line("all closed", TENANTS))
    open_kb, open_fds = ((now - then) / OPEN for now, then in zip(open_states[OPEN], open_states[0]))
    beyond_kb, beyond_fds = (now - then for now, then in zip(open_states[TENANTS], open_states[OPEN]))
    closed_kb, closed_fds = ((now - then) / TENANTS for now, then in zip(closed_states[-1], closed_states[-2]))
    print(f"an open tenant: {open_kb:.0f} KiB ({open_kb / bare[0]:.2f} x bare), {open_fds:.2f} descriptors"
          f" ({open_fds / bare[1]:.2f} x bare)\n{TENANTS - OPEN} beyond the bound: {beyond_kb / 1024:+.1f} MiB,"
          f" {beyond_fds:+} descriptors\na closed tenant: {closed_kb:.1f} KiB, {closed_fds:.2f} descriptors\n")


def run(storage, bare):
    plugins = [{"use": storage.name, "config": storage.config} if p["use"] == "storage-sqlite" else p for p in MANY_TENANTS]
    warm, slugs = [f"w{n}" for n in range(WARM)], [f"t{n}" for n in range(WAVES * TENANTS)]
    # In memory where possible: this is about the server's own resources, not the disk's.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="engram-tenants-", dir=memory) as folder:
        server = Server(plugins, data=f"{folder}/data")
        server.start()
        server.stop()
        add_tenants(server, warm + slugs)
        server.start()
        fill(server, warm + slugs)
        server.stop()
        with server:
            measured = Measured(server, storage)
            measured.touch(warm)
            measured.close_all()
            print(f"{storage.name}, bound {storage.bound}, {MEMORIES} memories a tenant")
            measure(measured, slugs, bare)


def main():
    bare = bare_sqlite(OPEN)
    print(f"a bare SQLite file in WAL mode: {bare[0]:.0f} KiB, {bare[1]:.0f} descriptors\n")
    run(Sqlite(), bare)
    with Postgres() as postgres:
        run(PostgreSql(postgres), bare)
    return 0


if __name__ == "__main__":
    sys.exit(main())
