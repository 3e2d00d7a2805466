"""A charge started again within minutes at the same pile: one and the same session to the rider.

The start fee is not paid twice, and energy, duration, minimum, maximum and idle cap go on from the
charge before, by the prices of that one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from bot.domain.pricing import carried, load_bill
from bot.domain.session import load_facts
from bot.domain.tariffs import Tariff, load_tariff
from bot.domain.usage import Carry
from bot.store.charging import Bill, ChargingSession
from bot.store.database import UnitOfWork
from bot.store.stations import Evse

WITHIN: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Earlier:
    """The charge that a new one goes on from."""

    tariff: Tariff
    carry: Carry
    ended_at: datetime


def earlier(work: UnitOfWork, rider_id: int, evse: Evse) -> Earlier | None:
    """The rider's last charge, if one here now would be the same session: it ended less than
    WITHIN ago at this pile by the same tariff, not by our fault, and was paid for, be it by a plan
    or a coupon."""
    row = work.session.execute(
        select(ChargingSession, Evse, Bill)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .join(Bill, Bill.session_id == ChargingSession.id)
        .where(ChargingSession.rider_id == rider_id)
        .order_by(ChargingSession.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    session, there, bill = row
    ended = session.ended_at
    if there.pile_id != evse.pile_id or there.tariff_id != evse.tariff_id or ended is None:
        return None
    tariff = load_tariff(session.tariff)
    facts = load_facts(session.facts, tariff)
    if facts.fault or not _cost_something(bill) or work.now - ended > WITHIN:
        return None
    return Earlier(tariff, carried(tariff, facts.usage()), ended)


def _cost_something(bill: Bill) -> bool:
    """Whether anything was charged before plans and coupons took their part off."""
    lines = load_bill(bill.body).lines
    return sum(each.gross_minor for each in lines if each.what not in {"plan", "coupon"}) > 0
