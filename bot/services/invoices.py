"""Invoices that riders make themselves; bot/services/credit_notes.py corrects them.

An order is on one invoice at most (`invoiced_order`), a document is never changed, numbers have
no gaps within a legal entity, and one invoice never mixes entities or currencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import or_, select

from bot.domain.invoices import (
    Entry,
    Paper,
    Party,
    add_up,
    dump_paper,
    form_of,
)
from bot.errors import Refused
from bot.services import billables, buyers, entities
from bot.services.billing import next_number
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.charging import Hold
from bot.store.database import UnitOfWork
from bot.store.invoices import Invoice, InvoicedOrder, LegalEntity
from bot.store.riders import Rider

LIVE: Final = "invoices"
# Numbers of invoices and of receipts for credit, each with those of what takes them back.
_SERIES: Final = {
    (False, False): ("invoice", ""), (True, False): ("note", "-C"),
    (False, True): ("voucher", "-P"), (True, True): ("voucher_note", "-PC"),
}  # fmt: skip
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
    orders = billables.billable(work, settings, rider.id, subjects=subjects)
    if not orders or {each.entry.subject for each in orders} != set(subjects):
        raise Refused(
            "Some of these are on an invoice already. Write MY INVOICES to get it again, "
            "or INVOICE to choose anew."
        )
    made = []
    for number, group in enumerate(billables.groups(orders)):
        entity = _entity(work, settings, group)
        made.append(_issue(work, rider, entity, group, buyers.party(buyer), f"{key}:{number}"))
    return made


def _entity(work: UnitOfWork, settings: Settings, group: billables.Group) -> LegalEntity:
    known = group.orders[0].entity_key
    if known is not None:
        return work.session.get_one(LegalEntity, known)
    return entities.default(work, settings)


def _issue(
    work: UnitOfWork,
    rider: Rider,
    entity: LegalEntity,
    group: billables.Group,
    buyer: Party,
    key: str,
) -> Invoice:
    entries = tuple(each.entry for each in group.orders)
    taxes = add_up(each.taxes for each in entries)
    paper = Paper(
        kind="invoice",
        form="voucher"
        if group.orders[0].is_credit
        else form_of(
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
    invoice = write(work, rider, entity, paper, key=key)
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


def write(
    work: UnitOfWork,
    rider: Rider,
    entity: LegalEntity,
    paper: Paper,
    *,
    key: str,
    refers_to: int | None = None,
) -> Invoice:
    name, ending = _SERIES[paper.kind == "credit_note", paper.form == "voucher"]
    series, prefix = f"{name}:{entity.id}", f"{entity.prefix}{ending}"
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


# --- finding


def own(work: UnitOfWork, rider_id: int, invoice_id: int) -> Invoice | None:
    """One of the rider's own documents."""
    query = select(Invoice).where(Invoice.id == invoice_id, Invoice.rider_id == rider_id)
    return work.session.scalars(query).first()


def of_rider(work: UnitOfWork, rider_id: int, limit: int = 9) -> Sequence[Invoice]:
    """The rider's documents, newest first."""
    query = select(Invoice).where(Invoice.rider_id == rider_id)
    return work.session.scalars(query.order_by(Invoice.id.desc()).limit(limit)).all()


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
