"""Tickets shared with who owns or runs the site: by the API, by e-mail, and no longer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.services import case_letters, cases, partners
from bot.services.riders import rider_for
from bot.store.cases import Case, CaseEntry
from bot.store.queues import Outbox
from bot.store.staff import Audit
from tests.console.desk import Desk, open_desk
from tests.world import World, open_world

PHONE = "+358401234567"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path, smtp_url="smtp://127.0.0.1:9") as opened:
        opened.deliveries = {**opened.deliveries, "mail": lambda key, body: "done"}
        yield opened


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    with open_desk(world) as desk:
        yield desk


def reported(world: World) -> None:
    """A rider with a name tells of a broken cable."""
    with world.store.begin() as work:
        rider_for(work, "whatsapp", PHONE, name="Aino Berg")
    world.rider_says(PHONE, f"the cable of 1023-27 is broken, call Aino Berg at {PHONE}")


def asked(world: World, secret: str, method: str = "GET", path: str = "", **body: Any) -> Any:
    answer = world.http.request(
        method, f"{world.settings.public_url}/api/partner/cases{path}", json=body or None,
        headers={"Authorization": f"Bearer {secret}"},
    )  # fmt: skip
    return answer.json() if answer.status_code < 300 else answer.status_code


def test_shared_by_the_api_without_the_rider(world: World, desk: Desk) -> None:
    reported(world)
    mia, teo = desk.agent("manager", "Mia"), desk.agent("technician", "Teo")
    with world.store.begin() as work:
        key, secret = partners.make(work, None, "Kamppi Oy", scopes=["cases:write", "cases:read"])
        _, other = partners.make(work, None, "Other Oy", scopes=["cases:read"], station_ids=[99])
    assert asked(world, secret, path="/1") == 404
    assert (
        "no partner yet" in teo.get(teo.post("/tickets/1/share", text="x").headers["location"]).text
    )
    assert "Name the partner" in mia.get("/stations/1").text
    assert "Other Oy" not in mia.get("/stations/1/partner").text  # not for this station
    wrong = {"name": "Kamppi Oy", "email": "x", "phone": "", "key": ""}
    assert "no e-mail address" in mia.post("/stations/1/partner", **wrong).text
    mia.post("/stations/1/partner", name="Kamppi Oy", phone="+358 9 1234567", key=str(key.id))
    assert "Share with Kamppi Oy" in teo.get("/tickets/1").text
    said = f"Aino Berg ({PHONE}) cannot charge; please open gate B."
    teo.post("/tickets/1/share", text=said)
    seen = asked(world, secret, path="/1")
    assert (seen["pile"], seen["shared"], seen["question"], seen["result"]) == (
        "1023", True, None, "",
    )  # fmt: skip
    (note,) = seen["notes"]
    assert note["by"] == "us"
    assert "open gate B" in note["text"]
    assert "the rider (+358 ••• 67)" in note["text"]
    assert "Aino" not in str(seen)
    assert [each["case"] for each in asked(world, secret)["cases"]] == [1]
    assert asked(world, other, path="/1") == 404
    asked(world, secret, "POST", "/1/notes", message_id="a", text="The gate is open")
    asked(world, secret, "POST", "/1/notes", message_id="a", text="The gate is open")
    page = teo.get("/tickets/1").text
    assert page.count("The gate is open") == 1
    assert "Kamppi Oy reads it by the case API" in page
    teo.post("/tickets/1/note", text="Only for us")
    teo.post("/tickets/1/partner-note", text="Thank you")
    assert [each["text"] for each in asked(world, secret, path="/1")["notes"]][1:] == [
        "The gate is open", "Thank you",
    ]  # fmt: skip
    teo.post("/tickets/1/solve", cause="Rust", fix="New", result="Dear Aino Berg, it works")
    assert asked(world, secret, path="/1")["result"] == ""
    assert asked(world, secret, "POST", "/1/answer", answer="yes") == 403  # it is the rider's
    teo.post("/tickets/1/unshare", ref=str(key.id))
    assert asked(world, secret, path="/1") == 404
    assert asked(world, secret)["cases"] == []
    with world.store.read() as work:
        done = set(work.session.scalars(select(Audit.action)))
    assert {"site_partner", "case_share", "case_unshare"} <= done


def test_shared_by_letters_whose_answers_come_back(world: World, desk: Desk) -> None:
    reported(world)
    mia, anna = desk.agent("manager", "Mia"), desk.agent("agent", "Anna")
    mia.post("/stations/1/partner", name="Kamppi Oy", email="House@Kamppi.fi")
    anna.post("/tickets/1/share", text="Please unlock the gate")
    anna.post("/tickets/1/partner-note", text="Today, if you can")
    world.settle()
    with world.store.read() as work:
        letters = [
            (body["to"], body["subject"], body["text"])
            for body in work.session.scalars(select(Outbox.body).where(Outbox.kind == "mail"))
        ]
    assert [to for to, _, _ in letters] == ["house@kamppi.fi"] * 2
    assert letters[0][1] == "[Case 1] Pile or cable broken, Kamppi"
    assert "Please unlock the gate" in letters[0][2]
    letter = {"name": "", "subject": "Re: [Case 1] Pile", "text": "Done at noon", "lang": "en"}
    with world.store.begin() as work:
        for number, sender in enumerate(("house@kamppi.fi", "house@kamppi.fi", "eve@x.fi")):
            body = {**letter, "from": sender, "id": f"m{number // 2}{sender}"}
            case_letters.on_email(work, world.settings, body)
    with world.store.read() as work:
        told = work.session.execute(
            select(CaseEntry.case_id, CaseEntry.text).where(CaseEntry.kind == "partner")
        ).all()
    assert told == [(1, "Done at noon")]  # once; what a stranger writes opens a ticket of its own
    assert "Done at noon" in anna.get("/tickets/1").text
    anna.post("/tickets/1/unshare", ref="station:1")
    anna.post("/tickets/1/partner-note", text="Hello?")
    assert "shared with nobody" in anna.get("/tickets/1").text
    mia.post("/stations/1/partner", name="", email="")
    assert "Nobody is named" in mia.get("/stations/1").text


def test_after_a_merge_the_partner_reads_and_writes_where_it_goes_on(
    world: World, desk: Desk
) -> None:
    reported(world)
    world.rider_says("+358401234568", "1023-16 is broken, its screen is black")
    mia = desk.agent("manager", "Mia")
    with world.store.begin() as work:
        key, secret = partners.make(work, None, "Kamppi Oy", scopes=["cases:write", "cases:read"])
    mia.post("/stations/1/partner", name="Kamppi Oy", email="House@Kamppi.fi", key=str(key.id))
    mia.post("/tickets/1/share", text="Please open the gate")
    mia.post("/tickets/1/merge", into="2")
    with world.store.read() as work:
        assert work.session.get_one(Case, 1).merged_into == 2
    assert asked(world, secret, path="/1")["case"] == 2
    mia.post("/tickets/2/solve", cause="Rust", fix="New", result="It works")
    asked(world, secret, "POST", "/1/notes", message_id="b", text="The gate is locked again")
    with world.store.read() as work:
        case = work.session.get_one(Case, 2)
        assert case.status not in ("done", "closed")  # somebody looks at it
        said = [each.text for each in cases.entries(work, 2)]
        assert said.count("The gate is locked again") == 1
    mia.post("/tickets/2/unshare", ref=str(key.id))
    assert asked(world, secret, path="/1") == 404
    assert asked(world, secret, path="/2") == 404


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_what_is_no_text_is_said_to_the_partner(world: World, desk: Desk, text: str) -> None:
    with world.store.begin() as work:
        _, secret = partners.make(work, None, "Kamppi Oy", scopes=["cases:write", "cases:read"])
    body = json.dumps({"message_id": "x", "topic": "broken", "text": text})
    answer = world.http.post(
        f"{world.settings.public_url}/api/partner/cases", content=body,
        headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 400
    assert "no text" in answer.json()["error"]
    assert asked(world, secret, path="/99999999999999999999") in (400, 404)
