"""embed-static with a small model that the test makes: synonyms at once, and files that are refused."""

import json
import os
import struct
import tempfile
import unittest
from pathlib import Path

from support.engram_server import OSS, Server, main, wait_until, with_plugin

# One direction a topic; "the" and "a" are near nothing.
PIECES = {"[UNK]": [0, 0, 0], "cat": [1, 0, 0], "kit": [0.9, 0.1, 0], "##ten": [0.8, 0, 0.1], "feline": [1, 0.1, 0],
          "car": [0, 1, 0], "auto": [0, 0.9, 0.1], "##mobile": [0.1, 0.9, 0], "vehicle": [0, 1, 0.1], "the": [0, 0, 0.01],
          "a": [0, 0, 0.01]}


def tokenizer(pieces):
    return {"version": "1.0", "added_tokens": [], "post_processor": None, "decoder": None,
            "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                           "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": {piece: n for n, piece in enumerate(pieces)}}}


def safetensors(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def matrix(rows, kind="F32"):
    data = b"".join(struct.pack(f"<{len(row)}{'f' if kind == 'F32' else 'e'}", *row) for row in rows)
    return safetensors({"embeddings": {"dtype": kind, "shape": [len(rows), len(rows[0])], "data_offsets": [0, len(data)]}}, data)


class WithModel(unittest.TestCase):
    def model(self, name="tiny", tensors=None, text=None):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name, name)
        path.mkdir()
        Path(path, "model.safetensors").write_bytes(matrix(list(PIECES.values())) if tensors is None else tensors)
        Path(path, "tokenizer.json").write_bytes(json.dumps(tokenizer(PIECES)).encode() if text is None else text)
        return path

    def server(self, folder, **config):
        server = Server(with_plugin("embed-static", {"folder": str(folder), **config}, instead_of="embed-builtin"))
        server.start()
        self.addCleanup(server.__exit__, None)
        return server

    def found(self, server, query):
        answer = server.call("POST", "/v1/search", {"query": query, "mode": "vector"}).body
        self.assertNotIn("incomplete", answer)
        return [r["memory"]["content"] for r in answer["results"]]


class StaticModel(WithModel):
    def test_synonyms_are_found_at_once(self):
        server = self.server(self.model())
        for text in ("Ada has a kitten", "the AUTOMOBILE of Bob", "words that nobody knows"):
            self.assertEqual(201, server.call("POST", "/v1/memories", {"content": text}).status)
        self.assertEqual("Ada has a kitten", self.found(server, "féline")[0])
        self.assertEqual("the AUTOMOBILE of Bob", self.found(server, "vehicle")[0])
        space = server.call("GET", "/v1/embedding").body["embedding"]["spaces"][0]
        self.assertEqual((3, 0, 3), (space["covered"], space["pending"], space["dimensions"]))
        self.assertRegex(space["model"], r"^tiny/3@[0-9a-f]{12}$")
        self.assertEqual(0, server.metric("vectors_filled"))

    def test_another_model_under_the_same_name_is_another_space(self):
        data = tempfile.TemporaryDirectory()
        self.addCleanup(data.cleanup)
        models = set()
        for kind in ("F32", "F16"):
            plugins = with_plugin("embed-static", {"folder": str(self.model(tensors=matrix(list(PIECES.values()), kind)))},
                                  instead_of="embed-builtin")
            with Server(plugins, data=Path(data.name, "data")) as server:
                server.call("POST", "/v1/memories", {"content": f"a cat in {kind}"})
                wait_until(lambda: [s["pending"] for s in server.call("GET", "/v1/embedding").body["embedding"]["spaces"]
                                    if s["state"] == "active" and s["embedder"]] == [0], "the new space is full")
                models.add(server.call("GET", "/v1/embedding").body["embedding"]["model"])
                self.assertEqual(len(models), len(self.found(server, "feline")))
        self.assertEqual(2, len(models))

    def test_files_that_are_not_a_model_are_refused_with_the_reason(self):
        rows = list(PIECES.values())
        for tensors, text, part in (
                (b"", None, "model.safetensors: the file is empty"),
                (b"\xff" * 8 + b"{}", None, "the header has"),
                (matrix(rows)[:-1], None, "beyond the end of the file"),
                (safetensors({"embeddings": {"dtype": "F32", "shape": [2 ** 62, 4], "data_offsets": [0, 0]}}), None, "overflows"),
                (matrix(rows[:-1]), None, "the tokenizer knows 11 pieces, the model 10"),
                (safetensors({}), None, "no tensor 'embeddings'"),
                (None, b"{", "tokenizer.json: not a JSON object"),
                (None, b'{"model": {"type": "BPE"}}', "model 'BPE' is not supported"),
                (None, b"[" * 100000, "not a JSON object")):
            folder = self.model(tensors=tensors, text=text)
            server = Server(with_plugin("embed-static", {"folder": str(folder)}, instead_of="embed-builtin"))
            code, said = server.run_to_end()
            self.assertEqual(78, code, said)
            self.assertIn(part, said)
            self.assertIn(str(folder), said)
        os.remove(Path(folder, "tokenizer.json"))
        code, said = server.run_to_end()
        self.assertEqual(78, code)
        self.assertIn("tokenizer.json: No such file", said)


class ChangeOfModel(WithModel):
    """From the built-in embedder to a model and back, on one data directory, as an operator does it."""

    def test_a_new_first_embedder_takes_over_and_can_be_left_again(self):
        data = tempfile.TemporaryDirectory()
        self.addCleanup(data.cleanup)
        store = Path(data.name, "data")

        def active(server):
            return next(s for s in server.call("GET", "/v1/embedding").body["embedding"]["spaces"] if s["state"] == "active")

        with Server(data=store) as server:
            for n in range(200):
                server.call("POST", "/v1/memories", {"content": f"kitten {n}" if n % 2 else f"stone {n}"})
            self.assertEqual("embed-builtin", active(server)["embedder"])
        both = [{"use": "embed-static", "config": {"folder": str(self.model())}}, *OSS]
        with Server(both, data=store) as server:
            wait_until(lambda: active(server)["embedder"] == "embed-static", "the new model")
            self.assertEqual((200, 0), (active(server)["covered"], active(server)["pending"]))
            self.assertTrue(all(text.startswith("kitten") for text in self.found(server, "feline")))
            wait_until(lambda: "a tenant is searched by another model" in server.log_text(), "the line that says so")
            server.call("POST", "/v1/memories", {"content": "a cat"})
            code, _, err = server.cli("embedding", "switch", "embed-builtin", "--now")
            self.assertEqual(0, code, err)
            self.assertEqual("embed-builtin", active(server)["embedder"])
            wait_until(lambda: active(server)["pending"] == 0, "the gap is filled")
            events = server.call("GET", "/v1/audit?operation=embedding.switch").body["events"]
            self.assertEqual("embed-builtin", events[0]["details"]["target"]["id"])
        with Server(both, data=store) as server:
            server.call("POST", "/v1/memories", {"content": "another cat"})
            self.assertEqual("embed-builtin", active(server)["embedder"])  # the way back holds
            idle = next(s for s in server.call("GET", "/v1/embedding").body["embedding"]["spaces"] if s["state"] == "idle")
            refused = server.call("DELETE", f"/v1/embedding/spaces/{active(server)['id']}")
            self.assertEqual((409, "space_in_use"), (refused.status, refused.body["code"]))
            self.assertEqual(200, server.call("DELETE", f"/v1/embedding/spaces/{idle['id']}").status)
            missing = server.call("DELETE", f"/v1/embedding/spaces/{idle['id']}")
            self.assertEqual((404, "space_not_found"), (missing.status, missing.body["code"]))
            unknown = server.call("POST", "/v1/embedding:switch", {"embedder": "nobody"})
            self.assertEqual((404, "embedder_not_found"), (unknown.status, unknown.body["code"]))
            self.assertIn("embed-static", unknown.body["hint"])
            reader = server.cli_json("key", "create", "reader", "--scope", "tenant:read")["secret"]
            self.assertEqual(200, server.call("GET", "/v1/embedding", key=reader).status)
            self.assertEqual(403, server.call("POST", "/v1/embedding:switch", {"embedder": "embed-static"}, key=reader).status)


if __name__ == "__main__":
    main()
