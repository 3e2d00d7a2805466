"""The receipt of one session as a PDF, in the rider's language."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.domain.invoices import Party
from bot.domain.money import Money
from bot.domain.pricing import Line
from bot.gateways.pdf_page import (
    GREEN,
    GREY,
    INK,
    MARGIN,
    PALE,
    RULE,
    WIDTH,
    Page,
    Translate,
)
from bot.replies import Amount, Moment, Rate, Say
from bot.services.billing import BillView
from bot.services.tariffs import conditions

_COLUMNS: Final = (62.0, 30.0, 36.0, 18.0, 24.0)  # of the table of lines; they fill WIDTH

# What a line of a bill is called; see bot/domain/pricing.py.
LINES: Final = {
    "energy": Say("Energy"),
    "time": Say("Charging time"),
    "idle": Say("Plugged in without charging"),
    "flat": Say("Start fee"),
    "minimum": Say("Up to the minimum price"),
    "maximum": Say("Down to the maximum price"),
    "plan": Say("Plan"),
    "coupon": Say("Coupon"),
    "paid_before": Say("Minimum price already paid"),
    "over_hold": Say("Above the held amount: not charged"),
    "rounding": Say("Rounded down for payment"),
    "waived": Say("Waived"),
}


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """All a receipt shows. `is_invoice`: the law takes it for a simplified invoice."""

    bill: BillView
    brand: str
    seller: Party
    is_invoice: bool


def receipt_pdf(view: ReceiptView, lang: str | None, translate_: Translate | None = None) -> bytes:
    """A4, one page for all but the longest bills.

    The same bill in the same language gives the same bytes. `translate_` turns English labels
    into the rider's language; by default the catalogues do.
    """
    return _Receipt(view, lang, translate_).draw()


class _Receipt(Page):
    """Draws from top to bottom."""

    def __init__(self, view: ReceiptView, lang: str | None, translate_: Translate | None) -> None:
        super().__init__(lang, view.bill.issued_at, translate_)
        self.view, self.bill, self.seller = view, view.bill, view.seller
        self.title = Say("Receipt")
        self.pdf.set_title(f"{self.say(self.title)} {self.bill.number}")
        self.pdf.set_author(self.seller.name)

    def draw(self) -> bytes:
        """The whole page."""
        self.pdf.add_page()
        self._head()
        self._summary()
        self._details()
        self._lines()
        self._totals()
        self._payment()
        self._foot()
        return bytes(self.pdf.output())

    # -- parts, from the top --------------------------------------------------------------------

    def _head(self) -> None:
        issued = self.show(Moment(self.bill.issued_at, self.bill.tz, "date_time"))
        legal = [self.say(Say("Simplified invoice"))] if self.view.is_invoice else []
        self.head(self.view.brand, self.title, [*legal, self.bill.number, issued])

    def _summary(self) -> None:
        """The total, and what it is for, on a pale band."""
        pdf, bill = self.pdf, self.bill
        pdf.set_fill_color(PALE)
        pdf.rect(MARGIN, 48, WIDTH, 30, style="F", round_corners=True, corner_radius=3)
        self.text(MARGIN + 7, 51.5, self.say(Say("Total")), 10, GREY, width=60)
        self.text(MARGIN + 7, 57.5, self.show(bill.total), 28, INK, bold=True, width=80)
        energy = self.show(Amount(bill.energy_wh, "wh"))
        time = self.show(Amount(bill.charging_s, "s"))
        self.text(100, 52.5, energy, 15, GREEN, bold=True, width=83, align="R")
        self.text(100, 60.5, time, 10.5, INK, width=83, align="R")
        self.text(100, 66.5, bill.station_name, 10.5, INK, width=83, align="R")

    def _details(self) -> None:
        bill = self.bill
        place = [
            (Say("Station"), f"{bill.station_name}\n{bill.station_address}"),
            (Say("Plug"), f"{bill.evse_code}\n{bill.connector_type}"),
            (Say("Started"), self.moment(bill.started_at, bill.tz)),
            (Say("Ended"), self.moment(bill.ended_at, bill.tz)),
        ]
        meter = [
            (Say("Meter at the start"), self.show(Amount(bill.meter_start_wh, "wh"))),
            (Say("Meter at the end"), self.show(Amount(bill.meter_end_wh, "wh"))),
            (Say("Energy"), self.show(Amount(bill.energy_wh, "wh"))),
            (Say("Charging time"), self.show(Amount(bill.charging_s, "s"))),
            (Say("Plugged in without charging"), self.show(Amount(bill.idle_s, "s"))),
            (Say("Price list"), f"{bill.tariff.name} · {bill.tariff.version}"),
        ]
        left = self.pairs(MARGIN, 86, 90, 24, place)
        right = self.pairs(MARGIN + 94, 86, WIDTH - 94, 44, meter)
        self.pdf.set_y(max(left, right) + 7)

    def _lines(self) -> None:
        """The table: what, how much, at what price, tax, amount."""
        titles = [Say("Description"), Say("Quantity"), Say("Price"), Say("Tax"), Say("Amount")]
        self.row([self.say(title) for title in titles], _COLUMNS, 8.5, GREY)
        self.rule(0.35, INK)
        for line in self.bill.bill.lines:
            amount = line.gross_minor if self.bill.bill.includes_tax else line.net_minor
            self.row(
                [
                    self._what(line),
                    self._quantity(line),
                    self._unit_price(line),
                    self.percent(line.tax_percent),
                    self._money(amount),
                ],
                _COLUMNS,
                10,
                INK,
            )
            self.rule(0.15, RULE)

    def _totals(self) -> None:
        bill = self.bill.bill
        self.room(30)
        self.pdf.set_y(self.pdf.get_y() + 3)
        self.sum(self.say(Say("Net")), self._money(bill.net_minor), GREY)
        for tax in bill.taxes:
            what = Say(
                "VAT {percent} on {net}",
                {"percent": self.percent(tax.percent), "net": self._money(tax.net_minor)},
            )
            self.sum(self.say(what), self._money(tax.tax_minor), GREY)
        self.sum(self.say(Say("Total")), self._money(bill.gross_minor), INK, 13)

    def _payment(self) -> None:
        """What happened to the money, and under which names others know it."""
        bill = self.bill
        money = [(Say("Held before charging"), bill.hold)] if bill.hold.amount_minor else []
        money += [(Say("Charged"), bill.captured), (Say("Released"), bill.released)]
        if bill.refunded.amount_minor:
            money.append((Say("Refunded"), bill.refunded))
        pairs = [(saying, self.show(amount)) for saying, amount in money]
        if bill.card_label:
            pairs.insert(0, (Say("Card"), bill.card_label))
        if bill.wallet is not None:
            pairs.insert(0, (Say("Paid by"), bill.wallet.owner or self.say(Say("Wallet"))))
            if bill.wallet.bonus.amount_minor and not bill.wallet.owner:
                pairs.append((Say("Of it bonus"), self.show(bill.wallet.bonus)))
        names = [(Say("Session"), str(bill.session_id))]
        names += [(Say("Payment"), bill.payment_reference)] if bill.payment_reference else []
        names += [(Say("Transaction"), bill.transaction_id)] if bill.transaction_id else []
        self.room(48)
        top = self.pdf.get_y() + 8
        self.text(MARGIN, top, self.say(Say("Payment")), 11, GREEN, bold=True, width=80)
        self.text(MARGIN + 94, top, self.say(Say("References")), 11, GREEN, bold=True, width=76)
        self.pairs(MARGIN, top + 7, 90, 44, pairs)
        self.pairs(MARGIN + 94, top + 7, WIDTH - 94, 24, names)

    def _foot(self) -> None:
        seller = self.seller
        number = self.say(Say("VAT number {number}", {"number": seller.tax_id}))
        block = [seller.name, seller.address, *([number] if seller.tax_id else [])]
        question = Say("Questions about this receipt? {contact}", {"contact": seller.contact})
        lines = [" · ".join(block), self.say(question)]
        if not self.view.is_invoice:
            hint = Say("This receipt names no buyer. For a VAT invoice write INVOICE in the chat.")
            lines.append(self.say(hint))
        self.foot(lines)

    # -- values ---------------------------------------------------------------------------------

    def _money(self, minor: int) -> str:
        return self.show(Money(minor, self.bill.bill.currency))

    def _what(self, line: Line) -> str:
        name = self.say(LINES[line.what]) if line.what in LINES else line.what
        if not (line.days or line.window):
            return name
        return f"{name} {self.say(conditions(line.days, line.window))}"

    def _quantity(self, line: Line) -> str:
        if line.unit == "kwh":
            return self.show(Amount(int(Decimal(line.quantity) * 1000), "wh"))
        if line.unit == "s":  # to the second: quantity times price must give the amount
            minutes, seconds = divmod(int(line.quantity), 60)
            return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
        return line.quantity

    def _unit_price(self, line: Line) -> str:
        if not line.unit_price:
            return ""
        return self.show(Rate(line.unit_price, self.bill.bill.currency, line.per))
