"""An invoice or a credit note as a PDF, in the language it was made in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.invoices import Entry, Paper, Party
from bot.domain.money import Money
from bot.gateways.pdf_page import GREEN, GREY, INK, MARGIN, RULE, WIDTH, Page, Translate
from bot.replies import Amount, Moment, Say, Value

_COLUMNS: Final = (74.0, 28.0, 22.0, 22.0, 24.0)  # of the table of orders; they fill WIDTH
TITLES: Final = {
    ("invoice", "full"): Say("Invoice"),
    ("invoice", "simplified"): Say("Simplified invoice"),
    ("credit_note", "full"): Say("Credit note"),
    ("credit_note", "simplified"): Say("Credit note"),
    ("invoice", "voucher"): Say("Receipt for prepaid credit"),
    ("credit_note", "voucher"): Say("Prepaid credit paid back"),
}
WHAT: Final = {
    "charge": Say("Charging {energy}, {code}, {place}"),
    "plan": Say("Plan {place}"),
    "topup": Say("Top-up {place}"),
}
NO_TAX: Final = Say(
    "This is no VAT invoice: credit for charging at different rates of tax bears no VAT when it is "
    "paid (a multi-purpose voucher). The VAT is on the invoice of each charge."
)
REASONS: Final = {
    "refund": Say("Money given back"),
    "correction": Say("The invoice was made out anew"),
    "bounced": Say("The bank did not accept the money given back"),
}


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """All a document shows."""

    number: str
    issued_at: datetime
    brand: str
    paper: Paper


def invoice_pdf(view: InvoiceView, lang: str | None, translate_: Translate | None = None) -> bytes:
    """A4; the same document in the same language gives the same bytes."""
    return _Invoice(view, lang, translate_).draw()


class _Invoice(Page):
    """Draws from top to bottom."""

    def __init__(self, view: InvoiceView, lang: str | None, translate_: Translate | None) -> None:
        super().__init__(lang, view.issued_at, translate_)
        self.view, self.paper = view, view.paper
        self.title = TITLES[self.paper.kind, self.paper.form]
        self.pdf.set_title(f"{self.say(self.title)} {view.number}")
        self.pdf.set_author(self.paper.seller.name)

    def draw(self) -> bytes:
        """The whole document."""
        self.pdf.add_page()
        issued = Say(
            "Date of issue {date}", {"date": self._date(self.view.issued_at, self.paper.tz)}
        )
        self.head(self.view.brand, self.title, [self.view.number, self.say(issued)])
        self._parties()
        self._reference()
        self._entries()
        self._totals()
        self._payment()
        seller = self.paper.seller
        question = Say("Questions about this invoice? {contact}", {"contact": seller.contact})
        self.foot([f"{seller.name} · {seller.address}", self.say(question)])
        return bytes(self.pdf.output())

    def _parties(self) -> None:
        """Who sells on the left, who buys on the right."""
        left = self._party(MARGIN, Say("Seller"), self.paper.seller)
        right = self._party(MARGIN + 90, Say("Buyer"), self.paper.buyer)
        self.pdf.set_y(max(left, right) + 6)

    def _party(self, x: float, label: Say, party: Party) -> float:
        y = self.text(x, 50, self.say(label), 9.5, GREY, width=78) + 1
        y = self.text(x, y, party.name, 11, INK, bold=True, width=78) + 0.8
        if party.address:
            y = self.text(x, y, party.address, 10, INK, width=78) + 0.8
        if party.tax_id:
            number = Say("VAT number {number}", {"number": party.tax_id})
            y = self.text(x, y, self.say(number), 10, INK, width=78) + 0.8
        return y

    def _reference(self) -> None:
        """What a credit note takes back, or what an invoice adds to, and why."""
        paper = self.paper
        if not paper.refers_to:
            return
        values: dict[str, Value] = {
            "number": paper.refers_to,
            "date": self._date(datetime.fromisoformat(paper.refers_at), paper.tz),
            "reason": REASONS[paper.reason],
        }
        about = Say("Credit for invoice {number} of {date}. {reason}.", values)
        if paper.kind == "invoice":
            about = Say("In addition to invoice {number} of {date}. {reason}.", values)
        if paper.form == "voucher":
            about = Say("Belongs to receipt {number} of {date}. {reason}.", values)
        top = self.pdf.get_y()
        self.pdf.set_y(self.text(MARGIN, top, self.say(about), 10, INK, width=WIDTH) + 4)

    def _entries(self) -> None:
        """The table: what, when, net, tax, gross."""
        credit = self.paper.form == "voucher"
        titles = [
            self.say(Say("Description")),
            self.say(Say("Date of payment") if credit else Say("Date of supply")),
            "" if credit else self.say(Say("Net")),
            "" if credit else self.say(Say("Tax amount")),
            self.say(Say("Amount") if credit else Say("Gross")),
        ]
        self.row(titles, _COLUMNS, 8.5, GREY)
        self.rule(0.35, INK)
        for entry in self.paper.entries:
            for number, tax in enumerate(entry.taxes):
                cells = [
                    self._what(entry, tax.percent) if not number else self.percent(tax.percent),
                    self._date(datetime.fromisoformat(entry.at), entry.tz) if not number else "",
                    "" if credit else self._money(tax.net_minor),
                    "" if credit else self._money(tax.tax_minor),
                    self._money(tax.gross_minor),
                ]
                self.row(cells, _COLUMNS, 9.5, INK)
            self.rule(0.15, RULE)

    def _what(self, entry: Entry, percent: str) -> str:
        what = Say(
            WHAT[entry.what].text,
            {
                "energy": Amount(entry.energy_wh, "wh"),
                "code": entry.code,
                "place": entry.place,
            },
        )
        if self.paper.form == "voucher":
            return self.say(what)
        second = Say("VAT {percent}", {"percent": self.percent(percent)})
        if entry.bill:
            second = Say(
                "Receipt {number}, VAT {percent}",
                {"number": entry.bill, "percent": self.percent(percent)},
            )
        return f"{self.say(what)}\n{self.say(second)}"

    def _totals(self) -> None:
        """Net, rate, tax and gross of each rate, and the sums."""
        paper = self.paper
        self.room(40)
        self.pdf.set_y(self.pdf.get_y() + 3)
        credit = paper.form == "voucher"
        for tax in () if credit else paper.taxes:
            what = Say(
                "VAT {percent} on {net}",
                {"percent": self.percent(tax.percent), "net": self._money(tax.net_minor)},
            )
            self.sum(self.say(what), self._money(tax.tax_minor), GREY)
        if not credit:
            self.sum(self.say(Say("Net")), self._money(paper.net_minor), GREY)
            self.sum(self.say(Say("Tax amount")), self._money(paper.tax_minor), GREY)
        whole = Say("Total") if paper.kind == "invoice" else Say("Total credit")
        self.sum(self.say(whole), self._money(paper.gross_minor), INK, 13)

    def _payment(self) -> None:
        """That nothing is left to pay: invoices are made of what was paid."""
        paper = self.paper
        if paper.kind != "invoice":
            return
        self.room(24)
        text = Say("Paid. Nothing is left to pay.")
        if paper.paid_by:
            text = Say("Paid by {card}. Nothing is left to pay.", {"card": paper.paid_by})
        top = self.pdf.get_y() + 6
        end = self.text(MARGIN, top, self.say(text), 10.5, GREEN, bold=True, width=WIDTH)
        if paper.form == "voucher":
            end = self.text(MARGIN, end + 3, self.say(NO_TAX), 9.5, GREY, width=WIDTH)
        self.pdf.set_y(end)

    def _date(self, at: datetime, tz: str) -> str:
        return self.show(Moment(at, tz, "date"))

    def _money(self, minor: int) -> str:
        return self.show(Money(minor, self.paper.currency))
