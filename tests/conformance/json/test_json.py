"""JSONTestSuite over HTTP: every file as the body of a JSON endpoint, on one connection that must survive them all."""

import http.client
import json
import unittest

from support.engram_server import Server, corpus, main

# Files where RFC 8259 leaves the choice: the server's parser takes only these. A change here is a change for clients.
TAKEN = {"i_structure_UTF-8_BOM_empty_object.json"}

# Where we differ from the suite, and why.
EXCEPTIONS = {
    "y_object_duplicated_key.json": (False, "two parties could read a repeated name differently (RFC 8259, section 4)"),
    "y_object_duplicated_key_and_value.json": (False, "the same"),
    "n_structure_no_data.json": (True, "no body stands for no input, since some operations need none"),
}


class JsonBodies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = sorted((corpus("json-test-suite") / "test_parsing").iterdir())
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def setUp(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)

    def tearDown(self):
        self.connection.close()

    def parsed(self, body):
        """Whether the body was taken as JSON (it is hardly ever a search, so that the schema refuses it then)."""
        self.connection.request("POST", "/v1/search", body, {"Authorization": f"Bearer {self.server.key}",
                                                             "Content-Type": "application/json"})
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        self.assertEqual(400, response.status, answer)
        self.assertTrue(answer["code"] and answer["hint"] and answer["request_id"], answer)
        return answer["code"] != "invalid_json"

    def test_every_file_gets_its_answer(self):
        self.assertGreater(len(self.files), 300)
        for file in self.files:
            with self.subTest(file.name):
                expected = file.name.startswith("y_") or file.name in TAKEN
                expected, reason = EXCEPTIONS.get(file.name, (expected, "as the suite says"))
                self.assertEqual(expected, self.parsed(file.read_bytes()), reason)

    def test_what_was_parsed_was_not_changed(self):
        content = {"content": "\u00e9\u4e2d\U0001f600\\u0000 \\\" /", "metadata": {
            "big": 9007199254740993, "negative": -9223372036854775808, "unsigned": 18446744073709551615,
            "small": 5e-324, "float": 0.1, "huge": 1.7976931348623157e308, "nested": [[[]], {"": None}], "dup\u00e9": True}}
        answer = self.server.call("POST", "/v1/memories", content)
        self.assertEqual(201, answer.status, answer.body)
        stored = self.server.call("GET", f"/v1/memories/{answer.body['memory']['id']}").body["memory"]
        self.assertEqual(content["content"], stored["content"])
        self.assertEqual(content["metadata"], stored["metadata"])


if __name__ == "__main__":
    main()
