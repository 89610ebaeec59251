"""A replica of what a description says of engram-core's storage and search, over sqlite3: a yardstick for benchmarks.

It is not engram-core and was not made from its source, but from notes about what it does. Where they leave something open
it takes what is kinder to engram-core. It runs in the caller's process, without a transport.

Left out: embedding of the query (the default one hashes words, in microseconds), the vector half (by default no embedding is
ever written, so it finds nothing), the cache (not asked by default), entities, types and tags in the reranking (these memories
have none), highlights, the 20 columns, 41 tables and most of the 87 indexes that creating and searching do not need, and the
MCP server around it. The notes count 13 escaped characters and name those that are not: the 13 follow from FTS5's syntax.
"""

import calendar
import hashlib
import sqlite3
import time

SCHEMA = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=NORMAL;
PRAGMA mmap_size=268435456;
CREATE TABLE memories(id INTEGER PRIMARY KEY AUTOINCREMENT, content TEXT NOT NULL, memory_type TEXT NOT NULL DEFAULT 'note',
  importance REAL NOT NULL DEFAULT 0.5, access_count INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL, last_accessed_at TEXT, owner_id TEXT, visibility TEXT NOT NULL DEFAULT 'private',
  scope_type TEXT NOT NULL DEFAULT 'global', scope_id TEXT, workspace TEXT NOT NULL DEFAULT 'default', tier TEXT NOT NULL DEFAULT 'permanent', expires_at TEXT,
  version INTEGER NOT NULL DEFAULT 1, has_embedding INTEGER NOT NULL DEFAULT 0, content_hash TEXT, valid_to TEXT,
  lifecycle_state TEXT NOT NULL DEFAULT 'active', metadata TEXT NOT NULL DEFAULT '{}');
CREATE INDEX memories_workspace ON memories(workspace);
CREATE INDEX memories_hash ON memories(content_hash);
CREATE INDEX memories_created ON memories(created_at);
CREATE TABLE tags(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE);
CREATE TABLE memory_tags(memory_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY(memory_id, tag_id));
CREATE TABLE memory_versions(id INTEGER PRIMARY KEY, memory_id INTEGER NOT NULL, version INTEGER NOT NULL,
  content TEXT NOT NULL, UNIQUE(memory_id, version));
CREATE TABLE embedding_queue(memory_id INTEGER PRIMARY KEY, status TEXT NOT NULL DEFAULT 'pending');
CREATE TABLE memory_events(id INTEGER PRIMARY KEY, memory_id INTEGER, event TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE VIRTUAL TABLE memories_fts USING fts5(content, tags, metadata, content='memories', content_rowid='id',
  tokenize='porter unicode61');
CREATE TRIGGER memories_added AFTER INSERT ON memories BEGIN
  INSERT INTO memories_fts(rowid, content, tags, metadata) VALUES(new.id, new.content, '', new.metadata);
END;
"""
ESCAPED = str.maketrans({c: " " for c in '"()*+-:^[]{}~'})
MATCH = """SELECT m.*, bm25(memories_fts) FROM memories_fts JOIN memories m ON m.id = memories_fts.rowid
  WHERE memories_fts MATCH ? AND m.workspace = ? AND m.valid_to IS NULL AND m.lifecycle_state <> 'archived'
  ORDER BY bm25(memories_fts) LIMIT ?"""
TAGS_OF = "SELECT t.name FROM tags t JOIN memory_tags m ON m.tag_id = t.id WHERE m.memory_id = ?"
MIN_SCORE = 0.1
FUSION, KEYWORD_WEIGHT = 60, 0.4  # of reciprocal ranks; the other 0.6 are of vectors, which are not there
ID, CONTENT, IMPORTANCE, CREATED = 0, 1, 3, 5


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def strategy(query):
    words = len(query.split())
    if words <= 2 or any(mark in query for mark in ('"', ":", "*", "?", " AND ", " OR ", " NOT ")):
        return "keyword"
    return "semantic" if words >= 8 else "hybrid"


def rerank(query, scored):
    """Scores to .6 of what they were and .4 of what a memory has by itself and of the query's words."""
    terms, whole = set(query.lower().split()), query.lower()

    def again(score, row):
        content = row[CONTENT].lower()
        age_days = (time.time() - calendar.timegm(time.strptime(row[CREATED], "%Y-%m-%dT%H:%M:%SZ"))) / 86400
        overlap = len(terms & set(content.split())) / len(terms)
        own = (0.25 * overlap + 0.15 * 0.05 * 0.5 ** (age_days / 30) + 0.15 * row[IMPORTANCE] * 0.1
               + 0.15 * (0.2 if whole in content else 0))
        return 0.6 * score + 0.4 * own

    return sorted(((again(score, row), row) for score, row in scored), key=lambda each: -each[0])


class EngramCoreReplica:
    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript(SCHEMA)

    def close(self):
        self.db.close()

    def create_many(self, texts):
        """Not theirs, which has a transaction a memory: for filling."""
        self.db.execute("BEGIN")
        for text in texts:
            self._insert(text)
        self.db.execute("COMMIT")

    def create(self, text):
        """One transaction, not synced to the disk; the memory as it is read again."""
        self.db.execute("BEGIN IMMEDIATE")
        id = self._insert(text)
        self.db.execute("COMMIT")
        row = self.db.execute("SELECT * FROM memories WHERE id = ?", (id,)).fetchone()
        return row, self.db.execute(TAGS_OF, (id,)).fetchall()

    def _insert(self, text):
        at = now()
        normal = hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()
        id = self.db.execute("INSERT INTO memories(content, created_at, updated_at, content_hash) VALUES(?, ?, ?, ?)",
                             (text, at, at, normal)).lastrowid
        self.db.execute("INSERT INTO memory_versions(memory_id, version, content) VALUES(?, 1, ?)", (id, text))
        self.db.execute("INSERT INTO embedding_queue(memory_id) VALUES(?)", (id,))
        self.db.execute("INSERT INTO memory_events(memory_id, event, created_at) VALUES(?, 'created', ?)", (id, at))
        return id

    def search(self, query, limit=10):
        """Contents, best first. Raises sqlite3.OperationalError for what FTS5 cannot parse, as theirs answers an error."""
        by = strategy(query)
        if by == "semantic":
            return []
        found = self._matches(query, 2 * limit)
        if by == "keyword":
            # bm25() is the smaller the better the match, so that this puts the best last.
            scored = sorted(((1 / (1 + abs(row[-1])), row) for row in found), key=lambda each: -each[0])
            scored = [each for each in scored if each[0] >= MIN_SCORE][:limit]
        else:
            scored = [(KEYWORD_WEIGHT / (FUSION + rank), row) for rank, row in enumerate(found, 1)]
            scored = [each for each in scored if each[0] >= MIN_SCORE * 0.01]
        if len(scored) >= 3:
            scored = rerank(query, scored)
        return [row[CONTENT] for _, row in scored]

    def _matches(self, query, limit):
        rows = self.db.execute(MATCH, (query.translate(ESCAPED), "default", limit)).fetchall()
        for row in rows:
            self.db.execute(TAGS_OF, (row[ID],)).fetchall()
        return rows
