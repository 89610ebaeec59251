"""Out of descriptors, out of memory: the request that cannot be served is refused, the process lives and recovers."""

import json
import resource
import os
import socket
import subprocess
import unittest
from pathlib import Path

from support.engram_server import SANITIZED, Server, main, wait_until
from support.trouble import MANY_TENANTS, As, add_tenants


class Limited(Server):
    """A server with a resource limit of its own."""

    def __init__(self, what, limit, **options):
        super().__init__(**options)
        self.limit = (what, limit)

    def start(self):
        # Set for ourselves, so that the child inherits it, and taken back: the limit is lowered in its soft half only.
        what, limit = self.limit
        before = resource.getrlimit(what)
        popen = subprocess.Popen

        def limited(*arguments, **options):
            return popen(*arguments, preexec_fn=lambda: resource.setrlimit(what, (limit, limit)), **options)

        subprocess.Popen = limited
        try:
            return super().start()
        finally:
            subprocess.Popen = popen
            assert resource.getrlimit(what) == before


class Descriptors(unittest.TestCase):
    def test_connections_over_the_limit_wait_or_are_refused_and_the_others_are_served(self):
        with Limited(resource.RLIMIT_NOFILE, 100) as server:
            kept = server.connect()
            ask = f"GET /v1/memories HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n\r\n".encode()

            def answer():
                kept.sendall(ask)
                head = b""
                while b"\r\n\r\n" not in head:
                    head += kept.recv(65536)
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = head.partition(b"\r\n\r\n")[2]
                while len(body) < length:
                    body += kept.recv(65536)
                return head.split(b" ")[1]

            self.assertEqual(b"200", answer())
            crowd = []
            for _ in range(200):
                connection = socket.socket()
                connection.settimeout(60)
                connection.connect(("127.0.0.1", server.port))
                crowd.append(connection)
            refused = crowd[-1].recv(65536)
            self.assertTrue(refused == b"" or refused.startswith(b"HTTP/1.1 503"), refused)
            self.assertEqual(b"200", answer(), "who is connected is served")
            for connection in crowd:
                connection.close()
            wait_until(lambda: server.admin("/healthz").status == 200 if self.reachable(server) else False, "new connections")
            made = server.call("POST", "/v1/memories", {"content": "after"})
            self.assertEqual(201, made.status, made.body)
            kept.close()

    @staticmethod
    def reachable(server):
        try:
            return server.admin("/healthz").status == 200
        except OSError:
            return False

    def test_connections_leave_descriptors_for_tenants(self):
        server = Server(MANY_TENANTS)
        server.start()
        server.stop()
        add_tenants(server, [f"t{n}" for n in range(5)])
        limited = Limited(resource.RLIMIT_NOFILE, 120, plugins=MANY_TENANTS, data=server.data)
        with limited:
            crowd = [limited.connect() for _ in range(80)]
            # Our own call needs a connection: the local socket is not counted, but one TCP connection may wait.
            for connection in crowd[:20]:
                connection.close()
            for n in range(5):
                who = As(limited, f"t{n}")

                def opened():
                    try:
                        return who.add("opened beside a crowd").status == 201
                    except OSError:
                        return False

                wait_until(opened, "a tenant to be opened")
            for connection in crowd:
                connection.close()


class Memory(unittest.TestCase):
    def setUp(self):
        if SANITIZED:
            self.skipTest("SKIPPED: sanitizers need all the address space there is")

    def test_requests_that_need_too_much_are_refused_and_the_process_lives(self):
        megabytes = 1 << 20
        with Server() as plain:  # what an idle server has mapped
            status = Path(f"/proc/{plain.process.pid}/status").read_text()
            mapped = int(status.split("VmSize:")[1].split()[0]) << 10
        with Limited(resource.RLIMIT_AS, mapped + 24 * megabytes, server={"max_body": "64MiB"}) as server:
            self.assertEqual(201, server.call("POST", "/v1/memories", {"content": "tea", "tags": ["kept"]}).status)
            bodies = [
                json.dumps({"memories": [{"content": "x" * 30000, "metadata": {"n": n}} for n in range(900)]}),
                json.dumps({"content": "x", "metadata": {f"k{n}": list(range(20)) for n in range(200000)}}),
                json.dumps({"memories": [{"content": "y", "tags": ["t"] * 50000} for n in range(100)]}),
                '{"content": "x", "metadata": ' + '{"a":' * 30 + '"' + "z" * (20 * megabytes) + '"' + "}" * 31,
            ]
            codes = set()
            for round_number in range(3):
                for body in bodies:
                    target = "/v1/memories:batch" if body.startswith('{"memories') else "/v1/memories"
                    try:
                        answer = server.call("POST", target, raw=body.encode())
                    except OSError:
                        codes.add("closed")
                        continue
                    self.assertIn(answer.status, (400, 413, 422, 503), str(answer.body)[:300])
                    codes.add(answer.body["code"])
                self.assertIsNone(server.process.poll(), "the process lives")
                # What was refused gives its memory back when the last thread has let go of it, after the answer.
                small = {"content": f"small {round_number}"}
                wait_until(lambda: server.call("POST", "/v1/memories", small, {"Idempotency-Key": f"small-{round_number}"}
                                               ).status == 201, "room for a small request")
            self.assertTrue({"out_of_memory", "unavailable"} & codes, codes)
            wait_until(lambda: server.call("GET", "/v1/memories").status == 200, "room for the list")
            self.assertEqual(4, len(server.call("GET", "/v1/memories").body["memories"]), "and nothing half done")

    def test_deep_and_wide_bodies_are_refused_by_limits(self):
        with Server() as server:
            deep = '{"content": "x", "metadata": ' + '{"a":' * 5000 + "1" + "}" * 5001
            answer = server.call("POST", "/v1/memories", raw=deep.encode())
            self.assertEqual((400, "invalid_json"), (answer.status, answer.body["code"]))
            wide = json.dumps({"memories": [{"content": "x"}] * 1001})
            answer = server.call("POST", "/v1/memories:batch", raw=wide.encode())
            self.assertEqual(422, answer.status, answer.body)
            large = json.dumps({"content": "x", "metadata": {f"k{n}": n for n in range(100000)}})
            answer = server.call("POST", "/v1/memories", raw=large.encode())
            self.assertIn(answer.status, (400, 413, 422), str(answer.body)[:300])
            self.assertEqual(200, server.call("GET", "/v1/memories").status)


if __name__ == "__main__":
    main()
