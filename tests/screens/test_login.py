"""Logging in to the web chat: links that work once, codes, limits, and what CSRF keeps out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bot.demo.twilio_standin.app import create_app
from bot.demo.twilio_standin.config import Config
from bot.domain.contacts import phone_number
from bot.services import weblogin
from bot.services.riders import find_rider
from bot.settings import Settings
from bot.store.database import Store
from bot.store.limits import allow, forget_old
from bot.store.queues import Inbox
from bot.store.riders import Rider, WebLogin, WebSession
from bot.web.login import WINDOW
from tests.screens.city import PHONE, Clock, make_app, make_settings, served


def token_in(page: str) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', page)
    assert found, "the page has no CSRF token"
    return found[1]


def make_link(store: Store, settings: Settings, rider_id: int) -> str:
    with store.begin() as work:
        link = weblogin.make_login_link(work, settings, work.session.get_one(Rider, rider_id))
    return link.removeprefix("http://localhost")


def test_a_link_logs_in_after_a_confirm_and_only_once(
    client: FlaskClient, store: Store, settings: Settings, rider_id: int
) -> None:
    link = make_link(store, settings, rider_id)
    for _ in range(3):  # link previews fetch it; that must not use it up
        page = client.get(link)
        assert page.status_code == 200
    entered = client.post(link, data={"csrf": token_in(page.text)})
    assert entered.status_code == 303
    assert entered.location == "/chat"
    assert client.get("/chat").status_code == 200

    other = client.application.test_client()
    assert other.get(link).status_code == 410
    pile = other.get("/p/1023-27")  # any page of ours gives this browser a token
    assert other.post(link, data={"csrf": token_in(pile.text)}).status_code == 410
    assert other.get("/chat").location == "/login"


def test_a_link_expires_and_a_newer_one_replaces_it(
    client: FlaskClient, store: Store, settings: Settings, rider_id: int, clock: Clock
) -> None:
    first = make_link(store, settings, rider_id)
    second = make_link(store, settings, rider_id)
    assert client.get(first).status_code == 410
    assert client.get(second).status_code == 200
    clock.passes(minutes=16)
    assert client.get(second).status_code == 410


def test_only_hashes_are_stored(store: Store, settings: Settings, rider_id: int) -> None:
    token = make_link(store, settings, rider_id).rsplit("/", 1)[1]
    with store.begin() as work:
        session = weblogin.open_session(work, rider_id)
    with store.read() as work:
        link_row = work.session.query(WebLogin).one()
        session_row = work.session.query(WebSession).one()
    assert token not in link_row.token_hash
    assert session not in session_row.token_hash


def test_a_post_without_the_token_or_from_elsewhere_is_refused(
    client: FlaskClient, store: Store, settings: Settings, rider_id: int
) -> None:
    link = make_link(store, settings, rider_id)
    token = token_in(client.get(link).text)
    assert client.post(link).status_code == 403
    assert client.post(link, data={"csrf": "0" * 64}).status_code == 403
    foreign = {"Origin": "https://evil.example"}
    assert client.post(link, data={"csrf": token}, headers=foreign).status_code == 403
    null = {"Origin": "null"}
    assert client.post(link, data={"csrf": "é"}, headers=null).status_code == 403
    assert client.post(link, data={"csrf": token}).status_code == 303


def test_logging_out_ends_the_session_everywhere(
    client: FlaskClient, store: Store, settings: Settings, session_token: str
) -> None:
    client.set_cookie("pilebot", session_token)
    page = client.get("/chat")
    out = client.post("/logout", data={"csrf": token_in(page.text)})
    assert out.status_code == 303
    client.set_cookie("pilebot", session_token)  # a copy kept by somebody
    assert client.get("/chat/messages").status_code == 401


def test_a_session_ends_after_thirty_days(
    client: FlaskClient, session_token: str, clock: Clock
) -> None:
    client.set_cookie("pilebot", session_token)
    assert client.get("/chat/messages").status_code == 200
    clock.passes(days=30, seconds=1)
    assert client.get("/chat/messages").status_code == 401


def test_cookies_are_host_bound_and_secure_over_https(store: Store, rider_id: int) -> None:
    settings = make_settings(PUBLIC_URL="https://pilebot.example")
    client = make_app(store, settings).test_client()
    link = make_link(store, settings, rider_id).removeprefix("https://pilebot.example")
    page = client.get(link, base_url="https://pilebot.example")
    entered = client.post(
        link, base_url="https://pilebot.example", data={"csrf": token_in(page.text)}
    )
    cookie = next(c for c in entered.headers.getlist("Set-Cookie") if "__Host-pilebot=" in c)
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert entered.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+358 40 123 4567", "+358401234567"),
        ("00358 (40) 123-4567", "+358401234567"),
        ("040 123 4567", None),
        ("+0401234567", None),
        ("+35840123456789012", None),
        ("hello", None),
        ("", None),
        ("+३५८४०१२३४५६७", None),
    ],
)
def test_phone_numbers_need_their_country_code(typed: str, number: str | None) -> None:
    assert phone_number(typed) == number


def test_limits_count_in_windows(store: Store, clock: Clock) -> None:
    def tries(count: int) -> list[bool]:
        with store.begin() as work:
            return [allow(work, "login:x", limit=2, window=WINDOW) for _ in range(count)]

    assert tries(3) == [True, True, False]
    clock.passes(minutes=11)
    assert tries(1) == [True]
    clock.passes(days=2)
    with store.begin() as work:
        forget_old(work)
    assert tries(1) == [True]


# With Twilio's stand-in behind it: the code goes out and comes back as at Twilio.


@pytest.fixture
def code_site(store: Store, tmp_path: Path) -> Iterator[tuple[FlaskClient, Callable[[], str]]]:
    """A browser on a site whose Twilio is the stand-in, and what reads the rider's last code."""
    standin, postman = create_app(
        Config(
            base_url="http://127.0.0.1", data=tmp_path / "twilio.sqlite", webhook="", status="",
            account_sid="AC1", auth_token="token", sender="whatsapp:+14155238886",
            verify_sid="VA1",
        )
    )  # fmt: skip
    phone = standin.test_client()

    def last_code() -> str:
        inbox = phone.get(f"/demo/phones/{PHONE}/messages?wait=10").get_json()["messages"]
        told = inbox[-1]["text"]
        return str(re.findall(r"\d{4,10}", told)[0])

    with served(standin) as url:
        settings = make_settings(TWILIO_API_URL=url, TWILIO_VERIFY_SID="VA1")
        yield make_app(store, settings).test_client(), last_code
    postman.stop()


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"the page has no field {name}"
    return found[1]


def ask_for_code(client: FlaskClient, phone: str = PHONE, pile: str = "1023-27") -> TestResponse:
    page = client.get(f"/login?code={pile}")
    form = {"csrf": token_in(page.text), "pile": field(page.text, "pile"), "phone": phone}
    return client.post("/login", data=form)


def type_code(client: FlaskClient, page: TestResponse, digits: str) -> TestResponse:
    form = {name: field(page.text, name) for name in ("csrf", "seal", "pile")}
    return client.post("/login/code", data={**form, "digits": digits})


def test_a_code_logs_in_and_the_pile_goes_on_as_the_first_line(
    code_site: tuple[FlaskClient, Callable[[], str]], store: Store
) -> None:
    client, last_code = code_site
    page = ask_for_code(client)
    assert page.status_code == 200, page.text
    entered = type_code(client, page, last_code())
    assert entered.location == "/chat"
    assert client.get("/chat").status_code == 200
    with store.read() as work:
        rider = find_rider(work, "whatsapp", PHONE)
        assert rider is not None
        (line,) = work.session.query(Inbox).all()
        assert (line.source, line.kind, line.stream) == ("web", "web.message", f"rider:{rider.id}")
        assert line.body == {"text": "1023-27"}


def test_a_wrong_code_is_refused_and_after_five_tries_there_is_a_pause(
    code_site: tuple[FlaskClient, Callable[[], str]], store: Store
) -> None:
    client, last_code = code_site
    page = ask_for_code(client)
    right = last_code()
    wrong = "0000" if right != "0000" else "1111"
    for _ in range(5):
        refused = type_code(client, page, wrong)
        assert refused.status_code == 422
    assert type_code(client, page, right).status_code == 429
    assert client.get("/chat").location == "/login"
    with store.read() as work:
        assert find_rider(work, "whatsapp", PHONE) is None


def test_codes_are_sent_three_times_in_ten_minutes(
    code_site: tuple[FlaskClient, Callable[[], str]], clock: Clock
) -> None:
    client, _ = code_site
    assert [ask_for_code(client).status_code for _ in range(4)] == [200, 200, 200, 429]
    clock.passes(minutes=11)
    assert ask_for_code(client).status_code == 200


def test_a_number_without_country_code_is_explained(
    code_site: tuple[FlaskClient, Callable[[], str]],
) -> None:
    client, _ = code_site
    page = ask_for_code(client, phone="040 123 4567")
    assert page.status_code == 422
    assert "country code" in page.text
    assert 'value="040 123 4567"' in page.text


def test_a_forged_seal_starts_over(
    code_site: tuple[FlaskClient, Callable[[], str]], store: Store
) -> None:
    client, last_code = code_site
    page = ask_for_code(client)
    form = {
        "csrf": field(page.text, "csrf"),
        "seal": "+358409999999",
        "pile": "",
        "digits": last_code(),
    }
    assert client.post("/login/code", data=form).status_code == 302
    assert client.get("/chat").location == "/login"


def test_when_twilio_is_away_the_page_says_so(store: Store) -> None:
    settings = make_settings(TWILIO_API_URL="http://127.0.0.1:9", TWILIO_VERIFY_SID="VA1")
    page = ask_for_code(make_app(store, settings).test_client())
    assert page.status_code == 503
    assert "try again" in page.text


def test_without_verify_the_page_points_to_whatsapp(client: FlaskClient) -> None:
    page = client.get("/login")
    assert "https://wa.me/14155238886?text=web" in page.text
    assert 'name="phone"' not in page.text
