"""docs/settings.md, made from the settings themselves: `python -m bot.settings_doc` writes it."""

from __future__ import annotations

from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any, Final

from bot.settings import FIELDS

PATH: Final = Path(__file__).resolve().parents[1] / "docs" / "settings.md"

_HEAD: Final = """\
# Settings

Written by `python -m bot.settings_doc` from `bot/settings.py`; a test holds the two together.

Settings come from the environment. Any of them may be given as a file instead: `NAME_FILE` names
a file whose text is the value, as Docker and Kubernetes secrets want it; the environment wins over
the file. `./run check-settings` reports everything missing or wrong at once.
"""


def text() -> str:
    """The whole page."""
    required = [each for each in FIELDS if each.default is MISSING]
    optional = [each for each in FIELDS if each.default is not MISSING]
    parts = [_HEAD, "## Required\n", _table(required, defaults=False)]
    parts += ["## With a default\n", _table(optional, defaults=True)]
    return "\n".join(parts)


def _table(rows: list[Field[Any]], *, defaults: bool) -> str:
    names = ["name", "meaning", "kind"] + (["default"] if defaults else [])
    lines = [names, ["---"] * len(names)]
    for each in rows:
        cells = [f"`{each.name.upper()}`", _plain(each.metadata["help"]), _kind(each)]
        if defaults:
            cells.append("" if each.default == "" else f"`{each.default}`")
        lines.append(cells)
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


def _plain(words: str) -> str:
    return words.replace("|", "\\|").replace("<", "&lt;")


def _kind(each: Field[Any]) -> str:
    kind = "whole number" if each.type == "int" else "text"
    if schemes := each.metadata["url"]:
        kind = " or ".join(f"`{scheme}:`" for scheme in schemes)
    return f"{kind}, secret" if each.metadata["secret"] else kind


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
