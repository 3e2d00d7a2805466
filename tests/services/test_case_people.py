"""Cases of several people: everybody behind one hears of it, is asked, and has a say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.replies import Say
from bot.services import case_work, cases, handoff, partners, threads
from bot.services.audit import Actor
from bot.store.cases import Case, Clock
from bot.store.database import UnitOfWork
from bot.store.queues import Outbox
from bot.store.riders import Conversation
from bot.store.staff import Staff
from tests.services.test_doors import SECRET, ask, mailgun, solve
from tests.world import World, open_world

AINO, BEN = "+358401234567", "+358407654321"
CHEF = Actor(1, "manager", "Chef")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path, mail_webhook_secret=SECRET, smtp_url="smtp://127.0.0.1:9") as opened:
        opened.deliveries = {**opened.deliveries, "mail": lambda key, body: "done"}
        with opened.store.begin() as work:
            work.session.add(
                Staff(id=1, login="c", name="Chef de Cuisine", role="manager", created_at=work.now)
            )
        yield opened


def write(world: World, message: str, subject: str, text: str) -> None:
    """A letter from Aino Berg."""
    form: dict[str, Any] = {"subject": subject, "stripped-text": text}
    assert mailgun(world, message, **form) == 204


def of_case(work: UnitOfWork) -> Sequence[Clock]:
    """The clocks of case 1."""
    return cases.all_clocks(work, work.session.get_one(Case, 1))


def merge(world: World, number: int, into: int) -> None:
    with world.store.begin() as work:
        case_work.merge(work, world.settings, CHEF, number, into)
    world.settle()


def letters(world: World) -> list[str]:
    """Whom letters went to, and what about, in the order they were written."""
    with world.store.read() as work:
        rows = select(Outbox.key, Outbox.body).where(Outbox.kind == "mail").order_by(Outbox.id)
        return [f"{body['to']} {body['subject']} {key}" for key, body in work.session.execute(rows)]


def test_two_riders_a_letter_and_a_partner_are_one_case_that_all_hear_of(world: World) -> None:
    world.rider_says(AINO, "the cable of 1023-27 is broken")
    world.rider_says(BEN, "the screen of 1023-27 is broken")
    write(world, "m1", "Pile 1023", "The cable of 1023-27 is broken")
    with world.store.begin() as work:
        _, key = partners.make(work, None, "Kamppi Oy", scopes=["cases:write", "cases:read"])
    told = {"message_id": "a1", "topic": "broken", "text": "Broken", "pile": "1023"}
    assert ask(world, key, "POST", "", **told).json()["case"] == 4
    for number in (2, 3, 4):
        merge(world, number, 1)
    world.bot_says(BEN, "Case 2 and case 1 are about the same; we go on under 1")
    assert "aino@example.com [Case 3]" in letters(world)[-1]

    # News reach them all, by the door each came by.
    with world.store.begin() as work:
        case_work.assign(work, world.settings, CHEF, 1, owner_id=1)
    world.settle()
    for phone in (AINO, BEN):
        world.bot_says(phone, "Case 1", "somebody works on it", "Chef has it.")
    assert "aino@example.com [Case 1]" in letters(world)[-1]
    assert ask(world, key, "GET", "/4").json()["status"] == "assigned"
    world.rider_says(BEN, "case 2")
    world.bot_says(BEN, "Case 1", "Chef has it.")
    world.rider_says(BEN, "case 1")
    world.bot_says(BEN, "Case 1")
    write(world, "m2", "Re: [Case 1] Broken", "Any news?")
    with world.store.read() as work:
        assert "Any news?" in [each.text for each in cases.entries(work, 1)]
        assert len(work.session.scalars(select(Case)).all()) == 4

    # The result and the question reach them all; it is closed when all have said yes.
    solve(world, 1)
    world.settle()
    for phone in (AINO, BEN):
        world.bot_says(phone, "Cause: A relay.", "[Yes, solved]")
    assert ":done:1" in letters(world)[-1]
    world.rider_taps(BEN, "Yes, solved")
    world.bot_says(BEN, "Case 1 is closed when the others who reported it say so too")
    world.clock_passes(43_200)
    for phone in (AINO, BEN):
        world.rider_says(phone, "I will look")
    world.clock_passes(43_201)
    world.bot_says(AINO, "Is it solved?")
    assert not any("Is it solved?" in str(each) for each in world.bot_said(BEN)[-1:])
    assert ":ask:1:1" in letters(world)[-1]
    assert ask(world, key, "POST", "/4/answer", answer="yes").json()["status"] == "done"
    world.rider_taps(AINO, "No, not solved")
    with world.store.read() as work:
        case = work.session.get_one(Case, 1)
        assert (case.status, case.level) == ("assigned", 1)


def test_the_promises_to_the_second_rider_are_kept_or_made_good_to_them(world: World) -> None:
    world.rider_says(AINO, "the cable of 1023-27 is broken")
    world.rider_says(BEN, "the screen of 1023-27 is broken")
    merge(world, 2, 1)
    with world.store.begin() as work:
        first = [each for each in of_case(work) if each.name == "first_reply"]
        assert [each.state for each in first] == ["running", "running"]
        ben = work.session.scalars(
            select(Conversation).where(Conversation.rider_id == first[1].rider_id)
        ).one()
        handoff.claim(work, CHEF, ben.id)
        threads.say(work, CHEF, ben, [Say("Hello")], key="k")
    with world.store.begin() as work:
        first = [each for each in of_case(work) if each.name == "first_reply"]
        assert [each.state for each in first] == ["running", "stopped"]
        work.session.get_one(Staff, 1).role = "technician"
        case_work.assign(work, world.settings, CHEF, 1, owner_id=1)
        taken = [each for each in of_case(work) if each.name == "fault_response"]
        assert [each.outcome for each in taken] == ["met", "met"]


def test_bills_of_two_riders_are_no_one_case(world: World) -> None:
    world.rider_says(AINO, "complaint about my bill")
    world.rider_says(BEN, "complaint about my bill")
    with pytest.raises(case_work.NotPossible, match="one by one"):
        merge(world, 2, 1)


def test_who_is_not_behind_a_case_sees_nothing_of_it(world: World) -> None:
    world.rider_says(AINO, "the cable of 1023-27 is broken")
    world.rider_says(BEN, "case 1")
    world.bot_says(BEN, "I know no case 1 of yours")


def test_letters_tell_of_every_change_and_each_day(world: World) -> None:
    write(world, "m1", "Pile 1023", "The cable of 1023-27 is broken")
    with world.store.begin() as work:
        case_work.move(work, world.settings, CHEF, 1, "waiting_site", why="A part is ordered")
    assert ":status:" in letters(world)[-1]
    before = len(letters(world))
    world.clock_passes(86_401)
    (daily,) = letters(world)[before:]
    assert ":daily:" in daily
