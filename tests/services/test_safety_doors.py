"""Danger by every door: partner, letter, console; the pile is locked and people are paged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.services import partners, safety
from bot.store.cases import Case
from bot.store.desk import Incident, IncidentEntry
from bot.store.queues import Outbox
from bot.store.stations import Pile
from tests.console.desk import open_desk
from tests.services.test_doors import SECRET, all_cases, ask, mailgun, mails
from tests.world import World, add_station, open_world

RIDER = "+358409990001"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Somebody is on call; letters are let in and go nowhere."""
    settings = {
        "mail_webhook_secret": SECRET, "smtp_url": "smtp://127.0.0.1:9",
        "page_on_call": "mailto:on@call.fi", "page_managers": "mailto:chef@call.fi",
    }  # fmt: skip
    with open_world(tmp_path, **settings) as opened:
        quiet = dict.fromkeys(("mail", "page"), lambda key, body: "done")
        opened.deliveries = {**opened.deliveries, **quiet}
        yield opened


def letter(
    world: World, key: str, subject: str, text: str, *, sender: str = "Aino <a@example.com>"
) -> None:
    told: dict[str, Any] = {"subject": subject, "body-plain": text, "from": sender}
    assert mailgun(world, key, **told) == 204


def incidents_of(world: World) -> list[Incident]:
    with world.store.read() as work:
        return list(work.session.scalars(select(Incident).order_by(Incident.id)))


def in_service(world: World, pile: str = "P001023") -> bool:
    with world.store.read() as work:
        return work.session.get_one(Pile, pile).in_service


def paged(world: World, to: str = "on@call.fi") -> list[str]:
    """What pages somebody: incidents by their number, the rest in words."""
    with world.store.read() as work:
        rows = work.session.scalars(select(Outbox.body).where(Outbox.kind == "page")).all()
    return [str(each.get("incident_id") or each["text"]) for each in rows if each["to"] == to]


def test_a_partners_report_locks_pages_and_a_repeat_of_it_does_neither(world: World) -> None:
    with world.store.begin() as work:
        _, owner = partners.make(work, None, "Kamppi Oy", scopes=["cases:write", "cases:read"])
    told = {"message_id": "a", "topic": "hazard", "text": "Loose panel", "pile": "1023"}
    assert ask(world, owner, "POST", "", **told).status_code == 201
    (incident,) = incidents_of(world)
    assert (incident.source, incident.pile_id, incident.state) == ("partner", "P001023", "open")
    assert not in_service(world)
    assert paged(world) == ["1"]
    assert all_cases(world)[0].team == "safety"
    world.clock_passes(61)  # nobody spoke with the partner, who has no chat
    call = "CALL BACK NOW: case 1, nobody has spoken with Kamppi Oy for 60 s."
    assert sorted(paged(world)) == ["1", "1", call]
    assert call in paged(world, "chef@call.fi")

    with world.store.begin() as work:
        safety.put_back(work, work.session.get_one(Pile, "P001023"))
    assert ask(world, owner, "POST", "", **told).status_code == 200  # a late retry
    assert in_service(world)
    again = {**told, "message_id": "b", "topic": "broken", "text": "Smoke comes out now!"}
    assert ask(world, owner, "POST", "", **again).status_code == 200
    assert not in_service(world)
    assert len(incidents_of(world)) == 1
    with world.store.read() as work:
        lines = select(IncidentEntry.text).where(IncidentEntry.kind == "again")
        assert work.session.scalars(lines).all() == ["Smoke comes out now!"]


def test_a_note_with_words_of_danger_makes_a_case_one_of_danger(world: World) -> None:
    with world.store.begin() as work:
        _, owner = partners.make(work, None, "Kamppi Oy", scopes=["cases:write"])
    ask(world, owner, "POST", "", message_id="a", topic="broken", text="Dark", pile="1023")
    assert not incidents_of(world)
    ask(world, owner, "POST", "/1/notes", message_id="b", text="now there are sparks")
    assert (len(incidents_of(world)), in_service(world)) == (1, False)
    (case,) = all_cases(world)
    assert (case.code, case.priority, case.team) == ("hazard", 1, "safety")


def test_a_letter_of_smoke_is_danger_and_is_answered_with_what_to_do(world: World) -> None:
    add_station(world.store, name="Main St", pile="2024", country="US", currency="USD")
    letter(world, "m1", "Help", "smoke at pile 2024")
    (case,) = all_cases(world)
    assert (case.code, case.priority, case.pile_id) == ("hazard", 1, "P002024")
    (incident,) = incidents_of(world)
    assert (incident.source, incident.pile_id) == ("email", "P002024")
    assert not in_service(world, "P002024")
    assert paged(world) == ["1"]
    assert mails(world)[0].startswith("Move away now")
    assert "call 911" in mails(world)[0]
    bo = "Bo <bo@example.com>"
    letter(world, "m2", "Bill", "My bill is wrong", sender=bo)
    assert len(incidents_of(world)) == 1
    letter(world, "m3", "Re: [Case 2] Bill", "Es riecht verbrannt an der Säule", sender=bo)
    assert [each.pile_id for each in incidents_of(world)] == ["P002024", None]


def test_a_ticket_of_staff_and_another_class_are_danger_too(world: World) -> None:
    world.rider_says(RIDER, "hello")
    with open_desk(world) as desk:
        anna, chat = desk.agent("agent", "Anna"), desk.conversation(RIDER).id
        form = {"code": "hazard", "text": "He says on the phone: a burning smell", "key": "k"}
        for _ in range(2):
            assert anna.post(f"/conversations/{chat}/ticket", **form).status_code == 303
        world.settle()
        (incident,) = incidents_of(world)
        assert (incident.source, incident.conversation_id) == ("staff", chat)
        assert paged(world) == ["1"]
        world.bot_says(RIDER, "Move away now", "call 112")
        assert desk.conversation(RIDER).handoff_reason == "safety"
        assert anna.post("/tickets/1/facts", pile="1023").status_code == 303
        assert not in_service(world)
        assert incidents_of(world)[0].pile_id == "P001023"
        said = {"cause": "a", "fix": "b", "result": "c"}
        anna.post("/tickets/1/solve", **said)
        assert all_cases(world)[0].status != "done"

        letter(world, "m1", "Pile 1023", "looks odd")
        with world.store.begin() as work:
            safety.put_back(work, work.session.get_one(Pile, "P001023"))
        anna.post("/tickets/2/classify", code="wiring")
        assert not in_service(world)
        assert len(incidents_of(world)) == 1  # of this pile, and not closed
        with world.store.read() as work:
            assert work.session.get_one(Case, 2).priority == 1
