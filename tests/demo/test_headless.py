"""The whole demo, twenty riders at once, and kill -9 in mid-journey."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import httpx
import pytest

from tests.demo.headless import Demo, amount_minor, running_demo

pytestmark = [pytest.mark.demo, pytest.mark.timeout(900), pytest.mark.xdist_group("demo")]
RIDERS = 20
MAY_AUDIT = ("finance", "admin")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    # In /tmp itself: the path of Redis's socket must stay short.
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


def bills(demo: Demo) -> dict[str, dict[str, Any]]:
    """Bill rows of the demo's database by their number."""
    with sqlite3.connect(f"file:{demo.data}/state/pilebot.db?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT number, total_minor, bill.body, hold.payment_intent, hold.captured_minor, "
            "hold.state FROM bill JOIN hold ON hold.session_id = bill.session_id"
        ).fetchall()
    names = ("number", "total_minor", "body", "payment_intent", "captured_minor", "state")
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


def fast_piles(demo: Demo) -> list[dict[str, Any]]:
    """One EVSE of each AC or DC pile first, so that riders spread, then the others."""
    with sqlite3.connect(f"file:{demo.data}/state/pilebot.db?mode=ro", uri=True) as connection:
        power = dict(connection.execute("SELECT code, max_power_w FROM evse").fetchall())
    return sorted(demo.piles(), key=lambda pile: -power[pile["code"]])


def recomputed_minor(body: dict[str, Any]) -> int:
    """The total from the printed quantities and prices, by arithmetic of its own."""
    total = 0
    for line in body["lines"]:
        if not line["unit_price"]:
            total += line["gross_minor"]
            continue
        per = {"kwh": 1, "h": 3600, "min": 60, "start": 1}[line["per"]]
        exact = Decimal(line["quantity"]) * Decimal(line["unit_price"]) * 100 / per
        total += int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return total


def test_twenty_riders_at_once(demo: Demo) -> None:
    piles = fast_piles(demo)[:RIDERS]
    photos = [demo.photo(pile["code"], "angle") for pile in piles]
    everybody_charges = threading.Barrier(RIDERS)

    def journey(number: int) -> str:
        def until_all_charge() -> None:
            everybody_charges.wait(180)

        return demo.rider(number).charges(piles[number], photos[number], during=until_all_charge)

    with ThreadPoolExecutor(RIDERS) as threads:
        receipts = list(threads.map(journey, range(RIDERS)))
    written = bills(demo)
    assert len(written) == RIDERS
    stations = {pile["code"]: pile["station"] for pile in piles}
    for number, receipt in enumerate(receipts):
        code = piles[number]["code"]
        assert f"{code}, {stations[code]}" in receipt, "each rider gets the own receipt"
        bill = written[receipt.splitlines()[0].removeprefix("Receipt ").strip()]
        body = json.loads(bill["body"])
        assert body["includes_tax"]
        assert bill["total_minor"] == recomputed_minor(body) == amount_minor(receipt, "\nTotal")
        energy_kwh = sum(Decimal(x["quantity"]) for x in body["lines"] if x["what"] == "energy")
        if any(line["what"] == "energy" for line in body["lines"]):
            assert energy_kwh * 1000 == body["meter"]["end_wh"] - body["meter"]["start_wh"]
    wait_for_money(demo, RIDERS)


def wait_for_money(demo: Demo, count: int) -> None:
    """What was captured is what was billed; nothing stays held."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = [b for b in bills(demo).values() if b["state"] in ("captured", "void")]
        if len(done) >= count:
            break
        time.sleep(0.5)
    for bill in bills(demo).values():
        assert bill["state"] in ("captured", "void"), bill
        assert (bill["captured_minor"] or 0) == bill["total_minor"]


@pytest.mark.parametrize(
    "process",
    ["app.py worker", "app:web()", "app.py piles", "mosquitto", "valkey", "app.py clock"],
)
def test_kill_in_mid_journey(demo: Demo, process: str) -> None:
    """What is killed comes back by itself; the journey completes and nothing is doubled."""
    names = ["app.py worker", "app:web()", "app.py piles", "mosquitto", "valkey", "app.py clock"]
    number = names.index(process)
    rider, pile = demo.rider(number), fast_piles(demo)[30 + number]
    before = len(bills(demo))
    rider.seen = len(rider.messages())
    photo = demo.photo(pile["code"])
    receipt = rider.charges(pile, photo, during=lambda: demo.kill(process))
    assert pile["code"] in receipt
    wait_for_money(demo, before + 1)
    assert len(bills(demo)) == before + 1
    heard = [message["body"] or "" for message in rider.messages()]
    assert sum(f"{receipt.splitlines()[0]}\n" in f"{body}\n" for body in heard) == 1


def test_kill_everything_while_the_start_is_under_way(demo: Demo) -> None:
    rider, pile = demo.rider(7), fast_piles(demo)[40]
    rider.seen = len(rider.messages())
    before = len(bills(demo))
    demo.pile_does(pile, "plug")
    rider.sends_photo(demo.photo(pile["code"]))
    rider.hears(pile["code"], "Start charging?")
    rider.says("yes")
    for process in ("app.py worker", "app.py piles", "valkey"):
        demo.kill(process)
    rider.hears("Charging has started", pile["code"], timeout_s=150)
    rider.says("stop")
    rider.hears("Receipt R-", pile["code"], timeout_s=120)
    wait_for_money(demo, before + 1)
    assert len(bills(demo)) == before + 1


def test_a_message_delivered_five_times_counts_once(demo: Demo) -> None:
    rider, pile = demo.rider(8), fast_piles(demo)[41]
    rider.seen = before = len(rider.messages())
    demo.pile_does(pile, "plug")
    rider.sends(json={"text": pile["code"], "repeat": 5})
    rider.hears("Start charging?")
    rider.sends(json={"text": "yes", "repeat": 5})
    rider.hears("Charging has started")
    rider.sends(json={"text": "stop", "repeat": 5})
    rider.hears("Receipt R-")
    heard = [message["body"] or "" for message in rider.messages()[before:]]
    for once in ("Start charging?", "is held on your card", "Charging has started", "Receipt R-"):
        assert sum(once in body for body in heard) == 1, once


@contextmanager
def console_of(demo: Demo, role: str) -> Iterator[httpx.Client]:
    """A browser in which somebody of this role has logged in at the console."""
    person = next(each for each in demo.told["logins"] if each["role"] == role)
    with httpx.Client(base_url=demo.told["console"], timeout=30) as browser:
        token = re.search(r'"X-CSRF-Token": "([0-9a-f]+)"', browser.get("/login").text)
        assert token
        entered = browser.post(
            "/login",
            data={"csrf": token[1], "login": person["login"], "password": person["password"]},
        )
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        yield browser


def test_each_role_logs_in_at_the_console(demo: Demo) -> None:
    roles = {each["role"] for each in demo.told["logins"]}
    assert roles == {"agent", "technician", "finance", "manager", "admin"}
    for role in roles:
        with console_of(demo, role) as browser:
            assert browser.get("/").status_code == 200
            assert browser.get("/audit").status_code == (200 if role in MAY_AUDIT else 403)


def test_who_asks_for_a_person_is_seen_in_the_queue(demo: Demo) -> None:
    rider = demo.rider(11)
    rider.seen = len(rider.messages())
    rider.says("I want to talk to a human")
    rider.hears("")
    with console_of(demo, "agent") as browser:
        deadline = time.monotonic() + 60
        while not (row := re.search(r'href="(/conversations/\d+)', browser.get("/").text)):
            assert time.monotonic() < deadline, "nobody is in the queue"
            time.sleep(0.25)
        page = browser.get(row[1]).text
        assert "I want to talk to a human" in page
        assert rider.phone not in page


def test_the_console_comes_back_and_knows_who_was_in(demo: Demo) -> None:
    with console_of(demo, "manager") as browser:
        demo.kill("app:console()")
        deadline = time.monotonic() + 60
        while True:
            try:
                if browser.get("/").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            assert time.monotonic() < deadline, "the console never came back"
            time.sleep(0.25)


@pytest.mark.parametrize(
    "garbage",
    [
        {"content": b""},
        {"content": b"x" * 1_000_000},
        {"data": {"Body": "hello"}},
        {"data": {"MessageSid": "SM1", "From": "nobody"}, "headers": {"X-Twilio-Signature": "no"}},
        {"json": {"a": 1}, "headers": {"X-Twilio-Signature": "no"}},
        {"content": b"\xff\xfe\x00", "headers": {"Content-Type": "multipart/form-data"}},
    ],
)
def test_garbage_gets_a_4xx(demo: Demo, garbage: dict[str, Any]) -> None:
    for path in ("/webhooks/whatsapp", "/webhooks/whatsapp/status", "/webhooks/stripe"):
        answer = demo.http.post(f"{demo.told['web']}{path}", **garbage)
        assert 400 <= answer.status_code < 500, (path, answer.status_code)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("text.txt", b"not a picture"),
        ("bomb.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 5000),
        ("cut.jpg", b"\xff\xd8\xff\xe0" + b"\x11" * 3000),
        ("x.pdf", b"%PDF-1.4 nothing"),
    ],
)
def test_a_hostile_file_gets_a_polite_answer(demo: Demo, name: str, data: bytes) -> None:
    rider = demo.rider(9)
    rider.seen = len(rider.messages())
    rider.sends(files={"photo": (name, data, "image/jpeg")})
    rider.hears("code")
