"""Make bot/domain/chinese.py's table of traditional characters: needs the package opencc.

    python docs/tools/make_chinese.py

Every character of Big5 whose simplified form is another one of GB 2312, by OpenCC (Apache 2.0).
"""

from __future__ import annotations

from pathlib import Path

import opencc

TARGET = Path(__file__).parents[2] / "bot/domain/chinese.py"
CJK = range(0x4E00, 0xA000)
WIDTH = 40


def pairs() -> list[tuple[str, str]]:
    """(traditional, simplified), in the order of Unicode."""
    simplify = opencc.OpenCC("t2s").convert
    found = []
    for char in map(chr, CJK):
        plain = simplify(char)
        if plain != char and _in(char, "big5") and len(plain) == 1 and _in(plain, "gb2312"):
            found.append((char, plain))
    return found


def _in(char: str, charset: str) -> bool:
    return bool(char.encode(charset, "ignore"))


def rows(text: str) -> str:
    """A string literal over many lines."""
    lines = [text[at : at + WIDTH] for at in range(0, len(text), WIDTH)]
    return "(\n" + "\n".join(f'    "{line}"' for line in lines) + "\n)"


def main() -> None:
    """Write the table between its marks."""
    found = pairs()
    head, _, rest = TARGET.read_text(encoding="utf-8").partition("# --- table, made")
    mark, _, _ = rest.partition("\n")
    table = (
        f"# --- table, made{mark}\n"
        f"_TRADITIONAL: Final = {rows(''.join(one for one, _ in found))}\n"
        f"_SIMPLIFIED: Final = {rows(''.join(two for _, two in found))}\n"
        "_TABLE: Final = str.maketrans(_TRADITIONAL, _SIMPLIFIED)\n"
    )
    TARGET.write_text(head + table, encoding="utf-8")


if __name__ == "__main__":
    main()
