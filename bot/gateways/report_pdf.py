"""A report of tables as a PDF: A4, in the console's language; the same figures, the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.gateways.pdf_page import GREEN, GREY, INK, MARGIN, RULE, WIDTH, Page

_FIRST: Final = 28.0  # width of the first column, where figures follow
_SMALL: Final = 7.5

# Title, heads, rows, and from which column on figures stand at the right.
Section = tuple[str, Sequence[str], Sequence[Sequence[str]], int]


def report_pdf(
    brand: str, title: str, under: Sequence[str], sections: Sequence[Section], made_at: datetime
) -> bytes:
    """The whole document."""
    return _Report(made_at).draw(brand, title, under, sections)


class _Report(Page):
    """Draws from top to bottom, on as many pages as it takes."""

    def __init__(self, made_at: datetime) -> None:
        super().__init__("en", made_at)

    def draw(
        self, brand: str, title: str, under: Sequence[str], sections: Sequence[Section]
    ) -> bytes:
        """Head, and each section with rows."""
        self.pdf.set_title(title)
        self.pdf.set_author(brand)
        self.pdf.add_page()
        y = self.text(MARGIN, 19.5, brand, 11, GREEN, bold=True, width=WIDTH) + 1
        y = self.text(MARGIN, y, title, 18, INK, bold=True, width=WIDTH) + 1
        for line in under:
            y = self.text(MARGIN, y, line, 9.5, GREY, width=WIDTH) + 0.4
        self.pdf.set_y(y + 4)
        for name, head, rows, numbers in sections:
            self._section(name, head, rows, numbers)
        return bytes(self.pdf.output())

    def _section(
        self, name: str, head: Sequence[str], rows: Sequence[Sequence[str]], numbers: int
    ) -> None:
        self.room(30)
        end = self.text(MARGIN, self.pdf.get_y(), name, 12, INK, bold=True, width=WIDTH)
        self.pdf.set_y(end + 1)
        if not rows:
            self.pdf.set_y(self.text(MARGIN, end + 1, "None.", 9, GREY, width=WIDTH) + 5)
            return
        columns = _columns(len(head), numbers)
        self._line(head, columns, numbers, GREY)
        self.rule(0.35, INK)
        for row in rows:
            self._line(row, columns, numbers, INK)
            self.rule(0.15, RULE)
        self.pdf.set_y(self.pdf.get_y() + 5)

    def _line(
        self, cells: Sequence[str], columns: Sequence[float], numbers: int, colour: str
    ) -> None:
        """Words at the left, figures at the right."""
        self.room(14)
        x, top = MARGIN, self.pdf.get_y() + 1.4
        end = top
        for number, (text, width) in enumerate(zip(cells, columns, strict=True)):
            align = "L" if number < numbers else "R"
            end = max(end, self.text(x, top, text, _SMALL, colour, width=width - 1.5, align=align))
            x += width
        self.pdf.set_y(end + 1.2)


def _columns(count: int, numbers: int) -> list[float]:
    """Widths that fill the page: equal ones where all are words, else a wide first one."""
    if numbers >= count:
        return [WIDTH / count] * count
    first = max(_FIRST, WIDTH - (count - 1) * 32)
    return [first, *[(WIDTH - first) / (count - 1)] * (count - 1)]
