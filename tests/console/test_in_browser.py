"""The console in a real browser: takeover by mouse, keyboard and on a phone; live; broken lines."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from bot.store.riders import Conversation
from tests.console.browsing import Open, last_on_phone
from tests.console.desk import Desk
from tests.console.journey import PHONE, charging
from tests.console.test_inbox import PHONES, waits

pytestmark = pytest.mark.browser


def test_two_browsers_see_the_same_at_once(desk: Desk, browse: Open) -> None:
    anna, boris = browse(name="Anna"), browse(name="Boris")
    expect(anna.get_by_role("heading", name="Nobody is waiting")).to_be_visible()
    number = waits(desk.world, "Aino", "asked", "Please help me")
    for page in (anna, boris):
        expect(page.get_by_role("link", name="Please help me")).to_be_visible()
    anna.get_by_role("link", name="Please help me").click()
    anna.get_by_role("button", name="Take over").click()
    expect(anna.locator("#chat-state")).to_contain_text("Yours")
    expect(boris.get_by_role("heading", name="Nobody is waiting")).to_be_visible()
    boris.goto(f"{desk.url}/conversations/{number}")  # an agent does not read what Anna has
    expect(boris.locator("body")).to_contain_text("Not Found")


def test_a_rider_is_helped_and_handed_back(desk: Desk, browse: Open) -> None:
    phone = PHONES["Aino"]
    desk.world.rider_says(phone, "agent")
    page = browse(name="Anna")
    page.locator(".row-link").first.click()
    expect(page.locator("[data-lost]")).to_be_hidden()  # it was never theirs to lose
    page.get_by_role("button", name="Take over").click()
    page.get_by_label("Message to the rider").fill("Hello, this is Anna. What happened?")
    page.get_by_role("button", name="Send", exact=False).last.click()
    last_on_phone(desk, phone, "this is Anna")
    said = len(desk.world.bot_said(phone))
    desk.world.rider_says(phone, "the cable is stuck")
    expect(page.locator("#transcript")).to_contain_text("the cable is stuck")
    assert len(desk.world.bot_said(phone)) == said  # the bot is silent
    page.get_by_text("Back to bot").click()
    page.get_by_label("Question answered").check()
    page.get_by_role("button", name="Back to the bot").click()
    expect(page.locator("#chat-state")).to_contain_text("With the bot")
    desk.world.rider_says(phone, "help")
    desk.world.bot_says(phone, "")


def test_the_whole_takeover_by_keyboard_alone(desk: Desk, browse: Open) -> None:
    phone = PHONES["Aino"]
    desk.world.rider_says(phone, "agent")
    page = browse(name="Anna")
    expect(page.locator(".row-link")).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Take over")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("t")
    expect(page.locator("#chat-state")).to_contain_text("Yours")
    page.wait_for_load_state()
    page.keyboard.press("r")
    page.keyboard.type("Typed without a mouse")
    page.keyboard.press("Control+Enter")
    last_on_phone(desk, phone, "Typed without a mouse")
    page.wait_for_load_state()
    expect(page.locator("#transcript")).to_contain_text("Typed without a mouse")
    page.wait_for_load_state()
    page.keyboard.press("Escape")  # out of the field, where keys are letters
    page.keyboard.press("e")
    expect(page.locator("#resolve-note")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#chat-state")).to_contain_text("Resolved")
    page.wait_for_load_state()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("inbox")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()


def test_keys_are_off_while_typing_and_when_turned_off(desk: Desk, browse: Open) -> None:
    number = waits(desk.world, "Aino", "asked", "hello")
    page = browse(name="Anna")
    page.goto(f"{desk.url}/conversations/{number}")
    page.get_by_label("Note, only staff see it").fill("")
    page.keyboard.type("at ten to two")
    assert desk.conversation(PHONES["Aino"]).owner == "queue"
    off = browse(name="Boris", preferences={"keys": False})
    off.goto(f"{desk.url}/conversations/{number}")
    off.keyboard.press("t")
    off.keyboard.press("?")
    expect(off.locator("dialog[open]")).to_have_count(0)
    assert desk.conversation(PHONES["Aino"]).owner == "queue"


def test_a_takeover_on_a_phone(desk: Desk, browse: Open) -> None:
    phone = PHONES["Aino"]
    desk.world.rider_says(phone, "agent")
    page = browse(name="Anna", size=(360, 780))
    page.locator(".row-link").first.click()
    page.get_by_role("button", name="Take over").click()
    page.get_by_label("Message to the rider").fill("From my phone")
    page.get_by_role("button", name="Send", exact=False).last.click()
    last_on_phone(desk, phone, "From my phone")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_after_a_broken_line_the_screen_is_the_same_as_a_fresh_one(
    desk: Desk, browse: Open
) -> None:
    waits(desk.world, "Aino", "asked", "first")
    page = browse(name="Anna")
    expect(page.locator(".row-link")).to_have_count(1)
    page.context.set_offline(True)
    waits(desk.world, "Carlos", "refund", "second")
    waits(desk.world, "王芳", "safety", "third")
    desk.world.rider_says(PHONES["Aino"], "fourth")
    page.context.set_offline(False)
    expect(page.locator("#inbox")).to_contain_text("fourth")
    fresh = browse(name="Boris")
    seen = [each.locator("ul.rows").inner_text() for each in (page, fresh)]
    expect(page.locator(".row-link")).to_have_count(3)
    assert _without_moments(seen[0]) == _without_moments(seen[1])


def _without_moments(text: str) -> list[str]:
    return [line for line in text.splitlines() if "Waiting" not in line and "answer" not in line]


def test_the_window_closes_while_somebody_types(desk: Desk, browse: Open) -> None:
    phone = PHONES["Aino"]
    desk.world.rider_says(phone, "agent")
    page = browse(name="Anna")
    page.locator(".row-link").first.click()
    page.get_by_role("button", name="Take over").click()
    page.get_by_label("Message to the rider").fill("A long and careful answer")
    desk.world.settle()
    before = len(desk.world.phone(phone))
    with desk.world.store.begin() as work:
        work.session.execute(update(Conversation).values(last_whatsapp_at=None))
    page.get_by_role("button", name="Send", exact=False).last.click()
    expect(page.locator("#problem, .window")).not_to_have_count(0)
    expect(page.get_by_label("Message to the rider")).to_have_value("A long and careful answer")
    desk.world.settle()
    assert len(desk.world.phone(phone)) == before


def test_what_is_typed_survives_a_reload_and_goes_with_the_logout(desk: Desk, browse: Open) -> None:
    number = waits(desk.world, "Aino", "asked", "hello")
    page = browse(name="Anna")
    page.goto(f"{desk.url}/conversations/{number}")
    note = page.get_by_label("Note, only staff see it")
    note.fill("half a thought")
    page.reload()
    expect(note).to_have_value("half a thought")
    page.goto(f"{desk.url}/account")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login**")
    kept = page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('pilebot-draft'))")
    assert kept == []


def test_the_light_tells_the_truth(desk: Desk, browse: Open) -> None:
    page = browse(name="Anna")
    light = page.locator("#light")
    expect(light).to_contain_text("Live")
    page.route("**/events**", lambda route: route.abort())
    page.reload()
    expect(light).to_contain_text("Reconnecting")


def test_a_siren_that_no_mute_silences(desk: Desk, browse: Open) -> None:
    charging(desk.world)
    page = browse(name="Anna", preferences={"sounds": "off"})
    page.evaluate("document.addEventListener('pilebot:rang', (e) => (window.rang = e.detail))")
    page.mouse.click(600, 500)  # browsers allow sound after the first click
    desk.world.rider_says(PHONE, "there is smoke coming out of the charger!")
    expect(page.locator("#incidents")).not_to_be_empty()
    desk.world.until(lambda: page.evaluate("window.rang") == "danger", "no siren")
