"""Credit notes: the corrections of invoices, which themselves are never changed.

In full with a new invoice when the rider corrects the buyer, in part when money goes back, and set
right again by an invoice when that money did not arrive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from bot.domain.invoices import Entry, Paper, add_up, load_paper, minus, part_of
from bot.domain.money import Money
from bot.domain.staff_actions import plain
from bot.errors import Refused
from bot.replies import InvoicePaper
from bot.services import billables, marks
from bot.services.failed_refunds import in_wallet
from bot.services.invoices import make, own, write
from bot.services.outbound import conversation_of, tell_rider
from bot.settings import Settings
from bot.store.charging import Refund
from bot.store.database import UnitOfWork
from bot.store.invoices import Invoice, InvoicedOrder, LegalEntity
from bot.store.riders import Rider


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
    return write(work, rider, entity, paper, key=key, refers_to=invoice.id)


def left_of(work: UnitOfWork, invoice: Invoice) -> list[Entry]:
    """The entries of an invoice less what was credited of each since, and not set right again."""
    credited: dict[str, list[Entry]] = {}
    restored: dict[str, list[Entry]] = {}
    for paper in work.session.scalars(select(Invoice).where(Invoice.refers_to == invoice.id)):
        side = credited if paper.kind == "credit_note" else restored
        for each in load_paper(paper.body).entries:
            side.setdefault(each.subject, []).append(each)
    found = []
    for entry in load_paper(invoice.body).entries:
        notes = credited.get(entry.subject, [])
        whole = add_up([entry.taxes, *(each.taxes for each in restored.get(entry.subject, ()))])
        taxes = minus(whole, add_up(each.taxes for each in notes))
        refunds = (*entry.refunds, *(one for each in notes for one in each.refunds))
        found.append(_changed(entry, taxes, refunds))
    return [each for each in found if each.gross_minor > 0]


def _root(work: UnitOfWork, invoice: Invoice) -> Invoice:
    """The invoice that a document belongs to, for one that restored a part of it."""
    if invoice.kind != "invoice" or invoice.refers_to is None:
        return invoice
    return work.session.get_one(Invoice, invoice.refers_to)


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
    named = own(work, rider.id, invoice_id)
    invoice = _root(work, named) if named is not None else None
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
    note goes to the rider by itself. Where the bank sent the money back to us after that, an
    invoice of the same amount takes the place of what was credited."""
    refund = work.session.get_one(Refund, int(body["refund_id"]))
    subject = str(body["subject"])
    held = select(InvoicedOrder.invoice_id).where(InvoicedOrder.subject == subject)
    invoice_id = work.session.scalars(held).first()
    if invoice_id is None or refund.state in {"open", "sent"}:
        return
    invoice = work.session.get_one(Invoice, invoice_id)
    work.session.get_one(Rider, invoice.rider_id, with_for_update=True)
    if refund.state == "failed" and not _in_wallet(work, refund):
        _restore(work, invoice, subject, refund)
        return
    entry = next((each for each in left_of(work, invoice) if each.subject == subject), None)
    if entry is None or refund.id in entry.refunds:
        return
    taxes = part_of(entry.taxes, refund.amount_minor)
    part = _changed(entry, taxes, (refund.id,))
    note = credit(work, invoice, [part], reason="refund", key=f"refund:{refund.id}")
    tell_rider(work, invoice.rider_id, InvoicePaper(note.id), key=f"invoice:{note.id}")


def _restore(work: UnitOfWork, invoice: Invoice, subject: str, refund: Refund) -> None:
    """Invoice again what was credited, or left out, for money that did not arrive."""
    key = f"refund:{refund.id}:bounced"
    old = load_paper(invoice.body)
    noted = select(Invoice).where(Invoice.refers_to == invoice.id, Invoice.kind == "credit_note")
    papers = [old, *(load_paper(each.body) for each in work.session.scalars(noted))]
    less = [
        (paper, entry) for paper in papers for entry in paper.entries
        if entry.subject == subject and refund.id in entry.refunds
    ]  # fmt: skip
    known = select(Invoice.id).where(Invoice.key == key)
    if not less or work.session.scalars(known).first() is not None:
        return
    paper, entry = less[-1]
    taxes = entry.taxes
    if paper is old:  # made after the money had gone
        taxes = part_of(billables.whole(work, subject), refund.amount_minor)
    part = _changed(entry, taxes, (refund.id,))
    paper = replace(
        old, entries=(part,), taxes=part.taxes, reason="bounced", refers_to=invoice.number,
        refers_at=invoice.created_at.isoformat(),
    )  # fmt: skip
    rider = work.session.get_one(Rider, invoice.rider_id)
    entity = work.session.get_one(LegalEntity, invoice.entity_id)
    made = write(work, rider, entity, paper, key=key, refers_to=invoice.id)
    tell_rider(work, rider.id, InvoicePaper(made.id), key=f"invoice:{made.id}")
    text = (
        f"Refund {refund.id} came back from the bank, so invoice {made.number} of "
        f"{plain(Money(made.gross_minor, made.currency))} takes back what was credited of "
        f"{invoice.number}. When the money goes back another way, it is credited again."
    )
    marks.mark(work, conversation_of(work, rider.id).id, "money", text, key=key)


def _in_wallet(work: UnitOfWork, refund: Refund) -> bool:
    """Whether a refund that the bank sent back was put into the wallet instead."""
    found = select(Refund.id).where(Refund.id == refund.id, in_wallet())
    return work.session.scalars(found).first() is not None


def is_credited(work: UnitOfWork, invoice: Invoice) -> bool:
    """Whether nothing of an invoice stands any more."""
    return not left_of(work, _root(work, invoice))
