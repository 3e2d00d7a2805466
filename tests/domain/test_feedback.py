"""When riders may be asked, and what answers add up to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.feedback import (
    Facts,
    Kind,
    content_percent,
    is_low,
    may_ask,
    next_kind,
    nps,
    rated,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
FINE = Facts(now=NOW, since=NOW - timedelta(minutes=2), last_heard=NOW - timedelta(hours=1))


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, True),
        ({"since": NOW - timedelta(seconds=119)}, False),
        ({"asked_already": True}, False),
        ({"opted_out": True}, False),
        ({"never": True}, False),
        ({"trouble": True}, False),
        ({"after_incident": True}, False),
        ({"snoozed_until": NOW + timedelta(seconds=1)}, False),
        ({"snoozed_until": NOW}, True),
        ({"last_asked": NOW - timedelta(days=7)}, True),
        ({"last_asked": NOW - timedelta(days=6, hours=23)}, False),
        ({"last_heard": None}, False),
        ({"last_heard": NOW - timedelta(hours=23, minutes=54)}, True),
        ({"last_heard": NOW - timedelta(hours=23, minutes=55)}, False),
    ],
)
def test_a_rider_is_asked_at_a_good_moment_only(change: dict[str, object], wanted: bool) -> None:
    assert may_ask(replace(FINE, **change)) is wanted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "score", "low"),
    [("nps", 6, True), ("nps", 7, False), ("stars", 2, True), ("stars", 3, False),
     ("csat", 2, True), ("csat", 3, False)],
)  # fmt: skip
def test_low_scores_are_followed_up(kind: Kind, score: int, low: bool) -> None:
    assert is_low(kind, score) is low


@pytest.mark.parametrize(
    ("scores", "wanted"),
    [
        ([], None),
        ([9, 10], 100),
        ([6, 0], -100),
        ([7, 8], 0),
        ([10, 10, 6], 33),  # 33.3
        ([10, 10, 10, 10, 10, 6, 7, 8], 50),
        ([10, 6, 6, 7, 7, 7, 7, 7], -13),  # 12.5, away from zero
    ],
)
def test_nps(scores: list[int], wanted: int | None) -> None:
    found = nps(scores)
    assert found.score == wanted
    assert found.n == found.promoters + found.passives + found.detractors == len(scores)


@given(st.lists(st.integers(0, 10), min_size=1, max_size=12))
def test_nps_stays_in_its_range_and_grows_with_a_promoter(scores: list[int]) -> None:
    before, after = nps(scores).score, nps([*scores, 10]).score
    assert before is not None
    assert after is not None
    assert -100 <= before <= after <= 100


def test_questions_take_turns_and_csat_is_a_share() -> None:
    assert [next_kind(number) for number in range(4)] == ["nps", "stars", "nps", "stars"]
    assert content_percent([5, 4, 3]) == 67
    assert content_percent([]) is None


@pytest.mark.parametrize(
    ("tenths", "count", "stars", "before", "wanted"),
    [(None, 0, 5, None, 50), (40, 1, 5, None, 45), (45, 2, 1, 5, 25), (46, 100, 1, None, 46)],
)
def test_a_rating_takes_one_more_review(
    tenths: int | None, count: int, stars: int, before: int | None, wanted: int
) -> None:
    assert rated(tenths, count, stars, before=before) == wanted


@given(st.integers(10, 50), st.integers(1, 10_000), st.integers(1, 5))
def test_a_rating_never_leaves_its_scale(tenths: int, count: int, stars: int) -> None:
    found = rated(tenths, count, stars)
    assert 10 <= found <= 50
    assert abs(found - 10 * stars) <= abs(tenths - 10 * stars)
