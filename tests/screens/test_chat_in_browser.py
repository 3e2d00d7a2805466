"""The chat front end in a real browser, on the real web chat with a bot in the engine's place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from sqlalchemy import func, select

from bot.services import weblogin
from bot.services.riders import rider_for
from bot.store.database import Store, utc_now
from bot.store.queues import Inbox
from tests.screens.bot_double import BotDouble, add_message
from tests.screens.city import PHONE, make_app, make_settings, make_store, served

pytestmark = pytest.mark.browser
AXE = (Path(__file__).parent / "vendor/axe.min.js").read_text(encoding="utf-8")
VIEWS = [
    pytest.param((360, 740), "light", id="360-light"),
    pytest.param((360, 740), "dark", id="360-dark"),
    pytest.param((1440, 900), "light", id="1440-light"),
    pytest.param((1440, 900), "dark", id="1440-dark"),
]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Store]:
    store = make_store(f"sqlite:///{tmp_path / 'live.db'}", utc_now)
    yield store
    store.engine.dispose()


@pytest.fixture
def bot(live: Store) -> Iterator[BotDouble]:
    double = BotDouble(live)
    yield double
    double.close()


@pytest.fixture
def rider(live: Store) -> int:
    with live.begin() as work:
        return rider_for(work, "whatsapp", PHONE).id


@pytest.fixture
def url(live: Store) -> Iterator[str]:
    with served(make_app(live, make_settings())) as address:
        yield address


@pytest.fixture
def errors(page: Page) -> list[str]:
    """What the page complained about: scripts that failed, things the policy blocked."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "console",
        lambda said: (
            found.append(said.text)
            if said.type == "error" and "Failed to load resource" not in said.text
            else None
        ),
    )
    return found


@pytest.fixture
def chat(
    page: Page, context: BrowserContext, live: Store, url: str, rider: int, errors: list[str]
) -> Iterator[Page]:
    """The chat page of a logged-in rider; a script error fails the test."""
    with live.begin() as work:
        token = weblogin.open_session(work, rider)
    context.add_cookies([{"name": "pilebot", "value": token, "url": url}])
    page.goto(f"{url}/chat")
    expect(page.locator("#chat[data-connection=live]")).to_be_visible()
    yield page
    assert errors == []


def say(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Message").fill(text)
    page.keyboard.press("Enter")


def bubbles(page: Page, side: str) -> Locator:
    return page.locator(f".log .row.{side}")


def inbox_count(store: Store) -> int:
    with store.read() as work:
        return work.session.scalar(select(func.count()).select_from(Inbox)) or 0


def test_a_line_goes_out_is_answered_and_gets_its_ticks(chat: Page, bot: BotDouble) -> None:
    say(chat, "hello")
    mine = bubbles(chat, "own")
    expect(mine).to_have_count(1)
    expect(bubbles(chat, "theirs")).to_contain_text("You said: hello")
    expect(mine.get_by_role("img", name="Read")).to_be_visible()
    expect(chat.get_by_text("Today")).to_be_visible()
    expect(chat.get_by_role("textbox", name="Message")).to_be_focused()
    expect(chat.get_by_role("textbox", name="Message")).to_have_value("")


def test_the_log_is_announced_politely_but_not_the_history(
    chat: Page, live: Store, rider: int
) -> None:
    with live.begin() as work:
        add_message(work, rider, "bot", {"kind": "text", "text": "Old news"})
    chat.reload()
    log = chat.get_by_role("log")
    expect(log).to_contain_text("Old news")
    expect(log).to_have_attribute("aria-live", "polite")


def test_a_button_sends_its_payload_once(chat: Page, bot: BotDouble, live: Store) -> None:
    say(chat, "buttons")
    yes = chat.get_by_role("button", name="Yes, start")
    yes.dblclick()
    expect(chat.get_by_text("You said: =yes")).to_be_visible()
    expect(chat.get_by_role("button", name="No")).to_have_attribute("aria-disabled", "true")
    assert inbox_count(live) == 2


def test_a_list_is_picked_by_keyboard_and_focus_comes_back(chat: Page, bot: BotDouble) -> None:
    say(chat, "list")
    opener = chat.get_by_role("button", name="Show stations")
    opener.focus()
    chat.keyboard.press("Enter")
    sheet = chat.get_by_role("dialog", name="Show stations")
    expect(sheet.get_by_role("button", name=re.compile("Station 1"))).to_be_focused()
    chat.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    expect(opener).to_be_focused()
    chat.keyboard.press("Enter")
    chat.keyboard.press("ArrowDown")
    chat.keyboard.press("ArrowDown")
    chat.keyboard.press("Enter")
    expect(chat.get_by_text("You said: station?id=3")).to_be_visible()


def test_a_photo_is_shown_at_once_and_zooms(
    chat: Page, bot: BotDouble, live: Store, tmp_path: Path
) -> None:
    photo = tmp_path / "sticker.jpg"
    Image.effect_noise((2600, 1800), 90).convert("RGB").save(photo, "JPEG", quality=95)
    chat.locator("input[type=file]").first.set_input_files(photo)
    expect(chat.locator(".attached")).to_contain_text("sticker.jpg")
    chat.get_by_role("textbox").fill("is it this one?")
    chat.keyboard.press("Enter")
    picture = chat.get_by_role("button", name="Enlarge picture: is it this one?")
    expect(picture).to_be_visible()
    expect(bubbles(chat, "theirs")).to_have_count(1)
    picture.click()
    expect(chat.get_by_role("dialog", name="is it this one?")).to_be_visible()
    chat.keyboard.press("Escape")
    expect(chat.get_by_role("dialog")).to_have_count(0)
    chat.reload()  # the service dropped the photo after reading it
    expect(bubbles(chat, "own")).to_contain_text("This picture is no longer kept.")
    expect(bubbles(chat, "own")).to_contain_text("is it this one?")


def test_what_is_no_photo_is_refused_before_it_is_sent(
    chat: Page, live: Store, tmp_path: Path
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("hello")
    chat.locator("input[type=file]").first.set_input_files(note)
    expect(chat.get_by_role("alert")).to_contain_text("not a photo")
    assert inbox_count(live) == 0


def test_the_location_is_shared_from_the_menu(
    chat: Page, context: BrowserContext, bot: BotDouble
) -> None:
    context.grant_permissions(["geolocation"])
    context.set_geolocation({"latitude": 60.1699, "longitude": 24.9384})
    chat.get_by_role("button", name="Attach").click()
    chat.get_by_role("button", name="Location").click()
    place = chat.get_by_role("link", name=re.compile("My location"))
    expect(place).to_have_attribute("href", re.compile("destination=60.1699,24.9384"))
    expect(chat.get_by_text("You said: a place")).to_be_visible()


def test_places_documents_and_links_are_shown(chat: Page, bot: BotDouble) -> None:
    for text in ("location", "document", "link"):
        say(chat, text)
    expect(chat.get_by_role("link", name=re.compile("Kamppi Garage"))).to_be_visible()
    expect(chat.get_by_role("link", name=re.compile(r"Receipt 7\.pdf"))).to_be_visible()
    pay = chat.get_by_role("link", name="Pay (Opens pay.example.com)")
    expect(pay).to_have_attribute("rel", "noopener noreferrer")


def test_typing_shows_while_the_bot_thinks(chat: Page, bot: BotDouble) -> None:
    bot.hold.set()
    say(chat, "hello")
    expect(chat.get_by_text("Pilebot is typing")).to_be_attached()
    expect(chat.locator(".typing")).to_be_visible()
    bot.hold.clear()
    expect(chat.get_by_text("You said: hello")).to_be_visible()
    expect(chat.locator(".typing")).to_be_hidden()


def test_nothing_typed_offline_is_lost_or_doubled(
    chat: Page, context: BrowserContext, bot: BotDouble, live: Store
) -> None:
    context.set_offline(True)
    say(chat, "first")
    say(chat, "second")
    expect(chat.get_by_text("No connection.")).to_be_visible()
    expect(chat.get_by_role("img", name="Waiting to be sent")).to_have_count(2)
    context.set_offline(False)
    expect(chat.get_by_text("You said: first")).to_be_visible(timeout=20_000)
    expect(chat.get_by_text("You said: second")).to_be_visible(timeout=20_000)
    expect(bubbles(chat, "own")).to_have_count(2)
    expect(chat.get_by_text("No connection.")).to_be_hidden()
    assert inbox_count(live) == 2


def test_what_waits_and_what_is_typed_survive_a_reload(
    chat: Page, bot: BotDouble, live: Store, url: str
) -> None:
    chat.route("**/chat/messages", lambda route: route.abort())  # sending fails, polling works
    say(chat, "kept")
    expect(chat.get_by_role("img", name="Waiting to be sent")).to_be_visible()
    chat.get_by_role("textbox").fill("half a sent")
    chat.reload()
    expect(chat.get_by_text("kept", exact=True)).to_be_visible()
    expect(chat.get_by_role("textbox")).to_have_value("half a sent")
    chat.unroute("**/chat/messages")
    expect(chat.get_by_text("You said: kept")).to_be_visible(timeout=20_000)
    expect(bubbles(chat, "own")).to_have_count(1)
    assert inbox_count(live) == 1


def test_an_answer_lost_on_the_way_back_sends_nothing_twice(
    chat: Page, bot: BotDouble, live: Store
) -> None:
    lost: list[bool] = []

    def lose_the_first_answer(route: Any) -> None:
        if route.request.method == "POST" and not lost:
            route.fetch()
            lost.append(True)
            route.abort()
        else:
            route.continue_()

    chat.route("**/chat/messages", lose_the_first_answer)
    say(chat, "once")
    expect(chat.get_by_text("You said: once")).to_be_visible()
    expect(bubbles(chat, "own")).to_have_count(1)
    expect(chat.get_by_role("img", name="Read")).to_be_visible()
    assert lost
    assert inbox_count(live) == 1


def test_a_refused_message_says_why_and_can_be_tried_again_or_deleted(
    chat: Page, bot: BotDouble
) -> None:
    refuse = '{"error": "That message is too long. Please send it in parts."}'
    chat.route(
        "**/chat/messages",
        lambda route: route.fulfill(status=422, body=refuse, content_type="application/json"),
    )
    say(chat, "long")
    expect(chat.get_by_text("Please send it in parts.")).to_be_visible()
    chat.unroute("**/chat/messages")
    chat.get_by_role("button", name="Try again").click()
    expect(chat.get_by_text("You said: long")).to_be_visible()


def test_losing_the_login_keeps_the_line_and_offers_to_log_in(
    chat: Page, context: BrowserContext
) -> None:
    context.clear_cookies()
    say(chat, "kept")
    expect(chat.get_by_role("link", name="Log in again")).to_be_visible()
    expect(chat.get_by_role("img", name="Waiting to be sent")).to_be_visible()


def test_news_does_not_pull_a_reader_down(chat: Page, live: Store, rider: int) -> None:
    with live.begin() as work:
        for number in range(40):
            add_message(work, rider, "bot", {"kind": "text", "text": f"line {number}"})
    expect(chat.get_by_text("line 39", exact=True)).to_be_in_viewport()
    chat.locator(".scroller").evaluate("box => box.scrollTo(0, 0)")
    expect(chat.get_by_role("button", name="Go to the newest message")).to_be_visible()
    with live.begin() as work:
        add_message(work, rider, "bot", {"kind": "text", "text": "fresh"})
    chip = chat.get_by_role("button", name="New messages: 1")
    expect(chip).to_be_visible()
    expect(chat.get_by_text("fresh")).not_to_be_in_viewport()
    chip.click()
    expect(chat.get_by_text("fresh")).to_be_in_viewport()
    expect(chip).to_be_hidden()


def test_answers_in_quick_succession_stay_in_view(chat: Page) -> None:
    """Each begins a smooth scroll that the next one finds under way."""
    chat.evaluate(
        """async () => {
            const { Chat } = await import("/assets/chat/chat.js");
            const texts = JSON.parse(document.getElementById("chat-page").textContent).texts;
            const said = (id, text) => ({ id, at: new Date().toISOString(), direction: "out",
                author: "bot", kind: "text", text, status: "sent" });
            const batches = [Array.from({ length: 40 }, (_, n) => said(`a${n}`, `line ${n}`))];
            const long = "long answer\\n".repeat(30);
            for (let n = 0; n < 8; n += 1) batches.push([said(`b${n}`, long)]);
            const poll = async () => {
                await new Promise((resolve) => setTimeout(resolve, 90));
                if (!batches.length) await new Promise(() => {});
                return { messages: batches.shift(), cursor: String(batches.length) };
            };
            const transport = { waits: true, poll };
            new Chat(document.getElementById("chat"), { transport, texts, key: "quick" }).start();
        }"""
    )
    expect(bubbles(chat, "theirs")).to_have_count(48)
    chat.wait_for_function(
        "() => { const box = document.querySelector('.scroller');"
        " return box.scrollHeight - box.scrollTop - box.clientHeight < 5; }",
        timeout=5000,
    )
    expect(chat.locator(".chip")).to_be_hidden()


def test_older_messages_come_on_request(chat: Page, live: Store, rider: int) -> None:
    with live.begin() as work:
        for number in range(80):
            add_message(work, rider, "bot", {"kind": "text", "text": f"line {number}"})
    chat.reload()
    expect(chat.get_by_text("line 79", exact=True)).to_be_visible()
    expect(chat.get_by_text("line 3", exact=True)).to_have_count(0)
    chat.get_by_role("button", name="Show earlier messages").click()
    expect(chat.get_by_text("line 3", exact=True)).to_have_count(1)
    expect(chat.get_by_role("button", name="Show earlier messages")).to_be_hidden()


def test_text_is_never_markup(chat: Page, live: Store, rider: int) -> None:
    nasty = "<img src=x onerror=alert(1)> *bold* snake_case_name javascript:alert(1)"
    with live.begin() as work:
        add_message(work, rider, "bot", {"kind": "text", "text": nasty})
        link = {"title": "Tap", "url": "javascript:alert(1)"}
        add_message(work, rider, "bot", {"kind": "link", "text": "a link", "link": link})
    line = bubbles(chat, "theirs").first
    expect(line).to_contain_text("<img src=x onerror=alert(1)> bold snake_case_name javascript:")
    expect(line.locator("strong")).to_have_text("bold")
    expect(line.locator("img, em, a")).to_have_count(0)
    expect(chat.get_by_text("a link")).to_be_visible()
    expect(chat.get_by_role("link", name="Tap")).to_have_count(0)


def test_logging_out_leaves_nothing_behind(chat: Page, url: str) -> None:
    chat.get_by_role("textbox").fill("secret draft")
    chat.get_by_role("button", name="Log out").click()
    expect(chat).to_have_url(f"{url}/")
    assert chat.evaluate("JSON.stringify(localStorage)") == "{}"
    chat.goto(f"{url}/chat")
    expect(chat).to_have_url(re.compile("/login"))


# Every page, both widths, both colour schemes


@pytest.fixture
def look(browser: Browser, live: Store, url: str, rider: int) -> Iterator[Callable[..., Page]]:
    contexts: list[BrowserContext] = []

    def open_page(path: str, size: tuple[int, int], scheme: str) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        with live.begin() as work:
            token = weblogin.open_session(work, rider)
        if path == "/chat":
            context.add_cookies([{"name": "pilebot", "value": token, "url": url}])
        page = context.new_page()
        page.goto(url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()


def check_page(page: Page) -> None:
    """No sideways scrolling, and nothing axe finds against WCAG 2.2 AA."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate(AXE)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate(
        "tags => axe.run({runOnly: tags}).then(r => r.violations.map("
        "v => `${v.id}: ${v.nodes.map(n => n.target.join(' ')).join(', ')}`))",
        tags,
    )
    assert found == []


@pytest.mark.parametrize(("size", "scheme"), VIEWS)
def test_pages_fit_and_are_accessible(
    look: Callable[..., Page], size: tuple[int, int], scheme: str
) -> None:
    page = look("/", size, scheme)
    check_page(page)
    for path in ("/p", "/p/1023-27", "/p/1023", "/p/1023-28", "/login", "/login/gone", "/terms"):
        page.goto(urljoin(page.url, path))
        check_page(page)


@pytest.mark.parametrize(("size", "scheme"), VIEWS)
def test_a_chat_with_everything_in_it_fits_and_is_accessible(
    look: Callable[..., Page], live: Store, rider: int, bot: BotDouble,
    size: tuple[int, int], scheme: str,
) -> None:  # fmt: skip
    page = look("/chat", size, scheme)
    for text in ("buttons", "list", "location", "document", "link", "x" * 200):
        say(page, text)
    expect(bubbles(page, "theirs")).to_have_count(6)
    expect(page.locator(".ticks.read")).to_have_count(6)
    check_page(page)
    page.get_by_role("button", name="Show stations").click()
    check_page(page)
