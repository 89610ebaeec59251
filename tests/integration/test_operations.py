"""Every operation through every binding: REST and the command line, answers checked against the published schemas."""

import json
import tempfile
import unittest

import jsonschema

from support.engram_server import OSS, Server, main


class Document:
    """The server's OpenAPI document: finds an operation's route and checks answers against its schema."""

    def __init__(self, openapi):
        self.openapi = openapi
        self.by_operation = {spec["operationId"]: (method.upper(), path, spec)
                             for path, methods in openapi["paths"].items() for method, spec in methods.items()}

    def check(self, operation, answer):
        spec = self.by_operation[operation][2]
        responses = spec["responses"]
        if str(answer.status) not in responses:
            raise AssertionError(f"{operation} answered {answer.status}, which is not documented: {answer.body}")
        schema = responses[str(answer.status)]["content"]["application/json"]["schema"]
        jsonschema.Draft4Validator({**schema, "components": self.openapi["components"]}).validate(answer.body)
        return answer.body


class EveryOperation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server([*OSS, {"use": "tiny-embed"}]).start()  # two embedders, so that one can be switched to
        cls.document = Document(cls.server.call("GET", "/v1/openapi.json", key=False).body)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def rest(self, operation, body=None, query="", headers=None, **path):
        method, template, _ = self.document.by_operation[operation]
        return self.document.check(operation, self.server.call(method, template.format(**path) + query, body, headers))

    def other_embedder(self, embedding):
        """The embedder of the two that is not used, and the space that is."""
        active = next(space for space in embedding["spaces"] if space["state"] == "active")
        return next(e["name"] for e in embedding["embedders"] if e["name"] != active["embedder"]), active["id"]

    def test_every_operation_over_rest(self):
        called = set()

        def rest(operation, *arguments, **more):
            called.add(operation)
            return self.rest(operation, *arguments, **more)

        full = {"content": "Ada drinks tea", "workspace": "rest", "type": "fact", "tags": ["tea", "ada"],
                "metadata": {"source": "test", "n": 1}, "importance": 0.75, "occurred_at": "2026-01-02T03:04:05Z",
                "ttl_seconds": 3600}
        made = rest("memory.create", full)
        memory = made["memory"]
        for field in ("content", "workspace", "type", "tags", "metadata", "importance"):
            self.assertEqual(full[field], memory[field], field)
        self.assertEqual("2026-01-02T03:04:05.000Z", memory["occurred_at"])
        self.assertEqual(1, memory["version"])
        one = memory["id"]

        batch = rest("memory.create_batch", {"memories": [{"content": "Bob rows", "workspace": "rest"},
                                                          {"content": "", "workspace": "rest"}]})
        self.assertIn("memory", batch["results"][0])
        self.assertEqual("invalid_request", batch["results"][1]["error"]["code"])
        self.assertGreater(batch["lsn"], made["lsn"])

        self.assertEqual(memory, rest("memory.get", id=one)["memory"])
        changed = rest("memory.update", {"content": "Ada drinks coffee"}, headers={"If-Match": '"1"'}, id=one)["memory"]
        self.assertEqual((2, "Ada drinks coffee", ["tea", "ada"]),
                         (changed["version"], changed["content"], changed["tags"]))
        listed = rest("memory.list", query="?workspace=rest&limit=1")
        self.assertEqual(1, len(listed["memories"]))
        rest_of = rest("memory.list", query=f"?workspace=rest&limit=1&cursor={listed['next_cursor']}")
        self.assertNotEqual(listed["memories"][0]["id"], rest_of["memories"][0]["id"])

        found = rest("memory.search", {"query": "coffee", "workspace": "rest", "limit": 5, "explain": True})
        self.assertEqual(one, found["results"][0]["memory"]["id"])
        self.assertGreaterEqual(found["lsn"], batch["lsn"])
        self.assertIn("bm25", found["results"][0]["explain"])
        self.assertIn("coffe", [t["term"] for t in found["explain"]["terms"]])
        missed = rest("memory.search", {"query": "the cofee", "workspace": "rest", "fuzzy": "auto", "explain": True, "why_not": one})
        self.assertEqual({"found", one}, {missed["why_not"]["reason"], missed["results"][0]["memory"]["id"]})
        self.assertEqual([{"term": "the", "reason": "stop_word"}], missed["explain"]["dropped"])
        narrow = {"query": "coffee", "workspace": "rest", "types": ["note", "fact"], "tags": ["tea", "ada"], "since": "2020-01-01T00:00:00Z"}
        self.assertEqual([one], [r["memory"]["id"] for r in rest("memory.search", narrow)["results"]])
        for other in ({"types": ["note"]}, {"tags": ["tea", "milk"]}, {"until": "2020-01-02T00:00:00Z"}):
            self.assertEqual([], rest("memory.search", narrow | other)["results"], other)
        self.assertEqual("found", rest("memory.search", narrow | {"max_tokens": 4, "why_not": one})["why_not"]["reason"])
        self.assertNotIn("omitted", rest("memory.search", narrow | {"max_tokens": 5}))
        cut = rest("memory.search", narrow | {"max_tokens": 4})  # "Ada drinks coffee" is reckoned as five
        self.assertEqual(([], 1), (cut["results"], cut["omitted"]))
        past = rest("memory.search", {"query": "Ada", "workspace": "rest", "as_of": made["lsn"]})
        self.assertEqual(["Ada drinks tea"], [r["memory"]["content"] for r in past["results"]])
        self.assertEqual([], rest("memory.search", {"query": "Ada", "as_of": "2020-01-01T00:00:00Z"})["results"])
        for bad, pointer in (({"as_of": "yesterday"}, "/as_of"), ({"why_not": "x" * 36}, "/why_not"),
                             ({"until": "2019-01-01T00:00:00Z"}, "/until"), ({"since": "soon"}, "/since")):
            refused = self.server.call("POST", "/v1/search", narrow | bad)
            self.assertEqual((422, pointer), (refused.status, refused.body["pointer"]), bad)
        exact = rest("memory.search", {"query": "cofee", "workspace": "rest", "fuzzy": "off", "mode": "lexical", "why_not": one})
        self.assertEqual(([], "no_common_term"), (exact["results"], exact["why_not"]["reason"]))

        self.assertEqual({"lsn"}, set(rest("memory.delete", id=one)))
        self.assertEqual(404, self.server.call("GET", f"/v1/memories/{one}").status)
        self.assertEqual("Ada drinks coffee", rest("memory.undelete", id=one)["memory"]["content"])
        states = [v["state"] for v in rest("memory.history", id=one)["versions"]]
        self.assertEqual(["live", "live", "deleted", "live"], states)
        self.assertEqual("Ada drinks tea", rest("memory.revert", {"version": 1}, id=one)["memory"]["content"])

        self.assertEqual([{"at_old": 11, "at_new": 11, "removed": "coffee", "added": "tea"}],
                         rest("memory.diff", query="?from=4&to=5", id=one)["changes"]["content"])
        self.assertEqual("Ada drinks coffee", rest("memory.undo", id=one)["memory"]["content"])
        self.assertEqual("skipped", rest("memory.create", {"content": " Ada  drinks coffee", "workspace": "rest",
                                                           "on_duplicate": "skip"})["outcome"])
        two = rest("memory.create", {"content": "Ada drinks coffee", "workspace": "rest"})["memory"]["id"]
        pair = rest("memory.duplicates", query="?workspace=rest")["pairs"][0]
        self.assertEqual((one, two, True), (pair["first"]["id"], pair["second"]["id"], pair["same"]))
        useful = rest("memory.feedback", {"useful": True}, id=one)["memory"]
        self.assertAlmostEqual(0.8, useful["importance"])
        three = rest("memory.create", {"content": "Ada has a cup", "workspace": "rest", "tags": ["cup"], "pinned": True,
                                       "valid_from": "2026-01-01T00:00:00Z"})["memory"]
        self.assertEqual((True, "permanent"), (three["pinned"], three["tier"]))
        merged = rest("memory.merge", {"ids": [one, three["id"]], "content": "Ada drinks coffee from a cup"})["memory"]
        self.assertEqual((["tea", "ada", "cup"], [three["id"]], True, "permanent"),
                         (merged["tags"], merged["metadata"]["merged_from"], merged["pinned"], merged["tier"]))
        self.assertEqual("memory_pinned", rest("memory.delete_batch", {"ids": [one]})["results"][0]["error"]["code"])
        self.assertEqual("changed", rest("memory.tag_batch", {"ids": [two], "add": ["x"]})["results"][0]["outcome"])
        self.assertEqual("deleted", rest("memory.delete_batch", {"ids": [two]})["results"][0]["outcome"])
        self.assertEqual({"lsn"}, set(rest("memory.purge", id=one)))
        self.assertEqual(404, self.server.call("GET", f"/v1/memories/{one}/history").status)

        rest("workspace.create", {"name": "empty"})
        self.assertLessEqual({"rest", "empty"}, {w["name"] for w in rest("workspace.list")["workspaces"]})
        rest("workspace.delete", name="empty")
        self.assertNotIn("empty", {w["name"] for w in rest("workspace.list")["workspaces"]})

        other, space = self.other_embedder(rest("embedding.show")["embedding"])
        switched = rest("embedding.switch", {"embedder": other, "when": "now"})["embedding"]
        self.assertEqual(("active", "idle"), tuple(next(s["state"] for s in switched["spaces"] if (s["embedder"] == other) == used)
                                                   for used in (True, False)))
        dropped = rest("embedding.drop", id=space)["embedding"]
        self.assertEqual([other], [s["embedder"] for s in dropped["spaces"]])

        key = rest("key.create", {"name": "second", "scopes": ["memory:read"]})
        self.assertIn(key["key"]["id"], {k["id"] for k in rest("key.list")["keys"]})
        rotated = rest("key.rotate", {}, id=key["key"]["id"])
        rest("key.revoke", id=rotated["key"]["id"])

        self.assertEqual("default", rest("tenant.show")["tenant"]["slug"])
        self.assertEqual("Renamed", rest("tenant.update", {"name": "Renamed"})["tenant"]["name"])
        invite = rest("invite.create", {"email": "rest@example.org", "role": "viewer"})
        self.assertEqual([invite["invite"]], rest("invite.list")["invites"])
        joined = rest("invite.accept", {"token": invite["token"], "user_id": "rest"})
        self.assertIn(joined["member"], rest("member.list")["members"])
        self.assertEqual("member", rest("member.update", {"role": "member"}, id="rest")["member"]["role"])
        self.assertEqual(1, rest("member.remove", id="rest")["keys_revoked"])
        rest("invite.revoke", id=invite["invite"]["id"])
        self.assertEqual("invite.revoke", rest("audit.query", query="?limit=1")["events"][0]["operation"])
        # The scope of these is not in "*", which is the first key's.
        first, self.server.key = self.server.key, self.server.cli_json("key", "create", "op", "--scope", "operator")["secret"]
        try:
            self.assertEqual("rest-made", rest("tenant.create", {"slug": "rest-made"})["tenant"]["slug"])
            rest("tenant.list", query="?limit=10")
            health = rest("admin.health", query="?integrity=true")
            self.assertNotEqual("error", health["status"], health)
            rest("tenant.configure", {"status": "suspended"}, slug="rest-made")
            self.assertTrue(rest("audit.verify")["intact"])
        finally:
            self.server.key = first
        used = {row["operation"] for row in rest("usage.query")["usage"]}
        self.assertLessEqual({"memory.create", "memory.search"}, used)

        self.assertEqual(set(self.document.by_operation), called, "an operation of the document was not called")

    def test_every_operation_on_the_command_line(self):
        called = set()

        def cli(operation, *arguments, stdin=None):
            called.add(operation)
            schema = next(iter(self.document.by_operation[operation][2]["responses"].items()))[1]
            body = self.server.cli_json(*arguments, stdin=stdin)
            jsonschema.Draft4Validator({**schema["content"]["application/json"]["schema"],
                                        "components": self.document.openapi["components"]}).validate(body)
            return body

        made = cli("memory.create", "memory", "add", "Eve collects stamps", "--workspace", "shell", "--tag", "hobby",
                   "--type", "fact", "--importance", "0.25", "--metadata", '{"a": 1}')["memory"]
        self.assertEqual(("shell", ["hobby"], "fact", 0.25, {"a": 1}),
                         tuple(made[k] for k in ("workspace", "tags", "type", "importance", "metadata")))
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            for n in range(3):
                file.write(json.dumps({"content": f"imported {n}"}) + "\n")
            file.flush()
            called.add("memory.create_batch")
            self.assertEqual(3, self.server.cli_json("memory", "import", file.name, "--workspace", "shell")["stored"])
        one = made["id"]
        self.assertEqual(made, cli("memory.get", "memory", "get", one)["memory"])
        self.assertEqual("stamps and coins", cli("memory.update", "memory", "update", one, "--content", "stamps and coins",
                                                 "--if-version", "1")["memory"]["content"])
        self.assertEqual(4, len(cli("memory.list", "memory", "list", "--workspace", "shell")["memories"]))
        self.assertEqual(one, cli("memory.search", "memory", "search", "coins", "--workspace", "shell")["results"][0]
                         ["memory"]["id"])
        cli("memory.delete", "memory", "delete", one)
        cli("memory.undelete", "memory", "undelete", one)
        self.assertEqual(4, len(cli("memory.history", "memory", "history", one)["versions"]))
        self.assertEqual("Eve collects stamps", cli("memory.revert", "memory", "revert", one, "1")["memory"]
                         ["content"])
        self.assertIn("content", cli("memory.diff", "memory", "diff", one)["changes"])
        self.assertEqual("stamps and coins", cli("memory.undo", "memory", "undo", one)["memory"]["content"])
        self.assertEqual([], cli("memory.duplicates", "memory", "duplicates", "--id", one, "--threshold", "0.9")["pairs"])
        self.assertAlmostEqual(0.2, cli("memory.feedback", "memory", "feedback", one, "useless")["memory"]["importance"])
        other = self.server.cli_json("memory", "add", "Eve keeps coins", "--workspace", "shell", "--tier", "daily", "--valid-from",
                                     "2026-01-01T00:00:00Z")["memory"]
        self.assertEqual(("daily", False, "2026-01-01T00:00:00.000Z"), (other["tier"], other["pinned"], other["valid_from"]))
        pinned = self.server.cli_json("memory", "update", other["id"], "--pin", "--tier", "permanent")["memory"]
        self.assertEqual(("permanent", True), (pinned["tier"], pinned["pinned"]))
        self.assertFalse(self.server.cli_json("memory", "update", other["id"], "--unpin")["memory"]["pinned"])
        self.assertEqual("stamps, coins", cli("memory.merge", "memory", "merge", one, other["id"], "--content", "stamps, coins")
                         ["memory"]["content"])
        self.assertEqual("changed", cli("memory.tag_batch", "memory", "tag", one, "--add", "x")["results"][0]["outcome"])
        self.assertEqual("deleted", cli("memory.delete_batch", "memory", "delete-many", one, "--atomic")["results"][0]["outcome"])
        cli("memory.purge", "memory", "purge", one)
        cli("workspace.create", "workspace", "create", "shelf")
        cli("workspace.list", "workspace", "list")
        cli("workspace.delete", "workspace", "delete", "shelf")
        other, space = self.other_embedder(cli("embedding.show", "embedding", "show")["embedding"])
        self.assertEqual(other, next(s["embedder"] for s in cli("embedding.switch", "embedding", "switch", other, "--now")["embedding"]
                                     ["spaces"] if s["state"] == "active"))
        self.assertEqual(1, len(cli("embedding.drop", "embedding", "drop", str(space))["embedding"]["spaces"]))
        key = cli("key.create", "key", "create", "cli", "--scope", "memory:read")["key"]
        cli("key.list", "key", "list")
        rotated = cli("key.rotate", "key", "rotate", key["id"])["key"]
        cli("key.revoke", "key", "revoke", rotated["id"])
        cli("tenant.show", "tenant", "show")
        cli("tenant.update", "tenant", "rename", "Shell")
        cli("tenant.create", "tenant", "create", "cli-made", "--name", "Made")
        cli("tenant.list", "tenant", "list")
        cli("tenant.configure", "tenant", "set-plan", "cli-made", "team")
        invite = cli("invite.create", "invite", "create", "cli@example.org", "--ttl-seconds", "60")
        cli("invite.list", "invite", "list")
        cli("invite.accept", "invite", "accept", invite["token"], "--user", "cli")
        cli("member.list", "member", "list")
        cli("member.update", "member", "set-role", "cli", "viewer")
        cli("member.remove", "member", "remove", "cli")
        cli("invite.revoke", "invite", "revoke", invite["invite"]["id"])
        self.assertEqual("invite.revoke", cli("audit.query", "audit", "list", "--limit", "1")["events"][0]["operation"])
        cli("audit.verify", "audit", "verify")
        cli("usage.query", "usage")
        cli("admin.health", "doctor", "--integrity", "--config", self.server.config)
        self.assertEqual(set(self.document.by_operation), called, "an operation has no command")


if __name__ == "__main__":
    main()
