"""How much money is held before a start, and when a session must stop for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Final

from bot.domain.discounts import Discount
from bot.domain.money import Money, exponent
from bot.domain.pricing import planned, price
from bot.domain.tariffs import Tariff

# Smallest amount a card can be charged, in major units (Stripe, "Minimum and maximum charge
# amounts"; the account's own settlement currency may raise it: amount_too_small is handled).
_SMALLEST: Final = {
    "AED": "2", "AUD": "0.5", "BRL": "0.5", "CAD": "0.5", "CHF": "0.5", "CZK": "15", "DKK": "2.5",
    "EUR": "0.5", "GBP": "0.3", "HKD": "4", "HUF": "175", "INR": "0.5", "JPY": "50", "MXN": "10",
    "MYR": "2", "NOK": "3", "NZD": "0.5", "PLN": "2", "RON": "2", "SEK": "3", "SGD": "0.5",
    "THB": "10", "USD": "0.5",
}  # fmt: skip

# About one euro in local money: only the size of holds depends on it.
_ABOUT_ONE: Final = {
    "AED": "4", "BRL": "6", "CNY": "8", "CZK": "25", "DKK": "7", "HKD": "9", "HUF": "400",
    "INR": "90", "JPY": "150", "KRW": "1500", "KWD": "0.3", "MXN": "20", "MYR": "5", "NOK": "10",
    "PLN": "4", "RON": "5", "SEK": "10", "THB": "40", "TRY": "40", "ZAR": "20",
    "ARS": "1500", "CLP": "1000", "COP": "4500", "EGP": "55", "IDR": "17000", "KES": "150",
    "LKR": "330", "NGN": "1700", "PHP": "65", "PKR": "320", "PYG": "8000", "TWD": "37",
    "UAH": "48", "UGX": "4200", "VND": "28000",
}  # fmt: skip

CURRENCIES: Final = frozenset(_SMALLEST) | frozenset(_ABOUT_ONE)  # those we know by name

PLAN_S: Final = 4 * 3600  # without the rider's own plan: this long at full power ...
PLAN_MOST_WH: Final = 40_000  # ... but no more than this
LEAST: Final = 3  # holds lie between these, in "about one euro"
MOST: Final = 30
NEAR_PERCENT: Final = 80  # of the hold: the rider is told


def smallest_charge(currency: str) -> int:
    """The smallest amount worth capturing, in minor units; below it the bill is waived."""
    known = _SMALLEST.get(currency)
    major = Decimal(known) if known else Decimal("0.5") * about_one(currency)
    return int(major.scaleb(exponent(currency)).to_integral_value(ROUND_CEILING))


def planned_wh(power_w: int) -> int:
    """What a charge may take that nobody set a limit for."""
    return min(PLAN_MOST_WH, power_w * PLAN_S // 3600)


def hold_for(
    tariff: Tariff,
    *,
    power_w: int,
    at: datetime,
    energy_wh: int | None = None,
    discounts: Sequence[Discount] = (),
) -> Money:
    """What to hold for a charge of `energy_wh` (None: PLAN_S at full power): its price rounded up
    to whole major units, kept small. A coupon lowers it, but not below the spend from which on it
    counts: the charge must be able to get there."""
    usage = planned(energy_wh or planned_wh(power_w), power_w, at)
    plain = price(tariff, usage).gross_minor
    reach = max((each.min_spend_minor for each in discounts), default=0)
    cost = max(price(tariff, usage, discounts=discounts).gross_minor, min(plain, reach))
    unit = 10 ** exponent(tariff.currency)
    whole = -(-cost // unit) * unit
    scale = about_one(tariff.currency) * unit
    least = max(int(LEAST * scale), smallest_charge(tariff.currency))
    return Money(max(least, min(whole, int(MOST * scale))), tariff.currency)


def stop_threshold(
    tariff: Tariff, *, hold_minor: int, power_w: int, at: datetime, interval_s: int = 60
) -> int:
    """The cost at which charging must stop so that one more meter interval still fits the hold."""
    flat = price(tariff, planned(1, power_w, at)).gross_minor
    plan_wh = max(1, power_w * interval_s // 3600)
    margin = price(tariff, planned(plan_wh, power_w, at)).gross_minor - flat
    return max(hold_minor // 2, hold_minor - max(1, margin))


def about_one(currency: str) -> Decimal:
    """About one euro in a currency, in its major units."""
    known = _ABOUT_ONE.get(currency)
    return Decimal(known) if known else Decimal(100 if exponent(currency) == 0 else 1)
