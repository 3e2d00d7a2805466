"""Text on a PDF page in whichever of our fonts has the letters, broken to fit a width.

fpdf2's own fallback fonts lose the size and weight of what follows a text that fell back, so
runs of one script are found and set here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from fpdf import FPDF

from bot.gateways import typefaces

MM_PER_PT: Final = 25.4 / 72
LEADING: Final = 1.32
_ASCENT: Final = 1.0  # of the size, from the top of a line to its baseline
# A break may come after a space, a hyphen or slash inside long words, and any Chinese character.
_PIECES: Final = re.compile(r"[⺀-鿿＀-￯]|[^\s⺀-鿿＀-￯]+?[-/_](?=\w)|[^\s⺀-鿿＀-￯]+|\s+")


def add_fonts(pdf: FPDF) -> None:
    """Make the bundled fonts known to a document."""
    pdf.add_font("sans", "", typefaces.REGULAR)
    pdf.add_font("sans", "B", typefaces.BOLD)
    pdf.add_font("chinese", "", typefaces.CHINESE)


def width_of(pdf: FPDF, text: str, size: float, *, bold: bool = False) -> float:
    """How wide a text is on one line, in mm."""
    return sum(_run_width(pdf, run, size, bold) for run in _runs(text))


def write(
    pdf: FPDF,
    x: float,
    y: float,
    text: str,
    size: float,
    *,
    width: float,
    bold: bool = False,
    align: str = "L",
) -> float:
    """Set `text` from the top left corner (x, y) of a box `width` wide; returns where it ends."""
    line_mm = size * MM_PER_PT * LEADING
    for line in lines_of(pdf, text, size, bold, width):
        free = width - width_of(pdf, line, size, bold=bold) if align == "R" else 0.0
        place = x + free
        for run in _runs(line):
            run_mm = _run_width(pdf, run, size, bold)  # sets the font, too
            pdf.text(place, y + size * MM_PER_PT * _ASCENT, run)
            place += run_mm
        y += line_mm
    return y


def lines_of(pdf: FPDF, text: str, size: float, bold: bool, width: float) -> Iterator[str]:
    """A text broken into lines no wider than `width`."""
    for paragraph in text.split("\n"):
        line = ""
        for piece in _pieces(pdf, paragraph, size, bold, width):
            if line and width_of(pdf, (line + piece).rstrip(), size, bold=bold) > width:
                yield line.rstrip()
                line = ""
            line = line + piece if line or not piece.isspace() else ""
        yield line.rstrip()


def _pieces(pdf: FPDF, text: str, size: float, bold: bool, width: float) -> Iterator[str]:
    """What is kept together on a line; what is too long for any line comes letter by letter."""
    for piece in _PIECES.findall(text):
        if width_of(pdf, piece, size, bold=bold) <= width:
            yield piece
        else:
            yield from piece


def _runs(text: str) -> Iterator[str]:
    """Stretches of one script."""
    for _, characters in groupby(text, typefaces.is_chinese):
        yield "".join(characters)


def _run_width(pdf: FPDF, run: str, size: float, bold: bool) -> float:
    if typefaces.is_chinese(run):
        pdf.set_font("chinese", "", size)
    else:
        pdf.set_font("sans", "B" if bold else "", size)
    return float(pdf.get_string_width(run))
