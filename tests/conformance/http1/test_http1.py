"""The HTTP/1 corpus of llhttp over raw sockets, whole and one byte at a time.

Sent as it is, and once more addressed to a route that reads its body (the corpus mostly lacks Host, which alone would
get it refused). Where llhttp reports an error the HTTP room refuses and no handler sees the request; where it does not,
we answer as many requests as it completes messages, unless STRICTER says why not.
"""

import base64
import json
import re
import socket
import unittest

from support.engram_server import Server, corpus, main, read_to_end, split_answers

# Codes with which the HTTP room itself refuses; every other answer means that a handler saw the request.
REFUSALS = {"invalid_http", "headers_too_large", "uri_too_long", "request_timeout", "http_version_not_supported",
            "expectation_failed", "not_implemented", "body_too_large"}

# llhttp's codes that are no faults of the message: data after "Connection: close", and its pause on CONNECT or Upgrade.
# We close after the answer, do not take CONNECT, and ignore Upgrade (RFC 9110, 7.8).
NO_FAULT = {5, 22}

# Addressing a case replaces its first line; these test just that line.
FIRST_LINE = {("request/invalid.md", 359), ("request/method.md", 461), ("request/uri.md", 151)}

# A good first message, then a fault or the end.
FIRST_IS_GOOD = {("request/connection.md", 397), ("request/finish.md", 9), ("request/lenient-headers.md", 37)}

NO_HOST = "the second message has no Host (RFC 9112, 3.2)"
CHUNKED_ONLY = "a body coded otherwise than chunked would have to be decoded"
STRICTER = {  # (file, line): the answers, and why they are not llhttp's
    ("request/connection.md", 37): (["invalid_request", "invalid_http"], NO_HOST),
    ("request/content-length.md", 447): ([], "the first body is announced with 123 bytes and never arrives whole"),
    ("request/pipelining.md", 7): (["invalid_json", "invalid_http"], NO_HOST),
    ("request/transfer-encoding.md", 754): (["not_implemented"], CHUNKED_ONLY),
    ("request/transfer-encoding.md", 796): (["invalid_http"], "Transfer-Encoding twice"),
}


def whole(data):
    return [data]


def bytewise(data):
    return [data[i:i + 1] for i in range(len(data))]


def addressed(data, key):
    """The same message to POST /v1/search with a credential; None where the first line is itself what is tested."""
    line, end, rest = data.lstrip(b"\r\n").partition(b"\r\n")
    if not end or not re.fullmatch(rb"[A-Z]+ \S+ HTTP/1\.1", line):
        return None
    rest = re.sub(rb"(?im)^(host|authorization|content-type):.*?\r\n", b"", rest)
    head = f"POST /v1/search HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    return head.encode() + rest


def completed(case):
    return sum("message complete" in entry for entry in case["log"])


class Http1(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cases = [c for c in json.loads((corpus("http1") / "cases.json").read_text())
                     if c["type"].startswith("request")]
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def answers(self, data, pieces):
        with self.server.connect() as connection:
            try:
                for piece in pieces(data):
                    connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # refused before the end
            found = split_answers(read_to_end(connection))
        return [a.body["code"] if isinstance(a.body, dict) and "code" in a.body else a.status for a in found]

    def each(self):
        for case in self.cases:
            yield case, base64.b64decode(case["input_base64"]), (case["file"], case["line"])

    def test_the_pieces_in_which_bytes_arrive_do_not_matter(self):
        for case, data, name in self.each():
            with self.subTest(name, title=case["title"]):
                self.assertEqual(self.answers(data, whole), self.answers(data, bytewise))

    def test_no_input_as_it_is_gets_more_answers_than_it_has_messages(self):
        for case, data, name in self.each():
            with self.subTest(name, title=case["title"]):
                handled = [a for a in self.answers(data, whole) if a not in REFUSALS]
                self.assertNotIn(200, handled)
                # An unknown route is answered from the head; its body may turn out faulty afterwards.
                self.assertLessEqual(len(handled), max(1, completed(case)))

    def test_what_llhttp_refuses_reaches_no_handler(self):
        tried = 0
        for case, data, name in self.each():
            message = addressed(data, self.server.key)
            faulty = case["error"] and case["error"]["code"] not in NO_FAULT
            # Cases of another type are taken by llhttp only with its checks switched off: faults as well.
            if message is None or name in FIRST_LINE or not (faulty or case["type"] != "request"):
                continue
            tried += 1
            with self.subTest(name, title=case["title"]):
                handled = [a for a in self.answers(message, whole) if a not in REFUSALS]
                self.assertEqual(1 if name in FIRST_IS_GOOD else 0, len(handled), handled)
        self.assertGreater(tried, 60)

    def test_what_llhttp_takes_is_answered_or_refused_for_a_reason(self):
        tried = 0
        for case, data, name in self.each():
            message = addressed(data, self.server.key)
            if message is None or case["error"] or case["type"] != "request":
                continue
            tried += 1
            with self.subTest(name, title=case["title"]):
                found = self.answers(message, whole)
                if name in STRICTER:
                    self.assertEqual(STRICTER[name][0], found, STRICTER[name][1])
                else:
                    self.assertEqual(completed(case), len([a for a in found if a not in REFUSALS]), found)
        self.assertGreater(tried, 40)


if __name__ == "__main__":
    main()
