"""One voice while danger is open: only approved words go to riders, and the log has what went."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from bot.services import incidents
from bot.services.audit import Actor
from bot.store.desk import CannedReply, Incident, IncidentEntry
from bot.store.queues import Outbox
from bot.store.staff import Audit
from tests.console.desk import Agent, Desk
from tests.console.test_takeover import PHONE, at, give, key_of, take, write
from tests.world import World

DANGER = "there is smoke at pile 1023"
HAND = "Nothing happened, all is well, I promise"


def sent_by_people(world: World) -> list[str]:
    world.settle()
    with world.store.read() as work:
        rows = work.session.execute(select(Outbox.key, Outbox.body).where(Outbox.kind == "message"))
        return [key for key, body in rows if body["author"] == "agent"]


def log(world: World, *kinds: str) -> list[str]:
    with world.store.read() as work:
        rows = select(IncidentEntry).order_by(IncidentEntry.id)
        return [each.text for each in work.session.scalars(rows) if each.kind in kinds]


@pytest.fixture
def anna(world: World, desk: Desk) -> Agent:
    """An agent who has the chat of somebody who reported smoke."""
    world.rider_says(PHONE, DANGER)
    anna = desk.agent("agent", "Anna")
    take(anna)
    return anna


def approved(desk: Desk, text: str, lang: str = "en") -> int:
    """A canned reply that a manager has approved for danger."""
    chef = desk.agent("manager", "Chef")
    form = {"shortcut": "safe", "lang": lang, "text": text, "option_title": ""}
    assert chef.post("/canned/save", **form).status_code == 303
    with desk.world.store.read() as work:
        row = work.session.scalars(select(CannedReply)).one()
    chef.post(f"/canned/{row.id}/approve", do="approve", version=str(row.version))
    return row.id


def test_an_agents_own_words_are_refused_and_stay_in_the_composer(
    world: World, desk: Desk, anna: Agent
) -> None:
    refused = write(anna, HAND)
    assert refused.status_code == 409
    assert "only approved words go to riders" in refused.text
    assert "ask a manager" in refused.text
    assert any(HAND in each for each in re.findall(r"<textarea[^>]*>([^<]*)", refused.text))
    assert "Are you safe? Is anybody hurt?" in refused.text  # to be sent instead
    assert write(anna, HAND, own_reason="I know better").status_code == 409
    photo = ("a.pdf", b"%PDF-1.4 x", "application/pdf")
    fields = {"mode": "reply", "key": "k9", "text": ""}
    assert anna.post(at(desk, "send"), files={"file": photo}, **fields).status_code == 409
    assert sent_by_people(world) == []
    assert log(world, "said", "own_words") == []


def test_approved_answers_go_out_with_one_press_and_what_was_typed_stays(
    world: World, desk: Desk, anna: Agent
) -> None:
    number = approved(desk, "{agent} here. The fire service is told. Call {emergency}.")
    page = anna.get(at(desk)).text
    assert f'name="approved" value="{number}"' in page
    fields = {"mode": "reply", "key": key_of(page), "text": HAND, "approved": str(number)}
    answer = anna.post(at(desk, "send"), **fields)
    assert (answer.status_code, HAND in answer.text) == (200, True)
    told = "Anna here. The fire service is told. Call 112."
    world.bot_says(PHONE, told)
    anna.post(at(desk, "send"), **fields)  # pressed twice
    assert len(sent_by_people(world)) == 1
    page = anna.get(at(desk)).text
    fields = {"mode": "reply", "key": key_of(page), "text": "", "approved": "text:shock"}
    assert anna.post(at(desk, "send"), **fields).status_code == 303
    world.bot_says(PHONE, "Do not touch anybody", "Call 112 first.")
    assert write(anna, told).status_code == 303  # picked with "/", sent as it stands
    assert log(world, "said") == [
        f"To rider 1: {told}",
        "To rider 1: Do not touch anybody who still touches the cable or the pile. Call 112 first.",
        f"To rider 1: {told}",
    ]
    assert write(anna, f"{told} And more.").status_code == 409


def test_a_manager_may_say_why_their_own_words_are_needed(
    world: World, desk: Desk, anna: Agent
) -> None:
    chef = desk.agent("manager", "Chef")
    form = {"to": str(chef.staff_id), "reason": "mine"}
    assert chef.post(at(desk, "force"), **form).status_code == 303
    assert write(chef, HAND).status_code == 409
    assert write(chef, HAND, own_reason="The fire service asked me to").status_code == 303
    world.bot_says(PHONE, HAND)
    assert log(world, "own_words") == ["Own words, because: The fire service asked me to"]
    with world.store.read() as work:
        kept = work.session.scalars(select(Audit).where(Audit.action == "danger_own_words")).one()
        assert (kept.staff_id, kept.reason) == (chef.staff_id, "The fire service asked me to")


def test_the_lock_is_of_the_station_too_and_ends_with_the_danger(world: World, desk: Desk) -> None:
    other = "+358407654321"
    world.give_card(PHONE)
    for words in ("1023-27", "yes"):
        world.rider_says(PHONE, words)
    world.rider_says(PHONE, "agent")
    anna = desk.agent("agent", "Anna")
    take(anna)
    assert write(anna, "Hello").status_code == 303
    world.rider_says(other, DANGER)  # beside them
    assert write(anna, HAND).status_code == 409
    with world.store.begin() as work:
        danger = work.session.scalars(select(Incident)).one()
        incidents.close(work, Actor(1, "manager", "Chef"), danger.id, cause="A bin", fix="Put out")
    assert write(anna, "It was a bin. All is well.").status_code == 303
    assert give(anna, "hand-back").status_code == 303


def test_changed_words_are_approved_anew_and_only_managers_change_them(
    world: World, desk: Desk
) -> None:
    number = approved(desk, "Stay away.")
    anna, chef = desk.agent("agent", "Anna"), desk.agent("manager", "Mia")
    form = {"shortcut": "safe", "lang": "en", "option_title": "", "id": str(number)}
    assert "only a manager" in anna.post("/canned/save", text="All is well.", **form).text
    assert anna.post(f"/canned/{number}/approve", do="withdraw").status_code == 403
    anna.post(f"/canned/{number}/delete")
    assert "Approved for danger" in anna.get("/canned").text
    assert chef.post("/canned/save", text="Stay away, please.", **form).status_code == 303
    assert "Approved for danger" not in anna.get("/canned").text
    chef.post(f"/canned/{number}/approve", do="approve", version="1")  # read before the change
    assert "changed meanwhile" in chef.get(f"/canned/{number}").text
    chef.post("/canned/save", text="So far {cost}.", **form)
    chef.post(f"/canned/{number}/approve", do="approve", version="3")
    assert "changes by the minute" in chef.get(f"/canned/{number}").text
    with world.store.read() as work:
        row = work.session.get_one(CannedReply, number)
        assert (row.version, row.approved_version) == (3, 1)


def test_what_tickets_tell_is_locked_as_well(world: World, desk: Desk, anna: Agent) -> None:
    form = {"code": "bill_wrong", "text": "The bill of that charge", "key": "k"}
    anna.post(at(desk, "ticket"), **form)
    number = max(int(one) for one in re.findall(r"/tickets/(\d+)", anna.get(at(desk)).text))
    told = {"cause": "a", "fix": "b", "result": HAND}
    anna.post(f"/tickets/{number}/solve", **told)
    page = anna.get(f"/tickets/{number}").text
    assert "Ask a manager to say it" in page
    chef = desk.agent("manager", "Chef")
    chef.post(f"/tickets/{number}/solve", **told)
    world.bot_says(PHONE, HAND)
    assert log(world, "said") == [f"To who reported case {number}: a b {HAND}"]
