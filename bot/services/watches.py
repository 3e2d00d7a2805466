"""The watch-list: sockets of which a failure was foretold and nobody came in time to look.

Put on by the clock "preventive" (bot/services/clock_breach.py), taken off by the visit or by
somebody who says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import func, select

from bot.errors import PilebotError
from bot.services import audit
from bot.services.audit import Actor
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
from bot.store.prediction import SocketWatch
from bot.store.stations import Evse
from bot.store.upsert import insert

LIVE: Final = "watch"
REASON_MAX: Final = 300


class NotPossible(PilebotError):
    """What staff asked for cannot be done; the message says why, for them to read."""


def put_on(work: UnitOfWork, evse: Evse, *, job: Job, why: str) -> bool:
    """Watch a socket; False when it is on the list already."""
    made = work.session.scalars(
        insert(work, SocketWatch)
        .values(
            open_key=str(evse.id), evse_id=evse.id, job_id=job.id, at=work.now, why=why,
            end_reason="",
        )
        .on_conflict_do_nothing(index_elements=["open_key"])
        .returning(SocketWatch.id)
    ).first()  # fmt: skip
    touched(work, LIVE, "prediction", f"pile:{evse.pile_id}")
    return made is not None


def visited(work: UnitOfWork, job: Job) -> None:
    """Somebody has looked at what a job was about: its socket, or all of its pile."""
    sockets = select(Evse.id).where(Evse.pile_id == job.pile_id)
    if job.evse_id is not None:
        sockets = sockets.where(Evse.id == job.evse_id)
    open_ones = select(SocketWatch).where(
        SocketWatch.open_key.is_not(None), SocketWatch.evse_id.in_(sockets)
    )
    for row in work.session.scalars(open_ones.with_for_update()):
        _end(work, row, job.pile_id, reason=f"Job {job.id} done", by=job.technician_id)


def take_off(work: UnitOfWork, actor: Actor, watch_id: int, reason: str) -> None:
    """Somebody of the staff ends it and says why. Raises NotPossible."""
    reason = reason.strip()[:REASON_MAX]
    if not reason:
        raise NotPossible("Say why: the reason is kept.")
    row = work.session.get(SocketWatch, watch_id, with_for_update=True, populate_existing=True)
    if row is None or row.open_key is None:
        raise NotPossible("It is not on the list any more.")
    evse = work.session.get_one(Evse, row.evse_id)
    _end(work, row, evse.pile_id, reason=reason, by=actor.staff_id)
    audit.record(
        work, actor, "watch.ended", f"evse:{evse.id}", before={"watch": row.id}, reason=reason
    )


def _end(work: UnitOfWork, row: SocketWatch, pile_id: str, *, reason: str, by: int | None) -> None:
    row.open_key, row.ended_at, row.ended_by, row.end_reason = None, work.now, by, reason
    touched(work, LIVE, "prediction", f"pile:{pile_id}")


def current(work: UnitOfWork) -> list[tuple[SocketWatch, Evse]]:
    """The whole list, the oldest first."""
    rows = work.session.execute(
        select(SocketWatch, Evse)
        .join(Evse, Evse.id == SocketWatch.evse_id)
        .where(SocketWatch.open_key.is_not(None))
        .order_by(SocketWatch.at, SocketWatch.id)
    )
    return [(row, evse) for row, evse in rows]


def of_sockets(work: UnitOfWork, evse_ids: Iterable[int]) -> Sequence[SocketWatch]:
    """Those of some sockets that are on the list."""
    rows = select(SocketWatch).where(
        SocketWatch.open_key.is_not(None), SocketWatch.evse_id.in_(list(evse_ids))
    )
    return work.session.scalars(rows.order_by(SocketWatch.at)).all()


def count(work: UnitOfWork) -> int:
    """How many sockets are on the list."""
    on = select(func.count()).select_from(SocketWatch).where(SocketWatch.open_key.is_not(None))
    return int(work.session.scalar(on) or 0)
