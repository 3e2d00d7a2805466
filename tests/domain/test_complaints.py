"""The monthly report counts each thing once, in the month it came in where it happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.complaints import Fact, after, before, change, figures, is_over, month_of

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
    missed=st.lists(MOMENTS, max_size=2),
    refunds=st.lists(st.tuples(MOMENTS, st.sampled_from(["EUR", "GBP"]), st.integers(1, 999)),
                     max_size=2),
)  # fmt: skip


@given(st.lists(FACTS, max_size=12))
def test_the_groups_add_up_to_the_whole(facts: list[Fact]) -> None:
    told = figures(facts, "2026-10")
    for name in ("by_class", "by_team", "by_station"):
        for key in ("opened", "closed", "consent", "missed", "promises"):
            assert sum(each[key] for each in told[name].values()) == told["total"][key]
        for currency, minor in told["total"]["refunds"].items():
            parts = [each["refunds"].get(currency, 0) for each in told[name].values()]
            assert sum(parts) == minor


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
