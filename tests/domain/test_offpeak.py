"""A cheaper start is told with what it saves, and only where it is worth it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.habits import Usual, Visit, habits, may_tell, next_hour
from bot.domain.offpeak import cheaper_start
from bot.domain.tariffs import load_tariff

ZONE = ZoneInfo("Europe/Helsinki")
EVENING = datetime(2026, 11, 20, 18, 30, tzinfo=ZONE).astimezone(UTC)


def tariff(night: str) -> object:
    when = {"weekdays": [], "start": "22:00", "end": "08:00"}
    return load_tariff(
        {
            "elements": [
                {"kind": "energy", "price": night, "per": "kwh", "when": when},
                {"kind": "energy", "price": "0.30", "per": "kwh"},
            ]
        },
        name="AC", version="1", currency="EUR", tz="Europe/Helsinki", tax_percent="25.5",
        includes_tax=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("night", "energy", "saving"),
    [("0.24", 35_000, 210), ("0.29", 35_000, None), ("0.24", 2_000, None), ("0.40", 9_000, None)],
)
def test_waiting_till_ten_saves_what_the_bill_would_say(
    night: str, energy: int, saving: int | None
) -> None:
    best = cheaper_start(
        tariff(night), at=EVENING, power_w=11_000, energy_wh=energy  # type: ignore[arg-type]
    )  # fmt: skip
    if saving is None:
        assert best is None
    else:
        assert best is not None
        assert best.saving_minor == saving
        assert best.at.astimezone(ZONE).strftime("%H:%M") == "22:00"


def test_nothing_is_saved_at_night_or_too_far_ahead() -> None:
    night = datetime(2026, 11, 20, 23, tzinfo=ZONE).astimezone(UTC)
    for at in (night, datetime(2026, 11, 20, 8, 30, tzinfo=ZONE).astimezone(UTC)):
        assert cheaper_start(tariff("0.10"), at=at, power_w=11_000, energy_wh=20_000) is None  # type: ignore[arg-type]


def visits(*at: tuple[int, int, int]) -> list[Visit]:
    return [
        Visit(station, datetime(2026, 11, day, hour, 20, tzinfo=ZONE)) for station, day, hour in at
    ]


def test_habits_are_what_came_again() -> None:
    assert habits(visits((1, 2, 18), (1, 3, 18))) == []
    found = habits(
        visits((1, 2, 18), (1, 3, 19), (1, 4, 18), (1, 7, 11), (1, 8, 11), (2, 5, 8), (3, 6, 23))
    )
    assert found == [Usual(1, 18, False, 3), Usual(1, 11, True, 2)]
    assert [each.hour for each in habits(visits((1, 2, 23), (1, 3, 0), (1, 4, 23)))] == [23]


def test_a_usual_hour_is_told_of_shortly_before_and_seldom() -> None:
    usual = Usual(1, 19, False, 5)
    assert next_hour(usual, ZONE, EVENING) == datetime(2026, 11, 20, 19, tzinfo=ZONE)
    assert next_hour(usual, ZONE, EVENING + timedelta(minutes=15)) is None
    assert next_hour(usual, ZONE, EVENING - timedelta(hours=1)) is None
    assert next_hour(usual, ZONE, EVENING + timedelta(days=1)) is None  # a Saturday
    day = timedelta(days=1)
    assert may_tell([], EVENING)
    assert not may_tell([EVENING - timedelta(hours=3)], EVENING)
    assert not may_tell([EVENING - n * day for n in (1, 2, 3)], EVENING)
    assert may_tell([EVENING - n * day for n in (1, 2, 8)], EVENING)
