"""embed-http and the engine against a provider of embeddings that is good, slow, busy, broken, or wrong."""

import json
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from support.certificates import Authority
from support.embedding_stub import DIMENSIONS, EmbeddingStub
from support.engram_server import ENGRAM, Server, main, wait_until, with_plugin

KEY = "sk-this-is-the-secret"


def plugins(stub_or_url, **config):
    url = stub_or_url if isinstance(stub_or_url, str) else stub_or_url.url
    return with_plugin("embed-http", {"url": url, "model": "stub", "dimensions": DIMENSIONS, "timeout_ms": 2000,
                                      "query_timeout_ms": 2000, **config}, instead_of="embed-builtin")


class Provider(unittest.TestCase):
    def serve(self, stub_or_url, **config):
        server = Server(plugins(stub_or_url, **config))
        server.start()
        self.addCleanup(server.__exit__, None)
        return server

    def stub(self, **more):
        stub = EmbeddingStub(**more)
        self.addCleanup(stub.close)
        return stub

    def write(self, server, *texts):
        for text in texts:
            self.assertEqual(201, server.call("POST", "/v1/memories", {"content": text}).status)

    def search(self, server, query, mode="hybrid"):
        answer = server.call("POST", "/v1/search", {"query": query, "mode": mode})
        self.assertEqual(200, answer.status, answer.body)
        return [r["memory"]["content"] for r in answer.body["results"]], answer.body.get("incomplete", [])

    def space(self, server):
        return server.call("GET", "/v1/embedding").body["embedding"]["spaces"][0]

    def wait_covered(self, server, n):
        wait_until(lambda: self.space(server)["covered"] == n, f"{n} vectors: {self.space(server)}")

    # ---- what it is for

    def test_a_synonym_is_found_once_the_vectors_are_there(self):
        stub = self.stub()
        server = self.serve(stub)
        self.write(server, "Ada has a kitten", "Bob sold the automobile", "rain again")
        self.wait_covered(server, 3)
        found, incomplete = self.search(server, "feline", "vector")
        self.assertEqual("Ada has a kitten", found[0])
        self.assertEqual([], incomplete)
        self.assertEqual("Bob sold the automobile", self.search(server, "vehicle")[0][0])
        wait_until(lambda: server.metric("vectors_pending") == 0, "the gauge")
        self.assertEqual(3, server.metric("vectors_filled"))
        self.assertGreater(server.metric("embed_http_tokens_total"), 3)
        self.assertGreater(server.metric("embed_http_requests_total", outcome="ok"), 0)
        self.assertEqual("/v1/embeddings", stub.requests[0]["path"])
        self.assertEqual("stub", stub.requests[0]["body"]["model"])

    def test_texts_are_sent_in_batches_with_prefixes_and_cut(self):
        stub = self.stub()
        stub.mode = "503"
        server = self.serve(stub, max_batch=4, max_text_bytes=16, document_prefix="doc: ", query_prefix="query: ", retries=0)
        self.write(server, *[f"note {n}" for n in range(10)], "0123456789abcde\u00e9 and more")
        stub.mode = "ok"
        self.wait_covered(server, 11)
        self.assertLessEqual(max(len(r["body"]["input"]) for r in stub.requests), 4)
        self.assertIn("doc: note 9", stub.texts())
        self.assertIn("doc: 0123456789abcde", stub.texts())
        self.search(server, "feline")
        self.assertEqual("query: feline", stub.texts()[-1])

    def test_connections_are_kept_and_one_that_was_closed_is_no_failure(self):
        stub = self.stub()
        server = self.serve(stub, retries=0)
        self.write(server, "a cat")
        self.wait_covered(server, 1)
        stub.modes = ["closing"] * 3 + ["ok"]
        for _ in range(4):
            self.assertEqual([], self.search(server, "cat")[1])
        self.assertEqual(0, server.metric("embed_http_requests_total", outcome="failed"))

    # ---- what may go wrong

    def test_a_provider_that_hangs_delays_no_write_and_no_search_for_long(self):
        stub = self.stub()
        stub.mode = "hang"
        server = self.serve(stub, timeout_ms=60000, query_timeout_ms=60000)
        began = time.monotonic()
        self.write(server, *[f"kitten {n}" for n in range(20)])
        self.assertLess(time.monotonic() - began, 30)
        began = time.monotonic()
        found, incomplete = self.search(server, "kitten")
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(10, len(found))
        self.assertEqual([("vector", "failed")], [(arm["arm"], arm["reason"]) for arm in incomplete])
        self.assertEqual(503, server.call("POST", "/v1/search", {"query": "kitten", "mode": "vector"}).status)
        self.assertEqual(20, self.space(server)["pending"])
        self.assertEqual(20, server.metric("vectors_pending"))
        # It stops in time too, although a request is under way.
        began = time.monotonic()
        self.assertEqual(0, server.stop())
        self.assertLess(time.monotonic() - began, 20)
        stub.mode = "ok"
        server.start()
        self.search(server, "kitten")
        self.wait_covered(server, 20)
        self.assertEqual([], self.search(server, "kitten")[1])

    def broken(self, mode, outcome, seconds=None, **config):
        """While the provider answers so, nothing is stored; afterwards everything is."""
        stub = self.stub()
        stub.mode = mode
        server = self.serve(stub, retries=0, **config)
        self.write(server, "a kitten")
        wait_until(lambda: server.metric("embed_http_requests_total", outcome=outcome) > 0, f"{mode}: {outcome}")
        found, incomplete = self.search(server, "kitten")
        self.assertEqual(["a kitten"], found)
        self.assertEqual(["failed"], [arm["reason"] for arm in incomplete])
        self.assertEqual(0, self.space(server)["covered"])
        ready = server.admin("/readyz")
        self.assertEqual(200, ready.status)  # memories are written and found by their words
        self.assertIn("degraded", [p["state"] for p in ready.body["plugins"]])
        stub.mode = "ok"
        self.wait_covered(server, 1)
        self.assertEqual([], self.search(server, "kitten")[1])
        return server

    def test_vectors_of_another_dimension_are_refused(self):
        server = self.broken("wrong_dimension", "wrong")
        wait_until(lambda: "2 dimensions, expected 5" in server.log_text(), "the line in the log")

    def test_numbers_that_are_none_are_refused(self):
        self.broken("nan", "wrong")
        self.broken("infinite", "wrong")

    def test_garbage_is_refused(self):
        self.broken("garbage", "wrong")
        self.broken("fewer", "wrong")
        self.broken("short", "failed")

    def test_an_answer_without_end_is_refused(self):
        self.broken("huge", "failed", max_answer_bytes=1 << 20)

    def test_a_server_that_drips_is_cut_at_the_deadline(self):
        self.broken("drip", "late", timeout_ms=400, query_timeout_ms=400)
        self.broken("drip_headers", "late", timeout_ms=400, query_timeout_ms=400)

    def test_refusals_that_do_not_pass_are_not_repeated_at_once(self):
        stub = self.stub()
        stub.mode = "unauthorised"
        server = self.serve(stub, api_key=KEY)
        self.write(server, "a kitten")
        wait_until(lambda: server.metric("embed_failures") > 0, "a failure")
        self.assertEqual(0, server.metric("embed_http_retries_total"))
        stub.mode = "ok"
        self.wait_covered(server, 1)
        self.assertTrue(all(r["headers"]["authorization"] == "Bearer " + KEY for r in stub.requests))
        # The provider quotes the key in what it says: it must be nowhere.
        wait_until(lambda: "HTTP 401" in server.log_text(), "the line in the log")
        self.assertNotIn(KEY, server.log_text())
        self.assertNotIn(KEY, json.dumps(server.admin("/readyz").body))
        self.assertNotIn(KEY, json.dumps(server.call("GET", "/v1/embedding").body))

    def test_nothing_is_sent_where_a_redirect_leads(self):
        stub, other = self.stub(), self.stub()
        stub.mode, stub.elsewhere = "redirect", other.url
        server = self.serve(stub, api_key=KEY, retries=0)
        self.write(server, "a kitten")
        wait_until(lambda: server.metric("embed_failures") > 0, "a failure")
        self.assertEqual(0, other.count())

    def test_a_busy_provider_is_asked_again_after_as_long_as_it_says(self):
        stub = self.stub()
        stub.modes = ["limited"]
        stub.retry_after = 1
        server = self.serve(stub, timeout_ms=30000)
        began = time.monotonic()
        self.write(server, "a kitten")
        self.wait_covered(server, 1)
        self.assertGreaterEqual(time.monotonic() - began, 1)
        self.assertEqual(1, server.metric("embed_http_retries_total"))
        self.assertEqual(1, server.metric("embed_http_requests_total", outcome="limited"))
        self.assertEqual(2, stub.count())

    def test_a_provider_that_asks_for_an_hour_is_left_alone(self):
        stub = self.stub()
        stub.mode, stub.retry_after = "limited", 3600
        server = self.serve(stub)
        self.write(server, "a kitten")
        wait_until(lambda: server.metric("embed_failures") > 2, "several attempts of the engine")
        self.assertEqual(["failed"], [arm["reason"] for arm in self.search(server, "kitten")[1]])
        self.assertEqual(1, stub.count())

    def test_errors_of_the_server_are_repeated_with_pauses(self):
        stub = self.stub()
        stub.modes = ["500", "502", "503"]
        server = self.serve(stub, timeout_ms=30000)
        self.write(server, "a kitten")
        self.wait_covered(server, 1)
        self.assertEqual(3, server.metric("embed_http_retries_total"))
        self.assertEqual(0, server.metric("embed_failures"))

    def test_a_text_that_is_refused_keeps_no_other_from_its_vector(self):
        stub = self.stub()
        stub.mode = "503"
        server = self.serve(stub, retries=0)
        self.write(server, *[f"cat {n}" for n in range(9)], "the unspeakable", "a car")
        stub.mode = "picky"
        self.wait_covered(server, 10)
        wait_until(lambda: self.space(server)["pending"] == 0, "nothing pending")
        self.assertEqual(1, self.space(server)["refused"])
        self.assertEqual(["the unspeakable"], self.search(server, "unspeakable", "lexical")[0])

    def test_nobody_listens(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            server = self.serve(f"http://127.0.0.1:{unused.getsockname()[1]}/v1/embeddings", retries=1)
            self.write(server, "a kitten")
            wait_until(lambda: server.metric("embed_failures") > 0, "a failure")
            found, incomplete = self.search(server, "kitten")
            self.assertEqual((["a kitten"], ["failed"]), (found, [arm["reason"] for arm in incomplete]))
            shown = server.call("GET", "/v1/embedding").body["embedding"]
            self.assertIn("does not answer", shown["failure"])
            wait_until(lambda: "an embedder fails" in server.log_text(), "the line in the log")

    # ---- TLS and configuration

    def test_a_certificate_is_verified(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name in ("one", "two"):
            Path(folder.name, name).mkdir()
        authority, stranger = Authority(Path(folder.name, "one")), Authority(Path(folder.name, "two"))
        good = self.stub(certificate=authority.issue())
        server = self.serve(good, ca_file=str(authority.certificate), api_key=KEY)
        self.write(server, "a kitten")
        self.wait_covered(server, 1)
        self.assertEqual("Bearer " + KEY, good.requests[0]["headers"]["authorization"])

        for wrong in ({}, {"ca_file": str(stranger.certificate)}):
            server = self.serve(good, retries=0, **wrong)
            seen = good.count()
            self.write(server, "a kitten")
            wait_until(lambda: server.metric("embed_failures") > 0, "a failure")
            self.assertEqual(seen, good.count())
            wait_until(lambda: "certificate verify failed" in server.log_text(), "the reason in the log")
        other_name = self.stub(certificate=authority.issue(san="DNS:other.example"))
        server = self.serve(other_name, ca_file=str(authority.certificate), retries=0)
        self.write(server, "a kitten")
        wait_until(lambda: server.metric("embed_failures") > 0, "a failure")
        self.assertEqual(0, other_name.count())

    def test_a_handshake_that_hangs_is_cut(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            server = self.serve(f"https://127.0.0.1:{silent.getsockname()[1]}/v1/embeddings", retries=0, timeout_ms=300)
            self.write(server, "a kitten")
            wait_until(lambda: server.metric("embed_http_requests_total", outcome="late") > 0, "the deadline")

    def test_a_configuration_that_would_not_do_is_refused_with_the_reason(self):
        for config, part in (({"url": "http://example.org/v1/embeddings", "api_key": KEY}, "https://"),
                             ({"url": "http://127.0.0.1"}, "whole address"), ({"dimensions": 0}, "dimensions"),
                             ({"url": "https://127.0.0.1/v1/embeddings", "ca_file": "/nowhere/ca.pem"}, "ca_file")):
            server = Server(plugins("http://127.0.0.1:1/v1/embeddings", **config))
            code, said = server.run_to_end()
            self.assertEqual(78, code, said)
            self.assertIn(part, said)
            self.assertNotIn(KEY, said)

    def test_a_key_comes_from_the_environment_and_is_not_shown(self):
        stub = self.stub()
        server = Server(plugins(stub, api_key="${env:STUB_KEY}", api_key_header="X-Api-Key"), env={"STUB_KEY": KEY})
        server.start()
        self.addCleanup(server.__exit__, None)
        self.write(server, "a kitten")
        self.wait_covered(server, 1)
        self.assertEqual(KEY, stub.requests[0]["headers"]["x-api-key"])
        self.assertNotIn("authorization", stub.requests[0]["headers"])
        done = subprocess.run([ENGRAM, "config", "show", "--config", server.config], env=server.env, capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertNotIn(KEY, done.stdout + done.stderr + server.log_text())


if __name__ == "__main__":
    main()
