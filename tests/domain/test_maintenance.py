"""Visits: local hours over daylight saving, what is due when, room for technicians."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import maintenance as rules
from bot.domain.maintenance import Plan

HELSINKI = ZoneInfo("Europe/Helsinki")
TODAY = date(2026, 11, 28)
YEARLY = Plan(every_days=365, every_cycles=None, minute=600, length_min=60)


@pytest.mark.parametrize(
    ("day", "minute", "utc"),
    [
        (date(2026, 7, 1), 600, "2026-07-01T07:00+00:00"),
        (date(2026, 12, 1), 600, "2026-12-01T08:00+00:00"),
        (date(2027, 3, 28), 210, "2027-03-28T01:30+00:00"),  # 03:30 is skipped: 04:30 is meant
        (date(2026, 10, 25), 210, "2026-10-25T00:30+00:00"),  # 03:30 comes twice: the first
    ],
)
def test_local_hours(day: date, minute: int, utc: str) -> None:
    assert rules.moment(day, minute, HELSINKI) == datetime.fromisoformat(utc)


@given(
    day=st.dates(date(2020, 1, 1), date(2040, 1, 1)),
    minute=st.integers(5 * 60, 23 * 60),
    zone=st.sampled_from(["Europe/Helsinki", "America/New_York", "Australia/Sydney"]),
)
def test_the_hour_on_the_wall_stays(day: date, minute: int, zone: str) -> None:
    """In these zones clocks change before five in the morning."""
    local = rules.moment(day, minute, ZoneInfo(zone)).astimezone(ZoneInfo(zone))
    assert (local.date(), local.hour * 60 + local.minute) == (day, minute)


@pytest.mark.parametrize(
    ("days", "cycles_every", "last", "cycles", "due"),
    [
        (365, None, date(2026, 1, 1), 0, date(2027, 1, 1)),
        (30, None, date(2026, 1, 1), 0, TODAY + timedelta(days=1)),  # long overdue
        (None, 1000, date(2026, 1, 1), 999, None),
        (None, 1000, date(2026, 1, 1), 1000, TODAY + timedelta(days=3)),
        (365, 1000, date(2026, 1, 1), 2000, TODAY + timedelta(days=3)),  # whichever is first
        (10, 1000, date(2026, 11, 20), 2000, date(2026, 11, 30)),
    ],
)
def test_due(
    days: int | None, cycles_every: int | None, last: date, cycles: int, due: date | None
) -> None:
    plan = Plan(days, cycles_every, 600, 60)
    assert rules.due(plan, last=last, cycles=cycles, today=TODAY) == due


def test_visits_follow_one_another_and_no_more_than_a_day_has_room_for() -> None:
    taken: Counter[date] = Counter()
    placed = []
    for _ in range(4):
        starts_at, ends_at = rules.place(YEARLY, TODAY, HELSINKI, taken)
        assert ends_at - starts_at == timedelta(hours=1)
        local = starts_at.astimezone(HELSINKI)
        taken[local.date()] += 1
        placed.append(f"{local:%d %H:%M}")
    assert placed == ["28 10:00", "28 11:00", "28 12:00", "29 10:00"]
    late = Plan(30, None, 20 * 60 - 30, 60)
    starts_at, _ = rules.place(late, TODAY, HELSINKI, Counter({TODAY: 1}))
    assert starts_at.astimezone(HELSINKI).date() == TODAY + timedelta(days=1)


@pytest.mark.parametrize(
    ("start", "minutes", "why"),
    [
        (-1, 60, "over already"), (0, 60, ""), (60, 15, ""), (60, 14, "15 minutes at least"),
        (60, 721, "12 hours at most"), (401 * 24 * 60, 60, "400 days ahead"),
    ],
)  # fmt: skip
def test_what_a_visit_may_be(start: int, minutes: int, why: str) -> None:
    now = datetime(2026, 11, 28, tzinfo=UTC)
    starts_at = now + timedelta(minutes=start)
    assert why in rules.why_not(starts_at, starts_at + timedelta(minutes=minutes), now)
    if not why:
        assert rules.why_not(starts_at, starts_at + timedelta(minutes=minutes), now) == ""


minutes = st.integers(0, 300)


@given(a=minutes, b=minutes, c=minutes, d=minutes)
def test_overlap_is_a_shared_minute(a: int, b: int, c: int, d: int) -> None:
    (one, two), (three, four) = sorted((a, b)), sorted((c, d))
    begun = datetime(2026, 11, 28, tzinfo=UTC)
    at = [begun + timedelta(minutes=each) for each in (one, two, three, four)]
    shared = set(range(one, two)) & set(range(three, four))
    if one < two and three < four:
        assert rules.overlap(*at) == bool(shared)
