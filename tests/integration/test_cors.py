"""Cross-origin requests: an allow-list of exact origins."""

import unittest

from support.engram_server import Server, main

APP = "https://app.example.com"
EXPOSED = {"ETag", "Location", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "X-Request-Id"}


class Cors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(extra=f'[cors]\norigins = ["{APP}", "http://localhost:5173"]\n').start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def preflight(self, origin, method="POST", target="/v1/memories", headers=None):
        return self.server.call("OPTIONS", target, key=False, headers={
            "Origin": origin, "Access-Control-Request-Method": method, **(headers or {})})

    def test_a_preflight_needs_no_credential(self):
        for origin in (APP, "http://localhost:5173"):
            answer = self.preflight(origin, headers={"Access-Control-Request-Headers": "authorization,content-type"})
            self.assertEqual(204, answer.status)
            self.assertEqual(origin, answer.headers["access-control-allow-origin"])
            self.assertEqual("Origin", answer.headers["vary"])
            for method in ("GET", "POST", "PATCH", "DELETE"):
                self.assertIn(method, answer.headers["access-control-allow-methods"].split(", "))
            allowed = {h.lower() for h in answer.headers["access-control-allow-headers"].split(", ")}
            self.assertLessEqual({"authorization", "content-type", "idempotency-key", "if-match", "x-engram-tenant",
                                  "mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name"}, allowed)
            self.assertEqual("600", answer.headers["access-control-max-age"])
            self.assertNotIn("access-control-allow-credentials", answer.headers)
            self.assertNotIn("content-length", answer.headers)
        self.assertEqual(204, self.preflight(APP, "DELETE", "/v1/keys/x").status)

    def test_other_origins_are_refused(self):
        for origin in ("https://evil.example", "https://app.example.com.evil.example", "https://app.example.com:8443",
                       "http://app.example.com", "https://App.example.com", "https://sub.app.example.com", "null",
                       "https://app.example.com/", "*"):
            answer = self.preflight(origin)
            self.assertEqual(403, answer.status, origin)
            self.assertEqual("origin_not_allowed", answer.body["code"])
            self.assertNotIn("access-control-allow-origin", answer.headers)
            self.assertEqual("Origin", answer.headers["vary"])

    def test_answers_carry_what_the_page_may_read(self):
        made = self.server.call("POST", "/v1/memories", {"content": "x"}, headers={"Origin": APP})
        refused = self.server.call("GET", "/v1/memories", key=False, headers={"Origin": APP})
        missing = self.server.call("GET", "/v1/nothing", headers={"Origin": APP})
        large = self.server.raw(f"POST /v1/memories HTTP/1.1\r\nHost: x\r\nOrigin: {APP}\r\nAuthorization: Bearer "
                                f"{self.server.key}\r\nContent-Length: 99999999\r\n\r\n".encode())[0]
        self.assertEqual([201, 401, 404, 413], [a.status for a in (made, refused, missing, large)])
        for answer in (made, refused, missing, large, self.server.call("GET", "/healthz", headers={"Origin": APP})):
            self.assertEqual(APP, answer.headers["access-control-allow-origin"])
            self.assertEqual("Origin", answer.headers["vary"])
            self.assertLessEqual(EXPOSED, set(answer.headers["access-control-expose-headers"].split(", ")))
        self.assertIn("location", made.headers)

    def test_other_pages_and_other_clients(self):
        evil = self.server.call("GET", "/v1/memories", headers={"Origin": "https://evil.example"})
        self.assertEqual(200, evil.status, "the key decides; the browser keeps the answer from the page")
        plain = self.server.call("GET", "/v1/memories")
        for answer in (evil, plain):
            self.assertNotIn("access-control-allow-origin", answer.headers)
            self.assertEqual("Origin", answer.headers["vary"])

    def test_options_that_are_no_preflight(self):
        self.assertEqual(405, self.server.call("OPTIONS", "/v1/memories").status)
        self.assertEqual(405, self.server.call("OPTIONS", "/v1/memories", headers={"Origin": APP}).status)

    def test_the_admin_listener_has_none_of_it(self):
        answer = self.server.call("GET", "/healthz", key=False, headers={"Origin": APP}, port=self.server.admin_port)
        self.assertNotIn("access-control-allow-origin", answer.headers)


class Costs(unittest.TestCase):
    def test_the_peer_pays_for_preflights(self):
        with Server(extra=f'[cors]\norigins = ["{APP}"]\n') as server:
            connection = server.client()
            statuses = []
            for _ in range(400):
                connection.request("OPTIONS", "/v1/memories", headers={"Origin": APP, "Access-Control-Request-Method": "GET"})
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)
                if response.status == 429:
                    self.assertTrue(response.getheader("Retry-After"))
            self.assertEqual(204, statuses[0])
            self.assertIn(429, statuses)

    def test_without_a_list_nothing_is_said(self):
        with Server() as server:
            answer = server.call("GET", "/healthz", key=False, headers={"Origin": APP})
            self.assertFalse({"vary", "access-control-allow-origin"} & set(answer.headers))
            headers = {"Origin": APP, "Access-Control-Request-Method": "GET"}
            self.assertEqual(405, server.call("OPTIONS", "/v1/memories", key=False, headers=headers).status)

    def test_what_is_no_origin_is_refused(self):
        for origin in ("*", "null", "app.example.com", "https://app.example.com/", "https://*.example.com",
                       "https://App.example.com", "https://app.example.com:443", "https://"):
            code, said = Server(extra=f'[cors]\norigins = ["{origin}"]\n').run_to_end()
            self.assertEqual(78, code, origin)
            self.assertIn("cors.origins", said)


if __name__ == "__main__":
    main()
