"""Actions in a real browser: a refund that two people decide, a restart seen step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from bot.services import marks
from bot.services.audit import Actor
from tests.console.browsing import AXE, VIEWS, Open
from tests.console.desk import Desk
from tests.console.journey import PHONE, charge, charging, newest, taken_over
from tests.world import World, open_world

pytestmark = pytest.mark.browser


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as world:
        world.settings = replace(world.settings, refund_limits="agent:2,finance:2,manager:2")
        yield world


def me(page: Page) -> int:
    """The number of the person at this browser."""
    return int(page.locator("body").get_attribute("data-me") or 0)


def action(page: Page, label: str) -> Locator:
    """The newest action of this name in the panel."""
    return page.locator(".asked > li", has_text=label).first


def test_a_refund_is_asked_for_and_approved_by_another(
    desk: Desk,
    world: World,
    browse: Open,
) -> None:
    charge(world)
    anna, mia = browse("agent", "Anna"), browse("manager", "Mia")
    chat = taken_over(world, PHONE, me(anna))
    mia.goto(f"{desk.url}/approvals")
    expect(mia.get_by_role("heading", name="Nothing waits")).to_be_visible()
    anna.goto(f"{desk.url}/conversations/{chat}")
    anna.get_by_label("Message to the rider").fill("One moment please")
    anna.locator("#rider-panel").get_by_role("link", name="Refund").click()
    sheet = anna.locator("#sheet")
    expect(sheet.get_by_label("Amount in EUR")).to_have_value("3.00")
    sheet.get_by_label("Reason").fill("The cable fell out twice")
    sheet.get_by_role("button", name="Refund").click()
    expect(action(anna, "Refund 3.00 EUR")).to_contain_text("Needs approval")
    expect(anna.get_by_label("Message to the rider")).to_have_value("One moment please")
    # It comes to the other's open page by itself.
    mia.get_by_role("link", name="Look at it refund of 3.00 EUR").click()
    expect(mia.locator("#sheet")).to_contain_text("The cable fell out twice")
    mia.locator("#sheet").get_by_role("button", name="Approve 3.00 EUR").click()
    expect(mia.get_by_text("Approved. The money is on its way.")).to_be_visible()
    world.bot_says(PHONE, "€3.00 of your charge", "goes back to Visa 4242")
    expect(action(anna, "Refund 3.00 EUR")).to_contain_text("Done")
    expect(anna.locator("#rider-panel")).to_contain_text("Given back")


def test_a_restart_is_seen_from_pending_to_done(
    desk: Desk,
    world: World,
    browse: Open,
) -> None:
    charge(world)
    anna = browse("agent", "Anna")
    chat = taken_over(world, PHONE, me(anna))
    anna.goto(f"{desk.url}/conversations/{chat}")
    anna.locator("#rider-panel").get_by_role("link", name="Restart when idle").click()
    anna.locator("#sheet").get_by_label("Reason").fill("The screen is frozen")
    anna.locator("#sheet").get_by_role("button", name="Restart when idle").click()
    expect(action(anna, "Restart when idle")).to_contain_text("Pending")
    world.pile("1023").answers("Reset", status="Accepted")
    expect(action(anna, "Restart when idle").locator("[aria-current=step]")).to_have_text(
        "Accepted"
    )
    world.pile("1023").says(
        "BootNotification", reason="RemoteReset", chargingStation={"model": "M", "vendorName": "V"}
    )
    expect(action(anna, "Restart when idle")).to_contain_text("The pile has restarted.")


def test_the_sheet_opens_and_closes_by_keyboard(
    desk: Desk,
    world: World,
    browse: Open,
) -> None:
    charging(world)
    anna = browse("agent", "Anna")
    chat = taken_over(world, PHONE, me(anna))
    anna.goto(f"{desk.url}/conversations/{chat}")
    stop = anna.locator("#rider-panel").get_by_role("link", name="Stop charging")
    stop.focus()
    anna.keyboard.press("Enter")
    expect(anna.locator("#sheet").get_by_label("Reason")).to_be_focused()
    anna.keyboard.press("Escape")
    expect(anna.locator("#sheet")).not_to_be_visible()
    expect(stop).to_be_focused()
    anna.keyboard.press("Enter")
    expect(anna.locator("#sheet").get_by_label("Reason")).to_be_focused()
    anna.keyboard.type("The rider asked")
    anna.keyboard.press("Tab")
    anna.keyboard.press("Enter")
    world.bot_says(PHONE, "Stopping")
    expect(action(anna, "Stop charging")).to_contain_text("Pending")


@pytest.mark.parametrize(("size", "scheme"), VIEWS)
def test_panel_and_sheets_fit_and_are_accessible(
    desk: Desk,
    world: World,
    browse: Open,
    size: tuple[int, int],
    scheme: str,
) -> None:
    session_id = charge(world)
    charge(world)
    page, other = browse("manager", "Mia", size=size, scheme=scheme), desk.agent("finance")
    chat = taken_over(world, PHONE, me(page))
    with world.store.begin() as work:
        marks.mark(work, chat, "note", "Be patient", actor=Actor(me(page), "manager"))
    form = {"session": session_id, "reason": "x", "amount": "2.60", "key": "k"}
    other.post("/actions/refund", **form)
    desk.agent("technician").post("/actions/soft-restart", pile="P001023", reason="x", key="k")
    rider = newest(world, PHONE).rider_id
    bad = []
    for path in (
        f"/riders/{rider}/panel",
        f"/conversations/{chat}#rider",
        f"/actions/refund?conversation={chat}&session={session_id + 1}",
        f"/actions/stop?conversation={chat}&session={session_id}",
        f"/actions/start?conversation={chat}",
        "/approvals",
        "/approvals/1",
    ):
        page.goto(f"{desk.url}{path}")
        if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            bad.append(f"{path}: wider than the screen")
        page.evaluate(AXE)
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = page.evaluate(
            "tags => axe.run({runOnly: tags}).then(r => r.violations.map("
            "v => `${v.id}: ${v.nodes.map(n => n.target.join(' ')).join(', ')}`))",
            tags,
        )
        bad += [f"{path}: {each}" for each in found]
    assert bad == []


def test_what_is_unfolded_and_focused_stays_so_while_the_panel_lives(
    desk: Desk,
    world: World,
    browse: Open,
) -> None:
    charge(world)
    charging(world, wh=1000)
    anna = browse("agent", "Anna")
    chat = taken_over(world, PHONE, me(anna))
    anna.goto(f"{desk.url}/conversations/{chat}")
    past = anna.locator("#rider-panel .past summary")
    past.click()
    anna.locator("#rider-panel").get_by_role("link", name="Stop charging").focus()
    pile = world.pile("1023")
    pile.meter_wh += 2000
    world.clock_passes(60)
    pile.transaction_event(2, "Updated", chargingState="Charging")
    expect(anna.locator("#rider-panel .figure").first).to_have_text("3.00 kWh")
    expect(anna.locator("#rider-panel .past details")).to_have_attribute("open", "")
    expect(anna.locator("#rider-panel").get_by_role("link", name="Stop charging")).to_be_focused()
