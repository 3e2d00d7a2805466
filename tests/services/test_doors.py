"""The other doors to cases: signed e-mail, and partners with a key."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from bot.gateways.mailer import Mailer, text_of
from bot.services import case_mail, case_work, clocks, partners
from bot.services.audit import Actor
from bot.store.cases import Case, CaseEntry, PartnerKey
from bot.store.queues import Outbox
from bot.store.staff import Staff
from tests.console.test_incidents import mail_server
from tests.world import World, open_world

SECRET = "letters-" + "s" * 24


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path, mail_webhook_secret=SECRET, smtp_url="smtp://127.0.0.1:9") as opened:
        opened.deliveries = {**opened.deliveries, "mail": lambda key, body: "done"}
        yield opened


def mailgun(world: World, message: str, *, ago: int = 0, secret: str = SECRET, **form: Any) -> int:
    """A letter as Mailgun's routes post it."""
    stamp, token = str(int(world.now.timestamp()) - ago), message
    signed = hmac.new(secret.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    told = {
        "timestamp": stamp, "token": token, "signature": signed, "Message-Id": f"<{message}@x.fi>",
        "from": "Aino Berg <aino@example.com>", "subject": "Broken", "body-plain": "Look",
    }  # fmt: skip
    answer = world.http.post(f"{world.settings.public_url}/webhooks/email", data={**told, **form})
    world.settle()
    return answer.status_code


def all_cases(world: World) -> list[Case]:
    with world.store.read() as work:
        return list(work.session.scalars(select(Case).order_by(Case.id)))


def file(world: World, number: int) -> list[str]:
    with world.store.read() as work:
        rows = select(CaseEntry.text).where(CaseEntry.case_id == number).order_by(CaseEntry.id)
        return list(work.session.scalars(rows))


def letters(world: World) -> list[str]:
    with world.store.read() as work:
        rows = select(Outbox.body).where(Outbox.kind == "mail").order_by(Outbox.id)
        return [f"{body['to']} {body['subject']}" for body in work.session.scalars(rows)]


def test_a_letter_opens_a_case_and_the_next_joins_it(world: World) -> None:
    words: dict[str, Any] = {
        "subject": "Pile 1023",
        "stripped-text": "The cable of 1023-27 is broken",
    }
    assert mailgun(world, "m1", **words) == 204
    assert mailgun(world, "m1", **words) == 204  # the provider repeats itself
    (case,) = all_cases(world)
    assert (case.code, case.pile_id, case.team) == ("broken", "P001023", "technical")
    assert (case.contact, case.contact_name) == ("aino@example.com", "Aino Berg")
    assert letters(world) == ["aino@example.com [Case 1] Pile or cable broken"]
    with world.store.read() as work:  # our acknowledgement is no answer
        first = next(
            each for each in clocks.of_subject(work, "case:1") if each.name == "first_reply"
        )
        assert first.state == "running"
    reply: dict[str, Any] = {"stripped-text": "Still so"}
    assert mailgun(world, "m2", subject="Re: [Case 1] Pile", **reply) == 204
    assert file(world, 1)[-1] == "Still so"
    assert all_cases(world)[0].contacts == 2
    away: dict[str, Any] = {
        "stripped-text": "I am away", "message-headers": '[["Auto-Submitted", "auto-replied"]]',
    }  # fmt: skip
    assert mailgun(world, "m2a", subject="Re: [Case 1] Pile", **away) == 204
    assert file(world, 1)[-1] == "Answered by a machine: I am away"
    assert all_cases(world)[0].contacts == 2
    stranger: dict[str, Any] = {
        "from": "Eve <eve@example.com>",
        "subject": "case 1",
        "stripped-text": "mine now",
    }
    assert mailgun(world, "m3", **stranger) == 204  # a number proves nothing
    assert [each.contact for each in all_cases(world)] == ["aino@example.com", "eve@example.com"]


@pytest.mark.parametrize(
    ("form", "code"),
    [({"secret": "other"}, 403), ({"ago": 3_600}, 403), ({"signature": "0" * 64}, 403),
     ({"timestamp": "x"}, 403), ({"from": "nobody"}, 400)],
)  # fmt: skip
def test_letters_that_are_not_let_in(world: World, form: dict[str, Any], code: int) -> None:
    assert mailgun(world, "m1", **form) == code
    assert all_cases(world) == []


def test_json_and_answers_by_mail(world: World) -> None:
    raw = json.dumps(
        {"From": "bot@shop.fi", "Subject": "Dirty", "TextBody": "The site is dirty",
         "MessageID": "j1", "Headers": [{"Name": "Auto-Submitted", "Value": "auto-replied"}]}
    ).encode()  # fmt: skip
    stamp = str(int(world.now.timestamp()))
    right = hmac.new(SECRET.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    url = f"{world.settings.public_url}/webhooks/email"
    for signature, code in ((f"t={stamp},v1={right}", 204), (f"t={stamp},v1=00", 403), ("", 403)):
        headers = {"X-Pilebot-Signature": signature, "Content-Type": "application/json"}
        assert world.http.post(url, content=raw, headers=headers).status_code == code
    world.settle()
    (case,) = all_cases(world)
    assert (case.code, letters(world)) == ("site_care", [])  # machines are not answered by machines
    with world.store.begin() as work:
        staff = Staff(login="a", name="Anna", role="agent", created_at=work.now)
        work.session.add(staff)
        work.session.flush()
        anna = Actor(staff.id, "agent", "Anna")
        case_work.contacted(work, anna, 1, "We clean it today")
        assert case_mail.send(
            work, world.settings, work.session.get_one(Case, 1), key="k", text="We clean it today"
        )
    with mail_server() as (port, kept), world.store.read() as work:
        settings = replace(world.settings, smtp_url=f"smtp://127.0.0.1:{port}")
        body = work.session.scalars(select(Outbox.body).where(Outbox.kind == "mail")).one()
        assert Mailer(settings)("k", body) == "done"
    assert "Subject: [Case 1] Dirty or damaged site" in kept[0]
    assert "We clean it today" in kept[0]


def test_no_secret_no_door(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        assert mailgun(world, "m1") == 404


# --- partners ------------------------------------------------------------------------------------


def ask(world: World, secret: str, method: str, path: str, **told: Any) -> httpx.Response:
    url = f"{world.settings.public_url}/api/partner/cases{path}"
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    answer = world.http.request(method, url, headers=headers, json=told if told else None)
    world.settle()
    return answer


def test_partners_report_and_read_their_own(world: World) -> None:
    with world.store.begin() as work:
        _, owner = partners.make(work, None, "Kamppi Oy", scopes=["cases:write", "cases:read"])
        _, elsewhere = partners.make(
            work, None, "Elsewhere", scopes=["cases:write"], station_ids=[99]
        )
    told = {"message_id": "a1", "topic": "site_care", "text": "Broken glass", "pile": "1023"}
    made = ask(world, owner, "POST", "", **told)
    assert (made.status_code, made.json()["case"]) == (201, 1)
    assert ask(world, owner, "POST", "", **told).status_code == 200
    assert all_cases(world)[0].team == "site"
    shown = ask(world, owner, "GET", "/1").json()
    assert (shown["status"], shown["missing"]) == ("new", [])
    assert shown["next_deadline"] is not None
    note = {"message_id": "a2", "text": "Two bottles"}
    assert ask(world, owner, "POST", "/1/notes", **note).status_code == 201
    assert file(world, 1)[-1] == "Two bottles"
    assert all_cases(world)[0].contacts == 2
    with world.store.begin() as work:
        work.session.get_one(Case, 1).status = "done"
    assert ask(world, owner, "POST", "/1/notes", message_id="a3", text="A third").status_code == 201
    assert ask(world, owner, "POST", "/1/notes", message_id="a3", text="A third").status_code == 201
    assert (all_cases(world)[0].status, all_cases(world)[0].contacts) == ("new", 3)
    for secret, method, path, body, code in (
        ("", "GET", "/1", {}, 401), ("pbk_wrong", "GET", "/1", {}, 401),
        (elsewhere, "GET", "/1", {}, 403), (elsewhere, "POST", "/1/notes", note, 404),
        (elsewhere, "POST", "", told, 403), (owner, "POST", "", {"text": "x"}, 400),
        (owner, "POST", "", {**told, "topic": "x", "message_id": "b"}, 400),
        (owner, "POST", "", {**told, "text": 7}, 400),
        (owner, "POST", "", {**told, "pile": "9"}, 404), (owner, "GET", "/77", {}, 404),
    ):  # fmt: skip
        answer = ask(world, secret, method, path, **body)
        assert (answer.status_code, bool(answer.json()["error"])) == (code, True), path
    with world.store.begin() as work:
        partners.revoke(work, None, 1)
        with pytest.raises(partners.NotPossible):
            partners.revoke(work, None, 1)
        assert owner not in str(work.session.get_one(PartnerKey, 1).__dict__)
    assert ask(world, owner, "GET", "/1").status_code == 401
    codes = [ask(world, elsewhere, "GET", "/1").status_code for _ in range(partners.PER_MINUTE)]
    assert codes[-1] == 429


def test_keys_that_cannot_be(world: World) -> None:
    with world.store.begin() as work:
        for name, scopes in (("", ["cases:read"]), ("X", []), ("X", ["money"])):
            with pytest.raises(partners.NotPossible):
                partners.make(work, None, name, scopes=scopes)


# --- the call-back, where there is no chat -------------------------------------------------------


def solved_by_mail(world: World, subject: str = "Broken", text: str = "Look") -> None:
    """A case by e-mail, done by a person."""
    form: dict[str, Any] = {"subject": subject, "body-plain": text}
    mailgun(world, "m1", **form)
    solve(world, 1)


def solve(world: World, number: int) -> None:
    with world.store.begin() as work:
        if work.session.get(Staff, 1) is None:
            work.session.add(
                Staff(id=1, login="c", name="Chef", role="manager", created_at=work.now)
            )
            work.session.flush()
        case_work.solve(
            work, world.settings, Actor(1, "manager", "Chef"), number, cause="A relay",
            fix="Changed", result="It works",
        )  # fmt: skip
    world.settle()


def mails(world: World) -> list[str]:
    """What our letters say, oldest first, in their reader's language."""
    with world.store.read() as work:
        rows = select(Outbox.body).where(Outbox.kind == "mail").order_by(Outbox.id)
        return [text_of(body) for body in work.session.scalars(rows)]


def link(world: World, answer: str) -> str:
    found = re.findall(rf"\S+/case/\S+\?answer={answer}", mails(world)[-1])
    assert found, mails(world)[-1]
    return str(found[0])


def press(world: World, address: str, answer: str) -> httpx.Response:
    """Press a button of the page behind a link."""
    with httpx.Client() as browser:
        page = browser.get(address)
        token = re.search(r'name="csrf" value="([^"]+)"', page.text)
        return browser.post(
            address.partition("?")[0], data={"csrf": token[1] if token else "", "answer": answer}
        )


def test_a_call_back_by_mail_counts_the_button_once_and_no_opened_link(world: World) -> None:
    solved_by_mail(world)
    assert "It works" in mails(world)[-1]
    world.clock_passes(24 * 3600)
    assert "Is it solved?" in mails(world)[-1]
    address = link(world, "no")
    for _ in range(3):  # a scanner opens what it finds
        assert httpx.get(address).status_code == 200
    assert all_cases(world)[0].status == "done"
    assert httpx.post(address, data={"answer": "no"}).status_code == 403
    assert press(world, address, "maybe").status_code == 410
    assert "supervisor" in press(world, address, "no").text
    (case,) = all_cases(world)
    assert (case.status, case.answer, case.level) == ("new", "no", 1)
    assert press(world, link(world, "yes"), "yes").status_code in (403, 410)
    assert httpx.get(address).status_code == 410
    assert all_cases(world)[0].status == "new"
    solve(world, 1)
    assert httpx.get(address).status_code == 410  # of the round before
    world.clock_passes(24 * 3600)
    assert press(world, link(world, "yes"), "yes").status_code == 200
    assert all_cases(world)[0].close_reason == "consent"
    forged = f"{world.settings.public_url}/case/1-2-9999999999.{'0' * 43}"
    assert httpx.get(forged).status_code == 410


def test_two_letters_without_an_answer_close_it_in_the_writers_language(world: World) -> None:
    solved_by_mail(
        world, "Ladesäule kaputt", "Die Säule lädt mein Auto nicht, bitte helfen Sie mir"
    )
    world.clock_passes(24 * 3600)
    assert "Ist es gelöst?" in mails(world)[-1]
    world.clock_passes(24 * 3600)
    assert "noch einmal" in mails(world)[-1]
    world.clock_passes(24 * 3600)
    (case,) = all_cases(world)
    assert (case.status, case.close_reason, case.asked) == ("closed", "silence", 2)


def test_a_partner_answers_its_call_back_by_the_api(world: World) -> None:
    with world.store.begin() as work:
        _, owner = partners.make(work, None, "Kamppi Oy", scopes=["cases:write", "cases:read"])
        _, other = partners.make(work, None, "Other Oy", scopes=["cases:write"])
    ask(world, owner, "POST", "", message_id="a", text="It is dirty", pile="1023")
    assert ask(world, owner, "GET", "/1").json()["question"] is None
    assert ask(world, owner, "POST", "/1/answer", answer="yes").status_code == 409
    solve(world, 1)
    world.clock_passes(24 * 3600)
    assert ask(world, owner, "GET", "/1").json()["question"]["asked"] == 1
    assert ask(world, owner, "POST", "/1/answer", answer="perhaps").status_code == 400
    assert ask(world, other, "POST", "/1/answer", answer="yes").status_code == 404
    assert ask(world, owner, "POST", "/1/answer", answer="no").json()["status"] == "new"
    assert ask(world, owner, "POST", "/1/answer", answer="yes").status_code == 409
    assert mails(world) == []
