"""The monthly report counts each thing once, in the month it came in where it happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.complaint_quarters import before as quarter_before
from bot.domain.complaint_quarters import months_of, quarter_of, together
from bot.domain.complaints import GROUPS, Fact, after, before, change, figures, is_over, month_of

HELSINKI, LOS_ANGELES = "Europe/Helsinki", "America/Los_Angeles"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


ONE = Fact(
    "fee", "finance", "5", HELSINKI, at("2026-10-31T21:30"), at("2026-10-31T23:30"),
    at("2026-11-02T21:30"), consent=True, reopened=(at("2026-11-01T09:00"),),
    kept=(at("2026-10-31T23:30"),), missed=(at("2026-11-01T08:00"),),
    compensation=((at("2026-11-01T08:00"), "EUR", 500),),
    refunds=((at("2026-11-01T10:00"), "EUR", 250),), cause="Bill wrong",
)  # fmt: skip


def test_a_case_over_the_end_of_a_month() -> None:
    october, november = figures([ONE], "2026-10"), figures([ONE], "2026-11")
    assert (october["total"]["opened"], october["total"]["closed"]) == (1, 0)
    assert october["total"]["answer_s"] == 2 * 3600
    assert october["causes"] == [("Bill wrong", 1)]
    assert october["total"]["promises"] == 0  # it was answered at half past one, local
    assert november["total"]["opened"] == 0
    assert november["total"]["consent_permille"] == 1000
    assert november["total"]["close_s"] == 48 * 3600
    assert (november["total"]["missed"], november["total"]["promises"]) == (1, 2)
    assert november["total"]["compensation"] == {"EUR": 500}
    assert november["by_team"]["finance"]["refunds"] == {"EUR": 250}
    assert november["by_station"].keys() == {"5"}
    assert november["causes"] == []


def test_the_month_is_the_one_of_the_place() -> None:
    moment = at("2026-11-01T05:00")
    assert month_of(moment, HELSINKI) == "2026-11"
    assert month_of(moment, LOS_ANGELES) == "2026-10"


@pytest.mark.parametrize(
    ("now", "over"),
    [("2026-11-02T21:59", False), ("2026-11-02T22:01", False), ("2026-11-03T06:59", False),
     ("2026-11-03T08:01", True)],
)  # fmt: skip
def test_a_month_is_over_when_it_is_over_everywhere_and_a_little_later(
    now: str, over: bool
) -> None:
    assert is_over("2026-10", [HELSINKI, LOS_ANGELES], at(now)) == over


def test_the_months_around() -> None:
    assert (before("2027-01"), after("2026-12"), before("2026-10")) == (
        "2026-12", "2027-01", "2026-09",
    )  # fmt: skip


def test_change() -> None:
    assert change({"opened": 3}, {"opened": 4}, "opened") == -25
    assert change({"opened": 3}, {"opened": 0}, "opened") is None
    assert change({"opened": 3}, None, "opened") is None


MOMENTS = st.integers(0, 67 * 86_400).map(lambda s: at("2026-09-28") + timedelta(seconds=s))
FACTS = st.builds(
    Fact,
    class_=st.sampled_from(["fee", "technical", "safety"]), team=st.sampled_from(["a", "b"]),
    station=st.sampled_from(["", "1", "2"]), tz=st.sampled_from([HELSINKI, LOS_ANGELES, "UTC"]),
    opened_at=MOMENTS, closed_at=st.none() | MOMENTS, consent=st.booleans(),
    missed=st.lists(MOMENTS, max_size=2), answered_at=st.none() | MOMENTS,
    solved_at=st.none() | MOMENTS, front_line=st.booleans(), cause=st.sampled_from(["", "x"]),
    code=st.sampled_from(["broken", "other"]), pile=st.sampled_from(["", "P001023"]),
    refunds=st.lists(st.tuples(MOMENTS, st.sampled_from(["EUR", "GBP"]), st.integers(1, 999)),
                     max_size=2),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(FACTS, max_size=12))
def test_the_groups_add_up_to_the_whole(facts: list[Fact]) -> None:
    told = figures(facts, "2026-10")
    for name in GROUPS:
        for key in ("opened", "closed", "consent", "missed", "promises", "solved"):
            assert sum(each[key] for each in told[name].values()) == told["total"][key]
        for currency, minor in told["total"]["refunds"].items():
            parts = [each["refunds"].get(currency, 0) for each in told[name].values()]
            assert sum(parts) == minor


@settings(deadline=None)
@given(st.lists(FACTS, max_size=12))
def test_each_thing_is_in_exactly_one_month(facts: list[Fact]) -> None:
    months = ["2026-09", "2026-10", "2026-11", "2026-12"]
    told = [figures(facts, month)["total"] for month in months]
    assert sum(each["opened"] for each in told) == len(facts)
    assert sum(each["missed"] for each in told) == sum(len(fact.missed) for fact in facts)
    given_ = sum(minor for fact in facts for _, _, minor in fact.refunds)
    assert sum(sum(each["refunds"].values()) for each in told) == given_


def test_moments_before_the_case_do_not_make_it_quicker_than_at_once() -> None:
    odd = Fact("fee", "a", "", "UTC", at("2026-10-05T10:00"), at("2026-10-05T09:00"))
    assert figures([odd], "2026-10")["total"]["answer_s"] == 0
    assert figures([], "2026-10")["total"]["answer_s"] is None


@settings(deadline=None)
@given(st.lists(FACTS, max_size=12))
def test_a_quarter_is_its_months_put_together(facts: list[Fact]) -> None:
    months = [with_names(figures(facts, month)) for month in months_of("2026-Q4")]
    told = together("2026-Q4", months)
    for key in ("opened", "closed", "missed", "solved", "front_line", "answered"):
        assert told["total"][key] == sum(each["total"][key] for each in months)
        for group in GROUPS:
            assert told["total"][key] == sum(each[key] for each in told[group].values())
    assert told["total"]["answers"] == sorted(
        second for each in months for second in each["total"]["answers"]
    )
    assert sum(count for _, count in told["causes"]) == sum(
        count for each in months for _, count in each["causes"]
    )
    assert together("2026-Q4", months[:1])["total"] == months[0]["total"]


def with_names(told: dict[str, Any]) -> dict[str, Any]:
    """What the service adds to the figures."""
    return {**told, "stations": {}, "piles": {}, "all_refunds": {"EUR": [1, 250]}, "actions": []}


def test_a_quarter_with_a_month_from_before_these_were_kept() -> None:
    old = with_names(figures([ONE], "2026-11"))
    for name in ("by_code", "by_pile", "piles"):
        del old[name]
    for block in (old["total"], *old["by_class"].values()):
        for name in ("answers", "closings", "solved", "front_line"):
            del block[name]
    told = together("2026-Q4", [with_names(figures([ONE], "2026-10")), old])
    assert (told["total"]["opened"], told["total"]["closed"]) == (1, 1)
    assert told["total"]["answer_s"] == 2 * 3600
    assert told["total"]["close_s"] is None  # nobody kept what it was made of
    assert told["all_refunds"] == {"EUR": [2, 500]}
    assert told["by_class"]["fee"]["compensation"] == {"EUR": 500}


def test_quarters() -> None:
    assert [quarter_of(f"2026-{n:02}") for n in (1, 3, 4, 12)] == [
        "2026-Q1", "2026-Q1", "2026-Q2", "2026-Q4",
    ]  # fmt: skip
    assert months_of("2026-Q1") == ["2026-01", "2026-02", "2026-03"]
    assert (quarter_before("2026-Q1"), quarter_before("2026-Q3")) == ("2025-Q4", "2026-Q2")
