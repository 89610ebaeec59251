"""API keys over their life: made, scoped, expired, rotated with overlap, revoked at once; and who may act without one."""

import os
import re
import time
import unittest
import uuid

from support.engram_server import Server, main, wait_until, with_plugin


class Keys(unittest.TestCase):
    plugins = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.plugins).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def make(self, **body):
        answer = self.server.call("POST", "/v1/keys", {"name": "k", **body})
        self.assertEqual(201, answer.status, answer.body)
        return answer.body

    def status(self, key, method="GET", target="/v1/memories", body=None):
        return self.server.call(method, target, body, key=key).status

    def test_a_key_has_the_published_form_and_is_shown_once(self):
        made = self.make()
        self.assertRegex(made["secret"], r"^egm_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{43,}$")
        self.assertTrue(made["secret"].startswith(made["key"]["prefix"]))
        listed = str(self.server.call("GET", "/v1/keys").body)
        self.assertNotIn(made["secret"][len(made["key"]["prefix"]):], listed)
        self.assertNotIn("hash", listed)
        for file in self.server.data.rglob("*"):
            if file.is_file() and file.name != "first-key":
                self.assertNotIn(made["secret"].rsplit("_", 1)[1].encode(), file.read_bytes(), file)
        self.assertNotIn(made["secret"].rsplit("_", 1)[1], self.server.log_text())
        self.assertTrue(self.make(environment="test")["secret"].startswith("egm_test_"))

    def test_scopes(self):
        reader = self.make(scopes=["memory:read"])["secret"]
        memory = self.server.call("POST", "/v1/memories", {"content": "tea"}).body["memory"]["id"]
        self.assertEqual(200, self.status(reader))
        self.assertEqual(200, self.status(reader, "POST", "/v1/search", {"query": "tea"}))
        for method, target, body in [("POST", "/v1/memories", {"content": "x"}), ("DELETE", f"/v1/memories/{memory}", None),
                                     ("PATCH", f"/v1/memories/{memory}", {"content": "y"}), ("GET", "/v1/keys", None),
                                     ("POST", "/v1/keys", {"name": "more"}), ("GET", "/v1/usage", None)]:
            with self.subTest(f"{method} {target}"):
                answer = self.server.call(method, target, body, key=reader)
                self.assertEqual((403, "permission_denied"), (answer.status, answer.body["code"]))
                self.assertRegex(answer.body["detail"] + answer.body["hint"], r"\w+:\w+")
        self.assertEqual(422, self.server.call("POST", "/v1/keys", {"name": "k", "scopes": ["memory:fly"]}).status)
        maker = self.make(scopes=["key:admin", "memory:read"])["secret"]
        more = self.server.call("POST", "/v1/keys", {"name": "more", "scopes": ["*"]}, key=maker)
        self.assertEqual(403, more.status, "a key cannot make one that may more than itself")

    def test_expiry(self):
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 15))
        key = self.make(expires_at=soon)["secret"]
        self.assertEqual(200, self.status(key))
        wait_until(lambda: self.status(key) == 401, "the key to expire", 60)
        self.assertEqual("key_expired", self.server.call("GET", "/v1/memories", key=key).body["code"])
        past = self.server.call("POST", "/v1/keys", {"name": "k", "expires_at": "2020-01-01T00:00:00Z"})
        self.assertEqual(422, past.status)

    def test_revocation_holds_with_the_next_request(self):
        made = self.make()
        for _ in range(3):
            self.assertEqual(200, self.status(made["secret"]))  # verified and cached by now
        self.assertEqual(200, self.server.call("DELETE", f"/v1/keys/{made['key']['id']}").status)
        answer = self.server.call("GET", "/v1/memories", key=made["secret"])
        self.assertEqual((401, "key_revoked"), (answer.status, answer.body["code"]))
        self.assertEqual(404, self.server.call("DELETE", f"/v1/keys/{uuid.uuid4()}").status)

    def test_rotation_with_overlap(self):
        old = self.make(scopes=["memory:read"])
        target = f"/v1/keys/{old['key']['id']}:rotate"
        new = self.server.call("POST", target, {"overlap_seconds": 3600}).body
        self.assertEqual(["memory:read"], new["key"]["scopes"])
        self.assertEqual([200, 200], [self.status(old["secret"]), self.status(new["secret"])])
        newest = self.server.call("POST", f"/v1/keys/{new['key']['id']}:rotate", {"overlap_seconds": 0}).body
        self.assertEqual([401, 200], [self.status(new["secret"]), self.status(newest["secret"])])

    def test_what_is_wrong_with_a_credential_is_not_told(self):
        good = self.make()["secret"]
        other = re.sub(r"_live_.{12}_", "_live_AAAAAAAAAAAA_", good)
        for key in (other, good[:-1], good + "x", good.replace("live", "test"), "egm_live__", "x", "egm_" + "y" * 5000):
            with self.subTest(key[:20]):
                answer = self.server.call("GET", "/v1/memories", key=key)
                self.assertEqual((401, "unauthenticated"), (answer.status, answer.body["code"]))
                self.assertIn("Bearer", answer.headers["www-authenticate"])
        for header in ("Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "bearer", "Digest x", "Bearer a b"):
            answer = self.server.call("GET", "/v1/memories", headers={"Authorization": header}, key=False)
            self.assertEqual(401, answer.status, header)

    def test_a_key_is_bound_to_its_tenant(self):
        answer = self.server.call("GET", "/v1/memories", headers={"X-Engram-Tenant": "someone-else"})
        self.assertIn(answer.status, (400, 404), answer.body)
        self.assertEqual(200, self.server.call("GET", "/v1/memories", headers={"X-Engram-Tenant": "default"}).status)

    def test_keys_survive_a_restart(self):
        key = self.make()["secret"]
        self.server.stop()
        self.server.start()
        self.assertEqual(200, self.status(key))


class HmacKeys(Keys):
    plugins = with_plugin("auth-apikey", {"hash_scheme": "hmac-sha256"})


class LocalOwner(unittest.TestCase):
    def test_the_socket_needs_no_key_and_belongs_to_its_owner(self):
        with Server() as server:
            code, _, error = server.cli("memory", "add", "from the command line")
            self.assertEqual(0, code, error)
            path = server.greeting["socket"]
            self.assertEqual(0o600, os.stat(path).st_mode & 0o777)
            self.assertEqual(0o700, os.stat(os.path.dirname(path)).st_mode & 0o777)
            self.assertEqual(0o600, os.stat(server.data / "first-key").st_mode & 0o777)
            self.assertEqual(0o700, os.stat(server.data).st_mode & 0o777)


if __name__ == "__main__":
    main()
