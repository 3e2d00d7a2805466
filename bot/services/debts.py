"""What a rider still has to pay: bills whose money could not be taken."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from bot.domain.money import Money
from bot.services.billing import credited_minor
from bot.store.charging import Bill, ChargingSession, Hold
from bot.store.database import UnitOfWork
from bot.store.stations import Evse


@dataclass(frozen=True, slots=True)
class Debt:
    """One unpaid bill; `pay_url` is the page it is being paid on, None while there is none."""

    session_id: int
    evse_code: str
    bill_number: str
    due: Money
    pay_url: str | None


def oldest(work: UnitOfWork, rider_id: int) -> Debt | None:
    """The debt that is to be paid first, None when nothing is owed."""
    row = work.session.execute(
        select(ChargingSession, Bill)
        .join(Bill, Bill.session_id == ChargingSession.id)
        .where(ChargingSession.rider_id == rider_id, ChargingSession.state == "debt")
        .order_by(ChargingSession.id)
        .limit(1)
    ).first()
    if row is None:
        return None
    session, bill = row
    page = work.session.scalars(
        select(Hold).where(Hold.session_id == session.id).order_by(Hold.seq.desc()).limit(1)
    ).first()
    waits = page is not None and page.purpose == "debt" and page.state == "waiting"
    return Debt(
        session_id=session.id,
        evse_code=work.session.get_one(Evse, session.evse_id).code,
        bill_number=bill.number,
        due=Money(bill.total_minor - credited_minor(work, bill.id), bill.currency),
        pay_url=page.checkout_url if page is not None and waits else None,
    )
