"""Sheets of pile stickers to print: A4, four to a page, with cut marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fpdf import FPDF
from sqlalchemy import select

from bot.domain.connectors import CONNECTORS
from bot.gateways import typefaces
from bot.gateways.stickers import HEIGHT_MM, WIDTH_MM, Label, draw_sticker, sticker_png
from bot.gateways.translate import show
from bot.replies import Amount
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.stations import Evse

__all__ = ["Label", "labels_of", "labels_pdf", "sticker_png"]

_PAGE: Final = (210.0, 297.0)
_GAP: Final = 8.0
_LEFT: Final = (_PAGE[0] - 2 * WIDTH_MM - _GAP) / 2
_TOP: Final = (_PAGE[1] - 2 * HEIGHT_MM - _GAP) / 2
_PER_PAGE: Final = 4
_MM_PER_PT: Final = 25.4 / 72


def labels_of(work: UnitOfWork, settings: Settings, codes: Sequence[str] = ()) -> list[Label]:
    """The stickers of these EVSEs, by code; of all EVSEs when none is named."""
    query = select(Evse).order_by(Evse.pile_id, Evse.number)
    if codes:
        query = query.where(Evse.code.in_(codes))
    return [
        Label(
            code=evse.code,
            evse_number=evse.number,
            connector=f"{CONNECTORS.get(evse.connector_type, evse.connector_type)}, "
            f"{show('en', Amount(evse.max_power_w, 'w'))}",
            public_url=settings.public_url,
            whatsapp_number=settings.twilio_from,
        )
        for evse in work.session.scalars(query)
    ]


def labels_pdf(labels: Sequence[Label], brand: str) -> bytes:
    """A PDF with one sticker a label, in real size: print at 100 %, without scaling."""
    pdf = FPDF(format="A4")
    pdf.set_auto_page_break(False)
    pdf.set_title(f"{brand} pile stickers")
    pdf.add_font("sans", "", typefaces.REGULAR)
    pdf.add_font("sans", "B", typefaces.BOLD)
    for number, label in enumerate(labels):
        place = number % _PER_PAGE
        if place == 0:
            pdf.add_page()
        x = _LEFT + place % 2 * (WIDTH_MM + _GAP)
        y = _TOP + place // 2 * (HEIGHT_MM + _GAP)
        _cut_marks(pdf, x, y)
        draw_sticker(PdfCanvas(pdf, x, y), label, brand)
    return bytes(pdf.output())


def _cut_marks(pdf: FPDF, x: float, y: float) -> None:
    pdf.set_draw_color(150)
    pdf.set_line_width(0.15)
    for edge_x, away_x in ((x, -1), (x + WIDTH_MM, 1)):
        for edge_y, away_y in ((y, -1), (y + HEIGHT_MM, 1)):
            pdf.line(edge_x + away_x, edge_y, edge_x + away_x * 3, edge_y)
            pdf.line(edge_x, edge_y + away_y, edge_x, edge_y + away_y * 3)


class PdfCanvas:
    """Draws at (left, top) of the current page, `scale` mm of paper for each of the drawing's."""

    def __init__(self, pdf: FPDF, left: float, top: float, scale: float = 1.0) -> None:
        self._pdf, self._left, self._top, self._scale = pdf, left, top, scale

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return self._left + x * self._scale, self._top + y * self._scale

    def box(self, x: float, y: float, w: float, h: float, colour: str, radius: float = 0) -> None:
        """A filled rectangle with round corners."""
        self._pdf.set_fill_color(colour)
        self._pdf.rect(
            *self._at(x, y), w * self._scale, h * self._scale, style="F",
            round_corners=bool(radius), corner_radius=radius * self._scale,
        )  # fmt: skip

    def circle(self, x: float, y: float, radius: float, colour: str) -> None:
        """A filled circle around (x, y)."""
        self._pdf.set_fill_color(colour)
        self._pdf.circle(*self._at(x, y), radius * self._scale, style="F")

    def polygon(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """A filled polygon."""
        self._pdf.set_fill_color(colour)
        self._pdf.polygon([self._at(x, y) for x, y in points], style="F")

    def text(
        self, x: float, y: float, text: str, size: float, colour: str, *, bold: bool, anchor: str
    ) -> None:
        """Text with its baseline at y."""
        shift = {"l": 0.0, "m": 0.5, "r": 1.0}[anchor] * self.text_width(text, size, bold=bold)
        self._pdf.set_text_color(colour)
        self._pdf.text(*self._at(x - shift, y), text)

    def text_width(self, text: str, size: float, *, bold: bool) -> float:
        """How wide a text comes out."""
        self._pdf.set_font("sans", "B" if bold else "", size * self._scale / _MM_PER_PT)
        return float(self._pdf.get_string_width(text)) / self._scale
