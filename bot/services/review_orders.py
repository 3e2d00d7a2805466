"""Work that may be drawn for a review, and what of it staff decided about orders: money given back,
bills corrected, credits and coupons given, contested charges declined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from bot.domain.money import Money
from bot.domain.staff_actions import KINDS as ACTIONS
from bot.domain.staff_actions import plain
from bot.store.charging import Bill
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.offers import RefundRequest
from bot.store.quality import Review
from bot.store.riders import Conversation
from bot.store.staff import Staff

BOT: Final = "bot"
TEAMS: Final = {"technician": "technical", "finance": "finance"}  # of who did it
KINDS: Final = ("order", "dispute")
_MONEY: Final = ("refund", "waive_idle", "credit", "coupon")


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work that may be drawn."""

    kind: str
    ref: int
    conversation_id: int | None
    case_id: int | None
    staff_id: int | None
    team: str
    topic: str
    ended_at: datetime

    @property
    def key(self) -> str:
        """ "case:12"."""
        return f"{self.kind}:{self.ref}"

    @property
    def stratum(self) -> str:
        """Each person, and the bot; orders apart, so that a busy chat does not hide them."""
        if self.staff_id is None:
            return BOT
        return f"{'orders' if self.kind in KINDS else 'staff'}:{self.staff_id}"


def done_in(work: UnitOfWork, begin: datetime, end: datetime) -> list[Work]:
    """What was decided about orders in a span, by who asked for it."""
    return [*_given(work, begin, end), *_declined(work, begin, end)]


def _given(work: UnitOfWork, begin: datetime, end: datetime) -> list[Work]:
    at = func.coalesce(StaffAction.decided_at, StaffAction.asked_at)
    rows = work.session.execute(
        select(StaffAction, Staff.role)
        .join(Staff, Staff.id == StaffAction.asked_by)
        .where(StaffAction.kind.in_(_MONEY), StaffAction.state == "done", at >= begin, at < end)
        .order_by(StaffAction.id)
    )
    return [
        Work(
            "order", each.id, each.conversation_id, None, each.asked_by,
            TEAMS.get(role, "support"), topic_of(each), each.decided_at or each.asked_at,
        )
        for each, role in rows
    ]  # fmt: skip


def topic_of(action: StaffAction) -> str:
    """What was decided: a bill that was computed again is no mere refund."""
    return "bill_corrected" if "correct" in action.body else action.kind


def _declined(work: UnitOfWork, begin: datetime, end: datetime) -> list[Work]:
    rows = work.session.execute(
        select(RefundRequest, Conversation.id, Staff.role)
        .join(Staff, Staff.id == RefundRequest.decided_by)
        .outerjoin(Conversation, Conversation.rider_id == RefundRequest.rider_id)
        .where(RefundRequest.state == "declined")
        .where(RefundRequest.decided_at >= begin, RefundRequest.decided_at < end)
        .order_by(RefundRequest.id)
    )
    return [
        Work("dispute", each.id, chat_id, None, each.decided_by, TEAMS.get(role, "support"),
             "declined", each.decided_at or end)
        for each, chat_id, role in rows
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """An order that was decided about, for who scores it."""

    session_id: int | None
    facts: Sequence[tuple[str, str]]


def order_of(work: UnitOfWork, row: Review) -> Order | None:
    """What a review of an order is about; None for one of anything else."""
    if row.kind == "order":
        action = work.session.get_one(StaffAction, row.ref)
        approver = work.session.get(Staff, action.decided_by) if action.decided_by else None
        return Order(
            action.session_id,
            [
                ("Decided", ACTIONS[action.kind].label), *_bill(work, action.session_id),
                ("Amount", _amount(action.amount_minor, action.currency)),
                ("Reason", action.reason or "none given"),
                ("Approved by", approver.name if approver else "nobody else: within the limit"),
            ],
        )  # fmt: skip
    if row.kind == "dispute":
        asked = work.session.get_one(RefundRequest, row.ref)
        return Order(
            asked.session_id,
            [
                ("Decided", "Contested charge declined"), *_bill(work, asked.session_id),
                ("The rider says", asked.text or asked.reason), ("Told", asked.explanation),
            ],
        )  # fmt: skip
    return None


def _bill(work: UnitOfWork, session_id: int | None) -> list[tuple[str, str]]:
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session_id)).first()
    if bill is None:
        return [("Charge", str(session_id))] if session_id else []
    return [("Charge", f"{session_id}, bill {bill.number}"),
            ("Billed", _amount(bill.total_minor, bill.currency))]  # fmt: skip


def _amount(minor: int | None, currency: str | None) -> str:
    return plain(Money(minor, currency)) if minor is not None and currency else "–"
