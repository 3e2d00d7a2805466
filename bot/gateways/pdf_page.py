"""What our documents share: a page in a language, its head, its rows and its foot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.numbers import format_decimal
from fpdf import FPDF

from bot.gateways.pdf_text import add_fonts, write
from bot.gateways.translate import language, show, translate
from bot.replies import Moment, Say, Value

Translate = Callable[[str], str]

INK: Final = "#17211c"
GREY: Final = "#68736d"
RULE: Final = "#d5ddd8"
GREEN: Final = "#0b6b4b"
PALE: Final = "#eef6f2"

MARGIN: Final = 20.0
WIDTH: Final = 210.0 - 2 * MARGIN
_BOLT: Final = ((0.42, 0), (0, 0.58), (0.28, 0.58), (0.2, 1), (0.66, 0.38), (0.36, 0.38), (0.6, 0))


class Page:
    """An A4 page drawn from top to bottom; `say` and `show` put words and values into the
    language. The same content gives the same bytes."""

    def __init__(
        self, lang: str | None, made_at: datetime, translate_: Translate | None = None
    ) -> None:
        self.lang = language(lang)
        self.translate = translate_ or partial(translate, lang)
        self.locale = Locale.parse(self.lang, sep="-")
        self.pdf = pdf = FPDF(format="A4")
        pdf.set_margin(MARGIN)
        pdf.set_auto_page_break(False)
        add_fonts(pdf)
        pdf.set_creation_date(made_at)
        pdf.set_lang(self.lang)

    def say(self, saying: Say) -> str:
        """A label in the language, its values filled in."""
        shown = {name: self.show(value) for name, value in saying.values.items()}
        return self.translate(saying.text).format_map(shown)

    def show(self, value: Value) -> str:
        """A value as the language writes it."""
        if isinstance(value, Say):
            return self.say(value)
        return value if isinstance(value, str) else show(self.lang, value)

    def percent(self, percent: str) -> str:
        """Exact, as the law writes it: 25.5 must not become 26."""
        return format_decimal(Decimal(percent), locale=self.locale) + " %"

    def moment(self, at: datetime, tz: str) -> str:
        """Local time with the zone's short name."""
        zone = at.astimezone(ZoneInfo(tz)).strftime("%Z")
        return f"{self.show(Moment(at, tz, 'date_time'))} {zone}"

    # -- drawing --------------------------------------------------------------------------------

    def head(self, brand: str, title: Say, under: Sequence[str]) -> None:
        """The brand with its bolt on the left, what this is and its number on the right."""
        self.pdf.set_fill_color(GREEN)
        self.pdf.polygon([(MARGIN + x * 10, 20.5 + y * 10) for x, y in _BOLT], style="F")
        self.text(MARGIN + 9, 19.5, brand, 20, GREEN, bold=True, width=70)
        end = self.text(90, 19.5, self.say(title), 20, INK, bold=True, width=100, align="R")
        y = max(29.0, end)
        for line in under:
            y = self.text(90, y, line, 10.5, GREY, width=100, align="R") + 0.4

    def text(
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

    def pairs(
        self, x: float, y: float, width: float, label_width: float, pairs: list[tuple[Say, str]]
    ) -> float:
        """Labels and values below each other; returns where they end."""
        for saying, value in pairs:
            value_width = width - label_width
            label_end = self.text(x, y, self.say(saying), 9.5, GREY, width=label_width - 2)
            value_end = self.text(x + label_width, y, value, 9.5, INK, width=value_width)
            y = max(label_end, value_end) + 1.6
        return y

    def row(self, cells: Sequence[str], columns: Sequence[float], size: float, colour: str) -> None:
        """A line of a table; all but the first cell stand at the right."""
        self.room(12)
        x, top = MARGIN, self.pdf.get_y() + 1.8
        end = top
        for number, (text, width) in enumerate(zip(cells, columns, strict=True)):
            align = "L" if number == 0 else "R"
            end = max(end, self.text(x, top, text, size, colour, width=width, align=align))
            x += width
        self.pdf.set_y(end + 1.8)

    def sum(self, label: str, amount: str, colour: str, size: float = 10) -> None:
        """A total at the right."""
        top, bold = self.pdf.get_y(), size > 10
        self.text(MARGIN + 60, top, label, size, colour, bold=bold, width=78, align="R")
        end = self.text(MARGIN + 138, top, amount, size, colour, bold=bold, width=32, align="R")
        self.pdf.set_y(end + 1.4)

    def room(self, height: float) -> None:
        """A new page where `height` mm would run into the foot."""
        if self.pdf.get_y() + height > 262:
            self.pdf.add_page()
            self.pdf.set_y(MARGIN)

    def rule(self, width: float, colour: str) -> None:
        """A line across the page."""
        self.pdf.set_draw_color(colour)
        self.pdf.set_line_width(width)
        self.pdf.line(MARGIN, self.pdf.get_y(), MARGIN + WIDTH, self.pdf.get_y())

    def foot(self, lines: Sequence[str]) -> None:
        """Small print at the bottom."""
        self.pdf.set_y(-30)
        self.rule(0.15, RULE)
        y = 270.0
        for line in lines:
            y = self.text(MARGIN, y, line, 8.5, GREY, width=WIDTH) + 0.6
