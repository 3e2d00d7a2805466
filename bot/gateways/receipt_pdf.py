"""The receipt of one session as a PDF, in the rider's language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.numbers import format_decimal
from fpdf import FPDF

from bot.domain.money import Money
from bot.domain.pricing import Line
from bot.gateways.pdf_text import add_fonts, write
from bot.gateways.translate import language, show, translate
from bot.replies import Amount, Moment, Rate, Say, Value
from bot.services.billing import BillView
from bot.services.tariffs import conditions

Translate = Callable[[str], str]

INK: Final = "#17211c"
GREY: Final = "#68736d"
RULE: Final = "#d5ddd8"
GREEN: Final = "#0b6b4b"
PALE: Final = "#eef6f2"

MARGIN: Final = 20.0
WIDTH: Final = 210.0 - 2 * MARGIN
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
    "waived": Say("Waived"),
}


@dataclass(frozen=True, slots=True)
class Seller:
    """Who issues the receipt, and where to ask about it."""

    brand: str
    name: str
    address: str
    tax_id: str
    contact: str


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """All a receipt shows."""

    bill: BillView
    seller: Seller


def receipt_pdf(view: ReceiptView, lang: str | None, translate_: Translate | None = None) -> bytes:
    """A4, one page for all but the longest bills.

    The same bill in the same language gives the same bytes. `translate_` turns English labels
    into the rider's language; by default the catalogues do.
    """
    return _Page(view, language(lang), translate_ or partial(translate, lang)).draw()


class _Page:
    """Draws from top to bottom; `say` and `show` put labels and values into the language."""

    def __init__(self, view: ReceiptView, lang: str, translate_: Translate) -> None:
        self.bill, self.seller = view.bill, view.seller
        self.lang, self.translate = lang, translate_
        self.locale = Locale.parse(lang, sep="-")
        self.pdf = pdf = FPDF(format="A4")
        pdf.set_margin(MARGIN)
        pdf.set_auto_page_break(False)
        add_fonts(pdf)
        pdf.set_creation_date(self.bill.issued_at)
        pdf.set_title(f"{self.say(Say('Receipt'))} {self.bill.number}")
        pdf.set_author(self.seller.name)
        pdf.set_lang(lang)

    def say(self, saying: Say) -> str:
        """A label in the rider's language, its values filled in."""
        shown = {name: self.show(value) for name, value in saying.values.items()}
        return self.translate(saying.text).format_map(shown)

    def show(self, value: Value) -> str:
        """A value as the rider's language writes it."""
        return value if isinstance(value, str) else show(self.lang, value)

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
        pdf, bill = self.pdf, self.bill
        pdf.set_fill_color(GREEN)
        bolt = ((0.42, 0), (0, 0.58), (0.28, 0.58), (0.2, 1), (0.66, 0.38), (0.36, 0.38), (0.6, 0))
        pdf.polygon([(MARGIN + x * 10, 20.5 + y * 10) for x, y in bolt], style="F")
        self._text(MARGIN + 9, 19.5, self.seller.brand, 20, GREEN, bold=True, width=80)
        self._text(110, 19.5, self.say(Say("Receipt")), 20, INK, bold=True, width=80, align="R")
        self._text(110, 29.5, bill.number, 10.5, GREY, width=80, align="R")
        issued = self.show(Moment(bill.issued_at, bill.tz, "date_time"))
        self._text(110, 35, issued, 10.5, GREY, width=80, align="R")

    def _summary(self) -> None:
        """The total, and what it is for, on a pale band."""
        pdf, bill = self.pdf, self.bill
        pdf.set_fill_color(PALE)
        pdf.rect(MARGIN, 48, WIDTH, 30, style="F", round_corners=True, corner_radius=3)
        self._text(MARGIN + 7, 51.5, self.say(Say("Total")), 10, GREY, width=60)
        self._text(MARGIN + 7, 57.5, self.show(bill.total), 28, INK, bold=True, width=80)
        energy = self.show(Amount(bill.energy_wh, "wh"))
        time = self.show(Amount(bill.charging_s, "s"))
        self._text(100, 52.5, energy, 15, GREEN, bold=True, width=83, align="R")
        self._text(100, 60.5, time, 10.5, INK, width=83, align="R")
        self._text(100, 66.5, bill.station_name, 10.5, INK, width=83, align="R")

    def _details(self) -> None:
        bill = self.bill
        place = [
            (Say("Station"), f"{bill.station_name}\n{bill.station_address}"),
            (Say("Plug"), f"{bill.evse_code}\n{bill.connector_type}"),
            (Say("Started"), self._moment(bill.started_at)),
            (Say("Ended"), self._moment(bill.ended_at)),
        ]
        meter = [
            (Say("Meter at the start"), self.show(Amount(bill.meter_start_wh, "wh"))),
            (Say("Meter at the end"), self.show(Amount(bill.meter_end_wh, "wh"))),
            (Say("Energy"), self.show(Amount(bill.energy_wh, "wh"))),
            (Say("Charging time"), self.show(Amount(bill.charging_s, "s"))),
            (Say("Plugged in without charging"), self.show(Amount(bill.idle_s, "s"))),
            (Say("Price list"), f"{bill.tariff.name} · {bill.tariff.version}"),
        ]
        left = self._pairs(MARGIN, 86, 90, 24, place)
        right = self._pairs(MARGIN + 94, 86, WIDTH - 94, 44, meter)
        self.pdf.set_y(max(left, right) + 7)

    def _lines(self) -> None:
        """The table: what, how much, at what price, tax, amount."""
        titles = [Say("Description"), Say("Quantity"), Say("Price"), Say("Tax"), Say("Amount")]
        self._row([self.say(title) for title in titles], 8.5, GREY)
        self._rule(0.35, INK)
        for line in self.bill.bill.lines:
            amount = line.gross_minor if self.bill.bill.includes_tax else line.net_minor
            self._row(
                [
                    self._what(line),
                    self._quantity(line),
                    self._unit_price(line),
                    self._percent(line.tax_percent),
                    self._money(amount),
                ],
                10,
                INK,
            )
            self._rule(0.15, RULE)

    def _totals(self) -> None:
        bill = self.bill.bill
        self._room(30)
        self.pdf.set_y(self.pdf.get_y() + 3)
        self._sum(self.say(Say("Net")), self._money(bill.net_minor), GREY)
        for tax in bill.taxes:
            what = Say(
                "VAT {percent} on {net}",
                {"percent": self._percent(tax.percent), "net": self._money(tax.net_minor)},
            )
            self._sum(self.say(what), self._money(tax.tax_minor), GREY)
        self._sum(self.say(Say("Total")), self._money(bill.gross_minor), INK, 13)

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
        names = [(Say("Session"), str(bill.session_id))]
        names += [(Say("Payment"), bill.payment_reference)] if bill.payment_reference else []
        names += [(Say("Transaction"), bill.transaction_id)] if bill.transaction_id else []
        self._room(48)
        top = self.pdf.get_y() + 8
        self._text(MARGIN, top, self.say(Say("Payment")), 11, GREEN, bold=True, width=80)
        self._text(MARGIN + 94, top, self.say(Say("References")), 11, GREEN, bold=True, width=76)
        self._pairs(MARGIN, top + 7, 90, 44, pairs)
        self._pairs(MARGIN + 94, top + 7, WIDTH - 94, 24, names)

    def _foot(self) -> None:
        seller = self.seller
        self.pdf.set_y(-30)
        self._rule(0.15, RULE)
        number = Say("VAT number {number}", {"number": seller.tax_id})
        block = " · ".join((seller.name, seller.address, self.say(number)))
        self._text(MARGIN, 270, block, 8.5, GREY, width=WIDTH)
        question = Say("Questions about this receipt? {contact}", {"contact": seller.contact})
        self._text(MARGIN, 275.5, self.say(question), 8.5, GREY, width=WIDTH)

    # -- values ---------------------------------------------------------------------------------

    def _moment(self, at: datetime) -> str:
        """Station-local time with the zone's short name."""
        zone = at.astimezone(ZoneInfo(self.bill.tz)).strftime("%Z")
        return f"{self.show(Moment(at, self.bill.tz, 'date_time'))} {zone}"

    def _money(self, minor: int) -> str:
        return self.show(Money(minor, self.bill.bill.currency))

    def _percent(self, percent: str) -> str:
        """Exact, as the law writes it: 25.5 must not become 26."""
        return format_decimal(Decimal(percent), locale=self.locale) + " %"

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

    # -- drawing --------------------------------------------------------------------------------

    def _text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        colour: str,
        *,
        bold: bool = False,
        width: float,
        align: str = "L",
    ) -> float:
        """Text in a box of `width` mm from (x, y) down, broken where needed; returns its end."""
        self.pdf.set_text_color(colour)
        return write(self.pdf, x, y, text, size, width=width, bold=bold, align=align)

    def _pairs(
        self, x: float, y: float, width: float, label_width: float, pairs: list[tuple[Say, str]]
    ) -> float:
        """Labels and values below each other; returns where they end."""
        for saying, value in pairs:
            value_width = width - label_width
            label_end = self._text(x, y, self.say(saying), 9.5, GREY, width=label_width - 2)
            value_end = self._text(x + label_width, y, value, 9.5, INK, width=value_width)
            y = max(label_end, value_end) + 1.6
        return y

    def _row(self, cells: Sequence[str], size: float, colour: str) -> None:
        self._room(12)
        x, top = MARGIN, self.pdf.get_y() + 1.8
        end = top
        for number, (text, width) in enumerate(zip(cells, _COLUMNS, strict=True)):
            align = "L" if number == 0 else "R"
            end = max(end, self._text(x, top, text, size, colour, width=width, align=align))
            x += width
        self.pdf.set_y(end + 1.8)

    def _sum(self, label: str, amount: str, colour: str, size: float = 10) -> None:
        top, bold = self.pdf.get_y(), size > 10
        self._text(MARGIN + 70, top, label, size, colour, bold=bold, width=68, align="R")
        end = self._text(MARGIN + 138, top, amount, size, colour, bold=bold, width=32, align="R")
        self.pdf.set_y(end + 1.4)

    def _room(self, height: float) -> None:
        """A new page where `height` mm would run into the foot."""
        if self.pdf.get_y() + height > 262:
            self.pdf.add_page()
            self.pdf.set_y(MARGIN)

    def _rule(self, width: float, colour: str) -> None:
        self.pdf.set_draw_color(colour)
        self.pdf.set_line_width(width)
        self.pdf.line(MARGIN, self.pdf.get_y(), MARGIN + WIDTH, self.pdf.get_y())
