"""Who is asked next, which steps follow which, when a fault calls somebody out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.jobs import (
    LIVE,
    STATES,
    Worker,
    calls_out,
    is_near,
    may_become,
    next_worker,
    score_tenths,
    sources,
)

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def worker(staff_id: int, load: int = 0, hours: int | None = None, here: bool = True) -> Worker:
    last = NOON - timedelta(hours=hours) if hours is not None else None
    return Worker(staff_id, load, last, here)


@pytest.mark.parametrize(
    ("workers", "passed", "chosen"),
    [
        ([], [], None),
        ([worker(1)], [1], None),
        ([worker(1, load=2), worker(2, load=1)], [], 2),
        ([worker(1, load=0, here=False), worker(2, load=3)], [], 2),
        ([worker(1, hours=1), worker(2, hours=5)], [], 2),
        ([worker(1, hours=1), worker(2)], [], 2),
        ([worker(2), worker(1)], [], 1),
        ([worker(1), worker(2, load=9)], [1], 2),
    ],
)
def test_the_next_one(workers: list[Worker], passed: list[int], chosen: int | None) -> None:
    assert next_worker(workers, passed) == chosen


@given(st.lists(st.integers(0, 9), unique=True, max_size=8))
def test_everybody_is_asked_once_before_anybody_is_asked_again(numbers: list[int]) -> None:
    workers, passed = [worker(each) for each in numbers], list[int]()
    while (chosen := next_worker(workers, passed)) is not None:
        passed.append(chosen)
    assert sorted(passed) == sorted(numbers)


@pytest.mark.parametrize(
    ("now", "to", "may"),
    [
        ("open", "accepted", True), ("accepted", "accepted", False), ("accepted", "on_way", True),
        ("accepted", "arrived", True), ("open", "arrived", False), ("on_way", "done", False),
        ("arrived", "done", True), ("done", "cancelled", False), ("arrived", "open", True),
        ("done", "open", False), ("open", "nonsense", False),
    ],
)  # fmt: skip
def test_steps(now: str, to: str, may: bool) -> None:
    assert may_become(now, to) is may


def test_what_is_over_stays_over() -> None:
    for state in set(STATES) - set(LIVE):
        assert not any(state in sources(to) for to in STATES)


@pytest.mark.parametrize(
    ("stays", "times", "out"),
    [(True, 1, True), (False, 1, False), (False, 2, False), (False, 3, True), (True, 0, True)],
)
def test_a_fault_that_goes_away_calls_nobody_unless_it_flaps(
    stays: bool, times: int, out: bool
) -> None:
    assert calls_out(still_faulted=stays, times_today=times) is out


def test_near_and_stars() -> None:
    assert is_near(500) and not is_near(501)
    assert score_tenths([]) is None
    assert score_tenths([5, 4, 4]) == 43
