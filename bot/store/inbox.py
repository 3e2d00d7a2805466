"""Putting outside facts and timers into the inbox, and serving a stream row by row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, delete, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from bot.store.database import UnitOfWork
from bot.store.queues import Inbox
from bot.store.upsert import insert

LEASE = timedelta(seconds=10)  # renewed while a row is served: what a crash costs


def put(
    work: UnitOfWork,
    *,
    source: str,
    source_id: str,
    stream: str,
    kind: str,
    body: dict[str, Any],
    available_at: datetime | None = None,
    coalesce: bool = False,
    keep_time: bool = False,
) -> bool:
    """Record one fact; False when (source, source_id) is already known.

    With `coalesce` a known row takes the new body and opens again: for readings of which only
    the latest matters. With `available_at` ahead the row is a timer; with `keep_time` one that
    is yet to come keeps its time, so that news never put it off.
    """
    row = {
        "source": source, "source_id": source_id, "stream": stream, "kind": kind, "body": body,
        "state": "open", "version": 0, "attempts": 0,
        "created_at": work.now, "available_at": available_at or work.now,
    }  # fmt: skip
    new = insert(work, Inbox).values(row)
    key = ["source", "source_id"]
    if coalesce:
        changes = {
            "body": body,
            "state": "open",
            "version": Inbox.version + 1,
            # News do not wipe out the tries of a row that keeps failing.
            "attempts": case((Inbox.state == "open", Inbox.attempts), else_=0),
            "available_at": _kept_time(work.now, row) if keep_time else row["available_at"],
            "done_at": None,
        }
        statement = new.on_conflict_do_update(index_elements=key, set_=changes)
    else:
        statement = new.on_conflict_do_nothing(index_elements=key)
    known = work.session.execute(statement.returning(Inbox.id)).first() is None
    if not known and (available_at is None or available_at <= work.now):
        work.wake_streams.add(stream)
    return not known


def _kept_time(now: datetime, row: dict[str, Any]) -> Any:
    waits = and_(Inbox.state == "open", Inbox.available_at > now)
    return case((waits, Inbox.available_at), else_=row["available_at"])


def cancel(work: UnitOfWork, *, source: str, source_id: str) -> None:
    """Take back a timer that has not run; one that has is left alone."""
    work.session.execute(
        delete(Inbox).where(
            Inbox.source == source, Inbox.source_id == source_id, Inbox.state == "open"
        )
    )


def claim(work: UnitOfWork, stream: str) -> Inbox | None:
    """Lease the oldest due row of a stream, unless another worker holds a row of that stream."""
    other = aliased(Inbox)
    served = exists().where(
        other.stream == stream, other.state == "open", other.leased_until > work.now
    )
    oldest = (
        select(func.min(Inbox.id))
        .where(Inbox.stream == stream, Inbox.state == "open", Inbox.available_at <= work.now)
        .scalar_subquery()
    )
    statement = (
        update(Inbox)
        .where(
            Inbox.id == oldest,
            Inbox.state == "open",
            or_(Inbox.leased_until.is_(None), Inbox.leased_until <= work.now),
            ~served,
        )
        .values(leased_until=work.now + LEASE, attempts=Inbox.attempts + 1)
        .returning(Inbox)
        .execution_options(synchronize_session=False)
    )
    return work.session.scalars(statement).first()


def still_claimed(work: UnitOfWork, row: Inbox) -> bool:
    """Whether this claim still stands (each has a lease of its own); locks the row if so."""
    held = select(Inbox.id).where(
        Inbox.id == row.id, Inbox.state == "open", Inbox.leased_until == row.leased_until
    )
    return work.session.scalars(held.with_for_update()).first() is not None


def renew(work: UnitOfWork, row: Inbox) -> bool:
    """Hold a claimed row longer; False when another worker has it by now."""
    until = work.now + LEASE
    renewed = (
        update(Inbox)
        .where(Inbox.id == row.id, Inbox.state == "open", Inbox.leased_until == row.leased_until)
        .values(leased_until=until)
        .returning(Inbox.id)
    )
    if work.session.scalars(renewed).first() is None:
        return False
    row.leased_until = until
    return True


def finish(work: UnitOfWork, row: Inbox, *, state: str = "done", error: str | None = None) -> None:
    """Close a claimed row; one that was coalesced meanwhile stays open for another turn."""
    work.session.execute(
        update(Inbox)
        .where(Inbox.id == row.id, Inbox.version == row.version)
        .values(state=state, error=error, done_at=work.now, leased_until=None)
    )
    work.session.execute(
        update(Inbox)
        .where(Inbox.id == row.id, Inbox.state == "open")
        .values(leased_until=None, attempts=0)
    )


def postpone(work: UnitOfWork, row: Inbox, *, until: datetime, error: str) -> None:
    """Leave a claimed row open for a later try."""
    work.session.execute(
        update(Inbox)
        .where(Inbox.id == row.id)
        .values(available_at=until, error=error, leased_until=None)
    )


def due_streams(work: UnitOfWork, *, limit: int = 200) -> Sequence[str]:
    """Streams with a due row that nobody serves: what the clock wakes."""
    return work.session.scalars(
        select(Inbox.stream)
        .where(
            Inbox.state == "open",
            Inbox.available_at <= work.now,
            or_(Inbox.leased_until.is_(None), Inbox.leased_until <= work.now),
        )
        .group_by(Inbox.stream)
        .order_by(func.min(Inbox.id))
        .limit(limit)
    ).all()
