"""What a rider can have an invoice of: paid orders that are on none yet.

A charge and a plan are supplies, with their tax; a top-up is none. It buys credit for charges at
rates of tax that nobody knows yet (in VAT law a multi-purpose voucher, articles 30a and 30b of
directive 2006/112/EC), so its document is a receipt without tax, and the tax is on the invoice of
each charge that the credit pays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, cast, func, literal, or_, select
from sqlalchemy.orm import Mapped

from bot.domain.invoices import Entry, Party, minus, part_of
from bot.domain.money import Money
from bot.domain.pricing import TaxSum, load_bill
from bot.services import entities, plans, wallet
from bot.services.failed_refunds import in_wallet
from bot.settings import Settings
from bot.store.charging import Bill, ChargingSession, CreditNote, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.invoices import InvoicedOrder
from bot.store.offers import Plan
from bot.store.stations import Evse
from bot.store.wallet import TopUp, Wallet

MOST: Final = 60  # orders on one go


@dataclass(frozen=True, slots=True)
class Billable:
    """An order that can be put on an invoice."""

    entry: Entry
    entity: Party
    entity_key: int | None  # None: the settings' entity, which has no row yet
    currency: str

    @property
    def is_credit(self) -> bool:
        """Whether it is prepaid credit, which bears no tax and has a document of its own."""
        return self.entry.what == "topup"

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
    found += [_of_plan(work, settings, each) for each in _plans(work, rider_id, subjects, limit)]
    top_ups = _top_ups(work, rider_id, subjects, limit)
    found += [_of_top_up(work, settings, *each) for each in top_ups]
    found.sort(key=lambda each: datetime.fromisoformat(each.entry.at), reverse=True)
    return [each for each in found if each.entry.gross_minor > 0][:limit]


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
    """Orders by who sold them and in which currency, credit apart: one document each."""
    keyed: dict[tuple[int | None, str, bool], list[Billable]] = {}
    for each in sorted(orders, key=lambda one: one.entry.at):
        keyed.setdefault((each.entity_key, each.currency, each.is_credit), []).append(each)
    return [
        Group(members[0].entity, currency, tuple(members))
        for (_, currency, _), members in keyed.items()
    ]


def _sessions(
    work: UnitOfWork, rider_id: int, subjects: Sequence[str] | None, limit: int
) -> Sequence[ChargingSession]:
    query = (
        select(ChargingSession)
        .join(Bill, Bill.session_id == ChargingSession.id)
        .where(ChargingSession.rider_id == rider_id, ChargingSession.state == "settled")
        .where(Bill.total_minor > 0, ~_on_invoice("session", ChargingSession.id))
        .order_by(ChargingSession.id.desc())
        .limit(limit)
    )
    if subjects is not None:
        query = query.where(ChargingSession.id.in_(_ids("session", subjects)))
    return work.session.scalars(query).all()


def _plans(
    work: UnitOfWork, rider_id: int, subjects: Sequence[str] | None, limit: int
) -> Sequence[Plan]:
    sold = Plan.rider_id == rider_id, Plan.state.in_(("active", "used_up", "expired"))
    query = select(Plan).where(*sold, ~_on_invoice("plan", Plan.id))
    if subjects is not None:
        query = query.where(Plan.id.in_(_ids("plan", subjects)))
    return work.session.scalars(query.order_by(Plan.id.desc()).limit(limit)).all()


def _top_ups(
    work: UnitOfWork, rider_id: int, subjects: Sequence[str] | None, limit: int
) -> Sequence[tuple[TopUp, Wallet]]:
    query = (
        select(TopUp, Wallet)
        .join(Wallet, Wallet.id == TopUp.wallet_id)
        .where(Wallet.rider_id == rider_id, TopUp.state == "paid", ~_on_invoice("topup", TopUp.id))
    )
    if subjects is not None:
        query = query.where(TopUp.id.in_(_ids("topup", subjects)))
    rows = work.session.execute(query.order_by(TopUp.id.desc()).limit(limit))
    return [(row[0], row[1]) for row in rows]


def _on_invoice(kind: str, number: ColumnElement[int] | Mapped[int]) -> ColumnElement[bool]:
    """A condition: the order is on an invoice already."""
    subject = literal(f"{kind}:") + cast(number, String)
    return select(InvoicedOrder.subject).where(InvoicedOrder.subject == subject).exists()


def _ids(kind: str, subjects: Sequence[str]) -> list[int]:
    split = (each.partition(":") for each in subjects)
    return [
        int(each) for of, _, each in split if of == kind and each.isdecimal() and len(each) < 19
    ]


def _of_session(work: UnitOfWork, settings: Settings, session: ChargingSession) -> Billable:
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).one()
    evse = work.session.get_one(Evse, session.evse_id)
    station = evse.pile.station
    priced, meter = load_bill(bill.body), bill.body["meter"]
    back, refunds = _refunded(work, f"session:{session.id}")
    back += _corrected(work, bill.id)
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


def _of_plan(work: UnitOfWork, settings: Settings, plan: Plan) -> Billable:
    subject = f"plan:{plan.id}"
    back, refunds = _refunded(work, subject)
    seller, key = entities.seller_in(work, settings, plan.country)
    taxes = whole(work, subject)
    entry = Entry(
        subject=subject,
        what="plan",
        at=(plan.bought_at or plan.asked_at).isoformat(),
        tz=plans.zone(work, plan.country),
        place=plan.name,
        taxes=minus(taxes, part_of(taxes, back)),
        refunds=refunds,
    )
    return Billable(entry, seller, key, plan.currency)


def _of_top_up(work: UnitOfWork, settings: Settings, top_up: TopUp, owned: Wallet) -> Billable:
    """All top-ups are sold by one, whoever's stations they pay."""
    subject = f"topup:{top_up.id}"
    back, refunds = _refunded(work, subject)
    seller, key = entities.seller_in(work, settings, None)
    taxes = whole(work, subject)
    entry = Entry(
        subject=subject,
        what="topup",
        at=(top_up.ended_at or top_up.created_at).isoformat(),
        tz=wallet.zone_of(work, owned.rider_id),
        place=f"T-{top_up.id:06d}",
        taxes=minus(taxes, part_of(taxes, back)),
        refunds=refunds,
    )
    return Billable(entry, seller, key, owned.currency)


def whole(work: UnitOfWork, subject: str) -> tuple[TaxSum, ...]:
    """What an order came to when it was sold, by rates of tax."""
    kind, _, number = subject.partition(":")
    if kind == "plan":
        plan = work.session.get_one(Plan, int(number))
        net = plan.price_minor - plan.tax_minor
        return (TaxSum(plan.tax_percent, net, plan.tax_minor, plan.price_minor),)
    if kind == "topup":
        amount = work.session.get_one(TopUp, int(number)).amount_minor
        return (TaxSum("0", amount, 0, amount),)
    bill = work.session.scalars(select(Bill).where(Bill.session_id == int(number))).one()
    return load_bill(bill.body).taxes


def _corrected(work: UnitOfWork, bill_id: int) -> int:
    """What of a bill was taken back before it was paid."""
    corrected = select(func.sum(CreditNote.total_minor)).where(
        CreditNote.bill_id == bill_id, CreditNote.refund_id.is_(None)
    )
    return int(work.session.scalar(corrected) or 0)


def _refunded(work: UnitOfWork, subject: str) -> tuple[int, tuple[int, ...]]:
    """What of an order went back, and by which refunds."""
    refunds = work.session.execute(
        select(Refund.id, Refund.amount_minor)
        .join(Hold, Hold.id == Refund.hold_id)
        .where(Hold.subject == subject, or_(Refund.state == "done", in_wallet()))
    ).all()
    return sum(each.amount_minor for each in refunds), tuple(each.id for each in refunds)
