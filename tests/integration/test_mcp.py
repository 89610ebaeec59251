"""MCP on the wire: /mcp over HTTP, every revision, every refusal; tools as the table of operations has them."""

import json
import unittest

import jsonschema

from support.engram_server import Server, main, wait_until, with_plugin
from support.mcp import ACCEPT, INITIALIZE, notification, post, request, tool_call

META = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                  "io.modelcontextprotocol/clientCapabilities": {}}}


def modern(method, params=None, id=1, **headers):
    sent = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, **headers}
    return request(method, {**META, **(params or {})}, id), {k: v for k, v in sent.items() if v}


class Wire(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(extra='[mcp]\nallowed_hosts = ["mcp.example"]\nallowed_origins = ["https://app.example"]').start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def post(self, message, headers=None, **more):
        return post(self.server, message, headers, **more)

    def error(self, answer, status, code):
        self.assertEqual((status, code), (answer.status, answer.body["error"]["code"]), answer.body)
        return answer.body

    def call(self, name, arguments=None, **more):
        answer = self.post(tool_call(name, arguments), **more)
        self.assertEqual(200, answer.status, answer.body)
        return answer.body["result"]

    def fails(self, name, arguments=None, **more):
        result = self.call(name, arguments, **more)
        self.assertTrue(result["isError"], result)
        self.assertNotIn("structuredContent", result)
        return json.loads(result["content"][0]["text"])

    # ---- handshake and revisions

    def test_initialize_answers_the_asked_revision_or_the_newest(self):
        for asked, answered in [("2025-11-25", "2025-11-25"), ("2025-06-18", "2025-06-18"), ("2025-03-26", "2025-03-26"),
                                ("2024-11-05", "2024-11-05"), ("2099-01-01", "2025-11-25"), ("2026-07-28", "2025-11-25")]:
            answer = self.post(request("initialize", {**INITIALIZE, "protocolVersion": asked}))
            result = answer.body["result"]
            self.assertEqual(answered, result["protocolVersion"])
            self.assertEqual({"tools": {}}, result["capabilities"])
            self.assertEqual("engram", result["serverInfo"]["name"])
            self.assertIn("memory_search", result["instructions"])
            self.assertRegex(answer.headers["mcp-session-id"], r"^[!-~]+$")
        self.error(self.post(request("initialize", {})), 200, -32602)

    def test_notifications_are_accepted_without_a_word(self):
        for message in (notification("notifications/initialized"), notification("notifications/cancelled", {"requestId": 1}),
                        notification("notifications/unheard")):
            answer = self.post(message)
            self.assertEqual((202, b""), (answer.status, answer.body))

    def test_ids_come_back_as_they_were(self):
        for number in (0, -7, 2**53 + 1, 2**64 - 1, "a", "", 'quo"te', "é" * 100):
            self.assertEqual({"jsonrpc": "2.0", "id": number, "result": {}}, self.post(request("ping", id=number)).body)

    def test_malformed_messages(self):
        cases = [({"jsonrpc": "2.0", "id": None, "method": "ping"}, -32600), ({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, -32600),
                 ({"id": 1, "method": "ping"}, -32600), ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, -32600),
                 ({"jsonrpc": "2.0", "id": 1, "method": 7}, -32600), ({"jsonrpc": "2.0", "id": 1}, -32600), (7, -32600),
                 ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}, -32600),
                 ({"jsonrpc": "2.0", "id": 1, "result": {}}, -32600), ({"jsonrpc": "2.0", "id": "x" * 300, "method": "ping"}, -32600)]
        for message, code in cases:
            with self.subTest(message):
                self.error(self.post(message), 400, code)
        for raw in (b"{", b"", b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', b'\xff', b"[" * 100):
            answer = self.server.call("POST", "/mcp", raw=raw, headers={**ACCEPT, "Content-Type": "application/json"})
            self.assertIsNone(self.error(answer, 400, -32700)["id"])

    def test_unknown_methods_and_bad_parameters(self):
        for method in ("resources/list", "logging/setLevel", "server/discover", "no/such"):
            self.error(self.post(request(method)), 200, -32601)
        self.error(self.post(tool_call("memory_forget_everything")), 200, -32602)
        self.error(self.post(request("tools/call", {})), 200, -32602)
        self.error(self.post(request("tools/call")), 200, -32602)
        self.error(self.post(request("tools/call", {"name": "memory_list", "arguments": [1]})), 200, -32602)
        self.error(self.post(request("tools/list", {"cursor": "abc"})), 200, -32602)

    def test_the_version_header(self):
        for version in ("2025-11-25", "2024-11-05"):
            self.assertEqual(200, self.post(request("ping"), {"MCP-Protocol-Version": version}).status)
        self.error(self.post(request("ping"), {"MCP-Protocol-Version": "1999-01-01"}), 400, -32600)
        # A client that names its newest revision whatever was negotiated is known by its session.
        session = self.post(request("initialize", INITIALIZE)).headers["mcp-session-id"]
        self.error(self.post(request("ping"), {"MCP-Protocol-Version": "2026-07-28"}), 400, -32602)
        answer = self.post(request("ping"), {"MCP-Protocol-Version": "2026-07-28", "Mcp-Session-Id": session})
        self.assertEqual({}, answer.body["result"])
        for stranger in ("abc", session + "x", session.replace("2025", "2125")):
            self.error(self.post(request("ping"), {"Mcp-Session-Id": stranger}), 404, -32001)

    def test_batches_belong_to_one_revision(self):
        batch = [request("ping", id=1), notification("notifications/initialized"), tool_call("workspace_list", id="w"),
                 request("initialize", INITIALIZE, id=3), {"jsonrpc": "2.0", "id": 4}, request("no/such", id=5)]
        for headers in ({}, {"MCP-Protocol-Version": "2025-03-26"}):
            answer = self.post(batch, headers)
            self.assertEqual(200, answer.status)
            by_id = {a["id"]: a for a in answer.body}
            self.assertEqual({1, "w", 3, 4, 5}, set(by_id))
            self.assertIn("workspaces", by_id["w"]["result"]["structuredContent"])
            self.assertEqual([-32600, -32600, -32601], [by_id[n]["error"]["code"] for n in (3, 4, 5)])
        self.assertEqual(202, self.post([notification("notifications/initialized")]).status)
        self.error(self.post(batch, {"MCP-Protocol-Version": "2025-06-18"}), 400, -32600)
        self.error(self.post([]), 400, -32600)
        self.error(self.post([request("ping")] * 51), 400, -32600)

    def test_calls_of_a_batch_run_in_their_order(self):
        batch = [tool_call("memory_create", {"content": f"order {n}", "workspace": "batch"}, id=n) for n in range(10)]
        batch.append(tool_call("memory_list", {"workspace": "batch"}, id="list"))
        answers = {a["id"]: a for a in self.post(batch).body}
        positions = [answers[n]["result"]["structuredContent"]["lsn"] for n in range(10)]
        self.assertEqual(sorted(positions), positions)
        self.assertEqual(10, len(answers["list"]["result"]["structuredContent"]["memories"]))

    # ---- 2026-07-28

    def test_a_modern_client_needs_no_handshake(self):
        discovered = self.post(*modern("server/discover")).body["result"]
        self.assertEqual(["2026-07-28"], discovered["supportedVersions"])
        listed = self.post(*modern("tools/list")).body["result"]
        made = self.post(*modern("tools/call", {"name": "memory_create", "arguments": {"content": "modern"}},
                                 **{"Mcp-Name": "memory_create"})).body["result"]
        self.assertEqual("modern", made["structuredContent"]["memory"]["content"])
        for result in (discovered, listed, made):
            self.assertEqual("complete", result["resultType"])
            self.assertEqual("engram", result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"])
        for result in (discovered, listed):
            self.assertEqual("private", result["cacheScope"])
            self.assertIsInstance(result["ttlMs"], int)

    def test_what_a_modern_request_must_say(self):
        message, headers = modern("tools/list")
        for change, code in [({"MCP-Protocol-Version": ""}, -32020), ({"MCP-Protocol-Version": "2025-11-25"}, -32020),
                             ({"Mcp-Method": ""}, -32020), ({"Mcp-Method": "tools/call"}, -32020)]:
            sent = {k: v for k, v in {**headers, **change}.items() if v}
            self.error(self.post(message, sent), 400, code)
        message, headers = modern("tools/call", {"name": "memory_list"}, **{"Mcp-Name": "memory_get"})
        self.error(self.post(message, headers), 400, -32020)
        for meta in ({"io.modelcontextprotocol/protocolVersion": "2026-07-28"},
                     {"io.modelcontextprotocol/protocolVersion": 7, "io.modelcontextprotocol/clientCapabilities": {}}):
            self.error(self.post(request("tools/list", {"_meta": meta}), headers), 400, -32602)
        future = {"_meta": {**META["_meta"], "io.modelcontextprotocol/protocolVersion": "2199-01-01"}}
        body = self.error(self.post(request("tools/list", future), {"MCP-Protocol-Version": "2199-01-01"}), 400, -32022)
        self.assertEqual({"supported": ["2026-07-28"], "requested": "2199-01-01"}, body["error"]["data"])
        for method in ("initialize", "ping", "logging/setLevel", "no/such"):
            self.error(self.post(*modern(method)), 404, -32601)
        self.error(self.post([modern("tools/list")[0]], {"MCP-Protocol-Version": "2026-07-28"}), 400, -32600)

    # ---- HTTP

    def test_strangers_are_told_how_to_come_in(self):
        for method in ("POST", "GET"):
            answer = self.server.call(method, "/mcp", request("ping") if method == "POST" else None, ACCEPT, key=False)
            self.assertEqual(401, answer.status)
            self.assertIn("Bearer", answer.headers["www-authenticate"])
        self.assertEqual(401, self.post(request("ping"), key="egm_live_nothing").status)

    def test_other_methods_and_media_types(self):
        for method in ("GET", "DELETE", "PUT"):
            answer = self.server.call(method, "/mcp", headers=ACCEPT)
            self.assertEqual((405, "POST"), (answer.status, answer.headers["allow"]))
        for accept, status in [("application/json", 200), ("*/*", 200), ("application/*;q=0.5, text/html", 200),
                               ("text/event-stream", 406), ("text/html", 406)]:
            self.assertEqual(status, self.post(request("ping"), {"Accept": accept}).status, accept)
        for media, status in [("application/json; charset=utf-8", 200), ("Application/JSON", 200), ("text/plain", 415),
                              ("application/jsonx", 415)]:
            self.assertEqual(status, self.post(request("ping"), {"Content-Type": media}).status, media)

    def test_pages_of_others_are_refused(self):
        for origin in ("http://localhost", "https://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:1",
                       "https://app.example", "HTTPS://APP.EXAMPLE"):
            self.assertEqual(200, self.post(request("ping"), {"Origin": origin}).status, origin)
        for origin in ("http://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1.evil.example",
                       "https://app.example.evil.example", "http://app.example", "file://", "http://evil.example:80/localhost"):
            answer = self.post(request("ping"), {"Origin": origin})
            self.assertEqual("origin_not_allowed", self.error(answer, 403, -32600)["error"]["data"]["code"], origin)

    def test_names_that_were_bound_to_this_machine_are_refused(self):
        for host in ("localhost", "localhost:7227", "127.0.0.1:1", "[::1]:7227", "MCP.example:443"):
            self.assertEqual(200, self.post(request("ping"), {"Host": host}).status, host)
        for host in ("evil.example", "localhost.evil.example", "127.evil.example", "mcp.example.evil.example"):
            answer = self.post(request("ping"), {"Host": host})
            self.assertEqual("host_not_allowed", self.error(answer, 403, -32600)["error"]["data"]["code"], host)

    def test_a_header_that_selects_the_protocol_is_there_once(self):
        body = json.dumps(request("ping")).encode()
        for name in ("MCP-Protocol-Version", "Mcp-Session-Id", "Mcp-Method", "Mcp-Name", "Origin"):
            head = (f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{name}: a\r\n{name}: b\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n").encode()
            self.assertEqual(400, self.server.raw(head + body)[0].status, name)

    # ---- tools

    def test_every_tool_works_and_keeps_its_schemas(self):
        tools = {t["name"]: t for t in self.all_tools()}
        self.assertNotIn("discover_tools", tools, "there is nothing left to discover")
        called = set()

        def call(name, /, **arguments):
            called.add(name)
            jsonschema.Draft202012Validator(tools[name]["inputSchema"]).validate(arguments)
            result = self.call(name, arguments)
            self.assertFalse(result["isError"], result)
            jsonschema.Draft202012Validator(tools[name]["outputSchema"]).validate(result["structuredContent"])
            self.assertEqual(result["structuredContent"], json.loads(result["content"][0]["text"]))
            return result["structuredContent"]

        one = call("memory_create", content="Ada drinks tea", workspace="tools", tags=["tea"])["memory"]["id"]
        batch = call("memory_create_batch", memories=[{"content": "Bob rows", "workspace": "tools"}, {"content": ""}])
        self.assertEqual("invalid_request", batch["results"][1]["error"]["code"])
        self.assertEqual(one, call("memory_search", query="tea", workspace="tools")["results"][0]["memory"]["id"])
        self.assertEqual(1, call("memory_get", id=one)["memory"]["version"])
        self.assertEqual(2, len(call("memory_list", workspace="tools")["memories"]))
        self.assertEqual(2, call("memory_update", id=one, content="Ada drinks coffee", expected_version=1)["memory"]["version"])
        call("memory_delete", id=one)
        call("memory_undelete", id=one)
        self.assertEqual(4, len(call("memory_versions", id=one)["versions"]))
        self.assertEqual("Ada drinks tea", call("memory_revert", id=one, version=1)["memory"]["content"])
        self.assertTrue(call("memory_diff", id=one, **{"from": 2, "to": 5})["changes"]["content"])
        self.assertEqual("Ada drinks coffee", call("memory_undo", id=one)["memory"]["content"])
        two = batch["results"][0]["memory"]["id"]
        call("memory_tag_batch", ids=[one, two], add=["people"])
        call("memory_create", content="bob rows", workspace="tools")
        self.assertEqual(1, len(call("memory_find_duplicates", workspace="tools")["pairs"]))
        call("memory_delete_batch", ids=[two])
        call("memory_feedback", id=one, useful=True)
        three = call("memory_create", content="Ada has a cup", workspace="tools")["memory"]["id"]
        self.assertEqual([three], call("memory_merge", ids=[one, three])["memory"]["metadata"]["merged_from"])
        call("memory_purge", id=one)
        call("workspace_create", name="tools-empty")
        self.assertIn("tools-empty", [w["name"] for w in call("workspace_list")["workspaces"]])
        call("workspace_delete", name="tools-empty")
        self.assertEqual(set(tools), called, "a tool was not called")

    def all_tools(self):
        answer = self.server.call("POST", "/mcp?tools=all", request("tools/list"), {**ACCEPT, "Content-Type": "application/json"})
        return answer.body["result"]["tools"]

    def test_tools_that_are_not_listed_are_discovered_and_called(self):
        listed = [t["name"] for t in self.post(request("tools/list")).body["result"]["tools"]]
        rest = {t["name"]: t for t in self.all_tools() if t["name"] not in listed}
        self.assertEqual("discover_tools", listed[-1])
        self.assertIn("memory_undo", rest)
        found = self.call("discover_tools")
        self.assertEqual(list(rest.values()), found["structuredContent"]["tools"])
        self.assertEqual(found["structuredContent"], json.loads(found["content"][0]["text"]))
        names = lambda query: [t["name"] for t in self.call("discover_tools", {"query": query})["structuredContent"]["tools"]]
        self.assertEqual("memory_find_duplicates", names("Find DUPLICATES, please")[0])
        self.assertEqual([], names("weather"))
        self.assertEqual(list(rest), names("?!"))
        self.assertEqual("memory_not_found", self.fails("memory_undo", {"id": "none"})["code"])
        self.assertEqual(("unknown_field", "invalid_request", "invalid_request"),
                         tuple(self.fails("discover_tools", bad)["code"] for bad in ({"q": "x"}, {"query": 7}, {"query": "x" * 1001})))
        self.error(self.post(request("tools/call", {"name": "discover_tools", "arguments": 7})), 200, -32602)
        for target in ("/mcp?tools=some", "/mcp?tools="):
            answer = self.server.call("POST", target, request("ping"), {**ACCEPT, "Content-Type": "application/json"})
            self.assertEqual(400, answer.status)
        modern_found = self.post(*modern("tools/call", {"name": "discover_tools"}, **{"Mcp-Name": "discover_tools"})).body["result"]
        self.assertEqual(("complete", list(rest.values())), (modern_found["resultType"], modern_found["structuredContent"]["tools"]))

    def test_tools_are_described_for_models(self):
        tools = self.post(request("tools/list")).body["result"]["tools"]
        self.assertEqual(tools, self.post(request("tools/list")).body["result"]["tools"], "the order is stable")
        self.assertLess(len(json.dumps(tools, separators=(",", ":"))), 24 * 1024, "each client pays for it with every conversation")
        for tool in tools:
            self.assertRegex(tool["name"], r"^[a-z_]{1,64}$")
            self.assertTrue(tool["description"] and tool["title"])
            for schema in (tool["inputSchema"], tool["outputSchema"]):
                self.assertEqual("object", schema["type"])
                self.assertNotIn("$ref", json.dumps(schema))
                jsonschema.Draft202012Validator.check_schema(schema)
        hints = {t["name"]: t["annotations"] for t in tools}
        self.assertEqual((True, False, True), tuple(hints["memory_search"][k] for k in ("readOnlyHint", "destructiveHint", "idempotentHint")))
        self.assertEqual((False, True, True), tuple(hints["memory_delete"][k] for k in ("readOnlyHint", "destructiveHint", "idempotentHint")))
        self.assertEqual((False, False, False), tuple(hints["memory_create"][k] for k in ("readOnlyHint", "destructiveHint", "idempotentHint")))

    def test_what_an_operation_refuses_the_model_can_read(self):
        self.assertEqual(("unknown_field", "/contnt"), tuple(self.fails("memory_create", {"contnt": "x"})[k] for k in ("code", "pointer")))
        self.assertIn("did you mean 'content'", self.fails("memory_create", {"contnt": "x"})["hint"])
        self.assertEqual("invalid_request", self.fails("memory_search")["code"])
        self.assertEqual("memory_not_found", self.fails("memory_get", {"id": "nothing"})["code"])
        self.assertEqual("invalid_filter", self.fails("memory_search", {"query": "x", "filter": {"typ": 1}})["code"])
        self.assertEqual("content_too_large", self.fails("memory_create", {"content": "x" * 1_100_000})["code"])

    def test_a_key_sees_the_tools_it_may_use(self):
        key = self.server.call("POST", "/v1/keys", {"name": "reader", "scopes": ["memory:read"]}).body["secret"]
        names = {t["name"] for t in self.post(request("tools/list"), key=key).body["result"]["tools"]}
        self.assertEqual({"memory_search", "memory_get", "memory_list", "memory_versions", "workspace_list", "discover_tools"}, names)
        found = self.call("discover_tools", key=key)["structuredContent"]["tools"]
        self.assertEqual({"memory_diff", "memory_find_duplicates"}, {t["name"] for t in found})
        self.assertEqual("permission_denied", self.fails("memory_create", {"content": "x"}, key=key)["code"])

    def test_an_agent_may_be_let_do_less_than_its_key(self):
        def ask(query, message):
            return self.server.call("POST", "/mcp" + query, message, {**ACCEPT, "Content-Type": "application/json"})

        def names(query):
            return {t["name"] for t in ask(query, request("tools/list")).body["result"]["tools"]}

        self.assertEqual({"memory_search", "memory_get", "memory_list", "memory_versions", "workspace_list", "memory_diff",
                          "memory_find_duplicates"}, names("?mode=read_only&tools=all"))
        self.assertIn("memory_delete", names("?mode=scoped_write"))
        self.assertNotIn("memory_purge", names("?mode=scoped_write"))
        self.assertLessEqual({"memory_purge", "workspace_delete"}, names("?mode=maintenance"))
        self.assertEqual(names(""), names("?mode=admin"))
        refused = ask("?mode=read_only", tool_call("memory_create", {"content": "x"})).body["result"]
        self.assertTrue(refused["isError"])
        self.assertEqual("permission_denied", json.loads(refused["content"][0]["text"])["code"])
        for bad in ("?mode=readonly", "?mode=", "?tools=all&mode=x", "?tools=some&mode=admin"):
            self.assertEqual(400, ask(bad, request("tools/list")).status, bad)
        reader = self.server.call("POST", "/v1/keys", {"name": "reader", "mode": "read_only"}).body
        self.assertEqual(["memory:read", "tenant:read"], reader["key"]["scopes"])
        both = self.server.call("POST", "/v1/keys", {"name": "both", "mode": "admin", "scopes": ["memory:read"]})
        self.assertEqual((400, "/mode"), (both.status, both.body["pointer"]))
        self.assertIn("no mode 'reader' is known", self.server.cli("mcp", "--mode", "reader")[2])
        listed = self.server.cli("mcp", "--mode", "read_only", "--tools", "all", stdin=json.dumps(request("tools/list")) + "\n")[1]
        self.assertEqual(names("?mode=read_only&tools=all"), {t["name"] for t in json.loads(listed)["result"]["tools"]})

    def test_a_call_that_is_repeated_with_its_key_is_done_once(self):
        def create(content, number):
            return self.post(tool_call("memory_create", {"content": content, "workspace": "once"}, id=number), {"Idempotency-Key": "mcp-1"})

        first = create("once", 1).body["result"]["structuredContent"]["memory"]
        self.assertEqual(first, create("once", 2).body["result"]["structuredContent"]["memory"])
        again = json.loads(create("other", 3).body["result"]["content"][0]["text"])
        self.assertEqual("idempotency_key_reused", again["code"])
        batch = [tool_call("memory_create", {"content": f"batch {n}", "workspace": "once"}, id=n) for n in range(3)]
        for _ in range(2):
            self.assertEqual([False] * 3, [a["result"]["isError"] for a in self.post(batch, {"Idempotency-Key": "mcp-2"}).body])
        self.assertEqual(4, len(self.call("memory_list", {"workspace": "once"})["structuredContent"]["memories"]))

    def test_each_call_is_metered_logged_and_counted_as_its_operation(self):
        def used():
            rows = self.server.call("GET", "/v1/usage").body["usage"]
            return sum(r["requests"] for r in rows if r["operation"] == "memory.get"), sum(r["errors"] for r in rows if r["operation"] == "memory.get")

        one = self.call("memory_create", {"content": "metered"})["structuredContent"]["memory"]["id"]
        requests, errors = used()
        counted = self.server.metric("requests_total", route="memory.get", status="200")
        pings = self.server.metric("requests_total", route="mcp", status="200")
        self.post([tool_call("memory_get", {"id": one}, id=1), tool_call("memory_get", {"id": "none"}, id=2)])
        self.post(request("ping"))
        self.assertEqual((requests + 2, errors + 1), used())
        self.assertEqual(counted + 1, self.server.metric("requests_total", route="memory.get", status="200"))
        self.assertEqual(pings + 1, self.server.metric("requests_total", route="mcp", status="200"))

    def test_the_operators_log_has_a_line_for_each_call(self):
        answer = self.post(tool_call("memory_get", {"id": "unheard-of"}))
        request_id = answer.headers["x-request-id"]
        wait_until(lambda: any(l.get("request_id") == request_id for l in self.server.log_lines()), "the access line")
        line = next(l for l in self.server.log_lines() if l.get("request_id") == request_id)
        self.assertEqual(("memory.get", 404, "memory_not_found"), (line["route"], line["status_code"], line["error_code"]))


class Limits(unittest.TestCase):
    def test_a_rate_limit_on_requests_holds_for_messages(self):
        with Server(with_plugin("quota-local", {"requests_per_minute": 1, "burst": 5})) as server:
            answers = [post(server, request("ping")) for _ in range(12)]
            self.assertEqual({200, 429}, {a.status for a in answers})
            limited = next(a for a in answers if a.status == 429)
            self.assertIn("retry-after", limited.headers)

    def test_a_body_over_the_limit_is_refused(self):
        with Server(server={"max_body": "64KiB"}) as server:
            self.assertEqual(413, post(server, tool_call("memory_create", {"content": "x" * 100_000})).status)


if __name__ == "__main__":
    main()
