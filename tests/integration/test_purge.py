"""A purged memory leaves no byte: its words are looked for in every file of the data folder, before and after."""

import contextlib
import sqlite3
import unittest

from support.engram_server import Server, main, wait_until

# Made of letters no stemmer changes, one for each place where a memory's words are kept.
MARKS = {"content": "qxzvtext", "older content": "qxzvolder", "metadata": "qxzvmeta", "tag": "qxzvtag"}


class Purge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def call(self, method, target, body=None, headers=None):
        return self.server.call(method, target, body, headers)

    def files_with(self, word):
        needle = word.encode()
        return [path.name for path in sorted(self.server.data.rglob("*")) if path.is_file() and needle in path.read_bytes()]

    def remember(self, suffix, key=None):
        """A memory of two versions with a mark everywhere; its id."""
        mark = {place: word + suffix for place, word in MARKS.items()}
        made = self.call("POST", "/v1/memories", {"content": f"an {mark['older content']} text", "tags": [mark["tag"]],
                                                  "metadata": {"of": mark["metadata"]}}, {"Idempotency-Key": key} if key else None)
        self.assertEqual(201, made.status, made.body)
        one = made.body["memory"]["id"]
        self.assertEqual(200, self.call("PATCH", f"/v1/memories/{one}", {"content": f"a {mark['content']} text"}).status)
        for place, word in mark.items():
            self.assertIn("engram.db", " ".join(self.files_with(word)), f"{place} is nowhere, so its absence says nothing")
        return one

    def assert_gone(self, suffix):
        for place, word in MARKS.items():
            self.assertEqual([], self.files_with(word + suffix), place)

    def test_a_live_memory_is_gone_from_file_and_log_once_the_purge_is_acknowledged(self):
        one = self.remember("kq", key="the-first")
        self.assertEqual(200, self.call("POST", f"/v1/memories/{one}:purge").status)
        self.assert_gone("kq")
        for method, target in (("GET", f"/v1/memories/{one}"), ("GET", f"/v1/memories/{one}/history"),
                               ("POST", f"/v1/memories/{one}:undelete"), ("POST", f"/v1/memories/{one}:purge")):
            answer = self.call(method, target)
            self.assertEqual((404, "memory_not_found"), (answer.status, answer.body["code"]), target)
        found = self.call("POST", "/v1/search", {"query": MARKS["content"] + "kq"}).body["results"]
        self.assertNotIn(one, [r["memory"]["id"] for r in found])
        # The answer kept with the key is gone as well: its repetition says so instead of quoting it.
        again = self.call("POST", "/v1/memories", {"content": f"an {MARKS['older content']}kq text", "tags": [MARKS["tag"] + "kq"],
                                                   "metadata": {"of": MARKS["metadata"] + "kq"}}, {"Idempotency-Key": "the-first"})
        self.assertEqual((404, "memory_not_found"), (again.status, again.body["code"]))
        self.assertIn("purged", again.body["detail"])
        self.assert_gone("kq")

    def test_a_deleted_memory_is_purged_too(self):
        one = self.remember("kz")
        self.assertEqual(200, self.call("DELETE", f"/v1/memories/{one}").status)
        self.assertTrue(self.files_with(MARKS["content"] + "kz"), "a delete alone keeps the bytes, for undelete")
        self.assertEqual(200, self.call("POST", f"/v1/memories/{one}:purge").status)
        self.assert_gone("kz")

    def folded(self, word):
        """Whether the index in the file has the word: it gets there when the tenant has been idle for a moment."""
        file = next(self.server.data.rglob("engram.db"))
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM postings WHERE term = ?", (word.encode(),)).fetchone()[0] > 0

    def test_words_that_were_moved_into_the_index_are_purged_too(self):
        one = self.remember("kx")
        word = MARKS["content"] + "kx"
        wait_until(lambda: self.folded(word), "the word to be in the index of the file")
        self.assertEqual(200, self.call("POST", f"/v1/memories/{one}:purge").status)
        self.assertFalse(self.folded(word))
        self.assert_gone("kx")

    def test_a_purge_that_expects_another_version_does_nothing(self):
        one = self.call("POST", "/v1/memories", {"content": "kept"}).body["memory"]["id"]
        refused = self.call("POST", f"/v1/memories/{one}:purge", None, {"If-Match": '"7"'})
        self.assertEqual((409, "version_conflict"), (refused.status, refused.body["code"]))
        self.assertEqual(200, self.call("GET", f"/v1/memories/{one}").status)
        self.assertEqual(200, self.call("POST", f"/v1/memories/{one}:purge", None, {"If-Match": '"1"'}).status)

    def test_what_is_private_is_written_nowhere(self):
        body = {"content": "Ada has a code <private>qxzvcode</private> here", "private": "strip"}
        made = self.call("POST", "/v1/memories", body, {"Idempotency-Key": "private"}).body["memory"]
        self.assertEqual("Ada has a code  here", made["content"])
        changed = self.call("PATCH", f"/v1/memories/{made['id']}", {**body, "content": "Ada <private>qxzvcode"})
        self.assertEqual("Ada ", changed.body["memory"]["content"])
        refused = self.call("POST", "/v1/memories", {"content": "<private>qxzvcode</private> ", "private": "strip"})
        self.assertEqual((422, "/content"), (refused.status, refused.body["pointer"]))
        batch = self.call("POST", "/v1/memories:batch", {"memories": [body]}).body["results"]
        self.assertEqual("Ada has a code  here", batch[0]["memory"]["content"])
        self.assertEqual([], self.files_with("qxzvcode"))
        self.assertNotIn("qxzvcode", self.server.log_text())
        kept = self.call("POST", "/v1/memories", {"content": "a <private>tag</private>"}).body["memory"]["content"]
        self.assertEqual("a <private>tag</private>", kept)

    def test_a_key_that_may_delete_may_not_purge(self):
        one = self.call("POST", "/v1/memories", {"content": "kept"}).body["memory"]["id"]
        key = self.call("POST", "/v1/keys", {"name": "deletes", "scopes": ["memory:read", "memory:write", "memory:delete"]}).body["secret"]
        refused = self.server.call("POST", f"/v1/memories/{one}:purge", key=key)
        self.assertEqual((403, "permission_denied"), (refused.status, refused.body["code"]))
        self.assertIn("memory:purge", refused.body["detail"])


if __name__ == "__main__":
    main()
