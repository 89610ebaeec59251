"""Bad input, a table: each gets its code and a hint, is counted, changes nothing and leaves the connection usable."""

import http.client
import json
import unittest
import uuid

from support.engram_server import Server, main

MB = 1 << 20


def nested(depth):
    filter_ = {"type": "a"}
    for _ in range(depth):
        filter_ = {"not": filter_}
    return filter_


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()
        cls.memory = cls.server.call("POST", "/v1/memories", {"content": "the one good memory"}).body["memory"]
        cls.connection = http.client.HTTPConnection("127.0.0.1", cls.server.port, timeout=60)

    @classmethod
    def tearDownClass(cls):
        cls.connection.close()
        cls.server.__exit__(None)

    def call(self, method, target, body=None, raw=None, headers=None, key=None):
        """On the one kept-alive connection, so that each refusal shows that it left it in a defined state."""
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        self.connection.request(method, target, data, {"Authorization": f"Bearer {key or self.server.key}",
                                                       "Content-Type": "application/json", **(headers or {})})
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())

    def refused(self, status, code, *arguments, mention="", **more):
        lsn = self.server.call("GET", "/v1/tenant").body["tenant"]["lsn"]
        got, answer = self.call(*arguments, **more)
        self.assertEqual((status, code), (got, answer.get("code")), answer)
        self.assertEqual(status, answer["status"])
        self.assertTrue(answer["detail"], answer)
        self.assertTrue(answer["hint"], answer)
        self.assertTrue(answer["request_id"].startswith("req_"))
        self.assertIn(mention, answer["detail"] + answer["hint"])
        self.assertEqual(lsn, self.server.call("GET", "/v1/tenant").body["tenant"]["lsn"], "something was changed")

    def test_bodies(self):
        post = ("POST", "/v1/memories")
        cases = [
            (400, "invalid_json", dict(raw=b"{"), ""),
            (400, "invalid_json", dict(raw=b'{"content": "\xff"}'), ""),
            (400, "invalid_json", dict(raw=b'{"content": "a\x00b"}'), ""),
            (400, "invalid_json", dict(raw=b"[" * 100000), ""),
            (400, "invalid_json", dict(raw=b'{"content": "\\ud800"}'), ""),
            (400, "invalid_request", dict(raw=b"[]"), ""),
            (400, "invalid_request", dict(body={}), "content"),
            (400, "invalid_request", dict(body={"content": 5}), "content"),
            (400, "invalid_request", dict(body={"content": None}), "content"),
            (400, "invalid_request", dict(body={"content": ""}), "content"),
            (400, "invalid_request", dict(body={"content": "x", "tags": "tea"}), "tags"),
            (400, "invalid_request", dict(body={"content": "x", "tags": ["t"] * 65}), "tags"),
            (400, "invalid_request", dict(body={"content": "x", "importance": 2}), "importance"),
            (400, "invalid_request", dict(body={"content": "x", "importance": "high"}), "importance"),
            (400, "invalid_request", dict(body={"content": "x", "metadata": []}), "metadata"),
            (400, "invalid_request", dict(body={"content": "x", "ttl_seconds": 0}), "ttl_seconds"),
            (400, "invalid_request", dict(body={"content": "x", "workspace": ""}), "workspace"),
            (400, "unknown_field", dict(body={"content": "x", "wrkspace": "a"}), "workspace"),
            (413, "content_too_large", dict(body={"content": "x" * (MB + 1)}), ""),
        ]
        for status, code, sent, mention in cases:
            with self.subTest(str(sent)[:60]):
                self.refused(status, code, *post, mention=mention, **sent)

    def test_values(self):
        cases = [
            (422, "invalid_value", {"content": "a\u0000b"}, ""),
            (422, "invalid_value", {"content": "x", "occurred_at": "yesterday"}, "occurred_at"),
            (422, "invalid_value", {"content": "x", "expires_at": "2026-02-30T00:00:00Z"}, "expires_at"),
            (422, "invalid_value", {"content": "x", "expires_at": "2020-01-01T00:00:00Z"}, "in the past"),
            (422, "invalid_value", {"content": "x", "pinned": True, "ttl_seconds": 5}, "pinned"),
            (422, "invalid_value", {"content": "x", "valid_from": "2026-01-02T00:00:00Z", "valid_until": "2026-01-02T00:00:00Z"}, "valid_until"),
            (400, "invalid_request", {"content": "x", "tier": "permanent", "ttl_seconds": 5}, "permanent"),
            (400, "invalid_request", {"content": "x", "tier": "daily", "expires_at": None}, "daily"),
            (400, "invalid_request", {"content": "x", "tier": "weekly"}, "tier"),
            (422, "invalid_value", {"content": "x", "workspace": "../../etc"}, "workspace"),
            (400, "invalid_request", {"content": "x", "expires_at": "2030-01-01T00:00:00Z", "ttl_seconds": 5}, "ttl_seconds"),
            (422, "invalid_value", {"content": "x", "metadata": {"k": "v" * 70000}}, "metadata"),
        ]
        for status, code, body, mention in cases:
            with self.subTest(str(body)[:60]):
                self.refused(status, code, "POST", "/v1/memories", body, mention=mention)

    def test_merges_weights_and_cursors_of_searches(self):
        one = self.memory["id"]
        for status, code, body, mention in [(400, "invalid_request", {"ids": [one]}, "ids"),
                                            (422, "invalid_value", {"ids": [one, one]}, "twice"),
                                            (422, "invalid_value", {"ids": [one, "x"]}, "not the id"),
                                            (404, "memory_not_found", {"ids": [one, str(uuid.uuid4())]}, "no memory")]:
            self.refused(status, code, "POST", "/v1/memories:merge", body, mention=mention)
        self.refused(400, "invalid_request", "POST", f"/v1/memories/{one}:feedback", {"useful": "very"})
        for body in ({"weights": {"recency": 2}}, {"weights": {"half_life_days": 0}}, {"weights": {"recensy": 1}}, {"cursor": 7}):
            status, answer = self.call("POST", "/v1/search", {"query": "x", **body})
            self.assertEqual(400, status, answer)
        self.refused(400, "invalid_cursor", "POST", "/v1/search", {"query": "x", "cursor": "AAAA"})
        self.refused(422, "invalid_value", "POST", "/v1/search", {"query": "x", "valid_at": "now"}, mention="valid_at")

    def test_batches(self):
        self.refused(422, "batch_too_large", "POST", "/v1/memories:batch", {"memories": [{"content": "x"}] * 1001},
                     mention="1000")
        self.refused(400, "invalid_request", "POST", "/v1/memories:batch", {"memories": []})
        status, answer = self.call("POST", "/v1/memories:batch", {"memories": [{"content": 1}, {"contents": "x"}, {}]})
        self.assertEqual(200, status)
        self.assertEqual(["invalid_request", "unknown_field", "invalid_request"],
                         [item["error"]["code"] for item in answer["results"]])

    def test_ids_versions_and_cursors(self):
        unknown = str(uuid.uuid4())
        one = self.memory["id"]
        self.refused(404, "memory_not_found", "GET", f"/v1/memories/{unknown}", mention=unknown)
        self.refused(404, "memory_not_found", "GET", "/v1/memories/not-an-id")
        self.refused(404, "memory_not_found", "DELETE", f"/v1/memories/{unknown}")
        self.refused(404, "memory_not_found", "POST", f"/v1/memories/{unknown}:revert", {"version": 1})
        self.refused(404, "version_not_found", "POST", f"/v1/memories/{one}:revert", {"version": 99}, mention="99")
        self.refused(409, "version_conflict", "PATCH", f"/v1/memories/{one}", {"content": "y"}, headers={"If-Match": '"7"'})
        self.refused(409, "not_deleted", "POST", f"/v1/memories/{one}:undelete")
        self.refused(400, "invalid_request", "PATCH", f"/v1/memories/{one}", {"content": "y"}, headers={"If-Match": "seven"})
        self.refused(400, "invalid_cursor", "GET", "/v1/memories?cursor=abc")
        for n in range(3):
            self.server.call("POST", "/v1/memories", {"content": f"page {n}"})
        cursor = self.server.call("GET", "/v1/memories?limit=1&order=created").body["next_cursor"]
        self.refused(400, "invalid_cursor", "GET", f"/v1/memories?limit=1&order=importance&cursor={cursor}")
        self.refused(400, "invalid_cursor", "GET", f"/v1/memories?limit=1&order=created&cursor={cursor[:-4]}AAAA")

    def test_queries_and_filters(self):
        self.refused(400, "invalid_filter", "POST", "/v1/search", {"query": "x", "filter": nested(40)})
        self.refused(400, "invalid_json", "POST", "/v1/search", {"query": "x", "filter": nested(500)}, mention="deep")
        self.refused(400, "invalid_filter", "POST", "/v1/search", {"query": "x", "filter": {"or": [{"type": "a"}] * 5000}})
        self.refused(400, "invalid_filter", "POST", "/v1/search", {"query": "x", "filter": {"typ": "a"}}, mention="type")
        self.refused(400, "invalid_filter", "POST", "/v1/search", {"query": "x", "filter": {"created_at": {"gt": "soon"}}})
        self.refused(400, "invalid_request", "POST", "/v1/search", {"query": "x" * 8193}, mention="8192")
        self.refused(400, "invalid_request", "POST", "/v1/search", {"query": "x", "limit": 101}, mention="limit")
        self.refused(400, "invalid_request", "POST", "/v1/search", {"query": "x", "limit": "ten"}, mention="limit")
        self.refused(400, "invalid_request", "GET", "/v1/memories?limit=0", mention="limit")
        self.refused(400, "invalid_request", "GET", "/v1/memories?limit=many", mention="limit")
        self.refused(400, "invalid_request", "GET", "/v1/memories?order=best", mention="order")
        self.refused(400, "unknown_field", "GET", "/v1/memories?limt=1", mention="limit")
        self.refused(400, "invalid_request", "GET", "/v1/memories?limit=1&limit=2", mention="limit")

    def test_a_query_may_be_any_text(self):
        texts = ["'; DROP TABLE versions; --", '"', "* OR 1=1", "NEAR(a b)", "a\\", "%_", "((((", "\u202e\ud83d\ude00",
                 "tea " * 2000, "\u0301" * 500, "a" * 8192, "AND OR NOT", "{}", "col:val", "^x$", "\r\n\t", "\u00a0"]
        for text in texts:
            with self.subTest(text[:20]):
                status, answer = self.call("POST", "/v1/search", {"query": text})
                self.assertEqual(200, status, answer)

    def test_routes_and_headers(self):
        self.refused(404, "route_not_found", "GET", "/v1/memoriez", mention="GET /v1/memoriez")
        self.refused(405, "method_not_allowed", "PUT", "/v1/memories", {})
        self.refused(415, "unsupported_media_type", "POST", "/v1/search", raw=b"a=b",
                     headers={"Content-Type": "application/x-www-form-urlencoded"})
        self.refused(400, "invalid_request", "POST", "/v1/memories", {"content": "x"}, headers={"Idempotency-Key": "k" * 300})

    def test_a_key_with_one_character_changed(self):
        key = self.server.key
        for position in (4, 12, 20, 40, len(key) - 1):
            other = key[:position] + ("x" if key[position] != "x" else "y") + key[position + 1:]
            with self.subTest(position):
                status, answer = self.call("GET", "/v1/memories", key=other)
                self.assertEqual((401, "unauthenticated"), (status, answer["code"]))
        self.assertGreaterEqual(self.server.metric("auth_failures_total"), 5)

    def test_a_body_over_the_limit_is_refused_before_it_is_read(self):
        answers = self.server.raw(b"POST /v1/memories HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\nAuthorization: Bearer "
                                  + self.server.key.encode() + b"\r\nContent-Type: application/json\r\n\r\n{")
        self.assertEqual([(413, "body_too_large")], [(a.status, a.body["code"]) for a in answers])
        self.assertEqual("close", answers[0].headers["connection"])

    def test_refusals_are_counted_by_route_and_status(self):
        before = self.server.metric("requests_total", route="memory.create", status="400")
        self.call("POST", "/v1/memories", {})
        self.assertEqual(before + 1, self.server.metric("requests_total", route="memory.create", status="400"))


if __name__ == "__main__":
    main()
