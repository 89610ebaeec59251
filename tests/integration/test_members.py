"""Members, invites and tenants: roles and what they give, tokens that work once, the owner who stays, races, tenants."""

import contextlib
import re
import sqlite3
import threading
import unittest

from support.engram_server import Server, main, with_plugin

ROLES = {
    "viewer": {"memory:read", "tenant:read"},
    "member": {"memory:read", "memory:write", "memory:delete", "tenant:read", "usage:read"},
    "admin": {"memory:read", "memory:write", "memory:delete", "memory:purge", "workspace:admin", "tenant:read", "tenant:admin", "usage:read",
              "key:admin", "member:admin", "audit:read"},
    "owner": {"*"},
}


def at_once(*calls):
    """Runs the calls in parallel, begun together; their results in order."""
    results, gate = [None] * len(calls), threading.Barrier(len(calls))

    def run(i, call):
        gate.wait()
        results[i] = call()

    threads = [threading.Thread(target=run, args=(i, call)) for i, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class WithServer(unittest.TestCase):
    # The plain hash, since many keys are made here.
    plugins = with_plugin("auth-apikey", {"hash_scheme": "hmac-sha256"})

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.plugins).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def ok(self, answer, status=200):
        self.assertEqual(status, answer.status, answer.body)
        return answer.body

    def refused(self, answer, status, code):
        self.assertEqual((status, code), (answer.status, answer.body.get("code")), answer.body)
        return answer.body

    def invite(self, email, role="member", key=None, **more):
        return self.server.call("POST", "/v1/invites", {"email": email, "role": role, **more}, key=key)

    def accept(self, token, **more):
        return self.server.call("POST", "/v1/invites:accept", {"token": token, **more}, key=False)

    def join(self, user, role):
        """A member of that role: their key."""
        token = self.ok(self.invite(f"{user}@example.org", role), 201)["token"]
        return self.ok(self.accept(token, user_id=user), 201)["secret"]

    def memory(self):
        return self.ok(self.server.call("POST", "/v1/memories", {"content": "to be purged"}), 201)["memory"]["id"]

    def role(self, user, role, key=None):
        return self.server.call("PATCH", f"/v1/members/{user}", {"role": role}, key=key)

    def remove(self, user, key=None):
        return self.server.call("DELETE", f"/v1/members/{user}", key=key)

    def read(self, key):
        return self.server.call("GET", "/v1/memories", key=key)


class Roles(WithServer):
    def test_a_role_gives_exactly_its_scopes(self):
        for role, scopes in ROLES.items():
            with self.subTest(role):
                token = self.ok(self.invite(f"{role}@roles.org", role), 201)["token"]
                joined = self.ok(self.accept(token), 201)
                self.assertEqual((role, f"{role}@roles.org"), (joined["member"]["role"], joined["member"]["user_id"]))
                self.assertEqual(scopes, set(joined["key"]["scopes"]))
                self.assertEqual(joined["member"]["user_id"], joined["key"]["member_id"])
                key = joined["secret"]
                tries = [("memory:write", "POST", "/v1/memories", {"content": "tea"}), ("memory:read", "GET", "/v1/memories", None),
                         ("usage:read", "GET", "/v1/usage", None), ("key:admin", "GET", "/v1/keys", None),
                         ("workspace:admin", "POST", "/v1/workspaces", {"name": f"of-{role}"}),
                         ("member:admin", "GET", "/v1/invites", None), ("audit:read", "GET", "/v1/audit", None),
                         ("tenant:read", "GET", "/v1/members", None), ("tenant:admin", "PATCH", "/v1/tenant", {"name": "Default"}),
                         ("memory:purge", "POST", f"/v1/memories/{self.memory()}:purge", None), ("operator", "GET", "/v1/tenants", None)]
                for scope, method, target, body in tries:
                    allowed = scope in scopes or ("*" in scopes and scope != "operator")
                    status = self.server.call(method, target, body, key=key).status
                    self.assertEqual(allowed, status < 300, f"{scope}: {status}")

    def test_a_key_made_by_a_member_may_no_more_than_the_member(self):
        admin = self.join("ann", "admin")
        made = self.ok(self.server.call("POST", "/v1/keys", {"name": "k", "scopes": ["memory:read", "key:admin"]}, key=admin), 201)
        self.assertEqual("ann", made["key"]["member_id"])
        self.refused(self.server.call("POST", "/v1/keys", {"name": "k", "scopes": ["*"]}, key=admin), 403, "permission_denied")
        self.refused(self.server.call("POST", "/v1/keys", {"name": "k", "scopes": ["operator"]}), 403, "permission_denied")
        rotated = self.ok(self.server.call("POST", f"/v1/keys/{made['key']['id']}:rotate", {}), 201)
        self.assertEqual("ann", rotated["key"]["member_id"], "a rotated key acts for the same member")

    def test_a_demotion_holds_with_the_next_request_and_a_promotion_gives_back_what_the_key_has(self):
        admin = self.join("bea", "admin")
        self.ok(self.server.call("GET", "/v1/keys", key=admin))
        self.ok(self.role("bea", "viewer"))
        self.refused(self.server.call("GET", "/v1/keys", key=admin), 403, "permission_denied")
        self.refused(self.server.call("POST", "/v1/memories", {"content": "x"}, key=admin), 403, "permission_denied")
        self.ok(self.read(admin))
        self.ok(self.role("bea", "owner"))
        self.ok(self.server.call("GET", "/v1/keys", key=admin))

    def test_who_is_removed_is_out_with_every_key_and_stays_out_when_the_name_comes_again(self):
        first = self.join("cid", "admin")
        second = self.ok(self.server.call("POST", "/v1/keys", {"name": "k", "scopes": ["memory:read"]}, key=first), 201)["secret"]
        self.assertEqual([200, 200], [self.read(first).status, self.read(second).status])
        self.assertEqual(2, self.ok(self.remove("cid"))["keys_revoked"])
        for key in (first, second):
            self.refused(self.read(key), 401, "key_revoked")
        fresh = self.join("cid", "viewer")
        self.ok(self.read(fresh))
        self.refused(self.read(second), 401, "key_revoked")
        self.refused(self.remove("nobody"), 404, "member_not_found")

    def test_an_admin_cannot_touch_owners(self):
        admin = self.join("dan", "admin")
        self.join("eve", "owner")
        self.refused(self.role("eve", "viewer", key=admin), 403, "permission_denied")
        self.refused(self.remove("eve", key=admin), 403, "permission_denied")
        self.refused(self.role("dan", "owner", key=admin), 403, "permission_denied")
        self.refused(self.invite("friend@example.org", "owner", key=admin), 403, "permission_denied")
        self.ok(self.invite("friend@example.org", "viewer", key=admin), 201)

    def test_an_expected_version_is_kept_to(self):
        self.join("fay", "viewer")
        member = next(m for m in self.ok(self.server.call("GET", "/v1/members"))["members"] if m["user_id"] == "fay")
        wrong = self.server.call("PATCH", "/v1/members/fay", {"role": "member"}, {"If-Match": f'"{member["version"] + 1}"'})
        self.refused(wrong, 409, "version_conflict")
        right = self.server.call("PATCH", "/v1/members/fay", {"role": "member"}, {"If-Match": f'"{member["version"]}"'})
        self.assertEqual(member["version"] + 1, self.ok(right)["member"]["version"])

    def test_bad_input(self):
        for body, code in [({"role": "king"}, "invalid_request"), ({}, "invalid_request"), ({"role": "owner", "x": 1}, "unknown_field")]:
            self.refused(self.server.call("PATCH", "/v1/members/local:owner", body), 400, code)
        for email in ("ab", "@b.org", "a@", "a b@c.org", "a@b@c.org", "x" * 65 + "@c.org"):
            self.assertIn(self.invite(email).status, (400, 422), email)
        self.assertEqual(400, self.invite("a@b.org", "king").status)
        self.assertEqual(400, self.invite("a@b.org", ttl_seconds=1).status)


class LastOwner(WithServer):
    def test_the_last_owner_stays(self):
        with Server(self.plugins) as server:
            def call(method, target, body=None):
                return server.call(method, target, body)
            self.refused(call("DELETE", "/v1/members/local:owner"), 409, "last_owner")
            self.refused(call("PATCH", "/v1/members/local:owner", {"role": "admin"}), 409, "last_owner")
            code, _, error = server.cli("member", "remove", "local:owner")
            self.assertEqual(65, code)
            self.assertIn("last owner", error)
            self.assertEqual(200, call("GET", "/v1/memories").status, "the first key still works")

    def test_two_owners_who_leave_at_once_leave_one(self):
        with Server(self.plugins) as server:
            self.server = server
            operator = server.cli_json("key", "create", "op", "--scope", "operator", "--scope", "*")["secret"]
            for round_number in range(12):
                tenant = self.ok(server.call("POST", "/v1/tenants", {"slug": f"race-{round_number}", "owner": "one"}, key=operator), 201)
                one = tenant["secret"]
                token = self.ok(server.call("POST", "/v1/invites", {"email": "two@x.org", "role": "owner"}, key=one), 201)["token"]
                two = self.ok(self.accept(token, user_id="two"), 201)["secret"]
                answers = at_once(lambda: self.remove("one", key=one) if round_number % 2 else self.role("one", "viewer", key=one),
                                  lambda: self.remove("two", key=two))
                statuses = sorted(a.status for a in answers)
                self.assertEqual(1, statuses.count(200), [a.body for a in answers])
                self.assertEqual("last_owner", next(a.body["code"] for a in answers if a.status != 200))
                left = [k for k in (one, two) if server.call("GET", "/v1/keys", key=k).status == 200]
                self.assertEqual(1, len(left), "one owner is left and may all")


class Invites(WithServer):
    def test_a_token_works_once(self):
        token = self.ok(self.invite("once@example.org"), 201)["token"]
        self.assertRegex(token, r"^egm_invite_[0-9a-f]{32}_[0-9a-f]{64}$")
        answers = at_once(*[lambda n=n: self.accept(token, user_id=f"once-{n}") for n in range(8)])
        self.assertEqual([201], [a.status for a in answers if a.status < 300])
        self.assertEqual({"invite_used"}, {a.body["code"] for a in answers if a.status != 201})
        users = [m["user_id"] for m in self.ok(self.server.call("GET", "/v1/members"))["members"]]
        self.assertEqual(1, sum(u.startswith("once-") for u in users))
        self.refused(self.accept(token), 409, "invite_used")

    def test_a_second_invite_takes_the_place_of_the_first(self):
        first = self.ok(self.invite("Twice@Example.org", "admin"), 201)
        second = self.ok(self.invite("twice@example.org", "viewer"), 201)
        self.assertEqual("twice@example.org", second["invite"]["email"])
        self.refused(self.accept(first["token"]), 404, "invite_not_found")
        self.assertEqual("viewer", self.ok(self.accept(second["token"]), 201)["member"]["role"])
        self.refused(self.invite("twice@example.org"), 409, "already_exists")
        listed = [i for i in self.ok(self.server.call("GET", "/v1/invites"))["invites"] if i["email"] == "twice@example.org"]
        self.assertEqual(["accepted"], [i["state"] for i in listed])

    def test_invites_made_at_once_for_one_address_leave_one(self):
        answers = at_once(*[lambda: self.invite("crowd@example.org") for _ in range(6)])
        tokens = [a.body["token"] for a in answers if a.status == 201]
        self.assertTrue(tokens)
        self.assertTrue(all(a.status in (201, 409) for a in answers))
        accepted = [a.status for a in (self.accept(t, user_id="crowd") for t in tokens)]
        self.assertEqual(1, accepted.count(201), accepted)

    def test_wrong_tokens_are_told_nothing(self):
        token = self.ok(self.invite("guess@example.org"), 201)["token"]
        unknown = re.sub(r"_[0-9a-f]{32}_", "_" + "0" * 32 + "_", token)
        for wrong in (token[:-1] + ("0" if token[-1] != "0" else "1"), unknown, token[:-1], token + "0", "x", "egm_invite_" + "z" * 97):
            answer = self.refused(self.accept(wrong), 404, "invite_not_found")
            self.assertEqual("the token is not one of an invite", answer["detail"])
        self.ok(self.accept(token), 201)

    def test_revoked_and_expired_invites_are_worth_nothing(self):
        made = self.ok(self.invite("gone@example.org"), 201)
        self.ok(self.server.call("DELETE", f"/v1/invites/{made['invite']['id']}"))
        self.refused(self.accept(made["token"]), 404, "invite_not_found")
        self.refused(self.server.call("DELETE", f"/v1/invites/{made['invite']['id']}"), 404, "invite_not_found")

    def test_an_invite_ends_at_its_time(self):
        with Server(self.plugins) as server:
            self.server = server
            made = self.ok(self.invite("late@example.org", ttl_seconds=60), 201)
            server.stop()
            with contextlib.closing(sqlite3.connect(next(server.data.rglob("control.db")))) as database, database:
                changed = database.execute("UPDATE tenant_invites SET expires_at = '2020-01-01T00:00:00.000Z'").rowcount
            self.assertEqual(1, changed)
            server.start()
            self.refused(self.accept(made["token"]), 410, "invite_expired")
            self.assertEqual(["expired"], [i["state"] for i in self.ok(server.call("GET", "/v1/invites"))["invites"]])

    def test_nobody_can_become_somebody_else(self):
        token = self.ok(self.invite("mallory@example.org", "viewer"), 201)["token"]
        self.refused(self.accept(token, user_id="local:owner"), 422, "invalid_value")
        self.refused(self.accept(token, user_id="key:1"), 422, "invalid_value")
        self.refused(self.accept(token, user_id="a b"), 422, "invalid_value")
        self.join("taken", "owner")
        self.refused(self.accept(token, user_id="taken"), 409, "already_exists")
        self.assertEqual("viewer", self.ok(self.accept(token, user_id="mallory"), 201)["member"]["role"], "the token still works")

    def test_tokens_are_stored_hashed_and_logged_nowhere(self):
        token = self.ok(self.invite("hidden@example.org"), 201)["token"]
        secret = token.rsplit("_", 1)[1].encode()
        self.ok(self.accept(token), 201)
        self.assertNotIn(secret, str(self.ok(self.server.call("GET", "/v1/invites"))).encode())
        self.assertNotIn(secret.decode(), str(self.ok(self.server.call("GET", "/v1/audit"))))
        for file in self.server.data.rglob("*"):
            if file.is_file():
                self.assertNotIn(secret, file.read_bytes(), file)
        self.assertNotIn(secret.decode(), self.server.log_text())

    def test_guessing_is_paid_from_the_peers_bucket(self):
        with Server(self.plugins) as server:
            statuses = [server.call("POST", "/v1/invites:accept", {"token": "x"}, key=False).status for _ in range(400)]
            self.assertEqual(404, statuses[0])
            self.assertIn(429, statuses)

    def test_the_command_line_needs_no_key_to_accept(self):
        token = self.server.cli_json("invite", "create", "cli@example.org", "--role", "viewer")["token"]
        code, out, error = self.server.cli("invite", "accept", "-", "--user", "cli", "--url", self.server.url, stdin=token + "\n")
        self.assertEqual(0, code, error)
        self.assertIn("viewer", out)
        key = re.search(r"key (egm_\S+)", out).group(1)
        self.ok(self.read(key))


class Tenants(WithServer):
    def setUp(self):
        self.operator = self.server.cli_json("key", "create", "op", "--scope", "operator", "--scope", "*")["secret"]

    def make(self, slug, **more):
        return self.ok(self.server.call("POST", "/v1/tenants", {"slug": slug, **more}, key=self.operator), 201)

    def test_a_tenant_is_of_its_own(self):
        made = self.make("acme", name="Acme", owner="zoe", plan="enterprise")
        key = made["secret"]
        self.assertEqual(("acme", "Acme", "active", "enterprise", "zoe"),
                         tuple(made["tenant"][f] for f in ("slug", "name", "status", "plan", "owner_user_id")))
        memory = self.ok(self.server.call("POST", "/v1/memories", {"content": "of acme"}, key=key), 201)["memory"]["id"]
        self.refused(self.server.call("GET", f"/v1/memories/{memory}"), 404, "memory_not_found")
        self.assertEqual(["zoe"], [m["user_id"] for m in self.ok(self.server.call("GET", "/v1/members", key=key))["members"]])
        self.refused(self.server.call("POST", "/v1/tenants", {"slug": "acme"}, key=self.operator), 409, "already_exists")
        self.assertEqual(422, self.server.call("POST", "/v1/tenants", {"slug": "No Slug"}, key=self.operator).status)
        self.refused(self.server.call("POST", "/v1/tenants", {"slug": "q", "plan": "gold"}, key=self.operator), 422, "invalid_value")

    def test_a_suspended_tenant_is_refused_with_the_next_request_until_it_is_activated(self):
        key = self.make("slow")["secret"]
        self.ok(self.read(key))
        self.ok(self.server.call("PATCH", "/v1/tenants/slow", {"status": "suspended"}, key=self.operator))
        self.refused(self.read(key), 403, "tenant_suspended")
        self.assertEqual(0, self.server.cli("tenant", "activate", "slow")[0])
        self.ok(self.read(key))
        self.refused(self.server.call("PATCH", "/v1/tenants/default", {"status": "suspended"}, key=self.operator), 409, "own_tenant")
        self.refused(self.server.call("PATCH", "/v1/tenants/none", {"status": "active"}, key=self.operator), 404, "tenant_not_found")
        self.refused(self.server.call("PATCH", "/v1/tenants/slow", {}, key=self.operator), 400, "invalid_request")

    def test_only_an_operator_sees_other_tenants(self):
        owner = self.make("shy", owner="sue")["secret"]
        for method, target, body in [("GET", "/v1/tenants", None), ("POST", "/v1/tenants", {"slug": "more"}),
                                     ("PATCH", "/v1/tenants/default", {"status": "suspended"}), ("GET", "/v1/audit:verify", None)]:
            for key in (owner, self.server.key):
                self.refused(self.server.call(method, target, body, key=key), 403, "permission_denied")

    def test_tenants_are_listed_page_by_page(self):
        for n in range(5):
            self.make(f"page-{n}")
        slugs, cursor = [], ""
        while cursor is not None:
            page = self.ok(self.server.call("GET", f"/v1/tenants?limit=2{cursor and '&cursor=' + cursor}", key=self.operator))
            slugs += [t["slug"] for t in page["tenants"]]
            cursor = page["next_cursor"]
        self.assertEqual(len(set(slugs)), len(slugs))
        self.assertLessEqual({f"page-{n}" for n in range(5)} | {"default"}, set(slugs))

    def test_renaming(self):
        version = self.ok(self.server.call("PATCH", "/v1/tenant", {"name": "Ours"}))["tenant"]["version"]
        self.assertEqual(f'"{version}"', self.server.call("GET", "/v1/tenant").headers["etag"])
        self.refused(self.server.call("PATCH", "/v1/tenant", {"name": "Theirs"}, {"If-Match": f'"{version - 1}"'}), 409, "version_conflict")
        self.assertEqual("Ours", self.ok(self.server.call("GET", "/v1/tenant"))["tenant"]["name"])


if __name__ == "__main__":
    main()
