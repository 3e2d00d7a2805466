"""When a measured value is wrong, when it is right again, and where it is heading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.sensing import KINDS, Level, Limits, Trend, defaults, judge, trend

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
HEAT = Limits(None, 70_000, 90_000)
MAINS = Limits(207_000, 253_000, 264_500)


@pytest.mark.parametrize(
    ("limits", "value", "before", "level"),
    [
        (HEAT, 69_999, "", ""),
        (HEAT, 70_000, "", "warn"),
        (HEAT, 90_000, "", "stop"),
        (HEAT, 69_000, "warn", "warn"),  # wavers around the limit
        (HEAT, 67_800, "warn", ""),
        (HEAT, 88_000, "stop", "stop"),
        (HEAT, 87_000, "stop", "warn"),
        (HEAT, 60_000, "stop", ""),
        (HEAT, -40_000, "", ""),
        (MAINS, 206_000, "", "warn"),
        (MAINS, 210_000, "warn", "warn"),
        (MAINS, 214_000, "warn", ""),
        (MAINS, 265_000, "warn", "stop"),
        (Limits(), 10**9, "", ""),
    ],
)
def test_levels(limits: Limits, value: int, before: Level, level: Level) -> None:
    assert judge(limits, value, before) == level


@given(st.integers(-(10**6), 10**6), st.sampled_from(["", "warn", "stop"]))
def test_what_was_fine_is_never_better_than_what_was_not(value: int, before: Level) -> None:
    rank = {"": 0, "warn": 1, "stop": 2}
    assert rank[judge(MAINS, value)] <= rank[judge(MAINS, value, before)]
    assert judge(MAINS, value, judge(MAINS, value, before)) == judge(MAINS, value, before)


@pytest.mark.parametrize(("kind", "power_w"), [("ebike_box", 500), ("ac", 22_000), ("dc", 150_000)])
def test_full_load_is_within_the_limits_of_every_kind(kind: str, power_w: int) -> None:
    found = defaults(kind, power_w)
    assert set(found) == set(KINDS)
    volts = 400_000 if kind == "dc" else 230_000
    assert judge(found["voltage"], volts) == ""
    assert judge(found["power"], power_w * 1000) == ""
    assert judge(found["current"], power_w * 10**6 // volts) == ""
    assert judge(found["power"], power_w * 1300) == "stop"


def rising(per_hour: int, points: int = 13) -> list[tuple[datetime, int]]:
    return [(NOON + timedelta(minutes=10 * n), 40_000 + per_hour * n // 6) for n in range(points)]


def test_a_steady_rise_is_seen_and_its_end_told() -> None:
    found = trend(rising(3_000))
    assert found is not None
    assert abs(found.per_hour - 3_000) <= 1
    assert found.reaches(70_000) == found.at + timedelta(hours=8)
    assert found.reaches(40_000) is None
    assert found.reaches(None) is None


def test_what_falls_or_stands_reaches_nothing() -> None:
    for per_hour in (0, -2_000, 10):
        found = trend(rising(per_hour))
        assert found is not None
        assert found.reaches(70_000) is None


@pytest.mark.parametrize(
    ("last", "per_hour", "met"),
    [
        (250_000, 1_000, (253_000, 3)),  # the nearer of two above
        (255_000, 1_000, (264_500, 10)),  # that one is behind it
        (210_000, -1_000, (207_000, 3)),
        (200_000, -1_000, None),  # below it already
        (200_000, 1_000, (253_000, 53)),  # it comes back, and goes on
        (230_000, 0, None),
        (230_000, 1, None),  # not within a month
    ],
)
def test_a_trend_meets_the_nearest_limit_on_its_way(
    last: int, per_hour: int, met: tuple[int, int] | None
) -> None:
    found = Trend(per_hour, last, NOON).meets(MAINS)
    assert found == (None if met is None else (met[0], NOON + timedelta(hours=met[1])))


def test_what_goes_up_and_down_with_the_charges_is_no_trend() -> None:
    points = [(NOON + timedelta(minutes=10 * n), 230_000 + 9_000 * (n % 2)) for n in range(13)]
    found = trend(points)
    assert found is not None and not found.steady
    steady = trend(rising(3_000))
    assert steady is not None and steady.explains >= 99 and steady.steady


@given(st.integers(-9_000, 9_000), st.integers(0, 4_000))
def test_a_trend_explains_between_nothing_and_all(per_hour: int, wave: int) -> None:
    points = [(at, value + wave * (n % 3)) for n, (at, value) in enumerate(rising(per_hour))]
    found = trend(points)
    assert found is not None and 0 <= found.explains <= 100


def test_too_few_points_tell_no_trend() -> None:
    assert trend(rising(3_000)[:5]) is None
    assert trend([]) is None
    assert trend([(NOON + timedelta(seconds=n), n) for n in range(20)]) is None  # too short a time
