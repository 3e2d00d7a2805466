"""Text on a PDF page in whichever of our fonts has the letters, broken to fit a width.

fpdf2's own fallback fonts lose the size and weight of what follows a text that fell back, so
runs of one script are found and set here. Lines with Arabic or Hebrew are put into the order
they are read in (Unicode's bidirectional algorithm) and their letters joined (HarfBuzz).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from fpdf import FPDF
from fpdf.bidi import BidiParagraph, auto_detect_base_direction

from bot.gateways import typefaces

MM_PER_PT: Final = 25.4 / 72
LEADING: Final = 1.32
_ASCENT: Final = 1.0  # of the size, from the top of a line to its baseline
_CELL_ASCENT: Final = 0.8  # fpdf2 sets the baseline here in a cell as high as its letters
_Piece = tuple[tuple[str, int], str]  # (font, level), text
# A break may come after a space, a hyphen or slash inside long words, and any Chinese character.
_PIECES: Final = re.compile(r"[⺀-鿿＀-￯]|[^\s⺀-鿿＀-￯]+?[-/_](?=\w)|[^\s⺀-鿿＀-￯]+|\s+")


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of one script; `rtl`: its letters are joined and set from right to left."""

    text: str
    font: str
    rtl: bool = False


def add_fonts(pdf: FPDF) -> None:
    """Make the bundled fonts known to a document."""
    pdf.add_font("sans", "", typefaces.REGULAR)
    pdf.add_font("sans", "B", typefaces.BOLD)
    pdf.add_font("chinese", "", typefaces.CHINESE)
    pdf.add_font("arabic", "", typefaces.ARABIC)
    pdf.add_font("hebrew", "", typefaces.HEBREW)
    pdf.c_margin = 0


def width_of(pdf: FPDF, text: str, size: float, *, bold: bool = False) -> float:
    """How wide a text is on one line, in mm."""
    return sum(_run_width(pdf, run, size, bold) for run in runs_of(text))


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
        for run in runs_of(line):
            run_mm = _run_width(pdf, run, size, bold)  # sets the font, too
            _set(pdf, place, y + size * MM_PER_PT * _ASCENT, run, size)
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


def runs_of(text: str) -> list[Run]:
    """Stretches of one script and direction, from left to right as they stand on the page."""
    if not (typefaces.is_arabic(text) or typefaces.is_hebrew(text)):
        return [Run(part, font) for (font, _), part in _stretches(text, [0] * len(text))]
    base = auto_detect_base_direction(text)
    found = BidiParagraph(text, base_direction=base).get_characters_with_embedding_level()
    levels = [each.embedding_level for each in found]
    kept = "".join(each.character for each in found)
    pieces = list(_stretches(kept, levels))
    for level in range(max(levels), 0, -1):  # rule L2 of Unicode's annex 9
        pieces = _turned(pieces, level)
    return [Run(part, font, bool(level % 2)) for (font, level), part in pieces]


def _turned(pieces: list[_Piece], level: int) -> list[_Piece]:
    """The pieces with every row of those at or above a level turned round."""
    ordered: list[_Piece] = []
    deep: list[_Piece] = []
    for piece in pieces:
        if piece[0][1] >= level:
            deep.append(piece)
        else:
            ordered += [*reversed(deep), piece]
            deep = []
    return [*ordered, *reversed(deep)]


def _stretches(text: str, levels: list[int]) -> Iterator[_Piece]:
    """Stretches of one font and level, in the order of the text."""
    fonts = [_font_of(character) for character in text]
    pairs = zip(zip(fonts, levels, strict=True), text, strict=True)
    for key, group in groupby(pairs, lambda pair: pair[0]):
        yield key, "".join(character for _, character in group)


def _font_of(character: str) -> str:
    if typefaces.is_chinese(character):
        return "chinese"
    if typefaces.is_arabic(character):
        return "arabic"
    return "hebrew" if typefaces.is_hebrew(character) else "sans"


def _run_width(pdf: FPDF, run: Run, size: float, bold: bool) -> float:
    bold = bold and run.font == "sans"
    pdf.set_font(run.font, "B" if bold else "", size)
    _shape(pdf, run)
    width = float(pdf.get_string_width(run.text))
    pdf.set_text_shaping(use_shaping_engine=False)
    return width


def _set(pdf: FPDF, x: float, baseline: float, run: Run, size: float) -> None:
    """Put a run on the page, in the font that `_run_width` set."""
    if not run.rtl:
        pdf.text(x, baseline, run.text)
        return
    height = size * MM_PER_PT
    kept = pdf.get_x(), pdf.get_y()
    pdf.set_xy(x, baseline - _CELL_ASCENT * height)
    _shape(pdf, run)
    pdf.cell(h=height, text=run.text)
    pdf.set_text_shaping(use_shaping_engine=False)
    pdf.set_xy(*kept)


def _shape(pdf: FPDF, run: Run) -> None:
    if run.rtl:
        pdf.set_text_shaping(use_shaping_engine=True, direction="rtl")
