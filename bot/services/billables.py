"""What a rider can have an invoice of: paid orders that are on none yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import String, cast, func, or_, select

from bot.domain.invoices import Entry, Party, minus, part_of
from bot.domain.money import Money
from bot.domain.pricing import TaxSum, load_bill
from bot.services import entities
from bot.services.failed_refunds import in_wallet
from bot.settings import Settings
from bot.store.charging import Bill, ChargingSession, CreditNote, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.invoices import InvoicedOrder
from bot.store.stations import Evse

MOST: Final = 60  # orders on one go


@dataclass(frozen=True, slots=True)
class Billable:
    """An order that can be put on an invoice."""

    entry: Entry
    entity: Party
    entity_key: int | None  # None: the settings' entity, which has no row yet
    currency: str

    @property
    def amount(self) -> Money:
        """What it comes to."""
        return Money(self.entry.gross_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Group:
    """What goes on one document."""

    seller: Party
    currency: str
    orders: tuple[Billable, ...]

    @property
    def total(self) -> Money:
        """What it comes to."""
        return Money(sum(each.entry.gross_minor for each in self.orders), self.currency)


def billable(
    work: UnitOfWork,
    settings: Settings,
    rider_id: int,
    *,
    subjects: Sequence[str] | None = None,
    limit: int = MOST,
) -> list[Billable]:
    """The rider's paid orders that are on no invoice, newest first; only `subjects` when given."""
    sessions = _sessions(work, rider_id, subjects, limit)
    found = [_of_session(work, settings, each) for each in sessions]
    return [each for each in found if each.entry.gross_minor > 0]


def last_month(work: UnitOfWork, orders: Sequence[Billable]) -> list[Billable]:
    """Those of the calendar month before this one, by the clock of the place of each."""
    found = []
    for each in orders:
        zone = ZoneInfo(each.entry.tz)
        now, at = work.now.astimezone(zone), datetime.fromisoformat(each.entry.at).astimezone(zone)
        if now.year * 12 + now.month - 1 == at.year * 12 + at.month:
            found.append(each)
    return found


def groups(orders: Sequence[Billable]) -> list[Group]:
    """Orders by who sold them and in which currency: one document each."""
    keyed: dict[tuple[int | None, str], list[Billable]] = {}
    for each in sorted(orders, key=lambda one: one.entry.at):
        keyed.setdefault((each.entity_key, each.currency), []).append(each)
    return [
        Group(members[0].entity, currency, tuple(members))
        for (_, currency), members in keyed.items()
    ]


def _sessions(
    work: UnitOfWork, rider_id: int, subjects: Sequence[str] | None, limit: int
) -> Sequence[ChargingSession]:
    on_invoice = (
        select(InvoicedOrder.subject)
        .where(InvoicedOrder.subject == "session:" + cast(ChargingSession.id, String))
        .exists()
    )
    query = (
        select(ChargingSession)
        .join(Bill, Bill.session_id == ChargingSession.id)
        .where(ChargingSession.rider_id == rider_id, ChargingSession.state == "settled")
        .where(Bill.total_minor > 0, ~on_invoice)
        .order_by(ChargingSession.id.desc())
        .limit(limit)
    )
    if subjects is not None:
        query = query.where(ChargingSession.id.in_(_ids(subjects)))
    return work.session.scalars(query).all()


def _ids(subjects: Sequence[str]) -> list[int]:
    named = (each.removeprefix("session:") for each in subjects if each.startswith("session:"))
    return [int(each) for each in named if each.isdecimal() and len(each) < 19]


def _of_session(work: UnitOfWork, settings: Settings, session: ChargingSession) -> Billable:
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).one()
    evse = work.session.get_one(Evse, session.evse_id)
    station = evse.pile.station
    priced, meter = load_bill(bill.body), bill.body["meter"]
    back, refunds = _given_back(work, session.id, bill.id)
    seller, _ = entities.seller_of(work, settings, station)
    entry = Entry(
        subject=f"session:{session.id}",
        what="charge",
        at=(session.ended_at or bill.created_at).isoformat(),
        tz=station.tz,
        place=station.name,
        code=evse.code,
        bill=bill.number,
        energy_wh=meter["end_wh"] - meter["start_wh"],
        seconds=meter["charging_s"],
        taxes=minus(priced.taxes, part_of(priced.taxes, back)),
        refunds=refunds,
    )
    return Billable(entry, seller, station.legal_entity_id, bill.currency)


def whole(work: UnitOfWork, subject: str) -> tuple[TaxSum, ...]:
    """What an order came to when it was billed, by rates of tax."""
    session_id = int(subject.removeprefix("session:"))
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session_id)).one()
    return load_bill(bill.body).taxes


def _given_back(work: UnitOfWork, session_id: int, bill_id: int) -> tuple[int, tuple[int, ...]]:
    """What of a bill is not owed any more: corrected before it was paid, or given back since."""
    corrected = select(func.sum(CreditNote.total_minor)).where(
        CreditNote.bill_id == bill_id, CreditNote.refund_id.is_(None)
    )
    refunds = work.session.execute(
        select(Refund.id, Refund.amount_minor)
        .join(Hold, Hold.id == Refund.hold_id)
        .where(Hold.subject == f"session:{session_id}", or_(Refund.state == "done", in_wallet()))
    ).all()
    total = int(work.session.scalar(corrected) or 0) + sum(each.amount_minor for each in refunds)
    return total, tuple(each.id for each in refunds)
