"""Midnight, summer time both ways, zones, clocks that are set, and restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.dialog.booking_kinds import Said
from bot.replies import Choose, Moment, Say
from bot.store.database import Store, make_engine
from bot.store.stations import Station
from handlers.book_pile import slot_of, unclear_start
from tests.bookings.world import MIN, World
from tests.databases import with_tables

HELSINKI = "Europe/Helsinki"


def local(text: str, zone: str = HELSINKI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def asked(words: str, now: str, zone: str = HELSINKI) -> Any:
    at = local(now, zone)
    return unclear_start(Said(words, at), zone, at)


def starts(words: str, now: str, zone: str = HELSINKI) -> datetime:
    at = local(now, zone)
    assert unclear_start(Said(words, at), zone, at) is None
    return slot_of({"when": Said(words, at)}, zone, at).starts_at


def test_seven_is_asked_back_and_half_past_six_in_24_hours_is_not() -> None:
    question = asked("at 7", "2026-11-20 03:00")
    assert isinstance(question, Choose) and "morning or the evening" in question.prompt.text
    assert [option.payload for option in question.options] == [
        "=2026-11-20T05:00:00+00:00", "=2026-11-20T17:00:00+00:00",
    ]  # fmt: skip
    assert starts("18:30", "2026-11-20 12:00") == local("2026-11-20 18:30")
    assert starts("tonight at 7", "2026-11-20 12:00") == local("2026-11-20 19:00")


def test_what_is_over_and_what_is_only_a_day_is_asked_again() -> None:
    over = asked("today 10:00am", "2026-11-20 12:00")
    assert isinstance(over, Say) and "is over already" in over.text
    day = asked("tomorrow", "2026-11-20 12:00")
    assert isinstance(day, Say) and "At what time" in day.text
    moment = day.values["day"]
    assert isinstance(moment, Moment) and moment.at.date().isoformat() == "2026-11-21"


def test_the_hour_that_does_not_exist_and_the_one_that_comes_twice() -> None:
    gap = asked("29 march 03:30", "2026-03-28 20:00")
    assert isinstance(gap, Choose) and "does not exist" in gap.prompt.text
    assert gap.options[0].payload == "=2026-03-29T01:30:00+00:00"  # 04:30 of that day
    twice = asked("25 october 03:30", "2026-10-24 20:00")
    assert isinstance(twice, Choose) and "comes twice" in twice.prompt.text
    assert [option.payload for option in twice.options] == [
        "=2026-10-25T00:30:00+00:00", "=2026-10-25T01:30:00+00:00",
    ]  # fmt: skip


def test_the_same_words_are_another_moment_in_another_zone() -> None:
    here = starts("tomorrow 08:00", "2026-11-20 12:00")
    there = starts("tomorrow 08:00", "2026-11-20 12:00", "America/New_York")
    assert there - here == timedelta(hours=7)


@pytest.mark.parametrize(
    ("start", "end_local"),
    [
        ("2026-11-20 23:40", "2026-11-21 00:40"),  # midnight
        ("2027-03-28 02:40", "2027-03-28 04:40"),  # the clocks go forward at 3
        ("2027-10-31 03:40", "2027-10-31 03:40"),  # and back at 4: an hour is an hour
    ],
)
def test_the_countdown_is_ten_real_minutes(world: World, start: str, end_local: str) -> None:
    begin = local(start).astimezone(UTC)
    world.now = begin - timedelta(hours=1)
    world.rider()
    world.passes(0)
    booking = world.booked(begin)
    end = world.booking(booking).ends_at
    assert end - begin == timedelta(hours=1)
    assert f"{end.astimezone(ZoneInfo(HELSINKI)):%Y-%m-%d %H:%M}" == end_local
    world.minutes(69)
    assert world.booking(booking).state == "RESERVED"
    world.minutes(1)
    assert world.booking(booking).state == "NO_SHOW" and world.now == begin + 10 * MIN


def test_a_clock_that_is_set_back_and_forth_takes_no_fee_early(world: World) -> None:
    world.rider()
    begin = world.now + timedelta(hours=1)
    booking = world.booked(begin)
    world.minutes(65)
    world.now -= timedelta(minutes=40)  # set back in the middle of the countdown
    world.minutes(30)
    assert world.booking(booking).state == "RESERVED"
    world.now = begin + timedelta(hours=3)  # and a leap
    world.passes(0)
    assert world.booking(booking).state == "NO_SHOW"
    assert sum("Nobody came" in each for each in world.heard()) == 1


def test_a_restart_at_any_minute_keeps_the_countdown(tmp_path: Path) -> None:
    """Everything that is to come is in the database: each minute another process takes over."""
    url = f"sqlite:///{tmp_path / 'r.db'}"
    engine = with_tables(make_engine(url))
    world = World(engine)
    world.rider()
    booking = world.booked(world.now + timedelta(minutes=31))
    for _ in range(41):
        engine.dispose()
        engine = make_engine(url)
        world.store = Store(engine, clock=lambda: world.now)
        world.passes(60)
    assert world.booking(booking).state == "NO_SHOW"
    said = world.heard()
    wanted = ("In half an hour", "In ten minutes", "has begun", "goes to somebody else",
              "Nobody came")  # fmt: skip
    assert [sum(part in each for each in said) for part in wanted] == [1, 1, 1, 2, 1]
    engine.dispose()


def test_a_station_far_away_tells_its_own_time(world: World) -> None:
    with world.work() as work:
        work.session.get_one(Station, 1).tz = "Asia/Tokyo"
    world.rider()
    world.booked(world.now + timedelta(hours=2))
    prompts = [getattr(reply, "prompt", reply) for reply in world.told()]
    said = [each for each in prompts if isinstance(each, Say)]
    moments = [v for each in said for v in each.values.values() if isinstance(v, Moment)]
    assert moments and {each.tz for each in moments} == {"Asia/Tokyo"}
