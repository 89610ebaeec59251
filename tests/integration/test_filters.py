"""Filters on random memories: list and search answer exactly what the manual says (docs/how-to/filter.md), in every arm of a
search and on every storage backend; a second tenant with the same words never shows. ENGRAM_SEED repeats a run."""

import json
import os
import random
import unittest
import urllib.parse
from datetime import datetime, timezone

from support.engram_server import SANITIZED, Server, main, with_plugin
from support.postgres import Postgres

MEMORIES = 150
FILTERS = 40 if SANITIZED else 120
WORDS = ["harbour", "lantern", "orchard", "velvet", "compass", "meadow", "granite", "whisper"]
TAGS = ["tea", "coffee", "é", "Tea", "a b"]
TYPES = ["note", "fact", "event"]
TEXTS = ["", "src/", "src/main", "src/é", "srd", "1", "SRC/", "src/\uffff", "src/\U0010ffff"]
NUMBERS = [0, 1, -1, 0.5, 1.0, 2**53, 2**53 + 1, 1e9]
VALUES = TEXTS + NUMBERS + [True, False]
FIELDS = ["path", "count", "deep.er"]
TIMES = [f"2026-0{month}-15T12:00:00Z" for month in range(1, 8)]


def some_memory(random_, number, workspace):
    out = {"content": f"{random_.choice(WORDS)} {random_.choice(WORDS)} {number}", "workspace": workspace,
           "type": random_.choice(TYPES), "importance": random_.choice([0.0, 0.25, 0.5, 1.0]),
           "tags": random_.sample(TAGS, random_.randrange(3)), "metadata": {}}
    for field in FIELDS[:2]:
        if random_.random() < 0.7:
            out["metadata"][field] = random_.choice(VALUES + [None, [1], {"path": 1}, ["src/", 2**53], [True, None, "1"]])
    if random_.random() < 0.5:
        out["metadata"]["deep"] = {"er": random_.choice(VALUES)}
    if random_.random() < 0.7:
        out["occurred_at"] = random_.choice(TIMES)
    if random_.random() < 0.5:
        out["valid_from"] = random_.choice(TIMES)
    roll = random_.random()
    if roll < 0.4:
        out |= {"expires_at": "2999-01-01T00:00:00Z"} if roll < 0.2 else {"pinned": True}
    return out


def some_condition(random_):
    """One member of a filter: (name, value)."""
    field = random_.choice(["type", "importance", "occurred_at", "valid_from", "tags", "workspace", "pinned", "tier", "content"] + [f"metadata.{f}" for f in FIELDS] * 2)
    values = {"type": TYPES + ["task"], "importance": [0, 0.25, 0.3, 1], "occurred_at": TIMES, "tags": TAGS + ["none"],
              "workspace": ["one", "two", "three"], "valid_from": TIMES, "pinned": [True, False, True],
              "tier": ["daily", "permanent"], "content": WORDS + [""]}.get(field, VALUES)
    value = random_.choice(values)
    if field == "tier":
        return field, random_.choice([value, {"eq": value}, {"ne": value}, {"in": random_.sample(values, random_.randrange(3))}])
    ways = [lambda: value, lambda: {random_.choice(["eq", "ne", "lt", "lte", "gt", "gte"]): value},
            lambda: {"in": random_.sample(values, 3)}, lambda: {"exists": random_.random() < 0.5}, lambda: {"ne": value, "exists": True}]
    if field == "tags":
        ways += [lambda: {"any": random_.sample(TAGS, 2)}, lambda: {"all": random_.sample(TAGS, 2)}]
    if field in ("type", "workspace", "content") or field.startswith("metadata"):
        texts = TEXTS + WORDS + ["n", "t", "s", "src", "rbour", " 1", "\U0010ffff"]
        ways += [lambda: {"prefix": random_.choice(texts)}, lambda: {"contains": random_.choice(texts)}]
    if field == "tags" or field.startswith("metadata"):
        ways.append(lambda: {"contains": value})
    return field, random_.choice(ways)()


def some_filter(random_, depth=0):
    roll = random_.random()
    if depth < 3 and roll < 0.25:
        return {random_.choice(["and", "or"]): [some_filter(random_, depth + 1) for _ in range(random_.randrange(4))]}
    if depth < 3 and roll < 0.4:
        return {"not": some_filter(random_, depth + 1)}
    return dict(some_condition(random_) for _ in range(random_.choice([1, 1, 2])))


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)


def kind(value):
    return "bool" if isinstance(value, bool) else "number" if isinstance(value, (int, float)) else type(value).__name__


def compares(operator, here, wanted):
    if kind(here) != kind(wanted) or kind(here) in ("list", "dict", "NoneType"):
        return False
    if isinstance(here, str):
        here, wanted = here.encode(), wanted.encode()
    return {"eq": here == wanted, "lt": here < wanted, "lte": here <= wanted, "gt": here > wanted, "gte": here >= wanted}[operator]


def values_of(memory, field):
    """The values a condition looks at: several for tags, none where the field is absent."""
    if field == "tags":
        return memory["tags"]
    value = memory
    for step in field.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if value is None:
        return []
    return [instant(value)] if field in ("occurred_at", "valid_from") else [value]


def contains(here, wanted):
    if isinstance(here, list):
        return any(compares("eq", v, wanted) for v in here)
    return isinstance(here, str) and isinstance(wanted, str) and wanted in here


def condition_holds(memory, field, operator, wanted):
    here = values_of(memory, field)
    if operator == "exists":
        return bool(here) == wanted
    if operator == "prefix":
        return any(isinstance(v, str) and v.startswith(wanted) for v in here)
    if operator == "contains":
        return wanted in here if field == "tags" else any(contains(v, wanted) for v in here)
    if operator == "all":
        return all(tag in here for tag in wanted)
    if field in ("occurred_at", "valid_from"):
        wanted = [instant(w) for w in wanted] if isinstance(wanted, list) else instant(wanted)
    if operator in ("in", "any"):
        return any(compares("eq", v, w) for v in here for w in wanted)
    if operator == "ne":
        return not any(compares("eq", v, wanted) for v in here)
    return any(compares(operator, v, wanted) for v in here)


def holds(memory, condition):
    """The manual's words as a program, which shares nothing with the server's."""
    for name, value in condition.items():
        if name in ("and", "or"):
            good = (all if name == "and" else any)(holds(memory, part) for part in value)
        elif name == "not":
            good = not holds(memory, value)
        else:
            operators = value if isinstance(value, dict) else {"eq": value}
            good = all(condition_holds(memory, name, operator, wanted) for operator, wanted in operators.items())
        if not good:
            return False
    return True


class Filters(unittest.TestCase):
    """storage-sqlite; the others below."""

    @classmethod
    def setUpClass(cls):
        cls.seed = int(os.environ.get("ENGRAM_SEED", random.SystemRandom().randrange(1_000_000)))
        cls.random = random.Random(cls.seed)
        cls.server = Server(cls.plugins()).start()
        cls.addClassCleanup(cls.server.__exit__, None)
        sent = [some_memory(cls.random, number, cls.random.choice(["one", "two"])) for number in range(MEMORIES)]
        cls.memories = cls.store(sent, cls.server.key)
        cls.store(sent, cls.server.cli_json("tenant", "create", "other")["secret"])

    @classmethod
    def plugins(cls):
        return None

    @classmethod
    def store(cls, memories, key):
        answer = cls.server.call("POST", "/v1/memories:batch", {"memories": memories}, key=key)
        assert answer.status == 200, answer.body
        return {r["memory"]["id"]: r["memory"] for r in answer.body["results"]}

    def listed(self, condition):
        ids, cursor = [], ""
        while True:
            page = self.server.call("GET", f"/v1/memories?limit=50&filter={urllib.parse.quote(json.dumps(condition))}{cursor}")
            self.assertEqual(200, page.status, (condition, page.body))
            ids += [m["id"] for m in page.body["memories"]]
            if not page.body["next_cursor"]:
                return ids
            cursor = f"&cursor={page.body['next_cursor']}"

    def found(self, query, condition):
        answer = self.server.call("POST", "/v1/search", {"query": query, "filter": condition, "limit": 100})
        self.assertEqual(200, answer.status, (condition, answer.body))
        return [r["memory"]["id"] for r in answer.body["results"]]

    def test_every_filter_selects_what_the_manual_says(self):
        selected = []
        for _ in range(FILTERS):
            condition = some_filter(self.random)
            expected = {id for id, memory in self.memories.items() if holds(memory, condition)}
            selected.append(len(expected))
            told = f"ENGRAM_SEED={self.seed}: {json.dumps(condition)}"
            ids = self.listed(condition)
            self.assertEqual(len(ids), len(set(ids)), told)
            self.assertEqual(expected, set(ids), told)
            word = self.random.choice(WORDS)
            # A word, two words with one misspelt, and no word at all: the arms differ, the filter does not.
            for query in (word, f"{word[:-1]}x {self.random.choice(WORDS)}", "zzzz qqqq"):
                ids = self.found(query, condition)
                self.assertEqual(len(ids), len(set(ids)), told)
                self.assertLessEqual(set(ids), expected, told + f" query {query!r}")
            with_word = {id for id in expected if word in self.memories[id]["content"]}
            if len(with_word) <= 50:
                self.assertLessEqual(with_word, set(self.found(word, condition)), told + f" word {word!r}")
        self.assertGreater(len(set(selected)), FILTERS // 4, "the filters hardly differ")


class FiltersInMemory(Filters):
    @classmethod
    def plugins(cls):
        return with_plugin("storage-memory", instead_of="storage-sqlite")


class FiltersOnPostgres(Filters):
    @classmethod
    def plugins(cls):
        cls.postgres = Postgres()
        cls.addClassCleanup(cls.postgres.__exit__, None, None, None)
        return with_plugin("storage-postgres", cls.postgres.config(), instead_of="storage-sqlite")


if __name__ == "__main__":
    main()
