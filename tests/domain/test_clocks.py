"""The promises' clocks: what counts, pauses, opening hours, nights of changed clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import clocks
from bot.domain.clocks import KINDS, Policy, after, begin, between, pause, resume
from bot.domain.desk_rules import Hours

T = datetime(2026, 11, 20, 10, tzinfo=UTC)
DESK = Hours("Europe/Helsinki", dict.fromkeys(range(5), (8 * 60, 16 * 60)), {})
AROUND = st.integers(0, 400 * 86_400).map(
    lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(0, s)
)


def at(seconds: float) -> datetime:
    return T + timedelta(seconds=seconds)


def test_the_promises_are_those_of_the_poster() -> None:
    assert {name: kind.policy.limit_s for name, kind in KINDS.items() if kind.promised} == {
        "bill": 30, "urgent": 60, "fault_response": 1_800, "first_reply": 7_200,
        "dispute": 86_400, "on_site": 86_400, "call_back": 172_800,
    }  # fmt: skip
    assert all(kind.policy.counting == "calendar" for kind in KINDS.values() if kind.promised)


def test_the_last_second_is_kept_the_next_is_missed() -> None:
    clock = begin(Policy(60), T, None)
    assert clock.due_at() == at(60)
    assert clock.warn_at() == at(45)
    assert not clock.is_missed(at(60))
    assert clock.is_missed(at(61))
    assert (clock.percent(at(45)), clock.left(at(45))) == (75, 15)


def test_a_pause_moves_the_end_and_nothing_else() -> None:
    clock = pause(begin(Policy(600), T, None), at(100))
    assert clock.due_at() is None
    assert clock.spent(at(5_000)) == 100
    assert pause(clock, at(300)) == clock
    clock = resume(clock, at(1_000))
    assert clock.due_at() == at(1_500)
    assert clock.warn_at() == at(1_350)


def test_a_policy_survives_the_trip_through_json() -> None:
    policy = Policy(90, "office", ("alarm",), 50, 7)
    hours = Hours("Europe/Helsinki", {0: (60, 120)}, {date(2026, 12, 6): (0, 0)})
    assert clocks.load_policy(clocks.dump_policy(policy, hours)) == (policy, hours)
    calendar = Policy(90)
    assert clocks.load_policy(clocks.dump_policy(calendar, hours)) == (calendar, None)


@pytest.mark.parametrize(
    ("start", "seconds", "end"),
    [
        # Friday 15:00 in Helsinki: one hour is left, the next opens on Monday.
        (at(3 * 3_600), 3_600, datetime(2026, 11, 20, 14, tzinfo=UTC)),
        (at(3 * 3_600), 3_601, datetime(2026, 11, 23, 6, 0, 1, tzinfo=UTC)),
        # A night between: at six in the morning it has not begun.
        (datetime(2026, 11, 18, 4, tzinfo=UTC), 60, datetime(2026, 11, 18, 6, 1, tzinfo=UTC)),
        # Over the weekend when summer time ends the desk opens an hour later in UTC.
        (datetime(2026, 10, 23, 12, tzinfo=UTC), 7_200, datetime(2026, 10, 26, 7, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_opening_hours(start: datetime, seconds: int, end: datetime) -> None:
    assert after(DESK, start, seconds) == end


def test_a_day_is_23_or_25_hours_when_the_clocks_change() -> None:
    always = Hours("Europe/Helsinki", dict.fromkeys(range(7), (0, 1440)), {})
    for day, hours in (((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)):
        zone = datetime(*day, tzinfo=UTC)
        start = after(always, zone - timedelta(hours=6), 0)
        assert start is not None
        first = datetime.combine(date(*day), datetime.min.time())
        local = clocks._moment("Europe/Helsinki", first.date(), 0)
        following = clocks._moment("Europe/Helsinki", first.date() + timedelta(days=1), 0)
        assert between(always, local, following) == hours * 3_600
    calendar = begin(Policy(86_400), datetime(2026, 10, 24, 12, tzinfo=UTC), None)
    assert calendar.due_at() == datetime(2026, 10, 25, 12, tzinfo=UTC)


def test_a_desk_that_never_opens_has_no_end() -> None:
    assert after(Hours("UTC", {0: (0, 0)}, {}), T, 1) is None


@settings(max_examples=60, deadline=None)
@given(start=AROUND, seconds=st.integers(0, 5 * 86_400), cut=st.floats(0, 1))
def test_what_counts_until_the_end_is_what_was_asked(
    start: datetime, seconds: int, cut: float
) -> None:
    for hours in (None, DESK):
        end = after(hours, start, seconds)
        assert end is not None
        assert between(hours, start, end) == seconds
        middle = (start + (end - start) * cut).replace(microsecond=0)
        whole = between(hours, start, middle) + between(hours, middle, end)
        assert whole == seconds


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(st.booleans(), st.integers(1, 5_000)), max_size=12))
def test_spent_is_the_time_it_ran(steps: list[tuple[bool, int]]) -> None:
    clock, now, ran, runs = begin(Policy(10_000), T, None), T, 0, True
    for run, lasts in steps:
        clock = resume(clock, now) if run else pause(clock, now)
        runs = run
        now += timedelta(seconds=lasts)
        ran += lasts if runs else 0
    assert clock.spent(now) == ran
    assert (clock.due_at() is None) == (not runs)
