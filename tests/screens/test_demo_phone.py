"""The demo's page over the real stand-in for Twilio and the real simulator of piles."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from bot.demo.phone.app import create_app
from bot.demo.phone.config import DemoRider, PhoneConfig, load
from bot.demo.twilio_standin import app as twilio
from bot.demo.twilio_standin.config import Config
from bot.domain.codes import parse, read_payload
from bot.gateways.qr import decode
from tests.screens.city import served
from tests.screens.test_chat_in_browser import check_page

RIDER = "+447700900100"
SIMULATOR = """
import sys
from bot.demo.helsinki import STATIONS
from bot.domain.codes import pile_id
from devices.simulator import EvseSpec, PileSpec, run
kinds = {"ebike_box": "ebike", "ac": "ac", "dc": "dc"}
piles = [
    PileSpec(pile_id(str(number)), "secret", tuple(
        EvseSpec(place, kinds[pile.kind], pile.max_power_w)
        for place in range(1, len(pile.connectors) + 1)
    ))
    for station in STATIONS[:3]
    for number, pile in enumerate(station.piles, start=station.first_number)
]
run("mqtt://127.0.0.1:1", piles, int(sys.argv[1]))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    """The control of six simulated piles that find no broker."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", SIMULATOR, str(port)])
    try:
        deadline = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{port}/piles"):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def heard() -> list[dict[str, str]]:
    """What the bot's webhook was sent."""
    return []


@pytest.fixture
def demo(simulator: str, heard: list[dict[str, str]], tmp_path: Path) -> Iterator[Flask]:
    """The demo's app; behind it a bot that answers nothing by itself."""
    hook = Flask("hook")

    @hook.post("/hook")
    def webhook() -> str:
        heard.append(dict(request.form))
        return "<Response/>"

    with served(hook) as bot_url:
        standin, postman = twilio.create_app(
            Config(
                base_url="http://127.0.0.1", data=tmp_path / "t.sqlite", webhook=f"{bot_url}/hook",
                status="", account_sid="AC1", auth_token="token", verify_sid="VA1",
                sender="whatsapp:+14155238886", pace_s=0.01,
            )
        )  # fmt: skip
        with served(standin) as twilio_url:
            config = PhoneConfig(
                twilio_url=twilio_url, piles_url=simulator, stripe_url="http://127.0.0.1:1",
                public_url=bot_url,
                riders=[DemoRider(RIDER, True), DemoRider("+447700900101", False)],
            )  # fmt: skip
            yield create_app(config)
            postman.stop()


@pytest.fixture
def phone(demo: Flask) -> FlaskClient:
    return demo.test_client()


def until(true: Callable[[], Any]) -> Any:
    """What `true` returns once it is something; fails after ten seconds."""
    deadline = time.monotonic() + 10
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def messages(phone: FlaskClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = phone.get(f"/api/phones/{RIDER}/messages").get_json()["messages"]
    return found


def test_a_line_reaches_the_webhook_once_however_often_it_is_sent(
    phone: FlaskClient, heard: list[dict[str, str]]
) -> None:
    body = {"id": "one-message", "text": "hello"}
    sids = {
        phone.post(f"/api/phones/{RIDER}/messages", json=body).get_json()["id"] for _ in range(3)
    }
    until(lambda: heard)
    assert [(each["Body"], each["From"]) for each in heard] == [("hello", f"whatsapp:{RIDER}")]
    assert sids == {heard[0]["MessageSid"]}
    (shown,) = messages(phone)
    assert (shown["text"], shown["direction"], shown["status"]) == ("hello", "in", "delivered")


def test_a_tap_and_a_place_reach_the_webhook_as_whatsapp_sends_them(
    phone: FlaskClient, heard: list[dict[str, str]]
) -> None:
    path = f"/api/phones/{RIDER}/messages"
    phone.post(path, json={"id": "tap-1", "text": "Yes", "payload": "=yes", "list": False})
    phone.post(path, json={"id": "row-1", "text": "Oodi", "payload": "s?id=5", "list": True})
    phone.post(path, json={"id": "place-1", "lat": 60.17, "lng": 24.94})
    until(lambda: len(heard) == 3)
    assert heard[0]["ButtonPayload"] == "=yes"
    assert heard[1]["ListId"] == "s?id=5"
    assert (heard[2]["Latitude"], heard[2]["Longitude"]) == ("60.17", "24.94")


def test_a_photo_is_fetched_back_through_the_pages_own_address(
    phone: FlaskClient, heard: list[dict[str, str]]
) -> None:
    data = phone.get("/stickers/1001-19/clean.jpg").data
    form = {"id": "photo-1", "text": "this", "photo": (io.BytesIO(data), "s.jpg")}
    assert phone.post(f"/api/phones/{RIDER}/messages", data=form).status_code == 201
    until(lambda: heard)
    assert heard[0]["NumMedia"] == "1"
    (shown,) = messages(phone)
    assert shown["media"]["url"].startswith("/api/media?url=")


def test_only_media_of_the_demo_is_fetched(phone: FlaskClient, simulator: str) -> None:
    for url in ("http://example.com/", f"{simulator}/piles", "file:///etc/passwd", ""):
        assert phone.get("/api/media", query_string={"url": url}).status_code == 404


@pytest.mark.parametrize("style", ["clean", "angle", "dark"])
def test_sample_photos_hold_the_code_they_name(phone: FlaskClient, style: str) -> None:
    photo = phone.get(f"/stickers/1001-19/{style}.jpg")
    assert photo.content_type == "image/jpeg"
    reading = decode(photo.data, lambda text: read_payload(text, [], ["+14155238886"]))
    assert [str(code) for code in reading.codes] == ["1001-19"]


def test_samples_of_no_pile_are_not_there(phone: FlaskClient) -> None:
    for path in (
        "/stickers/1001-18/clean.jpg",
        "/stickers/1001-19/torn.jpg",
        "/stickers/x/dark.jpg",
    ):
        assert phone.get(path).status_code == 404


def pile(phone: FlaskClient, number: str = "1001") -> dict[str, Any]:
    found = phone.get("/api/piles").get_json()["piles"]
    row: dict[str, Any] = next(each for each in found if each["number"] == number)
    return row


def test_the_wall_names_every_socket(phone: FlaskClient) -> None:
    row = pile(phone)
    assert row["station"] == "Rautatientori"
    assert [parse(each["code"]) is not None for each in row["evses"]] == [True, True]
    assert row["evses"][0]["connector"] == "Type 2"


def test_the_wall_plugs_breaks_and_repairs(phone: FlaskClient) -> None:
    path = "/api/piles/P001001/evses/1"

    def socket_one() -> dict[str, Any]:
        row: dict[str, Any] = pile(phone)["evses"][0]
        return row

    assert phone.post(f"{path}/plug", json={}).status_code == 200
    assert socket_one()["plugged"] is True
    assert phone.post(f"{path}/fault", json={"kind": "GroundFault"}).status_code == 200
    assert socket_one()["state"] == "faulted"
    assert phone.post(f"{path}/clear", json={}).status_code == 200
    assert phone.post(f"{path}/unplug", json={}).status_code == 200
    assert (socket_one()["state"], socket_one()["plugged"]) == ("free", False)
    assert phone.post(f"{path}/explode", json={}).status_code == 404
    assert phone.post("/api/piles/P009999/offline", json={}).status_code == 404


def test_the_wall_silences_and_brings_back(phone: FlaskClient) -> None:
    phone.post("/api/piles/P001002/misbehave", json={"replies": "late"})
    phone.post("/api/piles/P001002/offline", json={"how": "silent"})
    row = pile(phone, "1002")
    assert (row["online"], row["line"], row["replies"]) == (False, "silent", "late")
    phone.post("/api/piles/P001002/misbehave", json={"replies": "ok"})
    assert pile(phone, "1002")["replies"] == "ok"


def test_a_part_that_is_away_is_said_so(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    file = tmp_path / "config.json"
    file.write_text(
        json.dumps(
            {
                "twilio_url": nowhere + "/", "piles_url": nowhere, "stripe_url": nowhere,
                "public_url": nowhere, "riders": [{"address": RIDER, "has_card": True}],
            }
        )
    )  # fmt: skip
    client = create_app(load(file)).test_client()
    assert client.get("/").status_code == 200
    assert client.get("/api/piles").status_code == 503
    assert client.get(f"/api/phones/{RIDER}/messages").status_code == 503


def test_a_click_to_chat_link_opens_the_phone_with_its_text(phone: FlaskClient) -> None:
    assert phone.get("/wa/14155238886?text=1023-27").location == "/?text=1023-27"


def test_the_map_shows_the_stations_part_of_the_city(phone: FlaskClient) -> None:
    with Image.open(io.BytesIO(phone.get("/map.png").data)) as picture:
        assert picture.width == 1000
    assert phone.get("/map-at?lat=60.1699&lng=24.9384").content_type == "image/png"
    for nowhere in ("lat=0&lng=0", "lat=x&lng=1", "lat=nan&lng=nan", ""):
        assert phone.get(f"/map-at?{nowhere}").status_code == 404


# In the browser


def open_demo(browser: Browser, url: str, width: int, scheme: str = "light") -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.goto(url)
    expect(page.locator("#wall[data-live=true]")).to_be_attached()
    return page


@pytest.mark.browser
def test_a_riders_day_on_the_demo_page(
    demo: Flask, browser: Browser, heard: list[dict[str, str]]
) -> None:
    with served(demo) as url:
        page = open_demo(browser, url, 1440)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.get_by_role("textbox", name="Message").fill("hello")
        page.keyboard.press("Enter")
        expect(page.locator(".row.own .ticks.delivered")).to_have_count(1)
        page.get_by_role("button", name="Send a photo of sticker 1001-19").click()
        expect(page.locator(".row.own.image")).to_have_count(1)
        page.get_by_label("Or from a list").select_option("Oodi")
        page.get_by_role("button", name="Share", exact=True).click()
        expect(page.get_by_role("link", name="Oodi")).to_be_visible()
        page.locator(".map-frame").click(position={"x": 60, "y": 120})
        page.get_by_role("button", name="Share this place").click()
        expect(page.locator(".row.own.location")).to_have_count(2)
        until(lambda: len(heard) == 4)
        assert [each["MessageType"] for each in heard] == ["text", "image", "location", "location"]

        socket_row = page.locator(".evse").filter(has_text="1001-24")
        socket_row.get_by_role("button", name="Plug in").click()
        expect(socket_row.get_by_role("button", name="Unplug")).to_be_visible()
        page.get_by_role("searchbox").fill("elieli")
        expect(page.get_by_role("heading", name="Elielinaukio")).to_be_visible()
        expect(page.get_by_role("heading", name="Rautatientori")).to_be_hidden()

        page.get_by_label("Rider", exact=True).select_option("A new rider…")
        expect(page.locator(".row")).to_have_count(1)  # the hidden typing dots
        expect(page.get_by_text("Say hello, send a photo")).to_be_visible()
        assert errors == []
        page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_demo_page_fits_every_width_and_is_accessible(
    demo: Flask, browser: Browser, scheme: str
) -> None:
    with served(demo) as url:
        for width in (360, 1000, 1440):
            page = open_demo(browser, url, width, scheme)
            check_page(page)
            if width < 1240:
                for tab in ("Piles", "Map and photos"):
                    page.get_by_role("button", name=tab).click()
                    check_page(page)
            page.context.close()
