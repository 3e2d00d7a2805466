"""What the stand-in remembers: objects, stored answers and undelivered events, in SQLite."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Thing = dict[str, Any]

_TABLES = """
CREATE TABLE IF NOT EXISTS thing (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS ix_thing_kind ON thing (kind, seq);
CREATE TABLE IF NOT EXISTS answer (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
    event TEXT PRIMARY KEY, tries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL);
"""


class Book:
    """One file (or memory), one writer at a time; survives kill -9 of the process."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False)
        self._db.isolation_level = None
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One request or one timer: everything of it is kept, or nothing."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def save(self, thing: Thing) -> Thing:
        """Keep a new or changed object."""
        self._db.execute(
            "INSERT INTO thing (id, kind, body) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (thing["id"], thing["object"], json.dumps(thing)),
        )
        return thing

    def get(self, thing_id: str) -> Thing | None:
        """An object by id."""
        row = self._db.execute("SELECT body FROM thing WHERE id = ?", (thing_id,)).fetchone()
        found: Thing | None = json.loads(row[0]) if row else None
        return found

    def newest(self, kind: str, **equal: str) -> Iterator[Thing]:
        """Objects of a kind whose fields equal the given values, newest first."""
        where = "".join(f" AND json_extract(body, '$.{name}') = ?" for name in equal)
        rows = self._db.execute(
            f"SELECT body FROM thing WHERE kind = ?{where} ORDER BY seq DESC",  # noqa: S608 - names are ours
            (kind, *equal.values()),
        ).fetchall()
        return (json.loads(row[0]) for row in rows)

    def stored_answer(self, key: str) -> tuple[str, int, str] | None:
        """(request, status, body) that an idempotency key was first used with."""
        row = self._db.execute(
            "SELECT request, status, body FROM answer WHERE key = ?", (key,)
        ).fetchone()
        return (str(row[0]), int(row[1]), str(row[2])) if row else None

    def store_answer(self, key: str, request: str, status: int, body: str) -> None:
        """Keep what a request with an idempotency key was answered."""
        self._db.execute("INSERT INTO answer VALUES (?, ?, ?, ?)", (key, request, status, body))

    def forget_answers(self) -> None:
        """Prune the idempotency keys, as Stripe does after a day."""
        self._db.execute("DELETE FROM answer")

    def forget_everything(self) -> None:
        """Be empty."""
        for table in ("thing", "answer", "delivery"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names are ours

    def deliver_later(self, event_id: str, due: float, tries: int = 0) -> None:
        """Queue (or put off) the delivery of an event to the webhook."""
        self._db.execute(
            "INSERT INTO delivery VALUES (?, ?, ?) ON CONFLICT (event)"
            " DO UPDATE SET tries = excluded.tries, due = excluded.due",
            (event_id, tries, due),
        )

    def delivered(self, event_id: str) -> None:
        """An event reached the webhook, or nobody will try any more."""
        self._db.execute("DELETE FROM delivery WHERE event = ?", (event_id,))

    def due_deliveries(self, now: float) -> list[tuple[str, int]]:
        """(event id, tries) of what should be delivered now, oldest first."""
        rows = self._db.execute(
            "SELECT event, tries FROM delivery WHERE due <= ? ORDER BY due LIMIT 50", (now,)
        )
        return [(str(event), int(tries)) for event, tries in rows]
