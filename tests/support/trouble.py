"""What servers are put through: failing disks, jumping clocks, small file systems, many tenants.

Mounts live in a mount namespace of the test's own, so nothing is left behind however the test ends.
"""

import ctypes
import mmap
import os
import sqlite3
import struct
import subprocess
import tempfile
import unittest
import uuid
from pathlib import Path

from support.engram_server import BUILD, OSS, SANITIZED

LAYOUT = struct.Struct("<qqqq232s")  # struct faults of tests/fault/preload/faults.c
PRELOAD = BUILD / "tests" / "fault" / "libengram_faults.so"


class Faults:
    """The switches of a server that was started with env=faults.env."""

    def __init__(self):
        if SANITIZED:
            raise unittest.SkipTest("SKIPPED: a sanitizer's interceptors come before those of a preloaded library")
        self.file = tempfile.NamedTemporaryFile(prefix="engram-faults-")
        self.file.write(LAYOUT.pack(0, 0, 0, 0, b""))
        self.file.flush()
        self.map = mmap.mmap(self.file.fileno(), LAYOUT.size)
        self.env = {"LD_PRELOAD": str(PRELOAD), "ENGRAM_TEST_FAULTS": self.file.name}

    def disk(self, path="", sync=0, write=0):
        self.map[0:16] = bytes(16)  # first, since the empty path is that of all files
        self.map[32:264] = str(path).encode().ljust(232, b"\0")
        self.map[0:16] = struct.pack("<qq", sync, write)

    def clock(self, seconds):
        self.map[16:24] = struct.pack("<q", int(seconds * 1_000_000_000))

    @property
    def failed(self):
        return struct.unpack("<q", self.map[24:32])[0]


def mounts_of_our_own():
    """From here on this process and its children may mount what they like. Skips, loudly, where that is not allowed."""
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(0x00020000) != 0:  # CLONE_NEWNS
        raise unittest.SkipTest("SKIPPED: mounting needs root")
    mount("--make-rprivate", "/")


def mount(*arguments):
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise unittest.SkipTest(f"SKIPPED: mount does not work here: {done.stderr.strip()}")


class SmallDisk:
    """An ext4 file system of some MiB in a file, mounted for as long as the test runs."""

    def __init__(self, mebibytes):
        self.folder = Path(tempfile.mkdtemp(prefix="engram-disk-"))
        image = self.folder / "image"
        with open(image, "wb") as file:
            file.truncate(mebibytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", image], check=True)
        self.path = self.folder / "mounted"
        self.path.mkdir()
        mount("-o", "loop", image, self.path)
        self.filler = self.path / "filler"

    def fill(self):
        with open(self.filler, "ab", buffering=0) as file:
            for size in (1 << 20, 4096, 512):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass

    def make_room(self):
        self.filler.unlink()

    def close(self):
        subprocess.run(["umount", "--lazy", self.path], check=False)
        (self.folder / "image").unlink()
        self.path.rmdir()
        self.folder.rmdir()


# Everybody who knows the password may read and write in the tenant that X-Engram-Tenant names.
PASSWORD = "open"
MANY_TENANTS = [{"use": "tiny-auth", "config": {"password": PASSWORD}}, *[p for p in OSS if p["use"] != "auth-apikey"]]


def add_tenants(server, slugs):
    """Tenants in the control plane of a server that is not running but has run; ids by slug."""
    ids = {slug: str(uuid.uuid5(uuid.NAMESPACE_URL, slug)) for slug in slugs}
    with sqlite3.connect(server.data / "tenancy-sqlite" / "control.db") as db:
        db.executemany("INSERT INTO tenants(id, slug, name, status, owner_user_id, plan, extra, version, epoch)"
                       " VALUES(?, ?, ?, 'active', 'local:owner', 'enterprise', '{}', 1, 1)",
                       [(id, slug, slug) for slug, id in ids.items()])
    db.close()
    return ids


def tenant_file(server, tenant_id):
    return server.data / "tenants" / tenant_id / "engram.db"


class As:
    """Calls in one tenant of a server with MANY_TENANTS."""

    def __init__(self, server, slug):
        self.server, self.slug = server, slug

    def call(self, method, target, body=None, headers=None):
        return self.server.call(method, target, body, {"X-Engram-Tenant": self.slug, **(headers or {})}, key=PASSWORD)

    def add(self, content, **headers):
        return self.call("POST", "/v1/memories", {"content": content}, headers)

    def search(self, query):
        return self.call("POST", "/v1/search", {"query": query})


def storage_state(server):
    """What /readyz says of the storage plugin, and the status of the whole."""
    answer = server.admin("/readyz")
    states = {p["name"]: p for p in answer.body["plugins"]}
    others = [p for name, p in states.items() if name != "storage-sqlite" and p["state"] not in ("ok", "degraded")]
    return answer.status, {**states["storage-sqlite"], "others": others}


