"""The arithmetic of figures: time used, time away, periods, contacts, churn, cohorts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.figures import (
    Churn,
    Contacts,
    Period,
    away,
    churn,
    cohorts,
    contacts,
    hours_between,
    overlap_s,
    percentile,
    period,
    permille,
    weekday_hours,
)

NOON = datetime(2026, 10, 24, 12, tzinfo=UTC)
MOMENTS = st.integers(0, 48 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes))
STRETCHES = st.lists(st.tuples(MOMENTS, MOMENTS).map(lambda two: (min(two), max(two))), max_size=6)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_stretches_that_overlap_count_once_and_only_inside() -> None:
    stretches = [(at(-30), at(10)), (at(5), at(20)), (at(50), at(90))]

    assert overlap_s(stretches, at(0), at(60)) == 30 * 60


@given(STRETCHES)
def test_hours_add_up_to_the_whole(stretches: list[tuple[datetime, datetime]]) -> None:
    start, end = NOON, NOON + timedelta(hours=48)
    by_hour = sum(
        overlap_s(stretches, hour, hour + timedelta(hours=1)) for hour in hours_between(start, end)
    )

    assert by_hour == overlap_s(stretches, start, end) <= 48 * 3600


@pytest.mark.parametrize(
    ("changes", "now_online", "gone"),
    [
        ([], True, 0),
        ([], False, 60),
        ([(-10, True)], True, 0),
        ([(-10, False)], False, 60),
        ([(20, False), (30, True)], True, 10),
        ([(20, True)], True, 20),  # it was away until it came
        ([(-5, True), (45, False)], False, 15),
    ],
)
def test_time_away_follows_from_the_changes(
    changes: list[tuple[int, bool]], now_online: bool, gone: int
) -> None:
    told = [(at(minutes), online) for minutes, online in changes]

    found = away(told, at(0), at(60), now_online=now_online)

    assert overlap_s(found, at(0), at(60)) == gone * 60


def test_the_hours_of_a_day_with_25_of_them_are_counted_where_clocks_show_them() -> None:
    hours = dict.fromkeys(hours_between(*_day("Europe/Helsinki", date(2026, 10, 25))), 1)

    found = weekday_hours(hours, "Europe/Helsinki")

    assert sum(found.values()) == 25
    assert found[6, 3] == 2  # 03:00 comes twice
    assert all(weekday == 6 for weekday, _ in found)


def _day(tz: str, day: date) -> tuple[datetime, datetime]:
    asked = Period(day, day, tz)
    return asked.start, asked.end


@pytest.mark.parametrize(
    ("first", "last", "days", "ends"),
    [
        (None, None, 7, date(2026, 10, 23)),  # up to yesterday
        (date(2026, 10, 1), None, 23, date(2026, 10, 23)),
        (date(2026, 10, 20), date(2026, 10, 10), 11, date(2026, 10, 20)),  # the wrong way round
        (date(1990, 1, 1), date(2030, 1, 1), 400, date(2026, 10, 24)),
        (date(2030, 1, 1), date(2031, 1, 1), 1, date(2026, 10, 24)),
    ],
)
def test_odd_periods_become_possible_ones(
    first: date | None, last: date | None, days: int, ends: date
) -> None:
    found = period(first, last, NOON, "Europe/Helsinki")

    assert (found.days, found.last) == (days, ends)
    assert found.before().last == found.first - timedelta(days=1)
    assert found.before().days == found.days


@pytest.mark.parametrize(
    ("lines", "people", "found"),
    [
        ([0, 5, 30], [], Contacts(1, 0, 1)),
        ([0, 5], [6], Contacts(1, 1, 0)),
        ([0], [20 * 60], Contacts(1, 1, 0)),  # a person had to come within the day
        ([0], [25 * 60], Contacts(1, 0, 1)),
        ([0, 90], [], Contacts(2, 0, 1)),  # came back: the first was not settled
        ([0, 25 * 60], [], Contacts(2, 0, 2)),
        ([-30, 10], [], Contacts(0, 0, 0)),  # began before: another period's
        ([], [], Contacts(0, 0, 0)),
    ],
)
def test_contacts_are_settled_without_a_person_and_without_coming_back(
    lines: list[int], people: list[int], found: Contacts
) -> None:
    moments, calls = [at(each) for each in lines], [at(each) for each in people]

    assert contacts(moments, calls, at(0), at(3 * 24 * 60)) == found


def test_riders_are_lost_who_charged_two_months_ago_and_not_since() -> None:
    day = timedelta(days=1)
    riders = [
        (NOON - 300 * day, [NOON - 50 * day]),  # lost
        (NOON - 300 * day, [NOON - 50 * day, NOON - 2 * day]),  # stays
        (NOON - 2 * day, [NOON - 2 * day]),  # new
    ]

    assert churn(riders, NOON) == Churn(earlier=2, lost=1, recent=2, new=1)


def test_cohorts_show_who_came_back_in_which_month() -> None:
    riders = [
        (date(2026, 1, 31), [date(2026, 1, 31), date(2026, 3, 1)]),
        (date(2026, 1, 5), [date(2026, 1, 5), date(2026, 2, 1), date(2026, 2, 9)]),
        (date(2026, 3, 9), [date(2026, 3, 9)]),
    ]

    assert cohorts(riders) == [
        (date(2026, 1, 1), 2, [2, 1, 1]),
        (date(2026, 3, 1), 1, [1]),
    ]


def test_shares_and_percentiles_of_nothing_are_none() -> None:
    assert permille(1, 0) is None
    assert permille(1, 3) == 333
    assert percentile([], 50) is None
    assert percentile([5], 90) == 5
    assert percentile([1, 2, 3, 4], 50) == 2
    assert percentile(list(range(1, 11)), 90) == 9
