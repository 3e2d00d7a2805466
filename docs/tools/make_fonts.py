"""Cut the bundled fonts out of Debian's: needs fonttools and the packages' files, see below.

    apt-get download fonts-noto-core fonts-noto-cjk   # then dpkg -x each into FOLDER
    python docs/tools/make_fonts.py FOLDER

Latin text uses Noto Sans; Chinese uses Noto Sans CJK SC, reduced to GB 2312 (the first level
and its punctuation) and whatever Chinese the catalogue and the seeded stations use; names in
Arabic and Hebrew use Noto Sans of those scripts, with all that joins their letters.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

ROOT = Path(__file__).parents[2]
FONTS = ROOT / "bot/gateways/fonts"
SOURCE = "usr/share/fonts"
# Latin with its extensions, punctuation, currency, arrows and the few signs our texts use
LATIN = [*range(0x20, 0x250), *range(0x2B0, 0x300), *range(0x1E00, 0x1F00), *range(0x2000, 0x2070),
         *range(0x20A0, 0x20C0), 0x2116, 0x2122, 0x2190, 0x2191, 0x2192, 0x2193, 0x2212, 0x2248,
         0x2260, 0x2264, 0x2265]  # fmt: skip
ASCII = [*range(0x20, 0x7F), 0xA0, 0xB7, 0x2013, 0x2019, 0x201C, 0x201D, 0x20AC]
ARABIC = [*ASCII, *range(0x600, 0x700), *range(0x750, 0x780), 0x200C, 0x200D]
HEBREW = [*ASCII, *range(0x591, 0x5F5), 0x20AA]
CHINESE_SYMBOLS = [*range(0x3000, 0x3020), *range(0xFF01, 0xFF60), 0xFFE5]


def gb2312_level_1() -> set[int]:
    """The 3,755 most used simplified characters."""
    pairs = (bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    return {ord(text) for pair in pairs if (text := pair.decode("gb2312", "ignore"))}


def used_chinese() -> set[int]:
    """Every CJK character in our own catalogue and demo city."""
    sources = [*ROOT.glob("bot/locale/zh*/**/*.po"), *ROOT.glob("bot/demo/*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    return {ord(character) for character in text if 0x3400 <= ord(character) < 0xA000}


def cut(font: TTFont, characters: list[int], target: Path, features: tuple[str, ...] = ()) -> None:
    """Keep `characters` of a font and the `features` that shape them, without hinting."""
    options = subset.Options(hinting=False, desubroutinize=True, notdef_outline=True)
    options.layout_features = ["kern", "mark", "mkmk", "ccmp", "locl", "tnum", *features]
    options.name_IDs = ["*"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    font.save(target)
    sys.stdout.write(f"{target.name}: {target.stat().st_size:,} bytes\n")


def main(folder: Path) -> None:
    """Write the fonts beside the gateways."""
    for weight in ("Regular", "Bold"):
        font = TTFont(folder / SOURCE / f"truetype/noto/NotoSans-{weight}.ttf")
        cut(font, LATIN, FONTS / f"NotoSans-{weight}.ttf")
    for script, letters in (("Arabic", ARABIC), ("Hebrew", HEBREW)):
        font = TTFont(folder / SOURCE / f"truetype/noto/NotoSans{script}-Regular.ttf")
        joining = ("init", "medi", "fina", "isol", "rlig", "liga", "calt")
        cut(font, letters, FONTS / f"NotoSans{script}-Regular.ttf", joining)
    collection = folder / SOURCE / "opentype/noto/NotoSansCJK-Regular.ttc"
    simplified = TTFont(collection, fontNumber=2)  # JP, KR, SC, TC, HK
    assert "SC" in simplified["name"].getDebugName(1)
    characters = sorted({*range(0x20, 0x7F), *CHINESE_SYMBOLS} | gb2312_level_1() | used_chinese())
    cut(simplified, characters, FONTS / "NotoSansSC-Regular.otf")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
