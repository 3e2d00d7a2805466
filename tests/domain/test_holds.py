"""Holds: small, never under what a card can be charged, and never passed by a charge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.holds import hold_for, smallest_charge, stop_threshold
from bot.domain.money import Money
from bot.domain.pricing import planned, price
from bot.domain.tariffs import Tariff
from tests.domain.test_pricing import energy, tariff, tariffs

T0 = datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_a_hold_covers_four_hours_at_full_power_in_whole_units() -> None:
    rates = tariff(energy("0.30"), tax="10")
    assert hold_for(rates, power_w=3700, at=T0) == Money(500, "EUR")  # 14.8 kWh: 4.89


def test_a_hold_follows_the_plan() -> None:
    rates = tariff(energy("0.30"), tax="10")
    assert hold_for(rates, power_w=50_000, at=T0, energy_wh=30_000) == Money(1000, "EUR")


@pytest.mark.parametrize(
    ("currency", "rate", "least", "most"),
    [("EUR", "9", 300, 3000), ("JPY", "900", 450, 4500), ("KWD", "9", 900, 9000)],
)
def test_holds_stay_small_in_every_currency(
    currency: str, rate: str, least: int, most: int
) -> None:
    dear, cheap = tariff(energy(rate), currency=currency), tariff(currency=currency)
    assert hold_for(dear, power_w=150_000, at=T0).amount_minor == most
    assert hold_for(cheap, power_w=250, at=T0).amount_minor == least


@pytest.mark.parametrize(
    ("currency", "minor"), [("EUR", 50), ("JPY", 50), ("GBP", 30), ("KWD", 150), ("CLP", 500)]
)
def test_the_smallest_charge(currency: str, minor: int) -> None:
    assert smallest_charge(currency) == minor


@given(tariffs(), st.integers(200, 150_000))
def test_a_meter_interval_after_the_threshold_still_fits_the_hold(
    rules: Tariff, power_w: int
) -> None:
    hold = hold_for(rules, power_w=power_w, at=T0)
    stop = stop_threshold(rules, hold_minor=hold.amount_minor, power_w=power_w, at=T0)
    assert 0 < stop < hold.amount_minor
    assert hold.amount_minor >= smallest_charge(rules.currency)


def test_the_margin_is_one_meter_interval() -> None:
    rates = tariff(energy("0.60"))
    stop = stop_threshold(rates, hold_minor=2000, power_w=120_000, at=T0)
    assert stop == 2000 - 120  # 2 kWh a minute
    before = planned(31_300, 120_000, T0)
    after = planned(33_300, 120_000, T0)
    assert price(rates, before).gross_minor < stop <= price(rates, after).gross_minor <= 2000
    assert after.readings[-1].at - before.readings[-1].at == timedelta(minutes=1)
