"""What charges say of the ledger: their bills and credit notes, and what riders owe for them."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import func, select

from bot.services.billing import OWED_BACK
from bot.services.failed_refunds import in_wallet
from bot.store.charging import Bill, ChargingSession, CreditNote, Hold, Refund
from bot.store.database import UnitOfWork


def earned(work: UnitOfWork) -> dict[tuple[str, str], int]:
    """Bills are earned, credit notes taken back."""
    bills = {(f"bill:{each.id}", "billed"): -each.total_minor
             for each in work.session.scalars(select(Bill)) if each.total_minor}  # fmt: skip
    notes = {(f"credit:{each.id}", "credited"): each.total_minor
             for each in work.session.scalars(select(CreditNote)) if each.total_minor}  # fmt: skip
    return bills | notes


def side_of(account: str) -> str | None:
    """A rider's running account and their debts are one side: "rider 7"."""
    family, _, rider = account.partition(":")
    return f"rider {rider}" if family in {"rider", "debt"} else None


def open_sides(work: UnitOfWork) -> dict[tuple[str, str], int]:
    """Bills not paid yet, less what was taken too much and is on its way back."""
    sides: dict[tuple[str, str], int] = defaultdict(int)
    credited = (
        select(func.coalesce(func.sum(CreditNote.total_minor), 0))
        .where(CreditNote.bill_id == Bill.id)
        .scalar_subquery()
    )
    unpaid = (
        select(ChargingSession.rider_id, Bill.currency, Bill.total_minor - credited)
        .join(Bill, Bill.session_id == ChargingSession.id)
        .where(ChargingSession.state.in_(("debt", "billing")))
    )
    for rider_id, currency, due in work.session.execute(unpaid):
        sides[f"rider {rider_id}", currency] += int(due)
    waiting = (
        select(Hold.rider_id, Refund.currency, Refund.amount_minor)
        .join(Hold, Hold.id == Refund.hold_id)
        .where(
            Hold.method == "card",
            Hold.session_id.is_not(None),
            Refund.state != "done",
            Refund.reason.in_(OWED_BACK),
            ~in_wallet(),
        )
    )
    for rider_id, currency, amount in work.session.execute(waiting):
        sides[f"rider {rider_id}", currency] -= amount
    return sides
