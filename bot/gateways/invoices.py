"""An invoice as riders and staff get it: a text, and the PDF kept as it was first made."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.invoices import load_paper
from bot.domain.money import Money
from bot.gateways.invoice_pdf import TITLES, InvoiceView, invoice_pdf
from bot.replies import Say, Value
from bot.store.database import Store
from bot.store.invoices import Invoice, InvoiceFile
from bot.store.upsert import insert


@dataclass(frozen=True, slots=True)
class Invoices:
    """Makes documents when a message with one is rendered, and for the console."""

    store: Store
    brand: str

    def __call__(self, invoice_id: int, lang: str) -> tuple[bytes, str, Say]:
        """The PDF, its file name, and the text that goes with it."""
        with self.store.read() as work:
            row = work.session.get_one(Invoice, invoice_id)
            kept = work.session.get(InvoiceFile, invoice_id)
        data = kept.data if kept is not None else self._make(row)
        return data, f"{row.number}.pdf", summary(row)

    def _make(self, row: Invoice) -> bytes:
        """Drawn once; of two who draw at the same time the first is kept."""
        view = InvoiceView(row.number, row.created_at, self.brand, load_paper(row.body))
        data = invoice_pdf(view, row.lang)
        with self.store.begin() as work:
            work.session.execute(
                insert(work, InvoiceFile)
                .values(invoice_id=row.id, data=data, created_at=work.now)
                .on_conflict_do_nothing(index_elements=["invoice_id"])
            )
            return work.session.get_one(InvoiceFile, row.id).data


def summary(row: Invoice) -> Say:
    """What the document is, in a line or two."""
    paper = load_paper(row.body)
    title = TITLES[paper.kind, paper.form]
    values: dict[str, Value] = {
        "title": title,
        "number": row.number,
        "buyer": paper.buyer.name,
        "total": Money(row.gross_minor, row.currency),
        "seller": paper.seller.name,
        "old": paper.refers_to,
    }
    if paper.refers_to and paper.form == "voucher":
        return Say("{title} {number}, of receipt {old}\n{seller} to {buyer}: {total}", values)
    if paper.kind == "credit_note":
        return Say("{title} {number} for invoice {old}\n{seller} to {buyer}: {total}", values)
    if paper.refers_to:
        return Say(
            "{title} {number}, which belongs to invoice {old}: the bank did not accept the money "
            "we gave back.\n{seller} to {buyer}: {total}",
            values,
        )
    return Say("{title} {number}\n{seller} to {buyer}: {total}", values)
