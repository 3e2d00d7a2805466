"""Our minor units (ISO 4217) and Stripe's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.holds import smallest_charge
from bot.errors import GiveUp
from bot.gateways.stripe_client import from_stripe, to_stripe

SAME = ("EUR", "USD", "GBP", "JPY", "KRW", "BRL", "CNY", "CHF", "SEK")


@given(st.integers(0, 999_999), st.sampled_from((*SAME, "ISK", "UGX")))
def test_there_and_back_is_the_same_amount(amount_minor: int, currency: str) -> None:
    assert from_stripe(to_stripe(amount_minor, currency), currency) == amount_minor


@given(st.integers(0, 99_999_999), st.sampled_from(SAME))
def test_most_currencies_count_alike(amount_minor: int, currency: str) -> None:
    assert to_stripe(amount_minor, currency) == amount_minor


@pytest.mark.parametrize(
    ("ours", "currency", "stripes"),
    [(500, "ISK", 50_000), (500, "UGX", 50_000), (5_000, "MGA", 50), (1_250, "KWD", 1_250)],
)
def test_currencies_that_stripe_counts_otherwise(ours: int, currency: str, stripes: int) -> None:
    assert to_stripe(ours, currency) == stripes
    assert from_stripe(stripes, currency) == ours


@pytest.mark.parametrize(("amount_minor", "currency"), [(1_255, "KWD"), (5_050, "MGA")])
def test_what_stripe_cannot_express_is_refused(amount_minor: int, currency: str) -> None:
    with pytest.raises(GiveUp):
        to_stripe(amount_minor, currency)


def test_what_we_cannot_express_is_refused() -> None:
    with pytest.raises(GiveUp):
        from_stripe(50_001, "ISK")


@pytest.mark.parametrize("wrong", [-1, -(10**9), 100_000_000, 10**15])
@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD", "ISK"])
def test_amounts_no_card_can_be_charged_are_refused(wrong: int, currency: str) -> None:
    """Stripe takes at most eight digits."""
    with pytest.raises(GiveUp):
        to_stripe(wrong, currency)


@pytest.mark.parametrize(
    ("currency", "least"),
    [("EUR", 50), ("JPY", 50), ("HUF", 17500), ("KWD", 150), ("KRW", 750), ("GBP", 30)],
)
def test_what_is_too_small_to_take_by_currency(currency: str, least: int) -> None:
    assert smallest_charge(currency) == least
