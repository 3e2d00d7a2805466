"""Who gets a waiting rider, what riders are promised, when the desk is open."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.desk_rules import (
    AgentFacts,
    Hours,
    Waiting,
    answer_due_s,
    choose_agent,
    expected_wait_s,
    is_present,
    queue_order,
)


def agent(staff_id: int = 1, **values: Any) -> AgentFacts:
    facts: dict[str, Any] = {
        "presence": "online", "unseen_s": 5, "capacity": 4, "load_halves": 0,
        "langs": frozenset({"en"}), "skills": frozenset(),
    }  # fmt: skip
    return AgentFacts(staff_id=staff_id, **{**facts, **values})


def rider(**values: Any) -> Waiting:
    facts: dict[str, Any] = {
        "conversation_id": 1, "priority": 3, "waited_s": 10, "lang": "en", "skill": None,
    }  # fmt: skip
    return Waiting(**{**facts, **values})


@pytest.mark.parametrize(
    ("facts", "present"),
    [
        ({}, True),
        ({"presence": "busy"}, False),
        ({"presence": "away"}, False),
        ({"unseen_s": 121}, False),  # a closed laptop
        ({"unseen_s": 120}, True),
    ],
)
def test_present_means_chosen_and_connected(facts: dict[str, Any], present: bool) -> None:
    assert is_present(agent(**facts)) is present


@pytest.mark.parametrize(
    ("waiting", "team", "chosen"),
    [
        (rider(), [], None),
        (rider(), [agent(1)], 1),
        (rider(), [agent(1, load_halves=4), agent(2, load_halves=1)], 2),  # the least load
        (rider(), [agent(1, load_halves=7)], None),  # full: half a chat is no room
        (rider(priority=0), [agent(1, load_halves=8)], 1),  # danger ignores capacity
        (rider(lang="zh"), [agent(1), agent(2, langs=frozenset({"zh"}))], 2),
        (rider(lang="zh"), [agent(1)], None),  # not yet: somebody may come who speaks it
        (rider(lang="zh", waited_s=120), [agent(1)], 1),  # better somebody than nobody
        (rider(skill="finance"), [agent(1), agent(2, skills=frozenset({"finance"}))], 2),
        (rider(declined=frozenset({1})), [agent(1)], None),
        (rider(), [agent(1, presence="away"), agent(2, unseen_s=999)], None),
        (rider(), [agent(1, langs=frozenset())], 1),  # no languages set: takes everybody
    ],
)
def test_choosing(waiting: Waiting, team: list[AgentFacts], chosen: int | None) -> None:
    assert choose_agent(waiting, team) == chosen


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10_000)), max_size=30))
def test_danger_is_always_first_and_nobody_is_lost(drawn: list[tuple[int, int]]) -> None:
    line = [
        rider(conversation_id=number, priority=priority, waited_s=waited)
        for number, (priority, waited) in enumerate(drawn)
    ]
    ordered = queue_order(line)
    assert sorted(one.conversation_id for one in ordered) == list(range(len(line)))
    for one, following in pairwise(ordered):
        assert (one.priority, -one.waited_s) <= (following.priority, -following.waited_s)


@pytest.mark.parametrize(
    ("place", "present", "expected"),
    [(1, 1, 240), (3, 1, 720), (3, 3, 240), (4, 3, 480), (1, 0, None)],
)
def test_the_wait_told_to_riders(place: int, present: int, expected: int | None) -> None:
    assert expected_wait_s(place, present) == expected


def test_answers_are_due_by_priority() -> None:
    assert [answer_due_s(p, 60) for p in (0, 1, 2, 3)] == [120, 240, 1740, 14340]
    assert answer_due_s(0, 200) == -20


WEEK = Hours("Europe/Helsinki", dict.fromkeys(range(5), (8 * 60, 20 * 60)), {})


@pytest.mark.parametrize(
    ("hours", "now", "is_open", "opens"),
    [
        (Hours("Europe/Helsinki", {}, {}), "2026-11-22T03:00", True, None),  # 24/7
        (WEEK, "2026-11-20T06:00", True, None),  # Friday 08:00 in Helsinki
        (WEEK, "2026-11-20T05:59", False, "2026-11-20T06:00"),
        (WEEK, "2026-11-20T18:00", False, "2026-11-23T06:00"),  # closed until Monday
        # The night the clocks go back (25 October 2026): 08:00 is two hours ahead of UTC again.
        (WEEK, "2026-10-24T12:00", False, "2026-10-26T06:00"),
        (WEEK, "2026-10-23T20:00", False, "2026-10-26T06:00"),
        (
            Hours("Europe/Helsinki", dict(WEEK.weekdays), {date(2026, 11, 20): (0, 0)}),
            "2026-11-20T10:00", False, "2026-11-23T06:00",
        ),  # a holiday
    ],
)  # fmt: skip
def test_opening_hours(hours: Hours, now: str, is_open: bool, opens: str | None) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert hours.is_open(moment) is is_open
    if opens is not None:
        assert hours.next_opening(moment) == datetime.fromisoformat(opens).replace(tzinfo=UTC)
