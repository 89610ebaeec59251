"""Many tenants, few open at once: descriptors and memory follow what is open, and an idle tenant costs next to nothing.

ENGRAM_LONG=1 takes 10,000 tenants with 200 open; else a tenth of both."""

import concurrent.futures
import http.client
import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path

from support.engram_server import SANITIZED, Server, main, wait_until
from support.trouble import MANY_TENANTS, PASSWORD, add_tenants

LONG = os.environ.get("ENGRAM_LONG")
TENANTS = int(os.environ.get("ENGRAM_TENANTS", "5000" if LONG else "500"))
OPEN = 200 if LONG else 20


def descriptors(server):
    """What the server has open, but for what is closed meanwhile."""
    folder, found = f"/proc/{server.process.pid}/fd", []
    for fd in os.listdir(folder):
        try:
            found.append(os.readlink(f"{folder}/{fd}"))
        except FileNotFoundError:
            pass
    return found


def resident(server):
    return int(Path(f"/proc/{server.process.pid}/status").read_text().split("VmRSS:")[1].split()[0])


class ManyTenants(unittest.TestCase):
    def setUp(self):
        # In memory where possible: this is about the server's own resources, not the disk's.
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="engram-many-", dir=memory if os.access(memory, os.W_OK) else None))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def test_open_tenants_are_capped_and_closed_ones_are_free(self):
        plugins = [dict(p, config={"open_tenants": OPEN, "idle_seconds": 2}) if p["use"] == "storage-sqlite" else p
                   for p in MANY_TENANTS]
        server = Server(plugins, data=self.folder / "data")
        server.start()
        server.stop()
        slugs = [f"t{n}" for n in range(TENANTS)]
        more = [f"m{n}" for n in range(TENANTS)]
        add_tenants(server, slugs + more)
        with server:
            before_kb, before_fds = resident(server), len(descriptors(server))
            self.touch_all(server, slugs, "first")
            after_kb = resident(server)
            files = [path for path in descriptors(server) if "/tenants/" in path]
            open_now = {path.split("/tenants/")[1].split("/")[0] for path in files}
            self.assertLessEqual(len(open_now), OPEN + 8, "those in use at once may come on top")
            self.assertLess(len(files), (OPEN + 8) * 12)
            # Each tenant again: its file is opened again, and what it kept is there.
            self.touch_all(server, slugs[::max(1, TENANTS // 300)], "second")
            wait_until(lambda: not [p for p in descriptors(server) if "/tenants/" in p], "idle tenants to be closed")
            idle_kb = resident(server)
            self.assertLessEqual(len(descriptors(server)), before_fds + 16, "no descriptor is left behind")
            # The first ones warm up what all share; what each costs is what as many more cost.
            self.touch_all(server, more, "first")
            wait_until(lambda: not [p for p in descriptors(server) if "/tenants/" in p], "idle tenants to be closed")
            each_kb = (resident(server) - idle_kb) / TENANTS
            if not SANITIZED:  # whose shadow memory is not the server's
                self.assertLess(each_kb, 8, "KiB an idle tenant")
        print(f"{2 * TENANTS} tenants, {len(open_now)} open: {len(files)} descriptors ({len(files) / len(open_now):.1f} an open"
              f" tenant), {(after_kb - before_kb) / len(open_now):.0f} KiB an open tenant; all closed:"
              f" {each_kb:.2f} KiB and no descriptor a tenant")

    def touch_all(self, server, slugs, content):
        def some(part):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
            for slug in part:
                headers = {"Authorization": f"Bearer {PASSWORD}", "X-Engram-Tenant": slug, "Content-Type": "application/json"}
                connection.request("POST", "/v1/memories", json.dumps({"content": f"{content} of {slug}"}), headers)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 201:
                    raise AssertionError(body)
                connection.request("GET", "/v1/memories", headers=headers)
                listed = json.loads(connection.getresponse().read())["memories"]
                contents = {m["content"] for m in listed}
                if not {f"{content} of {slug}", f"first of {slug}"} >= contents or not contents:
                    raise AssertionError(contents)
            connection.close()

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(some, slugs[i::4]) for i in range(4)]:
                done.result()


if __name__ == "__main__":
    main()
