"""A rider's charges as orders: running, completed, refunded; and one bill explained."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from bot.domain.money import Money
from bot.domain.pricing import Line, load_bill
from bot.domain.session import load_facts
from bot.domain.tariffs import load_tariff
from bot.services.billing import BillView, bill_view, credited_minor
from bot.store.charging import Bill, ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.stations import Evse

RUNNING, COMPLETED, REFUNDED = "running", "completed", "refunded"


@dataclass(frozen=True, slots=True)
class Order:
    """One charge as a line of a list. `unit_price` is the main energy line's ("0.30" per kWh) or
    "" where nothing was priced by energy."""

    session_id: int
    group: str
    evse_code: str
    station_name: str
    tz: str
    at: datetime
    energy_wh: int
    seconds: int
    amount: Money
    refunded: Money
    unit_price: str
    owed: bool


def orders(
    work: UnitOfWork, rider_id: int, *, before: int | None = None, limit: int = 9
) -> tuple[list[Order], int | None]:
    """The rider's charges that cost something or run, newest first, and where the next page
    begins (None: there is no more). A charge that never came about is no order."""
    query = (
        select(ChargingSession)
        .outerjoin(Bill, Bill.session_id == ChargingSession.id)
        .where(ChargingSession.rider_id == rider_id)
        .where(ChargingSession.open | Bill.id.is_not(None))
        .order_by(ChargingSession.id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        query = query.where(ChargingSession.id < before)
    rows = list(work.session.scalars(query))
    more = rows[limit - 1].id if len(rows) > limit else None
    return [_order(work, row) for row in rows[:limit]], more


def _order(work: UnitOfWork, session: ChargingSession) -> Order:
    evse = work.session.get_one(Evse, session.evse_id)
    tariff = load_tariff(session.tariff)
    facts = load_facts(session.facts, tariff)
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).first()
    priced = load_bill(bill.body) if bill is not None else facts.bill(work.now)
    cost = bill.total_minor if bill is not None else facts.cost_minor(work.now)
    back = _given_back(work, session.id)
    if bill is not None:
        back = max(back, credited_minor(work, bill.id))
    energy = [each for each in priced.lines if each.what == "energy"]
    group = RUNNING if session.open else REFUNDED if back else COMPLETED
    start = session.started_at or session.created_at
    return Order(
        session_id=session.id,
        group=group,
        evse_code=evse.code,
        station_name=evse.pile.station.name,
        tz=evse.pile.station.tz,
        at=start,
        energy_wh=facts.energy_wh(),
        seconds=max(0, int(((session.ended_at or work.now) - start).total_seconds())),
        amount=Money(cost, tariff.currency),
        refunded=Money(back, tariff.currency),
        unit_price=_dearest(energy),
        owed=session.state == "debt",
    )


def _dearest(lines: list[Line]) -> str:
    """The unit price of the line most was paid for."""
    return max(lines, key=lambda line: line.gross_minor).unit_price if lines else ""


def _given_back(work: UnitOfWork, session_id: int) -> int:
    total = (
        select(func.sum(Refund.amount_minor))
        .join(Hold, Hold.id == Refund.hold_id)
        .where(Hold.session_id == session_id, Refund.state != "failed")
    )
    return int(work.session.scalar(total) or 0)


def explained(work: UnitOfWork, rider_id: int, session_id: int) -> BillView | None:
    """The bill of one of the rider's own charges, None where there is none."""
    bill_id = work.session.scalars(
        select(Bill.id)
        .join(ChargingSession, ChargingSession.id == Bill.session_id)
        .where(ChargingSession.rider_id == rider_id, ChargingSession.id == session_id)
    ).first()
    return bill_view(work, bill_id) if bill_id is not None else None
