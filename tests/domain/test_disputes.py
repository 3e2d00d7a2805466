"""What rules decide about contested charges and meters."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.disputes import (
    REASONS,
    ChargeMoney,
    Decision,
    Reason,
    decide,
    for_the_rider,
    meter_error,
    meter_owes,
    reason_in,
)


@pytest.mark.parametrize(
    ("reason", "money", "decision"),
    [
        ("twice", ChargeMoney(300, 300, 600), Decision("refund", 300)),
        ("twice", ChargeMoney(300, 300, 300), Decision("explain")),
        ("failed", ChargeMoney(300, 300, 0), Decision("explain")),
        ("overcharged", ChargeMoney(300, 250, 300), Decision("refund", 50)),
        ("overcharged", ChargeMoney(300, 250, 250), Decision("explain")),  # given back before
        ("overcharged", ChargeMoney(300, 350, 300), Decision("explain")),
        ("coupon", ChargeMoney(300, 300, 300, coupon_saves=100), Decision("refund", 100)),
        ("coupon", ChargeMoney(300, 300, 300), Decision("explain")),
        ("not_refunded", ChargeMoney(300, 300, 0, going_back=300), Decision("status")),
        ("not_refunded", ChargeMoney(300, 300, 300), Decision("explain")),
        ("not_me", ChargeMoney(300, 300, 300), Decision("explain")),
    ],
)
def test_what_a_rule_says(reason: Reason, money: ChargeMoney, decision: Decision) -> None:
    assert decide(reason, money) == decision


amounts = st.integers(0, 10_000)


@given(st.sampled_from(REASONS), amounts, amounts, amounts, amounts)
def test_no_rule_gives_more_than_was_kept(
    reason: Reason, due: int, right: int, kept: int, saves: int
) -> None:
    found = decide(reason, ChargeMoney(due, right, kept, coupon_saves=saves))
    assert 0 <= found.amount_minor <= kept
    assert (found.amount_minor > 0) is (found.verdict == "refund")


@given(amounts, amounts, amounts)
def test_the_clock_gives_within_the_cap(asked: int, left: int, cap: int) -> None:
    assert for_the_rider(asked, left, cap) == min(asked, left, cap)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("you charged me twice", "twice"), ("me han cobrado dos veces", "twice"),
        ("重复扣款", "twice"), ("mein Gutschein ging nicht", "coupon"),
        ("where is my refund?", "not_refunded"), ("je n'ai pas été remboursé", "not_refunded"),
        ("the payment failed", "failed"), ("pagamento falhou", "failed"),
        ("that is too much", "overcharged"), ("多收钱了", "overcharged"),
        ("refund status", "not_refunded"), ("Stand der Erstattung", "not_refunded"),
        ("estado de mi reembolso", "not_refunded"), ("退款进度", "not_refunded"),
        ("refund please", None), ("dispute", None),
    ],
)  # fmt: skip
def test_reasons_in_riders_words(text: str, reason: Reason | None) -> None:
    assert reason_in(text) == reason


@pytest.mark.parametrize(
    ("shown", "true", "owed"),
    [
        (10_000, 10_000, 0),
        (10_100, 10_000, 0),  # one percent is promised
        (10_101, 10_000, 100),  # 10.00 for 1.01 % too much: 9.9990 cents, ten times
        (11_000, 10_000, 909),  # a tenth too much: 0.909 of 10.00, ten times
        (13_000, 10_000, 1_000),  # capped
        (9_000, 10_000, 0),  # to the rider's good
    ],
)
def test_a_meter_that_shows_too_much_pays_ten_times(shown: int, true: int, owed: int) -> None:
    error = meter_error(shown, true)
    assert meter_owes(1_000, error, 1_000) == owed


@given(amounts, st.integers(1, 10**6), st.integers(1, 10**6), amounts)
def test_a_meter_never_owes_more_than_the_cap(energy: int, shown: int, true: int, cap: int) -> None:
    error = meter_error(shown, true)
    owed = meter_owes(energy, error, cap)
    assert 0 <= owed <= cap
    assert owed == 0 or error > Fraction(1, 100)
