"""Tickets for who calls, writes or comes by: entered by hand, joined, called back."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from bot.store.cases import Case, CaseEntry
from bot.store.desk import Incident
from bot.store.staff import Audit
from bot.store.stations import Pile
from tests.console.desk import Agent, Desk
from tests.console.test_tickets import case
from tests.world import World

PHONE, STRANGER = "+358401234567", "+358501112233"


def enter(agent: Agent, **given: str) -> str:
    """Send the form of a new ticket; what it says, or where it leads."""
    form = {"source": "phone", "code": "broken", "text": "The screen is black", **given}
    answer = agent.post("/tickets/new", **form)
    return answer.headers.get("location", "") or answer.text


def actions(world: World) -> set[str]:
    with world.store.read() as work:
        return set(work.session.scalars(select(Audit.action)))


def test_a_caller_who_is_a_rider_reads_the_number_in_the_chat(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "hello")
    world.bot_says(PHONE)
    anna = desk.agent("agent", "Anna")
    assert "New ticket" in anna.get("/tickets").text
    assert "How they told us" in anna.get("/tickets/new").text
    assert enter(anna, contact="+358 40 123 4567", pile="1023-27", key="k").endswith("/tickets/1")
    assert "Tell them this number. It is in their chat" in anna.get("/tickets/1").text
    world.settle()
    world.bot_says(PHONE, "This is case 1", "1023")
    opened = case(world)
    assert (opened.source, opened.pile_id, opened.team) == ("phone", "P001023", "technical")
    assert opened.rider_id == desk.conversation(PHONE).rider_id
    assert "Phone" in anna.get("/tickets/1").text
    enter(anna, contact=PHONE, pile="1023", key="k", anyway="yes")  # the button pressed twice
    assert case(world).contacts == 1


def test_a_stranger_is_kept_masked_and_called_back_by_a_person(world: World, desk: Desk) -> None:
    anna, teo = desk.agent("agent", "Anna"), desk.agent("technician", "Teo")
    enter(anna, contact=STRANGER, name="Eero", pile="1023")
    world.settle()
    page = anna.get("/tickets/1").text
    assert STRANGER not in page
    assert "+358 ••• 33" in page
    assert teo.get("/tickets/1/contact-shown").status_code == 403
    assert "Please say why" in anna.post("/tickets/1/contact-shown", reason=" ").text
    assert STRANGER in anna.post("/tickets/1/contact-shown", reason="To call back").text
    assert "reveal_contact" in actions(world)
    teo.post("/tickets/1/solve", cause="Rust", fix="New", result="It works")
    world.clock_passes(timedelta(hours=80).total_seconds())
    assert case(world).status == "done"  # nobody called, so nobody was silent
    anna, teo = desk.agent("agent"), desk.agent("technician")
    assert "It is time to call them" in anna.get("/tickets/1").text
    anna.post("/tickets/1/call-back", answer="none")
    anna.post("/tickets/1/call-back", answer="no")
    assert case(world).status == "new" and case(world).level
    teo.post("/tickets/1/solve", cause="Rust", fix="Newer", result="It works")
    for _ in range(2):
        world.clock_passes(3_700)
        anna.post("/tickets/1/call-back", answer="none")
        said = follow(anna, "/tickets/1/call-back", answer="none")  # pressed twice is one call
        assert "just called" in said or "waits for no call" in said
    assert (case(world).status, case(world).close_reason) == ("closed", "silence")
    assert "waits for no call" in follow(anna, "/tickets/1/call-back", answer="yes")


def follow(agent: Agent, path: str, **fields: str) -> str:
    return agent.get(agent.post(path, **fields).headers["location"]).text


def test_what_is_open_for_the_person_or_the_pile_is_shown_first(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "the cable of 1023-27 is broken")
    anna = desk.agent("agent", "Anna")
    asked = enter(anna, contact=STRANGER, pile="1023", text="Cable cut")
    assert "Is it one of these?" in asked
    assert "Add to #1" in asked
    assert "search_phone" in actions(world)
    with world.store.read() as work:
        assert work.session.get(Case, 2) is None
    assert enter(anna, contact=STRANGER, pile="1023", text="Cable cut", into="1").endswith("/1")
    page = anna.get("/tickets/1").text
    assert "Cable cut (Phone: somebody · +358 ••• 33)" in page
    assert case(world).contacts == 1  # somebody else's word
    enter(anna, contact=PHONE, text="Still cut", into="1")
    assert case(world).contacts == 2
    assert enter(anna, contact=STRANGER, pile="1023", anyway="yes").endswith("/2")
    with world.store.read() as work:
        again = work.session.scalars(select(CaseEntry.kind).where(CaseEntry.case_id == 1)).all()
    assert again.count("again") == 2


def test_what_is_wrong_is_said_and_nothing_is_lost(world: World, desk: Desk) -> None:
    anna = desk.agent("agent", "Anna")
    for given, said in (
        ({"text": " "}, "Say in a sentence"), ({"code": "x"}, "Choose what it is about"),
        ({"source": "pigeon"}, "Say how they told you"), ({"pile": "9999"}, "no pile 9999"),
        ({"contact": "040 1234567"}, "country code"), ({"at": "2199-01-01T10:00"}, "later than"),
        ({"at": "soon"}, "day and hour"), ({"into": "77"}, "no such ticket"),
    ):  # fmt: skip
        answer = enter(anna, **given, name="Eero & Co")
        assert said in answer
        assert "Eero &amp; Co" in answer
    enter(anna, place="Behind the market", code="blocked", at="2026-01-05T10:00", key="a")
    world.settle()
    assert "person, contact" in anna.get("/tickets/1").text
    assert f"{case(world).happened_at:%H:%M}" == "08:00"  # ten in Helsinki
    assert enter(anna, code="blocked", key="b").endswith("/2")  # another nameless one
    fin = desk.agent("finance", "Fin")
    assert enter(fin, code="broken", text="Heard it", key="c").endswith("/tickets")
    assert "Ticket 3 is open" in fin.get("/tickets").text
    assert desk.agent("admin").post("/tickets/new").status_code == 403


def test_danger_by_phone_locks_the_pile_and_calls_people(world: World, desk: Desk) -> None:
    anna = desk.agent("agent", "Anna")
    assert enter(anna, code="hazard", pile="1023", text="Smoke!", contact=STRANGER).endswith("/1")
    with world.store.read() as work:
        incident = work.session.scalars(select(Incident)).one()
        assert (incident.pile_id, incident.state) == ("P001023", "open")
        assert not work.session.get_one(Pile, "P001023").in_service
    assert "Incident 1" in anna.get("/tickets/1").text
    world.rider_says(PHONE, "hello")
    enter(anna, code="hazard", text="Sparks", contact=PHONE, anyway="yes")
    assert desk.conversation(PHONE).handoff_reason == "safety"
    assert case(world, 2).rider_id == desk.conversation(PHONE).rider_id


def test_danger_waits_for_no_question_about_what_is_open(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "the cable of 1023-27 is broken")
    anna = desk.agent("agent", "Anna")
    enter(anna, code="hazard", pile="1023", text="Smoke!", contact=STRANGER)
    with world.store.read() as work:
        assert work.session.scalars(select(Incident)).one().pile_id == "P001023"
        assert not work.session.get_one(Pile, "P001023").in_service


def test_danger_added_to_what_is_open_locks_the_pile(world: World, desk: Desk) -> None:
    world.rider_says(PHONE, "the cable of 1023-27 is broken")
    anna = desk.agent("agent", "Anna")
    enter(anna, code="hazard", pile="1023", text="It sparks", contact=STRANGER, into="1")
    with world.store.read() as work:
        assert work.session.scalars(select(Incident)).one().pile_id == "P001023"
        assert not work.session.get_one(Pile, "P001023").in_service
