"""Shifts follow the clock on the wall, over midnight and when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.shifts import Shift, next_shift, on_shift

TZ = "Europe/Helsinki"
DAY, NIGHT = Shift(1, 0, 8 * 60, 16 * 60), Shift(2, 0, 22 * 60, 6 * 60)  # Mondays


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "who"),
    [("2026-11-30T05:59", {}), ("2026-11-30T06:00", {1}), ("2026-11-30T13:59", {1}),
     ("2026-11-30T14:00", {}), ("2026-11-30T20:00", {2}), ("2026-12-01T03:59", {2}),
     ("2026-12-01T04:00", {}), ("2026-12-01T09:00", {})],
)  # fmt: skip
def test_who_works(now: str, who: set[int]) -> None:
    assert set(on_shift([DAY, NIGHT], at(now), TZ)) == set(who)


def test_who_comes_next() -> None:
    assert next_shift([DAY, NIGHT], at("2026-11-30T10:00"), TZ) == (2, at("2026-11-30T20:00"))
    assert next_shift([DAY, NIGHT], at("2026-11-30T21:00"), TZ) == (1, at("2026-12-07T06:00"))
    assert next_shift([], at("2026-11-30T21:00"), TZ) is None


def test_a_night_in_which_clocks_change_is_longer_or_shorter() -> None:
    night = Shift(1, 5, 22 * 60, 6 * 60)  # Saturdays
    for day, hours in ((date(2026, 10, 24), 9), (date(2027, 3, 27), 7), (date(2026, 11, 28), 8)):
        begin, end = night.on(day, TZ)
        assert end - begin == timedelta(hours=hours)


SHIFTS = st.lists(
    st.builds(Shift, staff_id=st.integers(1, 3), weekday=st.integers(0, 6),
              begins_min=st.integers(0, 1439), ends_min=st.integers(0, 1440)), max_size=6,
)  # fmt: skip
MOMENTS = st.integers(0, 366 * 1440).map(lambda m: at("2026-01-01") + timedelta(minutes=m))


@settings(deadline=None)
@given(SHIFTS, MOMENTS)
def test_who_begins_next_is_at_work_then(shifts: list[Shift], now: datetime) -> None:
    following = next_shift(shifts, now, TZ)
    assert (following is None) == (not shifts)
    if following is not None:
        who, begin = following
        assert now < begin <= now + timedelta(days=8)
        assert who in on_shift(shifts, begin, TZ)
        assert all(until > now for until in on_shift(shifts, now, TZ).values())
