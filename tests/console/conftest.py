"""A world and a desk for the console's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.console.browsing import WAIT_MS
from tests.console.desk import Agent, Desk, open_desk
from tests.console.sent_out import LIISA, OTTO
from tests.databases import *  # noqa: F403 - pytest finds fixtures by their names here
from tests.world import World, open_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as world:
        yield world


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    with open_desk(world) as desk:
        yield desk


@pytest.fixture
def browse(desk: Desk, browser: Browser) -> Any:
    """browse("agent", "Anna", size=(360, 780)): a browser with somebody logged in, at the inbox."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def enter(
        role: str = "agent", name: str = "", *, size: tuple[int, int] = (1440, 900),
        scheme: str = "light", **values: Any,
    ) -> Page:  # fmt: skip
        agent = desk.agent(role, name, **values)
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]  # "light" or "dark"
        )
        context.add_cookies([{"name": "pilebot-staff", "value": agent.token, "url": desk.url}])
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(desk.url)
        return page

    expect.set_options(timeout=WAIT_MS)
    yield enter
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def otto(desk: Desk) -> Agent:
    return desk.agent("technician", "Otto Korhonen", page_address=f"whatsapp:{OTTO}")


@pytest.fixture
def liisa(desk: Desk) -> Agent:
    return desk.agent(
        "technician", "Liisa Niemi", page_address=f"whatsapp:{LIISA}", presence="away"
    )
