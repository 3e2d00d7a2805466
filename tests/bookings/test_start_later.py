"""A start at a time the rider names never begins now, whatever the language and the wording."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from bot.store.charging import ChargingSession
from bot.store.stations import Pile
from bot.store.waiting import LaterStart
from tests.bookings.chat import CODES, Chat
from tests.bookings.world import MIN, NOW, World, at

HOUR = timedelta(hours=1)
TEN = at("2026-11-20T21:00")  # 23:00 in Helsinki
SIX = at("2026-11-21T04:00")  # 6:00 the next morning


def planned(world: World) -> list[LaterStart]:
    with world.work() as work:
        return list(work.session.scalars(select(LaterStart).order_by(LaterStart.id)))


def charges(world: World) -> int:
    with world.work() as work:
        return len(work.session.scalars(select(ChargingSession)).all())


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("start at 23:00 at 1023-16", TEN),
        ("start 1023-16 at 23:00", TEN),
        ("start 1023-16 at 11pm please", TEN),
        ("start 1023-16 tomorrow at 6", SIX),
        ("start 1023-16 tomorrow at 6am", SIX),
        ("start 1023-16 in 2 hours", NOW + 2 * HOUR),
        ("please start charging at 1023-16 tonight at 23:00", TEN),
        ("empieza 1023-16 a las 23:00", TEN),
        ("empieza a las 23:00 en 1023-16", TEN),
        ("inicia la carga en 1023-16 mañana a las 6", SIX),
        ("começar 1023-16 às 23h", TEN),
        ("inicia o 1023-16 amanhã às 6h", SIX),
        ("démarre 1023-16 à 23h", TEN),
        ("démarrer la charge à 1023-16 demain à 6h", SIX),
        ("starte 1023-16 um 23 Uhr", TEN),
        ("starte 1023-16 morgen um 6 Uhr", SIX),
        ("1023-16 晚上11点开始充电", TEN),
        ("晚上11点开始 1023-16", TEN),
        ("明天早上6点启动1023-16", SIX),
        ("23:00开始充电 1023-16", TEN),
    ],
)
def test_one_message_with_a_time_plans_a_start(world: World, text: str, when: datetime) -> None:
    chat = Chat(world)
    said = chat.says(text)
    assert (
        "It starts by itself at" in said and "[Yes, later]" in said and "[Yes, start]" not in said
    )
    chat.taps("Yes, later")
    (row,) = planned(world)
    assert (row.state, row.starts_at, row.evse_id) == ("waiting", when, 1)
    assert charges(world) == 0


@pytest.mark.parametrize(
    "text",
    ["at 23:00", "start at 23:00", "yes, at 23:00", "yes start at 11pm", "23:00", "sí, a las 23:00",
     "ja, um 23 Uhr", "晚上11点"],
)  # fmt: skip
def test_a_time_in_answer_to_the_offer_is_no_yes_to_starting_now(world: World, text: str) -> None:
    chat = Chat(world)
    assert "[Yes, start]" in chat.says("1023-16")
    said = chat.says(text)
    assert "It starts by itself at" in said and charges(world) == 0
    chat.says("yes")
    assert [each.starts_at for each in planned(world)] == [TEN] and charges(world) == 0


def test_another_pile_in_a_yes_is_shown_before_it_starts(world: World) -> None:
    chat = Chat(world)
    chat.says("1023-16")
    assert "1023-27 at Kamppi" in chat.says("yes, 1023-27") and charges(world) == 0
    chat.says("yes, 1023-27")
    with world.work() as work:
        assert work.session.scalars(select(ChargingSession.evse_id)).one() == 2


def test_the_time_stays_when_the_pile_is_corrected(world: World) -> None:
    chat = Chat(world)
    chat.says("start 1023-16 at 23:00")
    said = chat.says("no, 1023-27")
    assert "1023-27 at Kamppi" in said and "It starts by itself at" in said


def test_what_is_not_clear_is_asked(world: World) -> None:
    chat = Chat(world)
    assert "When shall 1023-16 start?" in chat.says("start 1023-16 later")
    assert "It starts by itself at" in chat.says("at 23:00")
    assert "At what time on" in Chat(world, 2).says("start 1023-27 tomorrow")
    third = Chat(world, 3)
    assert "Which one do you mean" in third.says(f"start {CODES[3]} at 7")
    assert "It starts by itself at" in third.says("in the evening")


@pytest.mark.parametrize(
    "text",
    ["start 1023-16", "start 1023-16 until 23:00", "empieza 1023-16 hasta las 23:00",
     "starte 1023-16 bis 23 Uhr", "démarre 1023-16 jusqu'à 23h"],
)  # fmt: skip
def test_without_a_time_to_begin_at_it_is_for_now(world: World, text: str) -> None:
    assert "[Yes, start]" in Chat(world).says(text)


def test_start_later_after_an_offer_is_about_that_socket(world: World) -> None:
    chat = Chat(world)
    chat.says("1023-16")
    assert "When shall 1023-16 start?" in chat.says("start later")
    assert "Which pile" in Chat(world, 2).says("start later")


def test_too_far_booked_or_unplugged_sockets_are_not_kept(world: World) -> None:
    chat = Chat(world)
    assert "at most" in chat.says("start 1023-16 on monday at 23:00")
    other = Chat(world, 2)
    world.booked(TEN + HOUR, rider_id=2)
    assert "booked by somebody else" in chat.says("start 1023-16 at 23:00")
    chat.says("start 1023-27 at 23:00")
    chat.taps("Yes, later")
    assert "not free" in other.says("book 1023-27 23:00 for 1 hour") or planned(world)
    world.minutes(16)
    assert planned(world)[0].state == "cancelled" and world.said("No cable is in")


def silent(world: World) -> None:
    with world.work() as work:
        work.session.scalars(select(Pile)).one().online = False


def test_a_silent_pile_is_tried_again_for_a_while(world: World) -> None:
    chat = Chat(world)
    chat.says("start 1023-16 in 10 minutes")
    chat.taps("Yes, later")
    silent(world)
    world.minutes(11)
    assert world.said("I keep trying until") and planned(world)[0].state == "waiting"
    with world.work() as work:
        pile = work.session.scalars(select(Pile)).one()
        pile.online, pile.seen_at = True, world.now
    world.minutes(3)
    assert planned(world)[0].state == "started" and charges(world) == 1
    assert world.said("It is time")


def test_a_pile_that_stays_silent_is_given_up_with_what_is_near(world: World) -> None:
    chat = Chat(world)
    chat.says("start 1023-16 in 10 minutes")
    chat.taps("Yes, later")
    silent(world)
    world.minutes(30)
    assert planned(world)[0].state == "failed" and charges(world) == 0
    assert world.said("I could not start as you planned")
    tries = [each for each in world.heard() if "I keep trying" in each]
    assert len(tries) == 1 and world.now - NOW >= 25 * MIN
