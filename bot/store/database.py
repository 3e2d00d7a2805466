"""The engine for SQLite (WAL, BEGIN IMMEDIATE) and PostgreSQL, and the unit of work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session, sessionmaker

Clock = Callable[[], datetime]

# For `with_for_update`: who holds it decides alone; rows that refer to it may still be written.
ALONE: Final[dict[str, Any]] = {"key_share": True}


def utc_now() -> datetime:
    """The wall clock: the one place outside tests that asks what time it is."""
    return datetime.now(UTC)


def make_engine(url: str) -> Engine:
    """An engine for `url`; `sqlite:///file` gets WAL, IMMEDIATE transactions and durable commits.

    Deferred SQLite transactions lose updates without an error under concurrency, so every
    transaction here begins IMMEDIATE (writers queue on busy_timeout) unless opened by `read`.
    Errors do not show a statement's values: they go to the log, and riders' words are among them.
    """
    if not url.startswith("sqlite"):
        return create_engine(
            url, hide_parameters=True, pool_pre_ping=True, pool_size=10, max_overflow=10
        )
    engine = create_engine(url, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in (
            "busy_timeout=10000",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        deferred = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if deferred else "BEGIN IMMEDIATE")

    return engine


class WritingSession(Session):
    """The session of a writing transaction; bot/store/changes.py listens to it."""


class UnitOfWork:
    """One transaction: rows, the inbox and outbox rows they call for, and whom to wake after."""

    def __init__(self, session: Session, now: datetime) -> None:
        self.session = session
        self.now = now
        self.wake_streams: set[str] = set()  # inbox streams to drain after the commit
        self.wake_lanes: set[str] = set()  # outbox lanes to relay after the commit


class Store:
    """Opens transactions; after a commit it calls `on_commit` with the finished unit of work."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock = utc_now,
        on_commit: Callable[[UnitOfWork], None] | None = None,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.on_commit = on_commit
        self._write = sessionmaker(engine, class_=WritingSession, expire_on_commit=False)
        self._read = sessionmaker(engine.execution_options(read_only=True), expire_on_commit=False)

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        """A writing transaction: commits on success, rolls back on any error."""
        with self._write.begin() as session:
            work = UnitOfWork(session, self.clock())
            session.info["now"] = work.now
            yield work
        if self.on_commit is not None:
            self.on_commit(work)

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """A reading transaction that never waits for writers; what it changes is not kept."""
        with self._read() as session:
            yield UnitOfWork(session, self.clock())
