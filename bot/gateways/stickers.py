"""The sticker of one EVSE: laid out once in millimetres, drawn as a picture here, as PDF elsewhere.

The QR code opens WhatsApp with the EVSE's code filled in. Error correction H, a quiet zone of
four modules and a short payload measured best against dirt and glare; nothing covers the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

import segno
from PIL import Image, ImageDraw

from bot.gateways.typefaces import font_for

WIDTH_MM: Final = 90.0
HEIGHT_MM: Final = 130.0
QUIET_ZONE: Final = 4  # modules, ISO/IEC 18004

INK: Final = "#14231d"
GREY: Final = "#5d6862"
BAND: Final = "#0b4a37"
LEAF: Final = "#2fbf7f"
WHITE: Final = "#ffffff"


@dataclass(frozen=True, slots=True)
class Label:
    """What a sticker says: the EVSE's code ("1023-27") and number, its plug, and our addresses."""

    code: str
    evse_number: int
    connector: str  # "Type 2, 22 kW"
    public_url: str
    whatsapp_number: str  # "whatsapp:+14155238886" or any punctuation

    @property
    def whatsapp_url(self) -> str:
        """What the QR code holds."""
        return (
            f"https://wa.me/{''.join(filter(str.isdecimal, self.whatsapp_number))}?text={self.code}"
        )

    @property
    def short_url(self) -> str:
        """The address of the web chat as people type it, without a scheme."""
        place = urlsplit(self.public_url)
        return f"{place.netloc}{place.path.rstrip('/')}/p/{self.code}"


class Canvas(Protocol):
    """Where a sticker is drawn; all measures in millimetres from its upper left corner."""

    def box(self, x: float, y: float, w: float, h: float, colour: str, radius: float = 0) -> None:
        """A filled rectangle with round corners."""

    def circle(self, x: float, y: float, radius: float, colour: str) -> None:
        """A filled circle around (x, y)."""

    def polygon(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """A filled polygon."""

    def text(
        self, x: float, y: float, text: str, size: float, colour: str, *, bold: bool, anchor: str
    ) -> None:
        """Text with its baseline at y; `anchor` is "l", "m" or "r"; `size` is the em height."""

    def text_width(self, text: str, size: float, *, bold: bool) -> float:
        """How wide a text comes out."""


def draw_sticker(canvas: Canvas, label: Label, brand: str) -> None:
    """The whole sticker."""
    canvas.box(0, 0, WIDTH_MM, HEIGHT_MM, WHITE, 5)
    canvas.box(0, 0, WIDTH_MM, 12, BAND, 5)
    canvas.box(0, 6, WIDTH_MM, 15.5, BAND)
    draw_bolt(canvas, 6.5, 4.8, 12)
    brand_size = _fitting(canvas, brand, 9.5, 48)
    canvas.text(17, 11.4, brand, brand_size, WHITE, bold=True, anchor="l")
    line = "Scan to charge with WhatsApp"
    canvas.text(17, 17.4, line, _fitting(canvas, line, 4.1, 52), "#bfe6d4", bold=False, anchor="l")
    canvas.circle(78.5, 10.8, 7.6, LEAF)
    number = str(label.evse_number)
    canvas.text(78.5, 14.6, number, 10.5 if len(number) < 2 else 9, BAND, bold=True, anchor="m")
    draw_qr(canvas, label.whatsapp_url, (WIDTH_MM - 63) / 2, 22.5, 63)
    code_size = _fitting(canvas, label.code, 21, 78)
    canvas.text(WIDTH_MM / 2, 101.5, label.code, code_size, INK, bold=True, anchor="m")
    plug = f"Plug {label.evse_number}  ·  {label.connector}"
    canvas.text(
        WIDTH_MM / 2, 110, plug, _fitting(canvas, plug, 5.6, 82), INK, bold=False, anchor="m"
    )
    canvas.box(8, 113.6, WIDTH_MM - 16, 0.35, "#c9d3cd")
    url = label.short_url
    canvas.text(WIDTH_MM / 2, 119, "No WhatsApp? Open", 3.7, GREY, bold=False, anchor="m")
    canvas.text(WIDTH_MM / 2, 125, url, _fitting(canvas, url, 5.4, 80), INK, bold=True, anchor="m")


def draw_qr(canvas: Canvas, payload: str, x: float, y: float, size: float) -> None:
    """A QR code with its quiet zone in a square of `size`."""
    rows = [bytes(row) for row in segno.make(payload, error="h", micro=False).matrix]
    module = size / (len(rows) + 2 * QUIET_ZONE)
    canvas.box(x, y, size, size, WHITE)
    for number, row in enumerate(rows):
        top = y + (number + QUIET_ZONE) * module
        column = 0
        while column < len(row):  # dark runs as one box: no hairlines between modules in print
            run = 1
            while column + run < len(row) and row[column + run] == row[column]:
                run += 1
            if row[column]:
                canvas.box(x + (column + QUIET_ZONE) * module, top, run * module, module, INK)
            column += run


def sticker_png(label: Label, brand: str, width: int = 900) -> Image.Image:
    """The sticker as a picture, `width` pixels wide, corners clear."""
    canvas = PictureCanvas(width / WIDTH_MM)
    draw_sticker(canvas, label, brand)
    return canvas.image


class PictureCanvas:
    """Draws on a Pillow image at `scale` pixels a millimetre."""

    def __init__(
        self, scale: float, width_mm: float = WIDTH_MM, height_mm: float = HEIGHT_MM
    ) -> None:
        self.scale = scale
        size = (round(width_mm * scale), round(height_mm * scale))
        self.image = Image.new("RGBA", size, (255, 255, 255, 0))
        self._pen = ImageDraw.Draw(self.image)

    def box(self, x: float, y: float, w: float, h: float, colour: str, radius: float = 0) -> None:
        """A filled rectangle; edges are rounded to pixels so that neighbours meet."""
        s = self.scale
        corners = (round(x * s), round(y * s), round((x + w) * s) - 1, round((y + h) * s) - 1)
        if radius:
            self._pen.rounded_rectangle(corners, radius * s, colour)
        else:
            self._pen.rectangle(corners, colour)

    def circle(self, x: float, y: float, radius: float, colour: str) -> None:
        """A filled circle."""
        s = self.scale
        self._pen.circle((x * s, y * s), radius * s, colour)

    def polygon(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """A filled polygon."""
        self._pen.polygon([(x * self.scale, y * self.scale) for x, y in points], colour)

    def text(
        self, x: float, y: float, text: str, size: float, colour: str, *, bold: bool, anchor: str
    ) -> None:
        """Text with its baseline at y."""
        s = self.scale
        font = font_for(text, size * s, bold=bold)
        self._pen.text((x * s, y * s), text, colour, font, anchor=anchor + "s")

    def text_width(self, text: str, size: float, *, bold: bool) -> float:
        """How wide a text comes out, in millimetres."""
        return font_for(text, size * self.scale, bold=bold).getlength(text) / self.scale


def draw_bolt(canvas: Canvas, x: float, y: float, height: float) -> None:
    """The mark of the brand."""
    shape = ((0.42, 0), (0, 0.58), (0.28, 0.58), (0.2, 1), (0.66, 0.38), (0.36, 0.38), (0.6, 0))
    canvas.polygon([(x + px * height, y + py * height) for px, py in shape], LEAF)


def _fitting(canvas: Canvas, text: str, size: float, width: float) -> float:
    """The largest size up to `size` at which a text is no wider than `width`."""
    return min(size, size * width / max(canvas.text_width(text, size, bold=True), 0.01))
