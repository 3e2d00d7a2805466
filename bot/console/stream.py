"""Server-sent events: one reader a process follows the console's events and fans them out.

A stream never holds a database connection. Events carry references only; the browser fetches the
fragments, so permissions and masking stay in one place. Reconnecting browsers are replayed from
the id they saw last; where that is older than what is kept, or a client is too slow, they are told
to fetch everything anew ("resync").
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy import and_, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from bot.store.changes import settled
from bot.store.database import Store, UnitOfWork
from bot.store.desk import ConsoleEvent

log = structlog.get_logger()

POLL_S: Final = 0.5
PING_S: Final = 15.0
AT_ONCE: Final = 500  # events read in one go, and what a slow client may lag behind
RETRY_MS: Final = 2000


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the sequence of events; its text is the id browsers send back."""

    xact: int
    id: int

    def __str__(self) -> str:
        return f"{self.xact}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """The cursor of an id; None when it is none of ours."""
        xact, dash, number = text.partition("-")
        if dash and xact.isdecimal() and number.isdecimal() and len(text) < 40:
            return cls(int(xact), int(number))
        return None


@dataclass(frozen=True, slots=True)
class News:
    """One event, or (without a ref) the word that everything must be fetched anew."""

    cursor: Cursor
    ref: str = ""

    def frame(self) -> str:
        """As a browser's EventSource reads it."""
        kind = "change" if self.ref else "resync"
        return f"id: {self.cursor}\nevent: {kind}\ndata: {self.ref or 'all'}\n\n"


def newest(work: UnitOfWork) -> Cursor:
    """The place behind everything that is settled now."""
    row = work.session.execute(
        select(ConsoleEvent.xact, ConsoleEvent.id)
        .where(settled(work.session))
        .order_by(ConsoleEvent.xact.desc(), ConsoleEvent.id.desc())
        .limit(1)
    ).first()
    return Cursor(row[0], row[1]) if row else Cursor(0, 0)


def after(work: UnitOfWork, cursor: Cursor, limit: int = AT_ONCE) -> list[News]:
    """What came behind a cursor, in order; only what no open transaction can still come before."""
    behind = or_(
        ConsoleEvent.xact > cursor.xact,
        and_(ConsoleEvent.xact == cursor.xact, ConsoleEvent.id > cursor.id),
    )
    rows = work.session.execute(
        select(ConsoleEvent.xact, ConsoleEvent.id, ConsoleEvent.ref)
        .where(behind, settled(work.session))
        .order_by(ConsoleEvent.xact, ConsoleEvent.id)
        .limit(limit)
    )
    return [News(Cursor(xact, number), ref) for xact, number, ref in rows]


def replay(work: UnitOfWork, seen: Cursor | None) -> list[News]:
    """What a browser that comes back has missed.

    One that was never here starts at the present. Who was away too long (the events after its
    own are gone, or there are too many) is told to fetch everything.
    """
    now = newest(work)
    if seen is None:
        return [News(now, "hello")]
    oldest = work.session.scalar(select(func.min(ConsoleEvent.id)))
    gone = oldest is not None and seen.id and seen.id < oldest - 1
    missed = after(work, seen, AT_ONCE + 1)
    if gone or seen > now or len(missed) > AT_ONCE:
        return [News(now)]
    return missed or [News(now, "hello")]


@dataclass(slots=True, eq=False)
class Client:
    """One open stream's bounded queue."""

    news: queue.Queue[News | None] = field(default_factory=lambda: queue.Queue(AT_ONCE))
    lost: bool = False  # too slow: it must fetch everything


class Hub:
    """Follows the events for all streams of this process; starts with the first of them."""

    def __init__(self, store: Store, poll_s: float = POLL_S) -> None:
        self._store = store
        self._poll_s = poll_s
        self._lock = threading.Lock()
        self._clients: set[Client] = set()
        self._cursor = Cursor(0, 0)
        self._running = False
        self._stop = threading.Event()

    def join(self, seen: Cursor | None) -> tuple[Client, list[News]]:
        """A new stream and what it must hear first; nothing falls between the two."""
        client = Client()
        with self._lock:
            with self._store.read() as work:
                missed = replay(work, seen)
                here = newest(work)
            if not self._running:
                self._cursor, self._running = here, True
                threading.Thread(target=self._follow, name="console-events", daemon=True).start()
            else:
                # The follower may be behind `missed`: what it brings again is dropped by id.
                self._cursor = min(self._cursor, here)
            self._clients.add(client)
        return client, missed

    def leave(self, client: Client) -> None:
        """A stream has ended; without streams the follower rests."""
        with self._lock:
            self._clients.discard(client)

    def close(self) -> None:
        """Stop following, for tests."""
        self._stop.set()

    def _follow(self) -> None:
        while not self._stop.wait(self._poll_s):
            with self._lock:
                if not self._clients:
                    self._running = False
                    return
                try:
                    with self._store.read() as work:
                        fresh = after(work, self._cursor)
                except SQLAlchemyError as error:
                    log.warning("console_events_unreadable", why=type(error).__name__)
                    continue
                for one in fresh:
                    self._cursor = one.cursor
                    for client in self._clients:
                        _offer(client, one)


def _offer(client: Client, one: News) -> None:
    try:
        client.news.put_nowait(one)
    except queue.Full:
        client.lost = True


def frames(
    hub: Hub, seen: Cursor | None, still_allowed: Callable[[], bool], ping_s: float = PING_S
) -> Iterator[str]:
    """The text of one stream; ends when `still_allowed` says no.

    It is asked, and a ping sent, every `ping_s`, however much happens in between.
    """
    client, missed = hub.join(seen)
    last = seen or Cursor(0, 0)
    ping_at = time.monotonic() + ping_s
    try:
        yield f"retry: {RETRY_MS}\n\n"
        for one in missed:
            last = max(last, one.cursor)
            yield one.frame()
        while True:
            if time.monotonic() >= ping_at:
                if not still_allowed():
                    yield "event: bye\ndata: login\n\n"
                    return
                ping_at = time.monotonic() + ping_s
                yield "event: ping\ndata: .\n\n"  # an event, so that the page can see it live
            try:
                fresh = client.news.get(timeout=max(0.0, ping_at - time.monotonic()))
            except queue.Empty:
                continue
            if fresh is None:
                return
            if client.lost:
                yield News(fresh.cursor).frame()
                return
            if fresh.cursor > last:
                last = fresh.cursor
                yield fresh.frame()
    finally:
        hub.leave(client)
