"""docs/settings.md says what bot/settings.py says."""

from __future__ import annotations

from bot import settings_doc
from bot.settings import FIELDS


def test_the_page_is_current() -> None:
    written = settings_doc.PATH.read_text(encoding="utf-8")
    assert written == settings_doc.text(), "run: .venv/bin/python -m bot.settings_doc"


def test_every_setting_has_its_row() -> None:
    rows = [line for line in settings_doc.text().splitlines() if line.startswith("| `")]
    assert len(rows) == len(FIELDS)
    for each in FIELDS:
        (row,) = [row for row in rows if row.startswith(f"| `{each.name.upper()}` |")]
        assert each.metadata["help"].replace("<", "&lt;") in row
