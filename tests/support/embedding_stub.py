"""A server that makes embeddings as OpenAI's does, and misbehaves as a test wants.

    with EmbeddingStub() as stub:
        stub.mode = "nan"
        stub.url, stub.requests

Vectors have a direction a topic, so that words of one topic are near each other and no others.
"""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOPICS = [{"cat", "kitten", "feline"}, {"car", "automobile", "vehicle"}, {"tea", "beverage", "drink"}, {"sea", "ocean", "water"}]
DIMENSIONS = len(TOPICS) + 1


def vector(text):
    words = set(text.lower().replace(".", " ").split())
    out = [float(len(words & topic)) * 3 for topic in TOPICS] + [0.1]
    return out


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        stub = self.server.stub
        with stub.lock:
            stub.requests.append({"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
                                  "body": json.loads(body)})
            mode = stub.modes.pop(0) if stub.modes else stub.mode
        try:
            getattr(self, "answer_" + mode, self.answer_status)(json.loads(body), mode)
        except OSError:
            self.close_connection = True  # cut by the other side, as some tests expect

    def send(self, status, body, headers=(), length=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def items(self, body):
        stub = self.server.stub
        return [{"object": "embedding", "index": i, "embedding": vector(t)[:stub.dimensions]} for i, t in enumerate(body["input"])]

    def answer_ok(self, body, _):
        items = self.items(body)
        items.reverse()  # the order is the index's
        self.send(200, {"object": "list", "data": items, "model": body["model"],
                        "usage": {"prompt_tokens": sum(len(t.split()) for t in body["input"])}})

    def answer_closing(self, body, mode):
        """Says that the connection is kept, and closes it."""
        self.answer_ok(body, mode)
        self.close_connection = True

    def answer_slow(self, body, mode):
        self.server.stub.released.wait(self.server.stub.delay)
        self.answer_ok(body, mode)

    def answer_hang(self, body, _):
        self.server.stub.released.wait(60)
        self.close_connection = True

    def answer_wrong_dimension(self, body, _):
        self.send(200, {"data": [{"index": i, "embedding": [1.0, 2.0]} for i in range(len(body["input"]))]})

    def answer_nan(self, body, _):
        self.send(200, b'{"data": [' + b",".join(b'{"index": %d, "embedding": [NaN%s]}' % (i, b", 1.0" * (DIMENSIONS - 1))
                                                 for i in range(len(body["input"]))) + b"]}")

    def answer_infinite(self, body, _):
        self.send(200, {"data": [{"index": i, "embedding": [1e300] * DIMENSIONS} for i in range(len(body["input"]))]})

    def answer_garbage(self, body, _):
        self.send(200, b"<html>gateway</html>")

    def answer_fewer(self, body, _):
        self.send(200, {"data": self.items(body)[1:]})

    def answer_huge(self, body, _):
        self.send(200, b'{"data": "' + b"x" * (2 << 20) + b'"}')

    def answer_short(self, body, _):
        data = json.dumps({"data": self.items(body)}).encode()
        self.send(200, data[:20], length=len(data))
        self.close_connection = True

    def answer_drip(self, body, _):
        """A byte from time to time, for ever: no single read ever times out."""
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not self.server.stub.released.wait(0.05):
            self.wfile.write(b" ")
            self.wfile.flush()

    def answer_drip_headers(self, body, _):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        n = 0
        while not self.server.stub.released.wait(0.05):
            self.wfile.write(b"X" if n % 200 else b"\r\nX-%d: " % n)
            self.wfile.flush()
            n += 1

    def answer_limited(self, body, _):
        self.send(429, {"error": {"message": "slow down"}}, [("Retry-After", str(self.server.stub.retry_after))])

    def answer_unauthorised(self, body, _):
        self.send(401, {"error": {"message": "Incorrect key provided: " + self.headers.get("Authorization", "")[7:]}})

    def answer_redirect(self, body, _):
        self.send(307, {}, [("Location", self.server.stub.elsewhere)])

    def answer_picky(self, body, mode):
        if any("unspeakable" in text for text in body["input"]):
            return self.send(400, {"error": {"message": "the input is too long"}})
        self.answer_ok(body, mode)

    def answer_status(self, body, mode):
        self.send(int(mode), {"error": {"message": "status " + mode}})


class Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a connection that was cut, which is what many tests are about


class EmbeddingStub:
    def __init__(self, certificate=None):
        """`certificate`: the files (certificate, key) of a stub that speaks TLS."""
        self.lock = threading.Lock()
        self.mode, self.modes = "ok", []  # modes: of the next requests, one each
        self.dimensions, self.delay, self.retry_after, self.elsewhere = DIMENSIONS, 0.0, 1, ""
        self.requests = []
        self.released = threading.Event()
        self.server = Listener(("127.0.0.1", 0), Handler)
        self.server.stub = self
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, certificate))
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}/v1/embeddings"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def texts(self):
        with self.lock:
            return [text for request in self.requests for text in request["body"]["input"]]

    def count(self):
        with self.lock:
            return len(self.requests)

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
