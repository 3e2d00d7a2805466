"""The bundled fonts, Noto Sans by script: Latin, Chinese, Arabic, Hebrew (OFL, see fonts/)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from PIL import ImageFont

FOLDER: Final = Path(__file__).parent / "fonts"
REGULAR: Final = FOLDER / "NotoSans-Regular.ttf"
BOLD: Final = FOLDER / "NotoSans-Bold.ttf"
CHINESE: Final = FOLDER / "NotoSansSC-Regular.otf"
ARABIC: Final = FOLDER / "NotoSansArabic-Regular.ttf"
HEBREW: Final = FOLDER / "NotoSansHebrew-Regular.ttf"


def is_chinese(text: str) -> bool:
    """True when a text needs the Chinese font."""
    return any("⺀" <= character <= "鿿" or "＀" <= character <= "￯" for character in text)


def is_arabic(text: str) -> bool:
    """True when a text needs the Arabic font."""
    return any("\u0600" <= character <= "\u077f" for character in text)


def is_hebrew(text: str) -> bool:
    """True when a text needs the Hebrew font."""
    return any("\u0590" <= character <= "\u05ff" for character in text)


@lru_cache(maxsize=64)
def _font(path: Path, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def font_for(text: str, size: float, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font for a text at a size in pixels (Chinese has one weight)."""
    return _font(CHINESE if is_chinese(text) else BOLD if bold else REGULAR, size)
