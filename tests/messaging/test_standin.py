"""The stand-in is as strict as Twilio, survives kill -9, and its phones work like phones."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from flask import Flask, request
from sqlalchemy import select
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest.content.v1.content import ContentList
from twilio.rest.content.v1.content.approval_create import ApprovalCreateList

from bot.errors import Refused
from bot.gateways.templates import register
from bot.gateways.verify import check_code, start_code
from bot.gateways.whatsapp import client, read_inbound
from bot.replies import Choose, Option, Say
from bot.store.queues import Inbox
from tests.messaging.conftest import ACCOUNT, PHONE, PNG, SENDER, TOKEN, World, served, until

CHAT = f"/demo/phones/{PHONE}/messages"
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
AUTH = (ACCOUNT, TOKEN)


def received(world: World, count: int = 1) -> list[Inbox]:
    """The messages our webhook recorded."""

    def check() -> list[Inbox] | None:
        with world.store.read() as work:
            rows = list(
                work.session.scalars(
                    select(Inbox).where(Inbox.source == "twilio").order_by(Inbox.id)
                )
            )
        return rows if len(rows) >= count else None

    found: list[Inbox] = until(check)
    return found


# Phones


def test_a_typed_message_arrives_at_our_webhook_signed(world: World) -> None:
    sid = world.twilio.post(CHAT, json={"text": "¿Dónde? 充电桩"}).json()["sid"]
    (row,) = received(world)
    assert (row.source_id, row.body["Body"]) == (sid, "¿Dónde? 充电桩")
    assert row.body["From"] == f"whatsapp:{PHONE}"


def test_a_tapped_button_names_its_message_and_title(world: World) -> None:
    world.deliver("k", world.body(Choose(Say("Start?"), [Option("go?a=1", Say("Yes"))])))
    (shown,) = world.shown()
    world.twilio.post(CHAT, json={"payload": "go?a=1"})
    body = received(world)[0].body
    assert (body["ButtonPayload"], body["ButtonText"], body["Body"]) == ("go?a=1", "Yes", "Yes")
    assert body["OriginalRepliedMessageSid"] == shown["id"]


def test_a_tapped_row_comes_as_a_list_answer(world: World) -> None:
    rows = [Option(f"go?a={n}", Say("Row {n}", {"n": n})) for n in range(5)]
    world.deliver("k", world.body(Choose(Say("Which?"), rows)))
    world.shown()
    world.twilio.post(CHAT, json={"payload": "go?a=3"})
    body = received(world)[0].body
    assert (body["ListId"], body["ListTitle"]) == ("go?a=3", "Row 3")
    assert "ButtonPayload" not in body


def test_a_shared_place_and_a_stale_button_come_as_they_are(world: World) -> None:
    world.twilio.post(CHAT, json={"lat": 60.17, "lng": 24.94, "label": "Home"})
    world.twilio.post(CHAT, json={"payload": "old?x=1", "title": "Old"})
    place, tap = [read_inbound(row.body) for row in received(world, 2)]
    assert place.location == (60.17, 24.94)
    assert (tap.payload, tap.text) == ("old?x=1", "Old")


def test_photos_come_one_by_one_and_are_fetched_with_a_password(world: World) -> None:
    files = [("photo", ("a.png", PNG, "image/png")), ("photo", ("b.jpg", b"jpg", "image/jpeg"))]
    world.twilio.post(CHAT, data={"text": "here"}, files=files)
    first, second = [read_inbound(row.body) for row in received(world, 2)]
    assert (first.text, second.text) == ("here", "")
    url, kind = first.media[0]
    assert kind == "image/png"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, auth=AUTH).status_code == 307
    assert httpx.get(url, auth=AUTH, follow_redirects=True).content == PNG


def test_the_same_message_delivered_five_times_is_one_row(world: World) -> None:
    world.twilio.post(CHAT, json={"text": "hi", "repeat": 5})
    world.twilio.post(CHAT, json={"text": "then"})
    assert [row.body["Body"] for row in received(world, 2)] == ["hi", "then"]


def test_messages_of_one_phone_arrive_in_order(world: World) -> None:
    for n in range(12):
        world.twilio.post(CHAT, json={"text": str(n)})
    assert [row.body["Body"] for row in received(world, 12)] == [str(n) for n in range(12)]


def test_waiting_for_news_ends_when_there_is_some(world: World) -> None:
    cursor = world.twilio.get(CHAT).json()["cursor"]
    answers: list[dict[str, Any]] = []

    def listen() -> None:
        answers.append(world.twilio.get(CHAT, params={"after": cursor, "wait": 20}).json())

    listener = threading.Thread(target=listen)
    listener.start()
    world.deliver("k", world.body(Say("Hello.")))
    listener.join(10)
    assert [each["text"] for each in answers[0]["messages"]] == ["Hello."]
    assert answers[0]["cursor"] > cursor
    assert world.twilio.get(CHAT, params={"after": 10**6}).json()["messages"] == []


def test_phones_are_listed_with_their_last_line(world: World) -> None:
    world.twilio.post("/demo/phones/358409999999", json={"name": "Ville"})
    world.twilio.post(CHAT, json={"text": "hi"})
    phones = {each["number"]: each for each in world.twilio.get("/demo/phones").json()["phones"]}
    assert phones[PHONE]["last"] == "hi"
    assert phones["+358409999999"]["name"] == "Ville"


# Twilio's strictness


def test_every_call_wants_the_accounts_password(world: World) -> None:
    for auth in (None, (ACCOUNT, "wrong"), ("ACother", TOKEN)):
        answer = world.twilio.get(MESSAGES, auth=auth)
        assert (answer.status_code, answer.json()["code"]) == (401, 20003)
    other = MESSAGES.replace(ACCOUNT, "AC" + "0" * 32)
    assert world.twilio.get(other, auth=AUTH).json()["code"] == 20404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"To": "whatsapp:+12"}, 21211), ({"To": "hello"}, 21211), ({"To": ""}, 21604),
        ({"From": "whatsapp:+1999"}, 63007), ({"From": ""}, 21603), ({"Body": ""}, 21619),
        ({"Body": "x" * 1601}, 21617), ({"ContentSid": "HX" + "0" * 32}, 21655),
        ({"StatusCallback": "http://a_b.example/x"}, 21609),
    ],
)  # fmt: skip
def test_wrong_sends_are_refused_with_twilios_codes(
    world: World, change: dict[str, str], code: int
) -> None:
    form = {"To": f"whatsapp:{PHONE}", "From": SENDER, "Body": "x"} | change
    answer = world.twilio.post(MESSAGES, data=form, auth=AUTH)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert set(answer.json()) == {"code", "message", "more_info", "status"}


def send(world: World, **form: str) -> dict[str, Any]:
    """A message sent raw, once its fate is known."""
    fields = {"To": f"whatsapp:{PHONE}", "From": SENDER, **form}
    sid = world.twilio.post(MESSAGES, data=fields, auth=AUTH).json()["sid"]

    def check() -> dict[str, Any] | None:
        found: dict[str, Any] = world.twilio.get(
            MESSAGES.replace(".json", f"/{sid}.json"), auth=AUTH
        ).json()
        return found if found["status"] in ("failed", "read") else None

    settled: dict[str, Any] = until(check)
    return settled


def test_free_form_outside_the_window_fails_later_with_63016(world: World) -> None:
    world.twilio.post(f"/demo/phones/{PHONE}", json={"window": "closed"})
    assert send(world, Body="Hello.")["error_code"] == 63016
    assert world.twilio.get(CHAT).json()["messages"] == []
    world.twilio.post(CHAT, json={"text": "hi"})  # the rider writes: it is open again
    assert send(world, Body="Hello.")["status"] == "read"


def test_a_file_that_cannot_be_fetched_fails_with_63019(world: World) -> None:
    assert send(world, MediaUrl="http://127.0.0.1:9/x.png")["error_code"] == 63019


def make_content(world: World, **types: Any) -> str:
    request_ = {"friendly_name": "x", "language": "en", "types": types}
    contents = client(world.settings).content.v1.contents
    return str(contents.create(ContentList.ContentCreateRequest(request_)).sid)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("quick-reply", {"body": "?", "actions": [{"title": "x" * 21, "id": "1"}]}),
        ("quick-reply", {"body": "?", "actions": [{"title": str(n), "id": "1"} for n in range(4)]}),
        ("quick-reply", {"body": "?", "actions": [{"title": "a", "id": "1"}] * 2}),
        ("quick-reply", {"body": "x" * 1025, "actions": [{"title": "a", "id": "1"}]}),
        ("list-picker", {"body": "?", "button": "b", "items": [{"item": "x" * 25, "id": "1"}]}),
        ("list-picker", {"body": "?", "button": "b" * 21, "items": [{"item": "x", "id": "1"}]}),
        ("list-picker", {"body": "?", "button": "b", "items": []}),
        ("list-picker", {"body": "?", "button": "b",
                         "items": [{"item": "x", "id": "1", "description": "d" * 73}]}),
    ],
)  # fmt: skip
def test_a_content_over_whatsapps_limits_fails_with_63021(
    world: World, kind: str, content: dict[str, Any]
) -> None:
    sid = make_content(world, **{f"twilio/{kind}": content})
    assert send(world, ContentSid=sid)["error_code"] == 63021


def test_templates_are_approved_by_metas_rules(world: World) -> None:
    contents = client(world.settings).content.v1.contents
    verdicts = {}
    for body in ("{{1}} is free", "Free: {{1}}.", "a {{1}} {{2}} b", "Pile {{1}} is free now."):
        sid = make_content(world, **{"twilio/text": {"body": body}})
        asked = ApprovalCreateList.ContentApprovalRequest({"name": "x", "category": "UTILITY"})
        contents(sid).approval_create.create(asked)
        verdicts[body] = contents(sid).approval_fetch().fetch().whatsapp["status"]
    assert list(verdicts.values()) == ["rejected", "rejected", "rejected", "approved"]


def test_all_our_templates_in_all_languages_are_approved(world: World) -> None:
    contents = client(world.settings).content.v1.contents
    mapped = register(world.settings)
    sids = [entry.split("=")[1] for entry in mapped.split(",")]
    assert len(sids) == 24
    for sid in sids:
        assert contents(sid).approval_fetch().fetch().whatsapp["status"] == "approved"


def test_the_list_is_filtered_and_paged_as_the_sdk_reads_it(world: World) -> None:
    for n in range(7):
        world.deliver(f"k{n}", world.body(Say("Line {n}", {"n": n})))
    world.twilio.post(CHAT, json={"text": "hi"})
    messages = client(world.settings).messages
    to_rider = list(messages.stream(to=f"whatsapp:{PHONE}", page_size=3))
    assert [each.body for each in to_rider] == [f"Line {n}" for n in reversed(range(7))]
    assert [each.body for each in messages.list(from_=f"whatsapp:{PHONE}")] == ["hi"]
    assert messages.list(to="whatsapp:+4915112345678") == []
    unescaped = world.twilio.get(f"{MESSAGES}?To=whatsapp:{PHONE}", auth=AUTH).json()
    assert len(unescaped["messages"]) == 7


# Verify


def code_on_phone(world: World) -> str:
    shown: str = world.shown()[-1]["text"]
    return shown.split()[0]


def test_a_code_logs_in_once(world: World) -> None:
    start_code(world.settings, PHONE)
    code = code_on_phone(world)
    wrong = "000000" if code != "000000" else "000001"
    assert not check_code(world.settings, PHONE, wrong)
    assert check_code(world.settings, PHONE, code)
    assert not check_code(world.settings, PHONE, code)
    assert world.listed() == []  # Verify's messages are not in our log


def test_codes_refuse_politely(world: World) -> None:
    with pytest.raises(Refused, match="country code"):
        start_code(world.settings, "0401234567")
    for _ in range(5):
        start_code(world.settings, PHONE, channel="sms")
    with pytest.raises(Refused, match="too many"):
        start_code(world.settings, PHONE)
    for _ in range(5):
        assert not check_code(world.settings, PHONE, "abcdef")
    with pytest.raises(Refused, match="too many"):
        check_code(world.settings, PHONE, "abcdef")
    assert not check_code(world.settings, PHONE, "1")


# Retries, and kill -9


@contextmanager
def process(data: Path, port: int, webhook: str) -> Iterator[subprocess.Popen[bytes]]:
    """The stand-in as the demo starts it."""
    command = [
        sys.executable, "-m", "bot.demo.twilio_standin", "--port", str(port),
        "--data", str(data), "--webhook", webhook, "--pace", "0.05",
        "--account-sid", ACCOUNT, "--auth-token", TOKEN, "--from", SENDER, "--verify-sid", "VA1",
    ]  # fmt: skip
    child = subprocess.Popen(command)

    def up() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/healthz").is_success
        except httpx.TransportError:
            return False

    try:
        until(up, 30)
        yield child
    finally:
        child.kill()
        child.wait()


def free_port() -> int:
    with served(Flask("free")) as port:
        return port


def test_nothing_is_lost_by_kill_9_and_a_dead_webhook_is_tried_again(tmp_path: Path) -> None:
    heard: list[dict[str, list[str]]] = []
    signatures: list[bool] = []
    bot = Flask("bot")
    bot_port, port = free_port(), free_port()
    url = f"http://127.0.0.1:{bot_port}/hook"

    @bot.post("/hook")
    def hook() -> str:
        signature = request.headers["X-Twilio-Signature"]
        signatures.append(RequestValidator(TOKEN).validate(url, request.form, signature))
        heard.append(parse_qs(request.get_data(as_text=True)) or request.form.to_dict(flat=False))
        return ""

    base = f"http://127.0.0.1:{port}"
    with process(tmp_path, port, url) as child:
        sid = httpx.post(base + CHAT, json={"text": "hi"}).json()["sid"]  # nobody listens yet
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    with served(bot, bot_port), process(tmp_path, port, url):
        until(lambda: heard, 20)
        assert heard[0]["MessageSid"] == [sid]
        assert signatures == [True]
        login = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        listed = httpx.get(base + MESSAGES, headers={"Authorization": f"Basic {login}"}).json()
        assert [each["sid"] for each in listed["messages"]] == [sid]
        shown = httpx.get(base + CHAT).json()["messages"]
        assert [each["text"] for each in shown] == ["hi"]


def test_the_sdk_understands_our_errors(world: World) -> None:
    with pytest.raises(TwilioRestException) as caught:
        client(world.settings).messages.create(to="whatsapp:+1", from_=SENDER, body="x")
    assert (caught.value.status, caught.value.code) == (400, 21211)
