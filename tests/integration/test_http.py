"""The HTTP room against unkind clients: limits, slowness, pipelining, half-closed connections, draining."""

import json
import signal
import socket
import threading
import time
import unittest

from support.engram_server import Server, main, read_answers, split_answers, wait_until


def get(path="/healthz", headers=""):
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode()


class Connections(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def codes(self, data):
        return [a.body["code"] if isinstance(a.body, dict) and "code" in a.body else a.status for a in self.server.raw(data)]

    def test_a_connection_is_kept_and_requests_may_be_pipelined(self):
        with self.server.connect() as connection:
            connection.sendall(get() * 50 + get(headers="Connection: close\r\n"))
            answers = read_answers(connection)
        self.assertEqual([200] * 51, [a.status for a in answers])
        self.assertEqual("close", answers[-1].headers["connection"])

    def test_pipelined_requests_are_answered_in_order_across_lanes(self):
        key = f"Authorization: Bearer {self.server.key}\r\nContent-Type: application/json\r\n"
        search = b'{"query": "tea"}'
        post = (f"POST /v1/search HTTP/1.1\r\nHost: a\r\n{key}Content-Length: {len(search)}\r\n\r\n").encode() + search
        data = (post + get() + get("/v1/nothing", key) + post) * 5
        self.assertEqual([200, 200, "route_not_found", 200] * 5, self.codes(data))

    def test_a_peer_that_closed_its_sending_half_still_gets_its_answer(self):
        self.assertEqual([200], self.codes(get()))

    def test_http_1_0_is_closed_after_the_answer(self):
        with self.server.connect() as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            self.assertEqual([200], [a.status for a in read_answers(connection)])

    def test_head_has_no_body(self):
        with self.server.connect() as connection:
            connection.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            data = b""
            while more := connection.recv(4096):
                data += more
        self.assertTrue(data.endswith(b"\r\n\r\n"), data)

    def test_limits_of_the_head(self):
        self.assertEqual(["uri_too_long"], self.codes(get("/" + "a" * 9000)))
        self.assertEqual(["headers_too_large"], self.codes(get(headers="".join(f"X{n}: y\r\n" for n in range(101)))))
        self.assertEqual(["headers_too_large"], self.codes(get(headers=f"X: {'y' * 17000}\r\n")))
        self.assertEqual(["headers_too_large"], self.codes(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 10000))

    def test_smuggling_is_refused_and_the_connection_closed(self):
        hidden = get("/healthz")
        for head in ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
                     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Content-Length: +5\r\n",
                     "Transfer-Encoding: \x0bchunked\r\n", "Content-Length: 5\r\n X: folded\r\n", "Content-Length: 5\n"):
            with self.subTest(head):
                data = f"POST /v1/search HTTP/1.1\r\nHost: a\r\n{head}\r\n0\r\n\r\n".encode("latin-1") + hidden
                codes = self.codes(data)
                self.assertEqual(1, len(codes), codes)
                self.assertIn(codes[0], ("invalid_http", "not_implemented"))

    def test_expect_100_continue(self):
        body = b'{"content": "after a pause"}'
        head = (f"POST /v1/memories HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {self.server.key}\r\nExpect: 100-continue\r\n"
                f"Content-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n").encode()
        with self.server.connect() as connection:
            connection.sendall(head)
            self.assertEqual(b"HTTP/1.1 100 Continue\r\n\r\n", connection.recv(100))
            connection.sendall(body)
            self.assertEqual([201], [a.status for a in read_answers(connection)])
        with self.server.connect() as connection:  # refused from the head: no 100, and closed
            connection.sendall(head.replace(b"Bearer egm", b"Bearer bad"))
            self.assertEqual([401], [a.status for a in read_answers(connection)])

    def test_chunked_bodies_in_pieces(self):
        key = f"Authorization: Bearer {self.server.key}\r\nContent-Type: application/json\r\n"
        pieces = [f"POST /v1/memories HTTP/1.1\r\nHost: a\r\n{key}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
                  "5\r\n{\"con\r", "\n1", "0;x=y\r\ntent\": \"in piece\r\n", "3\r\ns\"}\r\n0\r\nTrailer: x\r\n\r\n"]
        with self.server.connect() as connection:
            for piece in pieces:
                connection.sendall(piece.encode())
            answers = read_answers(connection)
        self.assertEqual([201], [a.status for a in answers], answers)
        self.assertEqual("in pieces", answers[0].body["memory"]["content"])


class Slowness(unittest.TestCase):
    def test_slow_heads_and_bodies_time_out_and_idle_connections_are_closed(self):
        settings = {"header_seconds": 1, "body_seconds": 1, "idle_seconds": 1}
        with Server(server=settings) as server:
            key = f"Authorization: Bearer {server.key}\r\nContent-Type: application/json\r\n"
            with server.connect() as head, server.connect() as body, server.connect() as idle:
                head.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
                body.sendall(f"POST /v1/search HTTP/1.1\r\nHost: a\r\n{key}Content-Length: 100\r\n\r\n{{".encode())
                self.assertEqual(["request_timeout"], [a.body["code"] for a in read_answers(head)])
                self.assertEqual(["request_timeout"], [a.body["code"] for a in read_answers(body)])
                self.assertEqual([], read_answers(idle))
            self.assertEqual(200, server.call("GET", "/healthz", key=False).status)

    def test_a_thousand_slow_clients_keep_nobody_waiting(self):
        with Server(server={"max_connections_per_peer": 2000}) as server:
            slow = [server.connect() for _ in range(1000)]
            try:
                for connection in slow:
                    connection.sendall(b"POST /v1/memories HTTP/1.1\r\nHost: a\r\nContent-Le")
                times = []
                for n in range(50):
                    began = time.monotonic()
                    self.assertEqual(201, server.call("POST", "/v1/memories", {"content": f"quick {n}"}).status)
                    times.append(time.monotonic() - began)
                self.assertLess(sorted(times)[25], 1.0)
            finally:
                for connection in slow:
                    connection.close()

    def test_a_client_that_does_not_read_is_given_up(self):
        with Server() as server:
            text = "tea " * 200000
            memory = server.call("POST", "/v1/memories", {"content": text}).body["memory"]
            with server.connect() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                request = get(f"/v1/memories/{memory['id']}", f"Authorization: Bearer {server.key}\r\n")
                connection.sendall(request * 20)
                self.assertEqual(200, server.call("GET", "/healthz", key=False).status)

    def test_connections_of_one_peer_are_limited(self):
        with Server(server={"max_connections_per_peer": 5}) as server:
            held = [server.connect() for _ in range(5)]
            for connection in held:
                connection.sendall(get())
                self.assertTrue(connection.recv(4096).startswith(b"HTTP/1.1 200"))
            with server.connect() as sixth:
                sixth.settimeout(30)
                try:
                    sixth.sendall(get())
                    refused = sixth.recv(4096)
                except ConnectionError:
                    refused = b""
            self.assertFalse(refused.startswith(b"HTTP/1.1 200"), refused)
            for connection in held:
                connection.close()
            wait_until(lambda: self.answers(server), "room for another connection")

    @staticmethod
    def answers(server):
        try:
            return server.call("GET", "/healthz", key=False).status == 200
        except Exception:  # refused connections show as several kinds of errors
            return False


class Drain(unittest.TestCase):
    def test_sigterm_lets_requests_end_and_writes_stand(self):
        server = Server().start()
        statuses, stop = [], threading.Event()

        def write(n):
            while not stop.is_set():
                try:
                    statuses.append(server.call("POST", "/v1/memories", {"content": f"w{n} {len(statuses)}"}).status)
                except OSError:
                    return  # no longer listening

        writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for writer in writers:
            writer.start()
        wait_until(lambda: len(statuses) > 20, "some writes")
        idle = server.connect()
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(0, server._wait())
        stop.set()
        for writer in writers:
            writer.join()
        idle.close()
        self.assertLessEqual(set(statuses), {201, 503})
        server.start()
        stored = server.call("GET", "/v1/tenant").body["tenant"]["memories"]
        self.assertEqual(0, server.stop())
        self.assertEqual(statuses.count(201), stored, "what was acknowledged is there, and nothing else")


if __name__ == "__main__":
    main()
