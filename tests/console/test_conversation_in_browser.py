"""A conversation in a real browser: what is in hand stays, what is new appears, in every size."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from bot.store.desk import CannedReply
from bot.store.riders import Conversation, Message
from tests.console.browsing import AXE, VIEWS, Open, last_on_phone
from tests.console.desk import Desk

pytestmark = pytest.mark.browser
PHONE = "+358401234567"


def opened(desk: Desk, page: Page, *, take: bool = True) -> Page:
    """The page of a rider who asked for a person; taken over."""
    if not desk.world.phone(PHONE):
        desk.world.rider_says(PHONE, "agent")
    page.goto(f"{desk.url}/conversations/{desk.conversation(PHONE).id}")
    if take:
        page.get_by_role("button", name="Take over").click()
        expect(page.locator("#chat-state")).to_contain_text("Yours")
        page.wait_for_load_state()
    return page


def test_fresh_lines_leave_what_is_in_hand(desk: Desk, browse: Open) -> None:
    page = opened(desk, browse(name="Anna"))
    page.locator("#transcript details > summary").first.click()  # something is folded open
    page.get_by_text("Back to bot").click()
    page.get_by_label("Fault passed on").check()
    desk.world.rider_says(PHONE, "are you there?")
    expect(page.locator("#transcript")).to_contain_text("are you there?")
    expect(page.get_by_label("Fault passed on")).to_be_checked()
    expect(page.locator("#transcript details[open]")).to_have_count(1)
    assert page.locator("#transcript li:has-text('are you there?')").count() == 1


def test_lines_that_come_while_another_page_is_read_are_in_order(
    desk: Desk,
    browse: Open,
) -> None:
    page = opened(desk, browse(name="Anna"))
    text = page.get_by_label("Message to the rider")
    for number in range(3):
        text.fill(f"answer {number}")
        page.get_by_role("button", name="Send", exact=False).last.click()
        last_on_phone(desk, PHONE, f"answer {number}")
        desk.world.rider_says(PHONE, f"question {number}")
        expect(page.locator("#transcript")).to_contain_text(f"question {number}")
    expect(page.locator("#transcript [id^=o]:not(.older)")).to_have_count(0)  # none still waiting
    said = page.locator("#transcript .line-agent .line-text, #transcript .line-rider .line-text")
    assert said.all_inner_texts()[-6:] == [
        "answer 0", "question 0", "answer 1", "question 1", "answer 2", "question 2",
    ]  # fmt: skip


def test_a_slash_puts_a_canned_reply_in(desk: Desk, browse: Open) -> None:
    with desk.world.store.begin() as work:
        for shortcut, words in (("sorry", "Sorry, {rider}!"), ("cost", "So far {cost}.")):
            work.session.add(
                CannedReply(
                    shortcut=shortcut, lang="en", text=words, options=[], updated_at=work.now
                )
            )
    page = opened(desk, browse(name="Anna"))
    text = page.get_by_label("Message to the rider")
    text.press_sequentially("Hello. /so")
    expect(page.locator("#canned li")).to_have_count(2)  # by its text, and by its shortcut
    text.press("Enter")
    assert text.input_value().startswith("Hello. Sorry, ")
    text.press_sequentially(" /cost")
    expect(page.locator("#canned li")).to_have_count(1)
    text.press("Enter")
    assert "{cost}" in text.input_value()  # nothing is charging: to be filled in by hand
    page.get_by_role("button", name="Send", exact=False).last.click()
    expect(page.get_by_role("alert").filter(has_text="{cost}")).to_be_visible()
    assert "{cost}" in text.input_value()


def test_a_preview_shows_buttons_and_limits(desk: Desk, browse: Open) -> None:
    page = opened(desk, browse(name="Anna"))
    page.get_by_label("Message to the rider").fill("Which one?")
    page.locator("#builder > summary").click()
    page.get_by_label("Title 1", exact=True).fill("Left")
    page.get_by_label("Title 2", exact=True).fill("Right")
    page.locator("#previewer > summary").click()
    expect(page.locator("#preview li")).to_have_text(["Left", "Right"])
    page.get_by_label("Title 2", exact=True).fill("left")
    expect(page.locator("#preview")).to_contain_text("the same")
    for _ in range(9):
        page.get_by_text("More rows").click()
    expect(page.locator(".builder-rows li")).to_have_count(10)


def test_the_template_picker_opens_when_the_window_closes(
    desk: Desk,
    browse: Open,
) -> None:
    page = opened(desk, browse(name="Anna"))
    page.get_by_label("Message to the rider").fill("half a sent")
    with desk.world.store.begin() as work:
        chat = work.session.scalars(select(Conversation)).one()
        chat.last_whatsapp_at = work.now - timedelta(hours=25)
    expect(page.locator("#window")).to_contain_text("only an approved template")
    expect(page.locator("details.templates")).to_have_attribute("open", "")
    expect(page.get_by_label("Message to the rider")).to_have_value("half a sent")


def test_it_works_without_scripts(desk: Desk, browse: Open, browser: object) -> None:
    desk.world.rider_says(PHONE, "agent")
    anna = desk.agent(name="Anna")
    context = browser.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    try:
        context.add_cookies([{"name": "pilebot-staff", "value": anna.token, "url": desk.url}])
        page = opened(desk, context.new_page())
        text = page.get_by_label("Message to the rider")
        text.fill("No scripts here")
        page.locator("#builder > summary").click()
        page.get_by_label("Title 1", exact=True).fill("Fine")
        page.get_by_role("button", name="More rows").click()
        expect(page.locator(".builder-rows li")).to_have_count(6)
        expect(text).to_have_value("No scripts here")
        page.locator("#send").click()
        last_on_phone(desk, PHONE, "No scripts here")
        page.reload()
        page.get_by_text("Resolve", exact=True).first.click()
        page.get_by_role("button", name="Resolve").click()
        expect(page.locator("#chat-state")).to_contain_text("Resolved")
    finally:
        context.close()


@pytest.mark.parametrize(("size", "scheme"), VIEWS)
def test_everything_on_the_page_is_accessible_and_fits(
    desk: Desk,
    browse: Open,
    size: tuple[int, int],
    scheme: str,
) -> None:
    desk.world.rider_shares(PHONE, 60.1695, 24.9354)
    desk.world.rider_sends_photo(PHONE, "1023-27")
    desk.world.rider_says(PHONE, "you charged me twice!")
    page = opened(desk, browse("manager", "Mia", size=size, scheme=scheme))
    page.get_by_label("Message to the rider").fill("A line that failed")
    page.get_by_role("button", name="Send", exact=False).last.click()
    last_on_phone(desk, PHONE, "A line that failed")
    with desk.world.store.begin() as work:
        work.session.execute(
            update(Message).where(Message.author == "agent").values(status="failed", error="63024")
        )
    bad = []
    for opens in ("", ".chat-actions details", ".tool, .templates, .template, .packet, .line-why"):
        page.reload()
        if opens:
            page.evaluate(
                "what => document.querySelectorAll(what).forEach(each => each.open = true)", opens
            )
        if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            bad.append(f"{opens}: wider than the screen")
        page.evaluate(AXE)
        found = page.evaluate(
            "tags => axe.run({runOnly: tags}).then(r => r.violations.map("
            "v => `${v.id}: ${v.nodes.map(n => n.target.join(' ')).join(', ')}`))",
            ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        )
        bad += [f"{opens}: {each}" for each in found]
    assert bad == []
