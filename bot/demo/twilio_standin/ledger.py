"""The stand-in's memory: one SQLite file, one lock, and a bell that rings on every change."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

INBOUND_LANES: Final = 4
OUTBOUND_LANES: Final = 4

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, sid TEXT UNIQUE, rev INTEGER, phone TEXT,
    direction TEXT, sender TEXT, recipient TEXT, body TEXT, status TEXT,
    error_code INTEGER, error_message TEXT, created REAL, sent REAL, updated REAL,
    num_media INTEGER DEFAULT 0, content_sid TEXT, content_variables TEXT,
    callback TEXT, chat TEXT, params TEXT, hidden INTEGER DEFAULT 0, problem TEXT);
CREATE INDEX IF NOT EXISTS message_phone ON message (phone, rev);
CREATE TABLE IF NOT EXISTS media (
    sid TEXT PRIMARY KEY, message_sid TEXT, content_type TEXT, name TEXT, data BLOB, created REAL);
CREATE TABLE IF NOT EXISTS content (
    sid TEXT PRIMARY KEY, definition TEXT, approval TEXT, created REAL);
CREATE TABLE IF NOT EXISTS verification (
    sid TEXT PRIMARY KEY, recipient TEXT, channel TEXT, code TEXT, status TEXT, checks INTEGER,
    created REAL);
CREATE TABLE IF NOT EXISTS phone (
    number TEXT PRIMARY KEY, name TEXT DEFAULT '', typing_until REAL DEFAULT 0,
    heard_at REAL DEFAULT 0);
CREATE TABLE IF NOT EXISTS task (
    id INTEGER PRIMARY KEY AUTOINCREMENT, lane INTEGER, kind TEXT, sid TEXT, step INTEGER,
    due REAL);
CREATE INDEX IF NOT EXISTS task_lane ON task (lane, due);
CREATE TABLE IF NOT EXISTS revision (one INTEGER PRIMARY KEY, value INTEGER);
INSERT OR IGNORE INTO revision VALUES (1, 0);
"""

Row = sqlite3.Row


class Ledger:
    """Everything is written before it is answered, so kill -9 loses nothing."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        self.changed = threading.Condition(threading.RLock())

    @contextmanager
    def write(self) -> Iterator[None]:
        """A transaction; whoever waits on `changed` is woken after it."""
        with self.changed:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
            self.changed.notify_all()

    def run(self, sql: str, *values: Any) -> None:
        """One statement inside `write`."""
        self._db.execute(sql, values)

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """All rows of a query."""
        with self.changed:
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> Row | None:
        """The first row of a query."""
        return next(iter(self.rows(sql, *values)), None)

    def revision(self) -> int:
        """The number of the latest change to a message."""
        return int(self.rows("SELECT value FROM revision")[0][0])

    def next_revision(self) -> int:
        """A number for a change that is about to be written."""
        self.run("UPDATE revision SET value = value + 1")
        return self.revision()

    def phone(self, number: str) -> Row:
        """A phone, made when first named; inside `write`."""
        self.run("INSERT OR IGNORE INTO phone (number) VALUES (?)", number)
        found = self.row("SELECT * FROM phone WHERE number = ?", number)
        assert found is not None
        return found

    def add_message(self, **columns: Any) -> None:
        """A new message; inside `write`."""
        now = time.time()
        columns |= {"rev": self.next_revision(), "created": now, "updated": now}
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        self.run(f"INSERT INTO message ({names}) VALUES ({marks})", *columns.values())  # noqa: S608  names are ours

    def change_message(self, sid: str, **columns: Any) -> None:
        """New values of a message; inside `write`."""
        columns |= {"rev": self.next_revision(), "updated": time.time()}
        sets = ", ".join(f"{name} = ?" for name in columns)
        self.run(f"UPDATE message SET {sets} WHERE sid = ?", *columns.values(), sid)  # noqa: S608  names are ours

    def message(self, sid: str) -> Row | None:
        """A message by its SID."""
        return self.row("SELECT * FROM message WHERE sid = ?", sid)

    def add_media(self, message_sid: str, content_type: str, name: str, data: bytes) -> str:
        """Keep a file of a message; its SID. Inside `write`."""
        sid = new_sid("ME")
        self.run(
            "INSERT INTO media VALUES (?, ?, ?, ?, ?, ?)",
            sid, message_sid, content_type, name, data, time.time(),
        )  # fmt: skip
        return sid

    def add_task(self, kind: str, phone: str, sid: str, *, due: float, step: int = 0) -> None:
        """Something the postman does later; one phone's tasks share a lane. Inside `write`."""
        spread = zlib.crc32(phone.encode())
        inbound = kind == "webhook"
        lane = spread % INBOUND_LANES if inbound else INBOUND_LANES + spread % OUTBOUND_LANES
        self.run(
            "INSERT INTO task (lane, kind, sid, step, due) VALUES (?, ?, ?, ?, ?)",
            lane, kind, sid, step, due,
        )  # fmt: skip


def new_sid(prefix: str) -> str:
    """A SID as Twilio's: two letters and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


def parsed(raw: str | None) -> dict[str, Any]:
    """A JSON column as a dict."""
    loaded = json.loads(raw or "{}")
    assert isinstance(loaded, dict)
    return loaded
