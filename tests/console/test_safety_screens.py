"""Incidents, piles and tariffs in a real browser: live, and without scripts."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.console.desk import Agent, Desk
from tests.world import World

pytestmark = pytest.mark.browser


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
