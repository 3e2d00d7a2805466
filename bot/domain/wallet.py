"""A rider's prepaid money: what pays first, how it goes back, what may be topped up and drawn.

Cash and bonus are kept apart. **Cash pays first, bonus after it**, and what is given back returns
as cash first, up to the cash that was paid. Cash can be drawn at any time and without a fee, so
with bonus first a rider could top up for a bonus, charge on it and draw all the cash again: the
bonus would be free energy. For the same reason money earns a top-up bonus once: what was drawn and
topped up again earns none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.holds import CURRENCIES, about_one, smallest_charge
from bot.domain.money import Money, exponent, payable_unit

_USUAL: Final = (10, 20, 50)  # amounts to tap, in "about one euro"
_LEAST: Final = 5
_MOST: Final = 500
_MOST_TOP_UPS: Final = 20
AUTO_CAP_AMOUNTS: Final = 3  # without a cap of the rider's own: this many top-ups a month


@dataclass(frozen=True, slots=True)
class Parts:
    """An amount as cash and bonus, in minor units."""

    cash_minor: int = 0
    bonus_minor: int = 0

    @property
    def total(self) -> int:
        return self.cash_minor + self.bonus_minor

    def __add__(self, other: Parts) -> Parts:
        return Parts(self.cash_minor + other.cash_minor, self.bonus_minor + other.bonus_minor)

    def __sub__(self, other: Parts) -> Parts:
        return Parts(self.cash_minor - other.cash_minor, self.bonus_minor - other.bonus_minor)

    def __neg__(self) -> Parts:
        return Parts(-self.cash_minor, -self.bonus_minor)


def first_of(money: Parts, amount_minor: int) -> Parts:
    """The part of `money` that comes first for an amount: cash, then bonus; all of it when the
    amount is more."""
    cash = max(0, min(money.cash_minor, amount_minor))
    return Parts(cash, max(0, min(money.bonus_minor, amount_minor - cash)))


def goes_back(paid: Parts, given_back: Parts, amount_minor: int) -> Parts:
    """What a refund returns of what was paid: cash first, bonus as bonus, never more than is left
    of either."""
    return first_of(paid - given_back, amount_minor)


# --- topping up


@dataclass(frozen=True, slots=True)
class BonusStep:
    """Who tops up `from_minor` or more at once gets `bonus_minor`."""

    currency: str
    from_minor: int
    bonus_minor: int


def read_bonuses(text: str) -> tuple[BonusStep, ...]:
    """Steps of a setting "EUR:50:5,EUR:100:20" in major units. Raises ValueError."""
    return tuple(_step(each.strip()) for each in text.split(",") if each.strip())


def _step(text: str) -> BonusStep:
    try:
        currency, least, bonus = text.split(":")
        step = BonusStep(currency, _minor(least, currency), _minor(bonus, currency))
    except (ValueError, ArithmeticError) as error:
        raise ValueError(f"{text!r} is no top-up bonus; give it as EUR:100:20") from error
    if not re.fullmatch("[A-Z]{3}", currency) or min(step.from_minor, step.bonus_minor) <= 0:
        raise ValueError(f"{text!r} is no top-up bonus; give it as EUR:100:20")
    return step


def _minor(major: str, currency: str) -> int:
    minor = Decimal(major).scaleb(exponent(currency))
    if minor != minor.to_integral_value():
        raise ValueError(f"{major} has too many decimals")
    return int(minor)


def bonus_for(steps: Iterable[BonusStep], money: Money) -> int:
    """The bonus for money that counts: that of the highest step it reaches."""
    reached = [
        each
        for each in steps
        if each.currency == money.currency and each.from_minor <= money.amount_minor
    ]
    return max(reached, key=lambda each: each.from_minor).bonus_minor if reached else 0


def counts(amount_minor: int, *, paid_in: int, drawn: int, counted: int) -> int:
    """How much of a top-up is new money: what was drawn before and comes in again earned its
    bonus already. `paid_in`, `drawn` and `counted` are all earlier ones of the wallet."""
    return max(0, min(amount_minor, paid_in + amount_minor - drawn - counted))


def usual_amounts(currency: str) -> tuple[Money, ...]:
    """Amounts to tap, round in the currency."""
    return tuple(Money(_round(each, currency), currency) for each in _USUAL)


def least_top_up(currency: str) -> Money:
    """Below this a top-up is refused."""
    return Money(max(_round(_LEAST, currency), smallest_charge(currency)), currency)


def most_top_up(currency: str) -> Money:
    """Above this a top-up is refused."""
    return Money(_round(_MOST, currency), currency)


def most_limit(currency: str) -> Money:
    """Above this nobody is let use a wallet in a month."""
    return Money(_MOST_TOP_UPS * most_top_up(currency).amount_minor, currency)


def _round(about: int, currency: str) -> int:
    """So many "about one euro" to one figure: 10 are 80 yuan, 1500 yen."""
    major = about_one(currency) * about
    step = Decimal(10) ** major.adjusted() / 2
    whole = (major / step).quantize(Decimal(1), rounding=ROUND_HALF_UP) * step
    return max(1, int(whole.scaleb(exponent(currency))))


_SIGNS: Final = {
    "€": "EUR", "£": "GBP", "¥": "CNY", "元": "CNY", "块": "CNY", "人民币": "CNY", "r$": "BRL",
    "us$": "USD", "$": "USD", "euro": "EUR", "euros": "EUR", "eur": "EUR", "dollar": "USD",
    "dollars": "USD", "dólares": "USD", "reais": "BRL", "real": "BRL", "yuan": "CNY",
    "rmb": "CNY", "欧元": "EUR", "美元": "USD", "pounds": "GBP", "francs": "CHF", "franken": "CHF",
}  # fmt: skip
_AMOUNT: Final = re.compile(
    r"(?P<before>[a-z]{1,2}\$|[a-z]{3}|[$€£¥])?\s*"
    r"(?P<number>\d{1,9}(?:[.,](?P<decimals>\d{1,3}))?)\s*(?P<after>[^\W\d_]+|[$€£¥])?"
)


def heard_amount(text: str, currency: str) -> Money | None:
    """What "20", "20,50 €", "usd 20" or "50元" means where `currency` is used; None: no amount.

    A sign that several currencies share is taken as ours."""
    match = _AMOUNT.fullmatch(text.strip().casefold())
    if match is None:
        return None
    named = match["before"] or match["after"] or ""
    told = _SIGNS.get(named, named.upper() if named.upper() in CURRENCIES else "")
    if named and not told:
        return None
    if named in {"$", "¥"} and currency in _SHARED[named]:
        told = currency
    meant = told or currency
    if len(match["decimals"] or "") > exponent(meant):  # "1.000": one, or a thousand?
        return None
    minor = int(Decimal(match["number"].replace(",", ".")).scaleb(exponent(meant)))
    return Money(minor, meant) if minor > 0 and minor % payable_unit(meant) == 0 else None


_SHARED: Final = {
    "$": frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"}),
    "¥": frozenset({"CNY", "JPY"}),
}


# --- months, limits, automatic top-ups


def month_of(at: datetime, tz: str) -> datetime:
    """When the calendar month of a moment began in a zone, as an aware moment."""
    here = at.astimezone(ZoneInfo(tz))
    return here.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)


def next_month(at: datetime, tz: str) -> datetime:
    """When the next calendar month begins in a zone."""
    here = month_of(at, tz)
    return here.replace(year=here.year + here.month // 12, month=here.month % 12 + 1)


@dataclass(frozen=True, slots=True)
class AutoPlan:
    """What the rider agreed to: below `trigger`, top up `amount`, at most `cap` in a month."""

    trigger_minor: int
    amount_minor: int
    cap_minor: int

    def problem(self) -> str:
        """Why it makes no sense, "" when it does: "cap" or "trigger"."""
        if self.cap_minor < self.amount_minor:
            return "cap"
        return "trigger" if self.trigger_minor <= 0 else ""


def auto_amount(plan: AutoPlan, *, available_minor: int, taken_minor: int) -> int:
    """How much to top up now: the agreed amount when the balance is below the trigger and the
    month's cap allows the whole of it, else nothing. `taken_minor` is what automatic top-ups have
    taken this month or are about to."""
    if available_minor >= plan.trigger_minor:
        return 0
    return plan.amount_minor if taken_minor + plan.amount_minor <= plan.cap_minor else 0


def is_capped(plan: AutoPlan, *, available_minor: int, taken_minor: int) -> bool:
    """Whether only the month's cap stands in the way of a top-up."""
    below = available_minor < plan.trigger_minor
    return below and taken_minor + plan.amount_minor > plan.cap_minor


# --- paying out


@dataclass(frozen=True, slots=True)
class Source:
    """A payment that money can go back to, and how much of it is left."""

    id: int
    left_minor: int


def split_payout(amount_minor: int, newest_first: Sequence[Source]) -> tuple[list[Source], int]:
    """The amount over the payments it came from, and what no payment takes back any more."""
    parts: list[Source] = []
    for source in newest_first:
        part = min(amount_minor, max(0, source.left_minor))
        if part:
            parts.append(Source(source.id, part))
            amount_minor -= part
    return parts, amount_minor
