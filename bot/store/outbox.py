"""Emitting effects with the change that calls for them, and claiming them for delivery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import aliased

from bot.store.database import UnitOfWork
from bot.store.queues import Outbox
from bot.store.upsert import insert

LEASE = timedelta(seconds=10)  # renewed during a delivery: what a crash costs


def emit(
    work: UnitOfWork,
    *,
    key: str,
    lane: str,
    stream: str,
    kind: str,
    body: dict[str, Any],
    due_at: datetime | None = None,
) -> bool:
    """Record an effect; it leaves the building only after commit. False when the key is known."""
    statement = (
        insert(work, Outbox)
        .values(
            key=key, lane=lane, stream=stream, kind=kind, body=body, state="open", attempts=0,
            created_at=work.now, due_at=due_at or work.now,
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(Outbox.id)
    )  # fmt: skip
    new = work.session.execute(statement).first() is not None
    if new:
        work.wake_lanes.add(lane)
    return new


def claim(work: UnitOfWork, lane: str, *, stream: str | None = None) -> Outbox | None:
    """Lease the oldest due row of a lane whose stream has no earlier open row."""
    earlier = aliased(Outbox)
    blocked = exists().where(
        earlier.stream == Outbox.stream,
        earlier.lane == Outbox.lane,
        earlier.state == "open",
        earlier.id < Outbox.id,
    )
    free = or_(Outbox.leased_until.is_(None), Outbox.leased_until <= work.now)
    pick = (
        select(Outbox.id)
        .where(
            Outbox.lane == lane, Outbox.state == "open", Outbox.due_at <= work.now, free, ~blocked
        )
        .order_by(Outbox.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=Outbox)
    )
    if stream is not None:
        pick = pick.where(Outbox.stream == stream)
    statement = (
        update(Outbox)
        .where(Outbox.id == pick.scalar_subquery(), Outbox.state == "open")
        .values(leased_until=work.now + LEASE, attempts=Outbox.attempts + 1)
        .returning(Outbox)
        .execution_options(synchronize_session=False)
    )
    return work.session.scalars(statement).first()


def renew(work: UnitOfWork, row: Outbox) -> bool:
    """Hold a claimed effect longer; False when another worker has it by now."""
    until = work.now + LEASE
    renewed = (
        update(Outbox)
        .where(Outbox.id == row.id, Outbox.state == "open", Outbox.leased_until == row.leased_until)
        .values(leased_until=until)
        .returning(Outbox.id)
    )
    if work.session.scalars(renewed).first() is None:
        return False
    row.leased_until = until
    return True


def finish(work: UnitOfWork, row: Outbox, *, state: str = "done", error: str | None = None) -> None:
    """Close a claimed effect as done, failed (staff see it) or dropped (fenced)."""
    work.session.execute(
        update(Outbox)
        .where(Outbox.id == row.id)
        .values(state=state, error=error, done_at=work.now, leased_until=None)
    )


def postpone(work: UnitOfWork, row: Outbox, *, until: datetime, error: str) -> None:
    """Leave a claimed effect open for a later try, unless another worker has it by now."""
    work.session.execute(
        update(Outbox)
        .where(Outbox.id == row.id, Outbox.leased_until == row.leased_until)
        .values(due_at=until, error=error, leased_until=None)
    )


def due_lanes(work: UnitOfWork) -> Sequence[str]:
    """Lanes with a due effect that nobody is delivering: what the clock wakes."""
    return work.session.scalars(
        select(Outbox.lane)
        .where(
            Outbox.state == "open",
            Outbox.due_at <= work.now,
            or_(Outbox.leased_until.is_(None), Outbox.leased_until <= work.now),
        )
        .distinct()
    ).all()
