"""Everything at once, at random, for a while: the disk fails and recovers, fills up and empties, the clock jumps, the server
is killed, and writers go on. What was acknowledged is there, what is there was sent, and nothing is there twice.

20 seconds, or 15 minutes with ENGRAM_LONG=1."""

import errno
import os
import random
import shutil
import threading
import time
import unittest

from support.engram_server import Server, main
from support.trouble import MANY_TENANTS, As, Faults, add_tenants

SECONDS = float(os.environ.get("ENGRAM_SOAK", "900" if os.environ.get("ENGRAM_LONG") else "20"))
SLUGS = ["ada", "bob", "eve"]
REFUSALS = {503, 507}


class Writer(threading.Thread):
    """Writes one memory after the other, each with its key until it is acknowledged."""

    def __init__(self, server, slug, number):
        super().__init__(daemon=True)
        self.who, self.number = As(server, slug), number
        self.acknowledged, self.unsure, self.refused = {}, None, 0
        self.stopping = threading.Event()
        self.fault = None

    def run(self):
        n = 0
        while not self.stopping.is_set() and not self.fault:
            if self.unsure is None:
                n += 1
                self.unsure = f"{self.who.slug} {self.number} note {n}"
            try:
                answer = self.who.add(self.unsure, **{"Idempotency-Key": self.unsure})
            except (OSError, ValueError, AttributeError):
                time.sleep(0.05)  # killed, and not there again yet
                continue
            except Exception:  # half an answer of a server that was killed
                continue
            if answer.status == 201:
                self.acknowledged[self.unsure] = answer.body["memory"]["id"]
                self.unsure = None
            elif answer.status in REFUSALS:
                self.refused += 1
                time.sleep(0.01)
            else:
                self.fault = answer


class Soak(unittest.TestCase):
    def test_what_was_acknowledged_is_there_and_nothing_else(self):
        seed = int(os.environ.get("ENGRAM_SEED", time.time_ns() % 1_000_000))
        print(f"ENGRAM_SEED={seed}")
        rnd = random.Random(seed)
        faults = Faults()
        server = Server(MANY_TENANTS, env=faults.env)
        self.addCleanup(shutil.rmtree, server.folder, ignore_errors=True)
        server.start()
        server.stop()
        ids = add_tenants(server, SLUGS)
        server.start()
        writers = [Writer(server, slug, n) for slug in SLUGS for n in range(2)]
        for writer in writers:
            writer.start()
        did = {"disk": 0, "clock": 0, "kill": 0}
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            what = rnd.choices(["disk", "clock", "kill"], [6, 2, 1])[0]
            did[what] += 1
            if what == "kill":
                server.kill()
                faults.disk()
                server.start()
            elif what == "clock":
                faults.clock(rnd.choice([0, 3600, -3600, 5]))  # within the day for which keys are kept
            else:
                error = rnd.choice([errno.EIO, errno.ENOSPC])
                where = rnd.choice([ids[s] for s in SLUGS] + ["/tenants/", "control.db", "usage.db"])
                faults.disk(where, **{rnd.choice(["sync", "write"]): error})
                time.sleep(rnd.uniform(0.01, 0.3))
                faults.disk()
            time.sleep(rnd.uniform(0.01, 0.3))
            self.assertIsNone(server.process.poll(), "the process lives")
        faults.disk()
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join(120)
            self.assertFalse(writer.is_alive())
            self.assertIsNone(writer.fault)
        self.check(server, writers)
        server.kill()
        server.start()
        self.check(server, writers)
        self.assertEqual(0, server.stop())
        print(f"{did}: {sum(len(w.acknowledged) for w in writers)} acknowledged, {sum(w.refused for w in writers)} refused")

    def check(self, server, writers):
        for slug in SLUGS:
            stored, cursor = {}, ""
            while True:
                page = As(server, slug).call("GET", f"/v1/memories?limit=1000{cursor}").body
                for memory in page["memories"]:
                    self.assertNotIn(memory["content"], stored, "stored twice")
                    stored[memory["content"]] = memory["id"]
                if not page["next_cursor"]:
                    break
                cursor = f"&cursor={page['next_cursor']}"
            mine = [w for w in writers if w.who.slug == slug]
            acknowledged = {content: id for w in mine for content, id in w.acknowledged.items()}
            for content, memory_id in acknowledged.items():
                self.assertEqual(memory_id, stored.get(content), content)
            self.assertLessEqual(set(stored) - set(acknowledged), {w.unsure for w in mine})


if __name__ == "__main__":
    main()
