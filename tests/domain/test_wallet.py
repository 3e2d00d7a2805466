"""Prepaid money by the rules: cash first, bonus once, caps by calendar month, newest paid out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import wallet as rules
from bot.domain.money import Money
from bot.domain.wallet import AutoPlan, Parts, Source

minor = st.integers(0, 100_000)
parts = st.builds(Parts, minor, minor)


@given(parts, minor)
def test_cash_pays_first_and_no_more_than_there_is(money: Parts, amount: int) -> None:
    used = rules.first_of(money, amount)
    assert used.total == min(amount, money.total)
    assert used.bonus_minor == 0 or used.cash_minor == money.cash_minor


@given(parts, st.lists(minor, max_size=6))
def test_refunds_give_cash_before_bonus_and_never_more_than_was_paid(
    paid: Parts, amounts: list[int]
) -> None:
    back = Parts()
    for amount in amounts:
        one = rules.goes_back(paid, back, amount)
        back += one
        assert back.bonus_minor == 0 or back.cash_minor == paid.cash_minor
    assert back.total == min(sum(amounts), paid.total)
    assert back.cash_minor <= paid.cash_minor
    assert back.bonus_minor <= paid.bonus_minor


def test_bonus_steps() -> None:
    steps = rules.read_bonuses("EUR:50:5, EUR:100:20,JPY:5000:500")
    for amount, bonus in ((4999, 0), (5000, 500), (9999, 500), (10000, 2000), (50000, 2000)):
        assert rules.bonus_for(steps, Money(amount, "EUR")) == bonus
    assert rules.bonus_for(steps, Money(5000, "JPY")) == 500
    assert rules.bonus_for(steps, Money(100_000, "USD")) == 0
    for wrong in ("EUR", "EUR:1", "eur:100:20", "EUR:x:1", "EUR:0:1", "EUR:100:-1", "JPY:1.5:1"):
        with pytest.raises(ValueError, match="top-up bonus"):
            rules.read_bonuses(wrong)


def test_money_drawn_and_topped_up_again_earns_no_second_bonus() -> None:
    assert rules.counts(100, paid_in=0, drawn=0, counted=0) == 100
    assert rules.counts(100, paid_in=100, drawn=100, counted=100) == 0
    assert rules.counts(150, paid_in=100, drawn=100, counted=100) == 50
    assert rules.counts(100, paid_in=100, drawn=0, counted=100) == 100  # spent, not drawn


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 500)), max_size=12))
def test_what_earned_a_bonus_never_passes_what_came_in_for_good(
    steps: list[tuple[bool, int]],
) -> None:
    paid_in = drawn = counted = highest = 0
    for tops_up, amount in steps:
        if tops_up:
            counted += rules.counts(amount, paid_in=paid_in, drawn=drawn, counted=counted)
            paid_in += amount
        else:
            drawn += min(amount, paid_in - drawn)
        highest = max(highest, paid_in - drawn)
        assert counted == highest


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("20", "EUR", Money(2000, "EUR")), ("20,50 €", "EUR", Money(2050, "EUR")),
        ("€20", "EUR", Money(2000, "EUR")), ("usd 20", "EUR", Money(2000, "USD")),
        ("20 dollars", "EUR", Money(2000, "USD")), ("50元", "CNY", Money(5000, "CNY")),
        ("R$ 50", "BRL", Money(5000, "BRL")), ("¥1500", "JPY", Money(1500, "JPY")),
        ("$20", "AUD", Money(2000, "AUD")), ("1.500", "KWD", Money(1500, "KWD")),
        ("1.000", "EUR", None), ("0", "EUR", None), ("20 kwh", "EUR", None),
        ("twenty", "EUR", None), ("1023-27", "EUR", None), ("20.5", "JPY", None),
    ],
)  # fmt: skip
def test_amounts_as_riders_write_them(text: str, currency: str, amount: Money | None) -> None:
    assert rules.heard_amount(text, currency) == amount


@pytest.mark.parametrize("currency", ["EUR", "CNY", "JPY", "KWD", "HUF", "BRL", "XXX"])
def test_amounts_to_tap_lie_within_the_limits(currency: str) -> None:
    usual = [each.amount_minor for each in rules.usual_amounts(currency)]
    least = rules.least_top_up(currency).amount_minor
    assert [least, *usual, rules.most_top_up(currency).amount_minor] == sorted(
        {least, *usual, rules.most_top_up(currency).amount_minor}
    )


def test_months_are_those_of_the_zone() -> None:
    at = datetime(2026, 10, 31, 22, 30, tzinfo=UTC)  # 00:30 on 1 November in Helsinki
    assert rules.month_of(at, "Europe/Helsinki").isoformat() == "2026-11-01T00:00:00+02:00"
    assert rules.month_of(at, "UTC").isoformat() == "2026-10-01T00:00:00+00:00"
    assert rules.next_month(at, "Europe/Helsinki").isoformat() == "2026-12-01T00:00:00+02:00"
    # over the end of summer time, and over the year's end
    summer = datetime(2026, 10, 20, tzinfo=UTC)
    assert rules.month_of(summer, "Europe/Helsinki").isoformat() == "2026-10-01T00:00:00+03:00"
    assert rules.next_month(summer, "Europe/Helsinki").isoformat() == "2026-11-01T00:00:00+02:00"
    december = datetime(2026, 12, 31, 12, tzinfo=UTC)
    assert rules.next_month(december, "UTC").isoformat() == "2027-01-01T00:00:00+00:00"


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 5), st.lists(st.integers(0, 600)))
def test_automatic_top_ups_stay_within_the_months_cap(
    trigger: int, amount: int, times: int, balances: list[int]
) -> None:
    plan = AutoPlan(trigger, amount, amount * times + amount // 2)
    taken = 0
    for available in balances:
        run = rules.auto_amount(plan, available_minor=available, taken_minor=taken)
        assert run in {0, amount}
        assert not (run and available >= trigger)
        capped = rules.is_capped(plan, available_minor=available, taken_minor=taken)
        assert (run == amount) == (available < trigger and not capped)
        taken += run
        assert taken <= plan.cap_minor


def test_plans_that_make_no_sense() -> None:
    assert AutoPlan(500, 2000, 1999).problem() == "cap"
    assert AutoPlan(0, 2000, 6000).problem() == "trigger"
    assert AutoPlan(500, 2000, 2000).problem() == ""


def test_payouts_go_to_the_newest_payment_first() -> None:
    newest = [Source(3, 500), Source(2, 0), Source(1, 2000)]
    assert rules.split_payout(1200, newest) == ([Source(3, 500), Source(1, 700)], 0)
    assert rules.split_payout(3000, newest) == ([Source(3, 500), Source(1, 2000)], 500)


@given(minor, st.lists(minor))
def test_payouts_lose_nothing(amount: int, left: list[int]) -> None:
    sources = [Source(number, each) for number, each in enumerate(left)]
    given_, rest = rules.split_payout(amount, sources)
    assert sum(each.left_minor for each in given_) + rest == amount
    assert all(each.left_minor <= left[each.id] for each in given_)
