"""The promise to hang up at a station: the chat's own words, their version, and a code to the chat.

Laid out once for A4; the small size is the same at half the width, A6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote

from fpdf import FPDF
from sqlalchemy import select

from bot.gateways.labels import PdfCanvas
from bot.gateways.pdf_page import GREEN, GREY, INK, PALE, RULE
from bot.gateways.pdf_text import LEADING, MM_PER_PT, add_fonts, lines_of, write
from bot.gateways.stickers import draw_bolt, draw_qr
from bot.gateways.translate import language, say, translate
from bot.replies import N_, Say
from bot.services import promises
from bot.services.promises import Promise
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.stations import Station

SIZES: Final = {"a4": 210.0, "a6": 105.0}  # width in mm; the height follows
WORD: Final = N_("PROMISE")  # what the code writes into the chat, in the poster's language
_WIDTH: Final = 210.0
_MARGIN: Final = 18.0
_INNER: Final = _WIDTH - 2 * _MARGIN
_BAND: Final = 62.0
_FOOT: Final = 231.0  # below it stands the way to the chat
_SMALL: Final = 9.5
_QR: Final = 58.0


@dataclass(frozen=True, slots=True)
class Poster:
    """What one says: where it hangs, and the promises in force."""

    station: str
    promises: Sequence[Promise]

    @property
    def version(self) -> int:
        """Of all promises together, as the chat names it."""
        return promises.version(self.promises)


def posters_of(work: UnitOfWork, names: Sequence[str] = ()) -> list[Poster]:
    """One for each of these stations, by name; for all when none is named."""
    query = select(Station).order_by(Station.name)
    if names:
        query = query.where(Station.name.in_(names))
    found = promises.in_force(work)
    return [Poster(each.name, found) for each in work.session.scalars(query)]


def posters_pdf(
    posters: Sequence[Poster], settings: Settings, *, lang: str = "en", size: str = "a4"
) -> bytes:
    """A page for each, in one language: print at 100 %, without scaling."""
    scale = SIZES[size] / _WIDTH
    pdf = FPDF(format=(SIZES[size], 297.0 * scale))
    pdf.set_auto_page_break(False)
    pdf.set_title(f"{settings.brand}: {translate(lang, _TITLE)}")
    pdf.set_lang(language(lang))
    add_fonts(pdf)
    for poster in posters:
        pdf.add_page()
        _Sheet(pdf, scale, language(lang)).draw(poster, settings)
    return bytes(pdf.output())


_TITLE: Final = N_("What we promise")


class _Sheet:
    """One page, in the millimetres of A4."""

    def __init__(self, pdf: FPDF, scale: float, lang: str) -> None:
        self.pdf, self.scale = pdf, scale
        self.say = partial(say, lang)
        self.word = translate(lang, WORD)
        self.title = translate(lang, _TITLE)
        self.canvas = PdfCanvas(pdf, 0, 0, scale)

    def draw(self, poster: Poster, settings: Settings) -> None:
        """From top to bottom."""
        self.canvas.box(0, 0, _WIDTH, _BAND, GREEN)
        draw_bolt(self.canvas, _MARGIN, 13, 11)
        self.text(_MARGIN + 11, 13, settings.brand, 24, "#ffffff", bold=True)
        self.text(_MARGIN, 28, self.title, 40, "#ffffff", bold=True)
        self.text(_MARGIN, 48, poster.station, 18, "#bfe6d4")
        ends = [self.say(each) for each in promises.when_missed(poster.promises)]
        top = _FOOT - 4 - sum(self._height(each, _SMALL, _INNER) + 0.6 for each in ends)
        y, size = _BAND + 9, self._size(poster, top - 4)
        for each in poster.promises:
            self.canvas.circle(_MARGIN + 2, y + size * 0.19, 1.8, "#2fbf7f")
            y = self.text(_MARGIN + 9, y, self.say(each.line), size, INK, width=_INNER - 9) + 3
            self.canvas.box(_MARGIN, y, _INNER, 0.25, RULE)
            y += 3.4
        for each_end in ends:  # what follows when one is late
            top = self.text(_MARGIN, top, each_end, _SMALL, GREY) + 0.6
        self._code(poster, settings)

    def _size(self, poster: Poster, end: float) -> float:
        """The largest type at which all promises stand above `end`, whatever the language."""
        lines = [self.say(each.line) for each in poster.promises]
        for size in (19.0, 17.5, 16.0, 14.5, 13.0, 12.0):
            high = sum(self._height(each, size, _INNER - 9) + 6.4 for each in lines)
            if high <= end - _BAND - 9:
                return size
        return 11.0

    def _height(self, text: str, size: float, width: float) -> float:
        lines = lines_of(self.pdf, text, size * self.scale, False, width * self.scale)
        return len(list(lines)) * size * MM_PER_PT * LEADING

    def _code(self, poster: Poster, settings: Settings) -> None:
        """The way to the chat, and which version this is."""
        self.canvas.box(0, _FOOT, _WIDTH, 66, PALE)
        number = "".join(filter(str.isdecimal, settings.twilio_from))
        url = f"https://wa.me/{number}?text={quote(self.word)}"
        draw_qr(self.canvas, url, _WIDTH - _MARGIN - _QR, 235, _QR)
        width = _INNER - _QR - 8
        words = Say("Scan to chat with us. Write PROMISE to see how we keep what we promise.")
        y = self.text(_MARGIN, 239, self.say(words), 16, INK, bold=True, width=width)
        named = Say("Version {version}, as in the chat", {"version": poster.version})
        self.text(_MARGIN, max(y + 4, 280), self.say(named), 11, GREY, width=width)

    def text(
        self, x: float, y: float, text: str, size: float, colour: str, *,
        bold: bool = False, width: float = _INNER,
    ) -> float:  # fmt: skip
        """Text in a box; returns where it ends."""
        s = self.scale
        self.pdf.set_text_color(colour)
        end = write(self.pdf, x * s, y * s, text, size * s, width=width * s, bold=bold)
        return end / s
