"""A rider's orders, page by page: charges, reservations, plans, top-ups; and one bill explained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from bot.domain.money import Money
from bot.domain.pricing import Line, load_bill
from bot.domain.session import load_facts
from bot.domain.tariffs import load_tariff
from bot.services.billing import BillView, bill_view, credited_minor
from bot.services.booked import live_of
from bot.services.order_kinds import (
    COMPLETED,
    ENDED,
    PLAN_STATES,
    REFUNDED,
    RUNNING,
    TOP_UP_STATES,
    Purchase,
    Reservation,
    plan_bought,
    reservation,
    top_up_bought,
)
from bot.store.bookings import Booking
from bot.store.charging import Bill, ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.offers import Plan
from bot.store.stations import Evse
from bot.store.wallet import TopUp, Wallet


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


AnyOrder = Order | Reservation | Purchase


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the list ends: the moment, kind and number of its last order."""

    at: datetime
    kind: int
    number: int

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // _MICRO}.{self.kind}.{self.number}"


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)


def read_place(raw: str) -> Place | None:
    """The place that a button names, None for what is none."""
    parts = raw.split(".")
    if len(parts) != 3 or not all(_is_number(each) for each in parts):
        return None
    return Place(_EPOCH + int(parts[0]) * _MICRO, int(parts[1]), int(parts[2]))


def _is_number(raw: str) -> bool:
    return raw.isascii() and raw.isdigit() and len(raw) <= 17


def orders(
    work: UnitOfWork, rider_id: int, *, before: Place | None = None, limit: int = 9
) -> tuple[list[AnyOrder], Place | None]:
    """The rider's orders, the live reservation first, then newest first, and where the page ends
    (None: there is no more); `limit` is two at least. What never came about is no order."""
    live = live_of(work, rider_id) if before is None else None
    first: list[AnyOrder] = [reservation(work, live)] if live is not None else []
    room = limit - len(first)
    rows = [
        (Place(at, kind, row.id), row, show)
        for kind, (query, when, number, show) in enumerate(_sources(rider_id))
        for row, at in _newest(work, query, when, number, kind, before, room + 1)
    ]
    rows.sort(key=lambda each: (each[0].at, each[0].kind, each[0].number), reverse=True)
    page = rows[:room]
    more = page[-1][0] if len(rows) > room else None
    return first + [show(work, row) for _, row, show in page], more


_Source = tuple[Select[Any], Any, Any, Callable[[UnitOfWork, Any], AnyOrder]]


def _sources(rider_id: int) -> tuple[_Source, ...]:
    """For each kind of order: its rows, their moment and number, and what shows one."""
    charges = (
        select(ChargingSession)
        .outerjoin(Bill, Bill.session_id == ChargingSession.id)
        .where(ChargingSession.rider_id == rider_id)
        .where(ChargingSession.open | Bill.id.is_not(None))
    )
    ended = select(Booking).where(Booking.rider_id == rider_id, Booking.state.in_(ENDED))
    bought = select(Plan).where(Plan.rider_id == rider_id, Plan.state.in_(PLAN_STATES))
    filled = (
        select(TopUp)
        .join(Wallet, Wallet.id == TopUp.wallet_id)
        .where(Wallet.rider_id == rider_id, TopUp.state.in_(TOP_UP_STATES))
    )
    return (
        (charges, ChargingSession.created_at, ChargingSession.id, _order),
        (ended, Booking.starts_at, Booking.id, reservation),
        (bought, Plan.asked_at, Plan.id, plan_bought),
        (filled, TopUp.created_at, TopUp.id, top_up_bought),
    )


def _newest(
    work: UnitOfWork, query: Select[Any], when: Any, number: Any, kind: int,
    before: Place | None, limit: int,
) -> list[tuple[Any, datetime]]:  # fmt: skip
    if before is not None:
        query = query.where(_older(when, number, kind, before))
    newest = query.add_columns(when).order_by(when.desc(), number.desc()).limit(limit)
    return [(row, at) for row, at in work.session.execute(newest)]


def _older(
    when: ColumnElement[datetime], number: ColumnElement[int], kind: int, before: Place
) -> ColumnElement[bool]:
    """Whether a row of a kind stands behind a place: orders of one moment by kind and number."""
    if kind < before.kind:
        return when <= before.at
    if kind > before.kind:
        return when < before.at
    return or_(when < before.at, and_(when == before.at, number < before.number))


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
