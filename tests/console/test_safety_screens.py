"""Incidents, piles, stations and tariffs in a real browser: live, for everybody, on a phone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.console.desk import Agent, Desk
from tests.console.test_in_browser import browser_type_launch_args
from tests.world import World

__all__ = ["browser_type_launch_args"]  # a fixture, found by its name
pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[1] / "screens" / "vendor" / "axe.min.js"
RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"
CHECK = (
    f"axe.run(document, {RULES}).then(found => found.violations.map(each =>"
    " [each.id, each.nodes.map(node => node.target.join(' ')).slice(0, 3)]))"
)
PAGES = (
    "/incidents", "/incidents/1", "/tickets", "/tickets/1", "/promises", "/piles",
    "/piles?tab=map", "/piles/P001023", "/stations",
    "/stations/1", "/stations/1/edit", "/figures", "/figures/bot", "/figures/riders", "/limits",
    "/tariffs", "/tariffs/1", "/tariffs/1/edit",
    "/invoices", "/invoices/late", "/entities", "/feedback",
)  # fmt: skip


def page_of(browser: Browser, agent: Agent, **options: Any) -> Page:
    """A page of this person's browser; what goes wrong in it fails the test."""
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
    context.add_cookies([{"name": "pilebot-staff", "value": agent.token, "url": agent.desk.url}])
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"script error: {error}"))
    return page


def test_danger_shows_at_once_on_an_open_console_and_goes_when_another_is_on_it(
    world: World, desk: Desk, browser: Browser
) -> None:
    anna, otto = desk.agent("agent", "Anna"), desk.agent("technician", "Otto")
    at_anna, at_otto = page_of(browser, anna), page_of(browser, otto)
    at_anna.goto(desk.url + "/more")
    at_otto.goto(desk.url + "/piles/P001023")
    world.rider_says("+358409990001", "fire at pile 1023")
    for page in (at_anna, at_otto):
        page.locator(".incident-bar").wait_for(timeout=15_000)
    at_anna.locator(".incident-bar button").click()
    at_anna.get_by_text("You are on it").wait_for(timeout=15_000)
    at_otto.locator(".incident-bar").wait_for(state="detached", timeout=15_000)
    at_otto.get_by_text("Danger was reported here").wait_for(timeout=15_000)
    assert at_otto.locator("#incidents").get_attribute("aria-live") == "assertive"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_hold_for_everybody(world: World, desk: Desk, browser: Browser, scheme: str) -> None:
    manager = desk.agent("manager", "Mia")
    fields = {"kind-0": "energy:kwh", "price-0": "0.35", "reason": "Dearer", "key": "k"}
    desk.agent("manager").post("/tariffs/1/propose", **fields)
    world.rider_says("+358409990001", "fire at pile 1023")
    page = page_of(browser, manager, color_scheme=scheme)
    found = {}
    for path in PAGES:
        page.goto(desk.url + path)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        wrong = page.evaluate(CHECK)
        if wrong:
            found[path] = wrong
    assert not found, json.dumps(found, indent=1)


def test_nothing_runs_out_of_a_phone(world: World, desk: Desk, browser: Browser) -> None:
    world.rider_says("+358409990001", "fire at pile 1023")
    page = page_of(browser, desk.agent("manager"), viewport={"width": 360, "height": 780})
    for path in PAGES:
        page.goto(desk.url + path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, f"{path} is {wide} px wide"


def test_everything_works_without_scripts(world: World, desk: Desk, browser: Browser) -> None:
    world.rider_says("+358409990001", "fire at pile 1023")
    page = page_of(browser, desk.agent("manager", "Mia"), java_script_enabled=False)
    page.goto(desk.url + "/incidents")
    page.locator(".incident button").first.click()
    page.get_by_text("You are on it").wait_for()
    page.fill("#f-cause", "Cigarette in the bin")
    page.fill("#f-fix", "Put out")
    page.get_by_role("button", name="Close incident").click()
    page.get_by_text("Cigarette in the bin").first.wait_for()
    page.goto(desk.url + "/tariffs/1/edit")
    page.fill("#price-0", "0.40")
    page.fill("#f-reason", "Dearer")
    page.get_by_role("button", name="Propose").click()
    page.get_by_text("Waits for approval").wait_for()
