"""Signs of wear, the risk made of them, whose prediction is made, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example as example_of
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import prediction as rules
from bot.domain.prediction import SIGNS, WEIGHTS, Candidate, Day, Facts, Results
from bot.domain.risk_fit import Example, fit, loss

TODAY = date(2026, 11, 28)
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
HEALTHY = Facts(starts=70, rise_mk=25_000, usual_mk=25_000, usual_of="self")


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def risk(facts: Facts) -> int:
    return rules.risk(rules.signs(facts))


@pytest.mark.parametrize(
    ("facts", "least", "most"),
    [
        (Facts(), 10, 25),  # nothing known: what is usual
        (HEALTHY, 10, 25),
        (replace(HEALTHY, trips=1), 20, 60),  # one fault makes no visit
        (replace(HEALTHY, failed_starts=2), 50, 200),
        (replace(HEALTHY, offline=8), 20, 60),  # a bad network is no wear
        (replace(HEALTHY, failed_starts=6), 850, 950),
        (replace(HEALTHY, failed_starts=6, expected_failed=6), 500, 600),  # it was always so
        (replace(HEALTHY, rise_mk=37_000), 100, 200),
        (replace(HEALTHY, rise_mk=45_000, failed_starts=2), 750, 850),
        (replace(HEALTHY, rise_mk=60_000), 790, 810),  # no sign alone is certain
        (replace(HEALTHY, rise_mk=15_000), 10, 25),  # cooler than usual is fine
        (replace(HEALTHY, cycles=20_000), 40, 80),  # old alone is no reason
    ],
)
def test_what_signs_make(facts: Facts, least: int, most: int) -> None:
    assert least <= risk(facts) <= most


@given(
    sign=st.sampled_from(SIGNS),
    strong=st.lists(st.integers(0, 6), min_size=len(SIGNS), max_size=len(SIGNS)),
    more=st.integers(0, 6),
)
def test_no_sign_speaks_for_health(sign: str, strong: list[int], more: int) -> None:
    shown = {name: float(value) for name, value in zip(SIGNS, strong, strict=True)}
    assert rules.risk({**shown, sign: shown[sign] + more}) >= rules.risk(shown)


def test_days_are_summed_within_their_windows() -> None:
    days = [
        Day(ago(0), cycles=4, failed_starts=2, retries=1, trips=1, heat_min=10, rise_mk=40_000),
        Day(ago(6), cycles=4, command_failures=2, offline=1, heat_min=30, rise_mk=36_000),
        Day(ago(7), failed_starts=1, heat_min=20, rise_mk=25_000, offline=9),
        Day(ago(13), trips=1),
        Day(ago(34), failed_starts=3, heat_min=20, rise_mk=27_000),
        Day(ago(35), failed_starts=90),
    ]
    facts = rules.sum_up(days, TODAY, cycles=1234)
    assert (facts.failed_starts, facts.starts, facts.commands) == (2, 10, 3)
    assert (facts.trips, facts.offline, facts.expected_failed) == (2, 1, 1.0)
    assert (facts.rise_mk, facts.usual_mk, facts.usual_of) == (37_000, 26_000, "self")
    assert facts.cycles == 1234


def test_after_a_repair_only_what_came_since_counts() -> None:
    days = [Day(ago(3), failed_starts=5, trips=2), Day(ago(1), failed_starts=1, cycles=3)]
    facts = rules.sum_up(days, TODAY, cared_for=ago(2))
    assert (facts.failed_starts, facts.starts, facts.trips) == (1, 4, 0)


def test_a_new_socket_is_held_against_others_of_its_model() -> None:
    hot = [Day(ago(0), heat_min=20, rise_mk=50_000)]
    assert rules.sum_up(hot, TODAY, peers_mk=[24_000, 26_000]).usual_mk is None  # too few
    facts = rules.sum_up(hot, TODAY, peers_mk=[24_000, 25_000, 90_000])
    assert (facts.usual_mk, facts.usual_of) == (25_000, "peers")
    (told,) = rules.words(facts, rules.reasons(rules.signs(facts)))
    assert told == "warms by 50 K at full load, others of its model: 25 K"


def test_reasons_name_what_counts_strongest_first() -> None:
    facts = replace(HEALTHY, failed_starts=4, starts=9, rise_mk=40_000, offline=1)
    found = rules.reasons(rules.signs(facts))
    assert [each.sign for each in found] == ["failed_starts", "heat", "more_failed"]
    assert rules.words(facts, found) == [
        "4 of 9 starts failed within 7 days (usual: 0.0)",
        "warms by 40 K at full load, its own usual: 25 K",
    ]


def test_never_a_flood() -> None:
    month, minute = timedelta(days=30), timedelta(minutes=1)
    candidates = [
        Candidate(1, 900), Candidate(2, 499), Candidate(3, 950, busy=True), Candidate(4, 700),
        Candidate(5, 990, last_ended_at=NOW - month + minute),
        Candidate(6, 800, last_ended_at=NOW - month), Candidate(7, 500),
    ]  # fmt: skip

    def picked(room: int) -> list[int]:
        return rules.chosen(candidates, NOW, threshold=500, cool_down=month, room=room)

    assert picked(9) == [1, 6, 4, 7]
    assert picked(2) == [1, 6]
    assert picked(0) == picked(-1) == []


@pytest.mark.parametrize(
    ("now", "failed", "visited", "found", "is_"),
    [
        (5, None, False, False, ""),
        (5, 4, False, False, "hit"),
        (5, None, True, True, "hit"),
        (5, None, True, False, ""),  # it may still fail
        (15, None, True, False, "false_alarm"),
        (15, None, False, False, "unchecked"),
        (15, 14, True, False, "hit"),  # the technician overlooked it
        (16, 15, True, False, "false_alarm"),  # too late to have been foretold
    ],
)
def test_outcomes(now: int, failed: int | None, visited: bool, found: bool, is_: str) -> None:
    def after(days: int) -> datetime:
        return NOW + timedelta(days=days)

    got = rules.outcome(
        after(now), until=after(14), failed_at=None if failed is None else after(failed),
        visited=visited, found_wear=found,
    )  # fmt: skip
    assert got == is_


def test_few_outcomes_make_no_share() -> None:
    few = Results(hits=10, false_alarms=9, unchecked=5, open=1, misses=2, foretold=3)
    assert (few.precision, few.recall, few.lead_s) == (None, None, None)
    day = 86_400
    many = Results(15, 5, 0, 0, misses=5, foretold=15, leads_s=(day - 1, day, 3 * day))
    assert (many.precision, many.recall, many.lead_s, many.in_time) == (75, 75, day, 2)


# --- fitting


def example(failed: bool, **shown: float) -> Example:
    return Example({**dict.fromkeys(SIGNS, 0.0), **shown}, failed)


def test_without_examples_the_weights_stay() -> None:
    assert fit([]) == pytest.approx(dict(WEIGHTS))


def test_weights_follow_what_was_seen() -> None:
    """Heat tells everything here, and being out of contact nothing."""
    seen = [example(True, heat=3, offline=n % 3) for n in range(40)]
    seen += [example(False, heat=0.2, offline=n % 3) for n in range(200)]
    seen += [example(False, offline=6) for n in range(40)]
    fitted = fit(seen)
    assert fitted["heat"] > WEIGHTS["heat"]
    assert fitted["offline"] < WEIGHTS["offline"]
    assert loss(seen, fitted) < loss(seen, WEIGHTS) / 2
    assert min(fitted[sign] for sign in SIGNS) >= 0


@example_of(failed=[False, True, True, True, True, True], heat=2.0)  # whole steps diverge here
@given(failed=st.lists(st.booleans(), max_size=12), heat=st.floats(0, 6))
def test_fitting_never_makes_it_much_worse(failed: list[bool], heat: float) -> None:
    seen = [example(each, heat=heat) for each in failed]
    assert loss(seen, fit(seen)) <= loss(seen, WEIGHTS) + 1e-6
