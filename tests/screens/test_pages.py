"""The open pages: short addresses of piles, mistyped codes, terms, and security headers."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from bot.store.database import Store
from bot.store.queues import Inbox
from bot.store.stations import Evse, Pile, Station, TariffVersion
from tests.screens.city import Clock, make_app, make_settings


def test_a_piles_page_shows_what_a_rider_needs_before_charging(client: FlaskClient) -> None:
    page = client.get("/p/1023-27")
    assert page.status_code == 200
    for fact in ("Kamppi Garage", "Urho Kekkosen katu 1", "Type 2", "up to 22 kW", "Free"):
        assert fact in page.text
    assert "as of 14:02" in page.text
    assert "€0.29/kWh" in page.text
    assert "Level -2, beside the lift." in page.text
    assert "unknown" in page.text  # nobody has rated this station yet


def test_a_rated_station_shows_its_stars(client: FlaskClient, store: Store) -> None:
    with store.begin() as work:
        work.session.execute(update(Station).values(rating_tenths=46, rating_count=128))
    assert "4.6 of 5 (128)" in client.get("/p/1023-27").text


def test_whatsapp_opens_with_the_code_filled_in(client: FlaskClient) -> None:
    assert 'href="https://wa.me/14155238886?text=1023-27"' in client.get("/p/1023-27").text


def test_the_demo_may_put_its_own_phone_in_whatsapps_place(store: Store) -> None:
    settings = make_settings(WHATSAPP_LINK_URL="http://127.0.0.1:8081/wa")
    page = make_app(store, settings).test_client().get("/p/1023-27")
    assert 'href="http://127.0.0.1:8081/wa/14155238886?text=1023-27"' in page.text


def test_a_silent_pile_is_not_confirmed(client: FlaskClient, clock: Clock) -> None:
    clock.passes(minutes=6)
    page = client.get("/p/1023-27")
    assert "Not confirmed" in page.text
    assert "as of 14:02" in page.text
    assert "nearest free pile" in page.text
    clock.passes(days=1)
    assert "20 Nov 2026" in client.get("/p/1023-27").text


def test_out_of_service_is_said(client: FlaskClient, store: Store) -> None:
    with store.begin() as work:
        work.session.execute(update(Pile).values(in_service=False))
    assert "Out of service" in client.get("/p/1023-27").text


def test_a_missing_price_is_said_and_not_hidden(client: FlaskClient, store: Store) -> None:
    with store.begin() as work:
        work.session.query(TariffVersion).delete()
    assert "you see it before you say yes" in client.get("/p/1023-27").text


def test_a_pile_number_alone_lets_the_rider_pick_the_socket(client: FlaskClient) -> None:
    page = client.get("/p/1023")
    assert re.findall(r'href="/p/(1023-\d\d)"', page.text) == ["1023-16", "1023-27"]
    assert "Cable plugged in, ready" in page.text


@pytest.mark.parametrize("typed", ["1023 27", "102327", "#1023-27", "１０２３-２７", "1023_27"])
def test_every_way_to_type_a_code_leads_to_its_page(client: FlaskClient, typed: str) -> None:
    page = client.get("/p", query_string={"code": typed})
    assert page.location == "/p/1023-27"


def test_the_digit_to_check_is_marked(client: FlaskClient) -> None:
    page = client.get("/p/1023-28")
    assert page.status_code == 422
    assert "Please check this code" in page.text
    assert re.search(r'href="/p/1023-27"><span class="typed">1023-2<mark>7</mark>', page.text)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1032-27", "1023-27"),
        ("1123-27", "1023-27"),
        ("1023-2", "1023-27"),
        ("10223-27", "1023-27"),
    ],
    ids=["swapped", "wrong", "missing", "doubled"],
)
def test_one_slip_of_any_kind_finds_the_code(client: FlaskClient, typed: str, meant: str) -> None:
    page = client.get(f"/p/{typed}")
    assert page.status_code in (404, 422)
    assert f'href="/p/{meant}"' in page.text


@pytest.mark.parametrize("typed", ["9999", "hello", "7" * 39, "<script>alert(1)</script>", "%00"])
def test_codes_of_nobody_get_a_kind_page(client: FlaskClient, typed: str) -> None:
    page = client.get("/p", query_string={"code": typed}, follow_redirects=True)
    assert page.status_code in (404, 422)
    assert "We have no pile with this code" in page.text
    assert "<script>alert" not in page.text


def test_continuing_here_needs_a_login_first_and_keeps_the_code(client: FlaskClient) -> None:
    page = client.get("/p/1023-27")
    found = re.search(r'name="csrf" value="(\w+)"', page.text)
    assert found
    on = client.post("/p/1023-27/continue", data={"csrf": found[1]})
    assert on.location == "/login?code=1023-27"
    assert client.post("/p/1023-27/continue").status_code == 403


def test_continuing_here_says_the_code_in_the_chat_once(
    client: FlaskClient, store: Store, session_token: str, rider_id: int
) -> None:
    client.set_cookie("pilebot", session_token)
    found = re.search(r'name="csrf" value="(\w+)"', client.get("/p/1023-27").text)
    assert found
    for _ in range(3):  # an impatient finger
        on = client.post("/p/1023-27/continue", data={"csrf": found[1]})
        assert on.location == "/chat"
    with store.read() as work:
        (row,) = work.session.scalars(select(Inbox)).all()
    assert row.body == {"text": "1023-27"}
    assert row.stream == f"rider:{rider_id}"


@pytest.mark.parametrize("path", ["/", "/p", "/p/1023-27", "/p/1", "/terms", "/login", "/nothing"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/p/1023-27", "/login"])
def test_no_cache_hands_one_browsers_page_to_another(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("path", ["/", "/p", "/p/1023-27", "/p/1023", "/p/1", "/terms", "/login"])
def test_no_page_carries_inline_scripts_or_styles(client: FlaskClient, path: str) -> None:
    text = client.get(path).text
    assert not re.search(r"<script(?![^>]*(src=|application/json))|<style|\son\w+=|\sstyle=", text)


def test_the_qr_to_whatsapp_is_a_picture(client: FlaskClient) -> None:
    answer = client.get("/whatsapp.svg")
    assert answer.content_type == "image/svg+xml"
    assert b"<svg" in answer.data


def test_pages_speak_the_browsers_language_tag(client: FlaskClient) -> None:
    page = client.get("/", headers={"Accept-Language": "pt;q=0.9, en;q=0.1"})
    assert '<html lang="pt-BR">' in page.text
    page = client.get("/", headers={"Accept-Language": "tlh"})
    assert '<html lang="en">' in page.text


def test_evse_codes_of_the_city_are_what_the_tests_say(store: Store) -> None:
    with store.read() as work:
        codes = work.session.scalars(select(Evse.code).order_by(Evse.number)).all()
    assert codes == ["1023-16", "1023-27"]
