"""What the console's tests in a real browser share: sizes, themes, axe, how long is waited."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.console.desk import Desk

AXE = (Path(__file__).parents[1] / "screens/vendor/axe.min.js").read_text(encoding="utf-8")
WAIT_MS = 20_000  # machines here are shared; nothing is timed
Open = Callable[..., Page]
VIEWS = [
    pytest.param((360, 740), "light", id="360-light"),
    pytest.param((360, 740), "dark", id="360-dark"),
    pytest.param((1440, 900), "light", id="1440-light"),
    pytest.param((1440, 900), "dark", id="1440-dark"),
]


def last_on_phone(desk: Desk, phone: str, text: str) -> None:
    """The rider's phone got this."""
    desk.world.until(
        lambda: any(text in m.get("text", "") for m in desk.world.phone(phone)), f"no {text!r}"
    )
