#!/usr/bin/env python3
"""Does a search find what answers the question? LoCoMo's conversations through a real server, beside plain FTS5.

One workspace a conversation, one memory a turn, loaded with `engram memory import`. Every question with evidence is
searched; recall@k is the share of its evidence turns (sessions) among the first k results (distinct sessions, ranked by
their best turn), MRR the reciprocal rank of the first. The baseline is SQLite's FTS5 (porter unicode61, bm25, OR of the
question's words without stop words) over the same texts. Fails if the server finds less than the baseline, or if the same
server on storage-postgres finds more or less than on storage-sqlite: one ranking, whoever keeps the memories.
"""

import json
import re
import sqlite3
import statistics
import sys
import time
import unittest
from datetime import datetime
from pathlib import Path

from support.engram_server import OSS, Server, corpus
from support.postgres import plugins_on_postgres
from support.texts import percentile

LIMIT = 100
EVERYTHING = {1, 2, 3, 4, 5}
STORAGES_DIFFER = 1.0  # points between two storages that a mean may differ by: their cosines differ in the fourth digit
STOP = set("""a about above after again all am an and any are as at be been before being below between both but by can could
did do does doing down during each few for from further had has have having he her here hers him his how i if in into is it
its itself just me more most my no nor not now of off on once only or other our out over own s same she should so some such t
than that the their them then there these they this those through to too under until up very was we were what when where
which while who whom why will with would you your""".split())
GROUPS = [("categories 1-4", {1, 2, 3, 4}), ("1 multi-hop", {1}), ("2 temporal", {2}), ("3 open-domain", {3}),
          ("4 single-hop", {4}), ("5 adversarial", {5}), ("categories 1-5", EVERYTHING)]
COLUMNS = ["turn R@5", "turn R@10", "turn MRR", "session R@5", "session R@10", "session MRR"]


def session_time(text):
    return datetime.strptime(text, "%I:%M %p on %d %B, %Y").strftime("%Y-%m-%dT%H:%M:%SZ")


def turns(conversation):
    """(dia_id, session, body of POST /v1/memories) of every turn."""
    for name, value in conversation.items():
        if not re.fullmatch(r"session_\d+", name):
            continue
        when = conversation.get(f"{name}_date_time")
        for turn in value:
            body = {"content": f"{turn['speaker']}: {turn['text']}",
                    "metadata": {"session": name, "dia_id": turn["dia_id"], "session_date": when}}
            if when:
                body["occurred_at"] = session_time(when)
            yield turn["dia_id"], name, body


def questions(samples):
    for sample in samples:
        known = {d for d, _, _ in turns(sample["conversation"])}
        for qa in sample["qa"]:
            evidence = {d for entry in qa.get("evidence", []) for d in re.findall(r"D\d+:\d+", entry)} & known
            if evidence:
                yield sample["sample_id"], qa["question"], qa["category"], evidence


def session_of(dia_id):
    return "session_" + dia_id[1:].split(":")[0]


def scores(found, evidence):
    """The six columns for one question; `found` are dia_ids, best first."""
    sessions = list(dict.fromkeys(map(session_of, found)))
    wanted = set(map(session_of, evidence))

    def recall(ranked, want, k):
        return len(want & set(ranked[:k])) / len(want)

    def mrr(ranked, want):
        return next((1 / (n + 1) for n, item in enumerate(ranked) if item in want), 0.0)

    return [recall(found, evidence, 5), recall(found, evidence, 10), mrr(found, evidence),
            recall(sessions, wanted, 5), recall(sessions, wanted, 10), mrr(sessions, wanted)]


class Fts5:
    """The baseline of the corpus's SOURCE.md."""

    def __init__(self, samples):
        self.db = sqlite3.connect(":memory:")
        for sample in samples:
            table = f"t{sample['sample_id'].replace('-', '_')}"
            self.db.execute(f"CREATE VIRTUAL TABLE {table} USING fts5(dia_id UNINDEXED, text, tokenize='porter unicode61')")
            self.db.executemany(f"INSERT INTO {table} VALUES(?, ?)",
                                [(d, body["content"]) for d, _, body in turns(sample["conversation"])])

    def search(self, workspace, question):
        words = [w for w in re.findall(r"\w+", question.lower()) if w not in STOP]
        if not words:
            return []
        table = f"t{workspace.replace('-', '_')}"
        match = " OR ".join(f'"{w}"' for w in words)
        rows = self.db.execute(f"SELECT dia_id FROM {table} WHERE {table} MATCH ? ORDER BY bm25({table}) LIMIT {LIMIT}", (match,))
        return [r[0] for r in rows]


class Engram:
    def __init__(self, server, samples):
        self.server, self.times = server, []
        began = time.monotonic()
        for sample in samples:
            file = server.folder / f"{sample['sample_id']}.jsonl"
            file.write_text("\n".join(json.dumps(body) for _, _, body in turns(sample["conversation"])) + "\n")
            counted = server.cli_json("memory", "import", file, "--workspace", sample["sample_id"])
            assert counted["refused"] == 0, counted
        self.imported = time.monotonic() - began
        self.stored = server.call("GET", "/v1/tenant").body["tenant"]["memories"]

    def search(self, workspace, question, **options):
        began = time.monotonic()
        body = {"query": question, "workspace": workspace, "limit": LIMIT, **options}
        answer = self.server.call("POST", "/v1/search", body)
        self.times.append(time.monotonic() - began)
        assert answer.status == 200, answer.body
        return [r["memory"]["metadata"]["dia_id"] for r in answer.body["results"]]


def measure(asked, system, **options):
    return [(category, scores(system.search(workspace, question, **options), evidence))
            for workspace, question, category, evidence in asked]


def mean(measured, categories):
    rows = [s for category, s in measured if category in categories]
    return len(rows), [100 * statistics.fmean(column) for column in zip(*rows)]


def report(name, measured):
    print(f"\n{name}\n{'questions':16} {'n':>4} " + " ".join(f"{c:>12}" for c in COLUMNS))
    for group, categories in GROUPS:
        n, values = mean(measured, categories)
        print(f"{group:16} {n:4} " + " ".join(f"{v:12.1f}" for v in values))


class Storage:
    """The figures of a server with these plugins."""

    def __init__(self, name, plugins, samples, asked):
        self.name = name
        with Server(plugins) as server:
            self.engram = Engram(server, samples)
            self.ours = measure(asked, self.engram)
            self.plain = measure(asked, self.engram, context="none", dates="ignore")

    def report(self):
        report(f"Engram on {self.name}, without context and dates", self.plain)
        report(f"Engram on {self.name}", self.ours)
        p50, p95 = (percentile(self.engram.times, share) * 1e3 for share in (0.5, 0.95))
        print(f"imported in {self.engram.imported:.1f} s; search over HTTP, a connection each: p50 {p50:.1f} ms, p95 {p95:.1f} ms")


def largest_difference(one, other):
    """In points, of any group's mean."""
    return max(abs(a - b) for mine, theirs in ((one.ours, other.ours), (one.plain, other.plain)) for _, categories in GROUPS
               for a, b in zip(mean(mine, categories)[1], mean(theirs, categories)[1]))


def main():
    try:
        samples = json.loads((corpus("locomo-dev") / "locomo-dev.json").read_text())
    except unittest.SkipTest as skipped:
        print(skipped)
        return 77
    asked = list(questions(samples))
    baseline = measure(asked, Fts5(samples))
    sqlite = Storage("storage-sqlite", OSS, samples, asked)
    with plugins_on_postgres() as plugins:
        postgres = Storage("storage-postgres", plugins, samples, asked)
    print(f"LoCoMo: {len(samples)} conversations, {sqlite.engram.stored} turns, {len(asked)} questions with evidence")
    report("SQLite FTS5 (baseline)", baseline)
    sqlite.report()
    postgres.report()
    _, base = mean(baseline, EVERYTHING)
    _, own = mean(sqlite.ours, EVERYTHING)
    differ = largest_difference(sqlite, postgres)
    unlike = sum(a != b for a, b in zip(sqlite.ours + sqlite.plain, postgres.ours + postgres.plain))
    print("\nratio, categories 1-5: " + ", ".join(f"{c} {o / b:.3f}" for c, o, b in zip(COLUMNS, own, base)))
    print(f"storage-postgres beside storage-sqlite: no mean differs by more than {differ:.1f} points"
          f" (promise: {STORAGES_DIFFER:g}), {unlike} of {2 * len(asked)} answers score otherwise")
    missed = differ > STORAGES_DIFFER or any(o < b for o, b in zip(own, base))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
