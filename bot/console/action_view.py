"""How actions of staff are shown: what was asked, how far it got, who decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import aliased

from bot.console.guard import Me
from bot.console.view import shown_text
from bot.domain.money import Money
from bot.domain.staff_actions import KINDS, plain
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.devices import Command
from bot.store.riders import Conversation
from bot.store.staff import Staff
from bot.store.stations import Evse

SHOWN: Final = 5
_ENDS: Final = {
    "waiting": ("Needs approval", "warn", "clock"), "done": ("Done", "good", "circle-check"),
    "failed": ("Failed", "bad", "circle-alert"), "refused": ("Rejected", "bad", "x"),
}  # fmt: skip
_PENDING: Final = ("Pending", "info", "clock")
_ACCEPTED: Final = ("Accepted", "info", "check")


@dataclass(frozen=True, slots=True)
class Asked:
    """An action as lists show it; `step` is 1 asked, 2 accepted, 3 at its end."""

    id: int
    label: str
    icon: str
    about: str
    amount: str
    state: str
    badge: tuple[str, str, str]  # text, tone, icon
    step: int
    outcome: str
    reason: str
    by: str
    at: datetime
    decided_by: str
    decided_at: datetime | None
    mine: bool
    rider_id: int | None
    conversation_id: int | None
    session_id: int | None


def recent(
    work: UnitOfWork, me: Me, *, rider_id: int | None = None, pile_id: str | None = None
) -> Sequence[Asked]:
    """The newest actions for a rider or on a pile."""
    about = StaffAction.rider_id == rider_id if rider_id else StaffAction.pile_id == pile_id
    return listed(work, me, about, SHOWN)


def listed(work: UnitOfWork, me: Me, where: Any, limit: int) -> list[Asked]:
    """Actions that meet a condition, newest first."""
    asker, decider = aliased(Staff), aliased(Staff)
    rows = work.session.execute(
        select(StaffAction, asker.name, decider.name, Command)
        .join(asker, asker.id == StaffAction.asked_by)
        .outerjoin(decider, decider.id == StaffAction.decided_by)
        .outerjoin(Command, Command.id == StaffAction.command_id)
        .where(where)
        .order_by(StaffAction.id.desc())
        .limit(limit)
    ).all()
    return [_asked(work, me, *row) for row in rows]


def _asked(
    work: UnitOfWork,
    me: Me,
    action: StaffAction,
    by: str,
    decided_by: str | None,
    command: Command | None,
) -> Asked:
    kind = KINDS[action.kind]
    accepted = command is not None and command.state in {"accepted", "confirmed"}
    accepted = accepted or (action.kind == "start" and action.session_id is not None)
    running = _ACCEPTED if accepted else _PENDING
    ended = action.state in {"done", "failed", "refused"}
    withdrawn = action.state == "refused" and action.decided_by == action.asked_by
    badge = ("Withdrawn", "neutral", "undo-2") if withdrawn else _ENDS.get(action.state, running)
    amount = ""
    if action.amount_minor is not None and action.currency is not None:
        amount = plain(Money(action.amount_minor, action.currency))
    return Asked(
        id=action.id,
        label=kind.label,
        icon=kind.icon,
        about=_about(work, action),
        amount=amount,
        state=action.state,
        badge=badge,
        step=3 if ended else 2 if accepted else 1,
        outcome=shown_text(action.outcome),
        reason=shown_text(action.reason),
        by=by,
        at=action.asked_at,
        decided_by=decided_by or "",
        decided_at=action.decided_at,
        mine=action.asked_by == me.staff_id,
        rider_id=action.rider_id,
        conversation_id=action.conversation_id,
        session_id=action.session_id,
    )


def _about(work: UnitOfWork, action: StaffAction) -> str:
    if action.body.get("evse_id") and KINDS[action.kind].subject == "evse":
        evse = work.session.get(Evse, action.body.get("evse_id"))
        return evse.code if evse is not None else ""
    if action.kind == "set_setting":
        return f"{action.body.get('variable')} = {action.body.get('value')}"
    if KINDS[action.kind].subject == "pile" and action.pile_id:
        return f"Pile {action.pile_id.lstrip('P').lstrip('0')}"
    return f"Charge {action.session_id}" if action.session_id else ""


def conversation_of(work: UnitOfWork, rider_id: int) -> Conversation | None:
    """A rider's conversation."""
    found = select(Conversation).where(Conversation.rider_id == rider_id)
    return work.session.scalars(found).first()
