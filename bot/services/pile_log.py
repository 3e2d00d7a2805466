"""What a pile said and was told, and how much of the week it was there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, select

from bot.domain.uptime import share_online
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.devices import Command, PileEvent
from bot.store.queues import Inbox
from bot.store.staff import Staff
from bot.store.stations import Pile

WEEK: Final = timedelta(days=7)


def newest_events(work: UnitOfWork, pile_id: str, limit: int) -> Sequence[PileEvent]:
    """What the pile said last, newest first."""
    return work.session.scalars(
        select(PileEvent)
        .where(PileEvent.pile_id == pile_id)
        .order_by(PileEvent.received_at.desc(), PileEvent.id.desc())
        .limit(limit)
    ).all()


@dataclass(frozen=True, slots=True)
class Told:
    """An order to a pile; `by` is "" for the bot, `action` what staff asked for."""

    command: Command
    by: str
    action: StaffAction | None


_FAILED: Final = ("rejected", "error", "timeout", "expired")
_OPEN: Final = ("new", "sent", "unknown")
# Outcome of the filter -> what it means of an order; what staff asked for ends later than its
# command: a pile may take an order and fail at it.
OUTCOMES: Final[Mapping[str, ColumnElement[bool]]] = {
    "taken": Command.state.not_in((*_FAILED, *_OPEN))
    & (StaffAction.id.is_(None) | (StaffAction.state == "done")),
    "failed": Command.state.in_(_FAILED) | (StaffAction.state == "failed"),
    "open": Command.state.in_(_OPEN) | (StaffAction.state == "running"),
}


def commands(
    work: UnitOfWork,
    pile_id: str,
    limit: int,
    *,
    kind: str = "",
    by: str = "",
    outcome: str = "",
    before: int | None = None,
) -> list[Told]:
    """What the pile was told, newest first; `by` is "staff" or "bot", `before` a command's id."""
    query = (
        select(Command, Staff.name, StaffAction)
        .outerjoin(StaffAction, StaffAction.command_id == Command.id)
        .outerjoin(Staff, Staff.id == StaffAction.asked_by)
        .where(Command.pile_id == pile_id)
    )
    if kind:
        query = query.where(Command.kind == kind)
    if outcome in OUTCOMES:
        query = query.where(OUTCOMES[outcome])
    if by in {"staff", "bot"}:
        asked = StaffAction.id.is_not(None)
        query = query.where(asked if by == "staff" else ~asked)
    if before is not None:
        query = query.where(Command.id < before)
    rows = work.session.execute(query.order_by(Command.id.desc()).limit(limit))
    return [Told(command, name or "", action) for command, name, action in rows]


def uptime(work: UnitOfWork, pile: Pile) -> float | None:
    """The share of the last seven days, or of its time with us, in which the pile was in contact;
    None when it was never heard."""
    if pile.seen_at is None:
        return None
    heard = work.session.execute(
        select(Inbox.body)
        .where(
            Inbox.stream == f"pile:{pile.id}",
            Inbox.kind == "pile.presence",
            Inbox.available_at > work.now - 2 * WEEK,
        )
        .order_by(Inbox.id)
    )
    changes = sorted(
        (datetime.fromisoformat(body["at"]), bool(body["online"])) for (body,) in heard
    )
    since = work.now - WEEK
    if changes and changes[0][0] > since and changes[0][1]:
        since = changes[0][0]  # it first came within the week
    return share_online(changes, since, work.now, now_online=pile.online)
