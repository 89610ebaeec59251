"""Every operation through every binding: REST and the command line, answers checked against the published schemas."""

import json
import tempfile
import unittest

import jsonschema

from support.engram_server import Server, main


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
        cls.server = Server().start()
        cls.document = Document(cls.server.call("GET", "/v1/openapi.json", key=False).body)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def rest(self, operation, body=None, query="", headers=None, **path):
        method, template, _ = self.document.by_operation[operation]
        return self.document.check(operation, self.server.call(method, template.format(**path) + query, body, headers))

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

        self.assertEqual({"lsn"}, set(rest("memory.delete", id=one)))
        self.assertEqual(404, self.server.call("GET", f"/v1/memories/{one}").status)
        self.assertEqual("Ada drinks coffee", rest("memory.undelete", id=one)["memory"]["content"])
        states = [v["state"] for v in rest("memory.history", id=one)["versions"]]
        self.assertEqual(["live", "live", "deleted", "live"], states)
        self.assertEqual("Ada drinks tea", rest("memory.revert", {"version": 1}, id=one)["memory"]["content"])

        rest("workspace.create", {"name": "empty"})
        self.assertLessEqual({"rest", "empty"}, {w["name"] for w in rest("workspace.list")["workspaces"]})
        rest("workspace.delete", name="empty")
        self.assertNotIn("empty", {w["name"] for w in rest("workspace.list")["workspaces"]})

        key = rest("key.create", {"name": "second", "scopes": ["memory:read"]})
        self.assertIn(key["key"]["id"], {k["id"] for k in rest("key.list")["keys"]})
        rotated = rest("key.rotate", {}, id=key["key"]["id"])
        rest("key.revoke", id=rotated["key"]["id"])

        self.assertEqual("default", rest("tenant.show")["tenant"]["slug"])
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
        cli("workspace.create", "workspace", "create", "shelf")
        cli("workspace.list", "workspace", "list")
        cli("workspace.delete", "workspace", "delete", "shelf")
        key = cli("key.create", "key", "create", "cli", "--scope", "memory:read")["key"]
        cli("key.list", "key", "list")
        rotated = cli("key.rotate", "key", "rotate", key["id"])["key"]
        cli("key.revoke", "key", "revoke", rotated["id"])
        cli("tenant.show", "tenant", "show")
        cli("usage.query", "usage")
        self.assertEqual(set(self.document.by_operation), called, "an operation has no command")


if __name__ == "__main__":
    main()
