"""A fault counts once, however often and by whomever it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.faults import DAY, Faults, dump, load, over, taken_back, told

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("news", "counted"),
    [
        ("S", 1),
        ("SS", 1),  # repeated, unchanged
        ("SA", 1),  # by status and alarm
        ("AS", 1),
        ("SsS", 2),
        ("AaA", 2),  # alarms alone
        ("AAaAa", 2),
        ("SAsS", 2),  # the status is well again: nobody clears the alarm
        ("AsA", 1),  # a status that never told of it takes nothing back
        ("ASaS", 1),  # still faulted by its status
        ("SrS", 2),  # repaired in between
    ],
)
def test_what_is_told_is_counted_by_faults(news: str, counted: int) -> None:
    faults = Faults()
    for each in news:
        match each:
            case "S" | "A":
                faults, _ = told(faults, "status" if each == "S" else "alarm", NOW)
            case "s" | "a":
                faults = taken_back(faults, "status" if each == "s" else "alarm")
            case _:
                faults = over(faults)
    assert faults.lately(NOW) == counted
    assert load(dump(faults)) == faults


def test_only_a_day_is_counted() -> None:
    faults = Faults()
    for hours in (0, 10, 23):
        faults = taken_back(told(faults, "status", NOW + timedelta(hours=hours))[0], "status")
    assert faults.lately(NOW + timedelta(hours=23)) == 3
    assert faults.lately(NOW + DAY) == 2
    assert load({}) == Faults()


@given(st.lists(st.sampled_from("SAsar"), max_size=60))
def test_never_more_faults_than_news_and_bounded(news: list[str]) -> None:
    faults, new = Faults(), 0
    for step, each in enumerate(news):
        if each in "SA":
            teller = "status" if each == "S" else "alarm"
            faults, is_new = told(faults, teller, NOW + timedelta(seconds=step))  # type: ignore[arg-type]  # a Teller
            new += is_new
        elif each in "sa":
            faults = taken_back(faults, "status" if each == "s" else "alarm")
        else:
            faults = over(faults)
    assert new == 0 or faults.lately(NOW + timedelta(seconds=60)) == min(new, 20)
