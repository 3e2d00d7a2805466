"""How long every bill took to its rider: from the stop, from when we knew of it, from the bill,
until the channel had the receipt.

The alarm while a rider waits is the clock "bill" (bot/services/clock_breach.py): it is counted in
the console's navigation (`alarms`) as long as the rider waits, a day at most; here is the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from bot.domain import late_bills
from bot.domain.late_bills import Times
from bot.services import feedback
from bot.store.changes import touched
from bot.store.charging import Bill, ChargingSession
from bot.store.database import UnitOfWork
from bot.store.invoices import ReceiptWatch

LIVE: Final = "receipts"
ALARM: Final = timedelta(days=1)


def begin(
    work: UnitOfWork, bill: Bill, stopped_at: datetime, heard_at: datetime | None = None
) -> None:
    """A bill was made, its receipt is on its way. `heard_at`: when the pile's stop record came in,
    None where it has not."""
    work.session.add(
        ReceiptWatch(bill_id=bill.id, stopped_at=stopped_at, billed_at=work.now, heard_at=heard_at)
    )


def heard(work: UnitOfWork, session_id: int, at: datetime) -> None:
    """The pile's stop record came in after the bill was made without it."""
    bill_id = select(Bill.id).where(Bill.session_id == session_id).scalar_subquery()
    work.session.execute(
        update(ReceiptWatch)
        .where(ReceiptWatch.bill_id == bill_id, ReceiptWatch.heard_at.is_(None))
        .values(heard_at=at)
    )


def accepted(work: UnitOfWork, bill_id: int) -> None:
    """The channel took the receipt; only the first time counts."""
    row = work.session.get(ReceiptWatch, bill_id, with_for_update=True)
    if row is None or row.accepted_at is not None:
        return
    row.accepted_at = work.now
    feedback.after_receipt(work, work.session.get_one(Bill, bill_id).session_id)
    if times(row).is_late(work.now):
        row.late_at = work.now
        touched(work, LIVE)


def times(row: ReceiptWatch) -> Times:
    """The row as the rule sees it."""
    return Times(row.stopped_at, row.billed_at, row.accepted_at, row.heard_at)


def late(work: UnitOfWork, limit: int = 50) -> Sequence[tuple[ReceiptWatch, Bill, int]]:
    """Receipts that were late: who still waits first, then the newest; with their riders."""
    waiting = _waits(work)
    query = (
        select(ReceiptWatch, Bill, ChargingSession.rider_id)
        .join(Bill, Bill.id == ReceiptWatch.bill_id)
        .join(ChargingSession, ChargingSession.id == Bill.session_id)
        .where(or_(ReceiptWatch.late_at.is_not(None), waiting))
        .order_by(ReceiptWatch.accepted_at.is_(None).desc(), ReceiptWatch.billed_at.desc())
        .limit(limit)
    )
    return [(row, bill, rider_id) for row, bill, rider_id in work.session.execute(query)]


def waiting(work: UnitOfWork) -> int:
    """How many riders wait for a late receipt now."""
    query = select(func.count()).select_from(ReceiptWatch)
    return int(work.session.scalar(query.where(_waits(work))) or 0)


def alarms(work: UnitOfWork) -> int:
    """The same for alarms: what nobody could deliver for a day is on the list only."""
    query = select(func.count()).select_from(ReceiptWatch)
    lately = ReceiptWatch.billed_at > work.now - ALARM
    return int(work.session.scalar(query.where(_waits(work), lately)) or 0)


def _waits(work: UnitOfWork) -> ColumnElement[bool]:
    """A condition: not accepted, and past its time."""
    limit = work.now - late_bills.LIMIT
    return and_(
        ReceiptWatch.accepted_at.is_(None),
        or_(ReceiptWatch.billed_at < limit, ReceiptWatch.heard_at < limit),
    )


def of_bill(work: UnitOfWork, bill_id: int) -> Times | None:
    """How long a bill took; None for bills from before this was watched."""
    row = work.session.get(ReceiptWatch, bill_id)
    return times(row) if row is not None else None
