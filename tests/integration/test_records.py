"""Duplicates, batches and undo over HTTP: parallel writers of one text, also on two servers that share a PostgreSQL; limits."""

import concurrent.futures
import shutil
import unittest

from support.engram_server import Server, main, with_plugin
from support.postgres import Postgres

WRITERS = 32


def write_once(servers, how, content, workspace):
    """The answers of many writers at once of one text, each to one of the servers in turn."""
    def write(n):
        body = {"content": content, "workspace": workspace, "on_duplicate": how, "tags": [f"w{n}"]}
        return servers[n % len(servers)].call("POST", "/v1/memories", body)

    with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(write, range(WRITERS)))


class Races(unittest.TestCase):
    def check(self, servers):
        for how in ("reject", "skip", "merge"):
            with self.subTest(how):
                answers = write_once(servers, how, "one and the same", how)
                outcomes = [a.body["outcome"] if a.status == 201 else a.body["code"] for a in answers]
                self.assertEqual(1, outcomes.count("created"), outcomes)
                self.assertEqual({"reject": {"created", "duplicate_memory"}, "skip": {"created", "skipped"},
                                  "merge": {"created", "merged"}}[how], set(outcomes))
                left = servers[0].call("GET", f"/v1/memories?workspace={how}").body["memories"]
                self.assertEqual(1, len(left))
                if how == "merge":
                    self.assertEqual({f"w{n}" for n in range(WRITERS)}, set(left[0]["tags"]))

    def test_one_of_many_writers_stores_it(self):
        with Server() as server:
            self.check([server])

    def test_one_of_many_writers_on_two_servers_stores_it(self):
        with Postgres() as postgres:
            plugins = with_plugin("storage-postgres", postgres.config(), instead_of="storage-sqlite")
            first, second = Server(plugins), Server(plugins)
            first.start()
            self.assertEqual(0, first.stop())
            shutil.copytree(first.data, second.data)  # the same tenant and key
            with first, second:
                self.check([first, second])


class Batches(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def call(self, target, body):
        return self.server.call("POST", target, body)

    def count(self, workspace):
        return len(self.server.call("GET", f"/v1/memories?workspace={workspace}").body["memories"])

    def test_ten_thousand_items_are_refused_with_the_limit(self):
        ids = ["01890000-0000-7000-8000-000000000001"] * 10_000
        for target, body in (("/v1/memories:batch", {"memories": [{"content": "x"}] * 10_000}), ("/v1/memories:delete", {"ids": ids}),
                             ("/v1/memories:tag", {"ids": ids, "add": ["x"]})):
            refused = self.call(target, body)
            self.assertEqual((422, "batch_too_large"), (refused.status, refused.body["code"]), target)
            self.assertIn("1000", refused.body["detail"])

    def test_a_half_valid_batch_has_a_result_for_each_item(self):
        items = [{"content": "good", "workspace": "half"}, {"content": "bad", "type": "No!", "workspace": "half"}, {"contnt": "x"},
                 {"content": "good ", "workspace": "half", "on_duplicate": "reject"}]
        results = self.call("/v1/memories:batch", {"memories": items}).body["results"]
        self.assertEqual(["created", "refused", "refused", "refused"], [r["outcome"] for r in results])
        self.assertEqual(["/memories/1/type", "/memories/2/contnt", "/memories/3/content"], [r["error"]["pointer"] for r in results[1:]])
        self.assertEqual(1, self.count("half"))

    def test_an_atomic_batch_is_stored_whole_or_not_at_all(self):
        items = [{"content": "a", "workspace": "atomic"}, {"content": "a", "workspace": "atomic", "on_duplicate": "reject"}]
        refused = self.call("/v1/memories:batch", {"memories": items, "atomic": True})
        self.assertEqual((409, "duplicate_memory", "/memories/1/content"),
                         (refused.status, refused.body["code"], refused.body["pointer"]))
        refused = self.call("/v1/memories:batch", {"memories": [items[0], {"content": ""}], "atomic": True})
        self.assertEqual((400, "/memories/1/content"), (refused.status, refused.body["pointer"]))
        self.assertEqual(0, self.count("atomic"))
        self.assertEqual(200, self.call("/v1/memories:batch", {"memories": items[:1], "atomic": True}).status)
        self.assertEqual(1, self.count("atomic"))

    def test_ids_that_are_none_and_tags_that_are_none_are_refused(self):
        for target, body, code, pointer in (("/v1/memories:delete", {"ids": ["x"]}, "invalid_value", "/ids/0"),
                                            ("/v1/memories:tag", {"ids": ["x"]}, "invalid_request", None),
                                            ("/v1/memories:delete", {"ids": []}, "invalid_request", "/ids")):
            refused = self.call(target, body)
            self.assertEqual((code, pointer), (refused.body["code"], refused.body.get("pointer")), target)

    def test_a_repeated_batch_is_done_once(self):
        made = self.call("/v1/memories:batch", {"memories": [{"content": "once", "workspace": "key"}]}).body["results"][0]["memory"]["id"]
        for _ in range(2):
            answer = self.server.call("POST", "/v1/memories:delete", {"ids": [made]}, {"Idempotency-Key": "delete-it"})
            self.assertEqual([{"id": made, "outcome": "deleted", "version": 2}], answer.body["results"])

    def test_an_undo_and_a_diff_that_cannot_be(self):
        made = self.call("/v1/memories", {"content": "once"}).body["memory"]["id"]
        refused = self.call(f"/v1/memories/{made}:undo", None)
        self.assertEqual((409, "nothing_to_undo"), (refused.status, refused.body["code"]))
        refused = self.server.call("GET", f"/v1/memories/{made}/diff?from=7")
        self.assertEqual((404, "version_not_found", "/from"), (refused.status, refused.body["code"], refused.body["pointer"]))
        self.assertEqual({}, self.server.call("GET", f"/v1/memories/{made}/diff").body["changes"])
        self.assertEqual(400, self.server.call("GET", "/v1/duplicates?threshold=0").status)


if __name__ == "__main__":
    main()
