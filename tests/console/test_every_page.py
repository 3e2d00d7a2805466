"""Every page of the console in a real browser: it fits a phone, and everybody can use it.

The pages are not listed here: each address that answers with a whole page is opened, so that one
made later cannot be forgotten.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

import app
from bot.domain.complaints import month_of
from bot.services import jobs, knowledge, questions, weeks
from bot.services.audit import Actor
from bot.store.knowledge import Question
from bot.store.stations import Pile
from tests.console.desk import Agent, Desk
from tests.console.journey import charging
from tests.console.test_accounts_matrix import rules
from tests.console.test_causes import cases_in, numbers
from tests.console.test_inbox import waits
from tests.console.test_reviews import drawn
from tests.console.test_waiting import in_line
from tests.world import World

pytestmark = pytest.mark.browser

AXE: Final = (Path(__file__).parents[1] / "screens/vendor/axe.min.js").read_text(encoding="utf-8")
TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CHECK: Final = (
    "tags => axe.run({runOnly: tags}).then(found => found.violations.map("
    "each => `${each.id}: ${each.nodes.map(n => n.target.join(' ')).join(', ')}`))"
)
WIDER: Final = "document.documentElement.scrollWidth > innerWidth"
SECTIONS_CUT: Final = "(n => n && n.scrollHeight > n.clientHeight)(document.querySelector('.nav'))"


# Kept beside the walk: what an address with an argument or a question shows besides.
MORE: Final = ("/?tab=all", "/search?q=help", "/piles?tab=map", "/tickets?closed=1",
               "/jobs?over=1", "/promises/bill")  # fmt: skip
# One sheet for all actions: these stand for the others.
FORMS: Final = {"actions_refund_form", "actions_unlock_form"}
PHONE: Final = {"width": 360, "height": 740}
DESK: Final = {"width": 1440, "height": 900}


def lived_in(world: World, desk: Desk) -> Agent:
    """A house with something on most pages; whoever looks at them."""
    charging(world)
    waits(world, "Aino", "asked", "Please help me")
    in_line(world)
    other, mia = desk.agent("manager"), desk.agent("manager", "Mia")
    fields = {"kind-0": "energy:kwh", "price-0": "0.35", "reason": "Dearer", "key": "k"}
    other.post("/tariffs/1/propose", **fields)
    world.rider_says("+358409990001", "fire at pile 1023")
    other.post("/causes/usual")
    cases_in(world, desk, numbers(world)["Hardware"], Actor(other.staff_id, "manager"), 0, 3)
    form = {"text": "Better cables", "owner": str(other.staff_id), "due": "2026-01-01"}
    other.post("/causes/1/actions", **form)
    drawn(world)
    with world.store.begin() as work:
        week = weeks.monday(work.now, world.settings.desk_tz)
        weeks.begun(work, questions.KIND, week)
        work.session.add(
            Question(week=week, lang="en", text="Dogs?", count=2, riders=1,
                     examples=[{"text": "Dogs?", "count": 2}])
        )  # fmt: skip
        knowledge.propose(
            work, Actor(other.staff_id, "manager"), lang="en", question="Cats?", phrasings=("cat",),
            answer="Yes.",
        )  # fmt: skip
        pile = work.session.get_one(Pile, "P001023")
        jobs.open_job(work, kind="repair", pile=pile, text="Look at it", key="x")
    return mia


def pages_of(agent: Agent, flask: Flask) -> list[str]:
    """The address of everything that answers with a whole page."""
    found = []
    for endpoint, path in rules(flask, "GET"):
        skipped = endpoint.startswith(("login_", "events_")) or (
            endpoint.startswith("actions_") and endpoint not in FORMS
        )
        if not skipped:
            answer = agent.get(path)
            if answer.status_code == 200 and answer.text.startswith("<!doctype html"):
                found.append(path)
    return found


def wrong_with(page: Page) -> list[str]:
    """What axe finds on a phone in the dark and of the colours by day, and what runs out of the
    screen there and at a desk. The layout hangs on the width, colours on the scheme."""
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a width and a height
    page.emulate_media(color_scheme="dark")
    found = ["wider than the phone"] if page.evaluate(WIDER) else []
    page.evaluate(AXE)
    found += page.evaluate(CHECK, TAGS)
    page.emulate_media(color_scheme="light")
    found += page.evaluate(CHECK.replace("runOnly: tags", "runOnly: ['color-contrast']"))
    page.set_viewport_size(DESK)  # type: ignore[arg-type]  # a width and a height
    found += ["wider than the desk"] if page.evaluate(WIDER) else []
    return found + (["the sections do not fit"] if page.evaluate(SECTIONS_CUT) else [])


def test_every_page_fits_and_can_be_used_by_everybody(
    world: World, desk: Desk, browser: Browser
) -> None:
    mia = lived_in(world, desk)
    paths = [*pages_of(mia, app.make_console(world.settings, world.store)), *MORE]
    assert len(paths) > 80
    context = browser.new_context()
    context.add_cookies([{"name": "pilebot-staff", "value": mia.token, "url": desk.url}])
    context.route("**/events**", lambda route: route.abort())  # nothing changes meanwhile
    page, bad = context.new_page(), dict[str, list[str]]()
    page.on("pageerror", lambda error: bad.setdefault("scripts", []).append(str(error)))
    for path in [*paths, f"/reports/{month_of(world.now, world.settings.desk_tz)}"]:
        page.goto(desk.url + path, wait_until="domcontentloaded")
        if wrong := wrong_with(page):
            bad[path] = wrong
    context.close()
    assert not bad, json.dumps(bad, indent=1)
