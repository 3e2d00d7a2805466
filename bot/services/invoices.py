"""Invoices that riders make themselves, and the credit notes that correct them.

An order is on one invoice at most (`invoiced_order`), a document is never changed, numbers have
no gaps within a legal entity, and one invoice never mixes entities or currencies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import String, cast, func, or_, select

from bot.domain.invoices import (
    Entry,
    Paper,
    Party,
    add_up,
    dump_paper,
    form_of,
    load_paper,
    minus,
    part_of,
)
from bot.domain.money import Money
from bot.domain.pricing import load_bill
from bot.errors import Refused
from bot.replies import InvoicePaper
from bot.services import buyers, entities
from bot.services.billing import next_number
from bot.services.failed_refunds import in_wallet
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.charging import Bill, ChargingSession, CreditNote, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.invoices import Invoice, InvoicedOrder, LegalEntity
from bot.store.riders import Rider
from bot.store.stations import Evse

LIVE: Final = "invoices"
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


# --- what can be invoiced


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


# --- making


def make(
    work: UnitOfWork,
    settings: Settings,
    rider: Rider,
    subjects: Sequence[str],
    *,
    key: str,
) -> list[Invoice]:
    """Invoices of these orders to the rider's kept details, one for each legal entity.

    Raises Refused where an order is on an invoice already or nothing of it is left.
    """
    work.session.get_one(Rider, rider.id, with_for_update=True)  # one at a time for a rider
    buyer = buyers.kept(work, rider.id)
    if buyer is None:
        raise Refused("I do not know yet how to make out the invoice. Please write INVOICE again.")
    orders = billable(work, settings, rider.id, subjects=subjects)
    if not orders or {each.entry.subject for each in orders} != set(subjects):
        raise Refused(
            "Some of these charges are on an invoice already. Write MY INVOICES to get it again, "
            "or INVOICE to choose anew."
        )
    made = []
    for number, group in enumerate(groups(orders)):
        entity = _entity(work, settings, group)
        made.append(_issue(work, rider, entity, group, buyers.party(buyer), f"{key}:{number}"))
    return made


def _entity(work: UnitOfWork, settings: Settings, group: Group) -> LegalEntity:
    known = group.orders[0].entity_key
    if known is not None:
        return work.session.get_one(LegalEntity, known)
    return entities.default(work, settings)


def _issue(
    work: UnitOfWork, rider: Rider, entity: LegalEntity, group: Group, buyer: Party, key: str
) -> Invoice:
    entries = tuple(each.entry for each in group.orders)
    taxes = add_up(each.taxes for each in entries)
    paper = Paper(
        kind="invoice",
        form=form_of(
            entity.country,
            group.currency,
            group.total.amount_minor,
            business=buyer.business,
            own_limit_minor=entity.simplified_limit_minor,
        ),
        seller=entities.party(entity),
        buyer=buyer,
        currency=group.currency,
        entries=entries,
        taxes=taxes,
        tz=entries[-1].tz,
        paid_by=_card(work, rider, entries),
    )
    invoice = _write(work, rider, entity, paper, key=key)
    for each in entries:
        work.session.add(InvoicedOrder(subject=each.subject, invoice_id=invoice.id))
    work.session.flush()  # the unique subject has the last word
    return invoice


def _card(work: UnitOfWork, rider: Rider, entries: Sequence[Entry]) -> str:
    """The card that paid all of it; "" where a wallet paid some."""
    other = select(Hold.id).where(
        Hold.subject.in_([each.subject for each in entries]),
        Hold.method != "card",
        Hold.captured_minor > 0,
    )
    paid_otherwise = work.session.scalars(other).first() is not None
    return "" if paid_otherwise else rider.card_label or ""


def _write(
    work: UnitOfWork,
    rider: Rider,
    entity: LegalEntity,
    paper: Paper,
    *,
    key: str,
    refers_to: int | None = None,
) -> Invoice:
    credit = paper.kind == "credit_note"
    series = f"{'note' if credit else 'invoice'}:{entity.id}"
    prefix = f"{entity.prefix}-C" if credit else entity.prefix
    invoice = Invoice(
        key=key[:160],
        kind=paper.kind,
        entity_id=entity.id,
        rider_id=rider.id,
        number=f"{prefix}-{next_number(work, series):06d}",
        created_at=work.now,
        currency=paper.currency,
        net_minor=paper.net_minor,
        tax_minor=paper.tax_minor,
        gross_minor=paper.gross_minor,
        buyer=paper.buyer.name[:120],
        refers_to=refers_to,
        lang=rider.lang or "en",
        body=dump_paper(paper),
    )
    work.session.add(invoice)
    work.session.flush()
    touched(work, LIVE)
    return invoice


# --- correcting


def credit(
    work: UnitOfWork,
    invoice: Invoice,
    entries: Sequence[Entry],
    *,
    reason: str,
    key: str,
) -> Invoice:
    """A credit note over parts of an invoice, which itself stays as it is. A repeat of `key`
    returns the note there is."""
    known = work.session.scalars(select(Invoice).where(Invoice.key == key)).first()
    if known is not None:
        return known
    old = load_paper(invoice.body)
    paper = Paper(
        kind="credit_note",
        form=old.form,
        seller=old.seller,
        buyer=old.buyer,
        currency=old.currency,
        entries=tuple(entries),
        taxes=add_up(each.taxes for each in entries),
        tz=old.tz,
        refers_to=invoice.number,
        refers_at=invoice.created_at.isoformat(),
        reason=reason,
    )
    entity = work.session.get_one(LegalEntity, invoice.entity_id)
    rider = work.session.get_one(Rider, invoice.rider_id)
    return _write(work, rider, entity, paper, key=key, refers_to=invoice.id)


def left_of(work: UnitOfWork, invoice: Invoice) -> list[Entry]:
    """The entries of an invoice less what was credited of each since."""
    notes = work.session.scalars(select(Invoice).where(Invoice.refers_to == invoice.id))
    credited: dict[str, list[Any]] = {}
    for note in notes:
        for each in load_paper(note.body).entries:
            credited.setdefault(each.subject, []).append(each)
    found = []
    for entry in load_paper(invoice.body).entries:
        back = add_up(each.taxes for each in credited.get(entry.subject, ()))
        refunds = (
            *entry.refunds,
            *(one for each in credited.get(entry.subject, ()) for one in each.refunds),
        )
        found.append(_changed(entry, minus(entry.taxes, back), refunds))
    return [each for each in found if each.gross_minor > 0]


def _changed(entry: Entry, taxes: Any, refunds: tuple[int, ...]) -> Entry:
    kept = {name: getattr(entry, name) for name in entry.__slots__}
    return Entry(**{**kept, "taxes": taxes, "refunds": refunds})


def correct(
    work: UnitOfWork, settings: Settings, rider: Rider, invoice_id: int, *, key: str
) -> list[Invoice]:
    """Credit one of the rider's invoices in full and make it anew to the details kept now.

    Raises Refused where it is credited already.
    """
    work.session.get_one(Rider, rider.id, with_for_update=True)
    invoice = own(work, rider.id, invoice_id)
    left = left_of(work, invoice) if invoice is not None else []
    if invoice is None or invoice.kind != "invoice" or not left:
        raise Refused("That invoice was credited already. Write MY INVOICES to see them all.")
    note = credit(work, invoice, left, reason="correction", key=f"{key}:credit")
    subjects = [each.subject for each in left]
    for row in work.session.scalars(
        select(InvoicedOrder).where(InvoicedOrder.invoice_id == invoice.id)
    ):
        work.session.delete(row)
    work.session.flush()
    return [note, *make(work, settings, rider, subjects, key=f"{key}:anew")]


def on_refunded(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "invoice.refunded": money went back for an order; when it is on an invoice, a credit
    note goes to the rider by itself."""
    refund = work.session.get_one(Refund, int(body["refund_id"]))
    subject = str(body["subject"])
    held = select(InvoicedOrder.invoice_id).where(InvoicedOrder.subject == subject)
    invoice_id = work.session.scalars(held).first()
    if invoice_id is None or (refund.state == "failed" and not _in_wallet(work, refund)):
        return
    invoice = work.session.get_one(Invoice, invoice_id)
    work.session.get_one(Rider, invoice.rider_id, with_for_update=True)
    entry = next((each for each in left_of(work, invoice) if each.subject == subject), None)
    if entry is None or refund.id in entry.refunds:
        return
    taxes = part_of(entry.taxes, refund.amount_minor)
    part = _changed(entry, taxes, (refund.id,))
    note = credit(work, invoice, [part], reason="refund", key=f"refund:{refund.id}")
    tell_rider(work, invoice.rider_id, InvoicePaper(note.id), key=f"invoice:{note.id}")


def _in_wallet(work: UnitOfWork, refund: Refund) -> bool:
    """Whether a refund that the bank sent back was put into the wallet instead."""
    found = select(Refund.id).where(Refund.id == refund.id, in_wallet())
    return work.session.scalars(found).first() is not None


# --- finding


def own(work: UnitOfWork, rider_id: int, invoice_id: int) -> Invoice | None:
    """One of the rider's own documents."""
    query = select(Invoice).where(Invoice.id == invoice_id, Invoice.rider_id == rider_id)
    return work.session.scalars(query).first()


def of_rider(work: UnitOfWork, rider_id: int, limit: int = 9) -> Sequence[Invoice]:
    """The rider's documents, newest first."""
    query = select(Invoice).where(Invoice.rider_id == rider_id)
    return work.session.scalars(query.order_by(Invoice.id.desc()).limit(limit)).all()


def is_credited(work: UnitOfWork, invoice: Invoice) -> bool:
    """Whether nothing of an invoice stands any more."""
    return not left_of(work, invoice)


def register(
    work: UnitOfWork, *, words: str = "", before: int | None = None, limit: int = 50
) -> tuple[Sequence[Invoice], int | None]:
    """Documents by number, buyer, or rider ("rider:7"), newest first, and where more begin."""
    query = select(Invoice).order_by(Invoice.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(Invoice.id < before)
    words = words.strip()
    if words.startswith("rider:") and words[6:].isdecimal() and len(words) < 24:
        query = query.where(Invoice.rider_id == int(words[6:]))
    elif words:
        like = f"%{words.replace('%', '').replace('_', '')}%"
        query = query.where(or_(Invoice.number.ilike(like), Invoice.buyer.ilike(like)))
    rows = work.session.scalars(query).all()
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None
