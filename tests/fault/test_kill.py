"""kill -9 while writers write, fifty times on one data directory: nothing that was acknowledged is lost, nothing that is
repeated with its idempotency key is stored twice, and no usage event is lost or counted twice."""

import http.client
import json
import os
import random
import threading
import time
import unittest

from support.engram_server import Server, main

ROUNDS = int(os.environ.get("ENGRAM_KILLS", "500" if os.environ.get("ENGRAM_LONG") else "50"))
WRITERS = 4


class Writer(threading.Thread):
    """Sends creates over one connection until the server is gone. A content that got no answer is kept in `unsure`."""

    def __init__(self, server, name, unsure):
        super().__init__()
        self.server, self.prefix = server, name
        self.unsure = list(unsure)
        self.acknowledged = {}  # content: id
        self.sent = 0

    def run(self):
        number = 0
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        waiting = self.unsure
        self.unsure = []
        try:
            while True:
                if waiting:
                    content = waiting[0]
                else:
                    number += 1
                    content = f"{self.prefix} note {number} about tea and mountains"
                self.unsure = waiting or [content]
                self.sent += 1
                connection.request("POST", "/v1/memories", json.dumps({"content": content, "workspace": "kill"}),
                                   {"Authorization": f"Bearer {self.server.key}", "Content-Type": "application/json",
                                    "Idempotency-Key": content.split(" about")[0]})
                response = connection.getresponse()
                answer = json.loads(response.read())
                if response.status != 201:
                    raise AssertionError(answer)
                self.acknowledged[content] = answer["memory"]["id"]
                waiting = waiting[1:]
                self.unsure = waiting
        except (OSError, http.client.HTTPException, ValueError):
            pass  # killed
        finally:
            connection.close()


class Kill(unittest.TestCase):
    def test_nothing_acknowledged_is_lost(self):
        random.seed(20261124)
        server = Server()
        acknowledged, unsure, sent = {}, [[] for _ in range(WRITERS)], 0
        try:
            for round_number in range(ROUNDS):
                server.start()
                writers = [Writer(server, f"w{n} r{round_number}", unsure[n]) for n in range(WRITERS)]
                for writer in writers:
                    writer.start()
                time.sleep(random.uniform(0.02, 0.25))  # a moment to be killed in, not a wait for something
                server.kill()
                for n, writer in enumerate(writers):
                    writer.join(60)
                    self.assertFalse(writer.is_alive())
                    for content, memory_id in writer.acknowledged.items():
                        self.assertEqual(memory_id, acknowledged.setdefault(content, memory_id))
                    unsure[n] = writer.unsure
                    sent += writer.sent
            server.start()
            for contents in unsure:
                for content in contents:
                    answer = server.call("POST", "/v1/memories", {"content": content, "workspace": "kill"},
                                         {"Idempotency-Key": content.split(" about")[0]})
                    self.assertEqual(201, answer.status, answer.body)
                    acknowledged[content] = answer.body["memory"]["id"]
                    sent += 1
            self.check(server, acknowledged, sent)
            self.assertEqual(0, server.stop())
        except BaseException:
            print(server.log_text()[-6000:])
            raise
        finally:
            if server.process:
                server.kill()
        print(f"{ROUNDS} kills, {len(acknowledged)} memories acknowledged, {sent} requests sent")

    def check(self, server, acknowledged, sent):
        stored, cursor = {}, ""
        while True:
            page = server.call("GET", f"/v1/memories?workspace=kill&limit=1000{cursor}").body
            for memory in page["memories"]:
                self.assertNotIn(memory["content"], stored, "stored twice")
                stored[memory["content"]] = memory["id"]
            if not page["next_cursor"]:
                break
            cursor = f"&cursor={page['next_cursor']}"
        self.assertEqual(acknowledged, stored)
        for content in random.sample(sorted(acknowledged), min(50, len(acknowledged))):
            note = content.split(" about")[0]
            found = server.call("POST", "/v1/search", {"query": note, "workspace": "kill", "limit": 10}).body["results"]
            self.assertIn(content, [r["memory"]["content"] for r in found], note)
        rows = server.call("GET", "/v1/usage").body["usage"]
        events = sum(r["requests"] for r in rows if r["operation"] == "memory.create")
        self.assertGreaterEqual(events, len(acknowledged), "usage events were lost")
        self.assertLessEqual(events, sent, "usage events were counted twice")


if __name__ == "__main__":
    main()
