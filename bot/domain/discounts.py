"""Coupons and plans: which one counts for a charge, and how much each takes off its bill.

Plans come first (they were paid already), then coupons in percent, then fixed ones. They lower
energy and service (charging time, start fee) only: never idling, deposits or minimum prices, and
tax only by falling with the price. No line and no total goes below zero.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from bot.domain.tariffs import When, dump_when, load_when

# What a discount may lower: lines of a bill by their names (bot/domain/pricing.py).
SERVICE: Final = frozenset({"energy", "time", "flat"})
ENERGY: Final = frozenset({"energy"})
DELIVERY: Final = frozenset({"energy", "time"})
LINES: Final = frozenset({"plan", "coupon"})  # the lines that discounts add


@dataclass(frozen=True, slots=True)
class Discount:
    """One coupon or plan as pinned to a charge. A coupon has `percent` (at most `most_minor`) or
    `fixed_minor`; a plan covers `left` of its `unit`: "wh" of energy, or "s" of charging."""

    kind: Literal["plan", "coupon"]
    ref: int  # its row
    name: str  # as printed: the coupon's code, the plan's name
    percent: Decimal = Decimal(0)
    most_minor: int | None = None
    fixed_minor: int = 0
    min_spend_minor: int = 0
    unit: str = ""
    left: int = 0

    @property
    def lowers(self) -> frozenset[str]:
        """The lines it may lower."""
        if self.kind == "coupon":
            return SERVICE
        return ENERGY if self.unit == "wh" else DELIVERY

    def takes(self, base_minor: int, *, energy_wh: int, charging_s: int) -> int:
        """How much it takes off `base_minor`, what is left to pay on the lines it lowers."""
        if base_minor <= 0 or base_minor < self.min_spend_minor:
            return 0
        if self.kind == "plan":
            used = energy_wh if self.unit == "wh" else charging_s
            return _half_up(Fraction(base_minor * min(self.left, used), used)) if used else 0
        amount = self.fixed_minor + _half_up(base_minor * Fraction(self.percent) / 100)
        if self.most_minor is not None:
            amount = min(amount, self.most_minor)
        return min(amount, base_minor)


def in_order(discounts: Sequence[Discount]) -> list[Discount]:
    """Plans, then percent, then fixed; their order among themselves stays."""
    return sorted(discounts, key=lambda each: (each.kind != "plan", not each.percent))


def dump_discount(discount: Discount) -> dict[str, Any]:
    """The JSON form; `load_discount` reads it."""
    return {**asdict(discount), "percent": str(discount.percent)}


def load_discount(raw: Mapping[str, Any]) -> Discount:
    """The discount that `dump_discount` wrote."""
    return Discount(**{**raw, "percent": Decimal(raw["percent"])})


# --- coupons


@dataclass(frozen=True, slots=True)
class CouponRules:
    """What a coupon is good for, fixed when it is issued. No stations: all of its market."""

    currency: str
    country: str
    percent: Decimal = Decimal(0)
    most_minor: int | None = None
    fixed_minor: int = 0
    min_spend_minor: int = 0
    stackable: bool = False
    stations: frozenset[int] = frozenset()
    hours: When | None = None

    @property
    def worth_minor(self) -> int:
        """The most it can cost us: what counts against a budget."""
        return self.fixed_minor or self.most_minor or 0


def dump_rules(rules: CouponRules) -> dict[str, Any]:
    """The JSON form; `load_rules` reads it."""
    return {
        "currency": rules.currency,
        "country": rules.country,
        "percent": str(rules.percent),
        "most_minor": rules.most_minor,
        "fixed_minor": rules.fixed_minor,
        "min_spend_minor": rules.min_spend_minor,
        "stackable": rules.stackable,
        "stations": sorted(rules.stations),
        "hours": dump_when(rules.hours),
    }


def load_rules(raw: Mapping[str, Any]) -> CouponRules:
    """The rules that `dump_rules` wrote."""
    own = dict(raw)
    return CouponRules(
        **{
            **own,
            "percent": Decimal(own["percent"]),
            "stations": frozenset(own["stations"]),
            "hours": load_when(own["hours"]),
        }
    )


@dataclass(frozen=True, slots=True)
class Coupon:
    """A coupon in a rider's hand."""

    id: int
    code: str
    rules: CouponRules
    expires_at: datetime

    def discount(self) -> Discount:
        """As it is pinned to a charge."""
        rules = self.rules
        return Discount(
            "coupon", self.id, self.code, percent=rules.percent, most_minor=rules.most_minor,
            fixed_minor=rules.fixed_minor, min_spend_minor=rules.min_spend_minor,
        )  # fmt: skip


Unfit = Literal["expired", "market", "site", "hours"]


def unfit(
    coupon: Coupon, *, at: datetime, station_id: int, country: str, currency: str, tz: str
) -> Unfit | None:
    """Why a coupon does not count for a charge that begins at `at` there; None: it does."""
    rules = coupon.rules
    if coupon.expires_at <= at:
        return "expired"
    if (rules.country, rules.currency) != (country, currency):
        return "market"
    if rules.stations and station_id not in rules.stations:
        return "site"
    if rules.hours is not None and not rules.hours.applies(at.astimezone(ZoneInfo(tz))):
        return "hours"
    return None


def best(
    coupons: Collection[Coupon], costs: Callable[[Sequence[Discount]], tuple[int, ...]]
) -> tuple[Coupon, ...]:
    """The coupons that make a charge cheapest: one, or several that may be added up.

    `costs` gives what the charge would cost with discounts, for the likely charge first and then
    for a larger one. Of equal ones the one that expires first. None that changes nothing.
    """
    soonest = sorted(coupons, key=lambda each: (each.expires_at, each.id))
    found: tuple[Coupon, ...] = ()
    lowest = costs(())
    together: tuple[Coupon, ...] = ()
    cheapest = lowest
    for each in soonest:
        if each.rules.stackable:
            cost = costs([other.discount() for other in (*together, each)])
            if cost < cheapest:
                together, cheapest = (*together, each), cost
    for choice in (*((each,) for each in soonest), together):
        cost = costs([each.discount() for each in choice])
        if cost < lowest:
            found, lowest = choice, cost
    return found


# --- codes: nobody can tell 0 from O and 1 from I or L on a flyer

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's, without I, L, O and U
_SAME: Final = str.maketrans("OIL", "011")
_TYPED: Final = re.compile(r"[A-Z0-9]{3,20}")
LENGTH: Final = 8


def make_code(random: Callable[[int], int] = secrets.randbelow) -> str:
    """A code for one coupon, like "K7MP-4QX3"; its last character finds one that is mistyped."""
    body = "".join(ALPHABET[random(len(ALPHABET))] for _ in range(LENGTH - 1))
    code = body + _check(body)
    return f"{code[:4]}-{code[4:]}"


def plain_code(text: str) -> str | None:
    """A typed code without spaces, dashes and look-alikes, to be compared; None: it is none."""
    bare = "".join(each for each in text.upper() if each.isascii() and each.isalnum())
    return bare.translate(_SAME) if _TYPED.fullmatch(bare) else None


def mistyped(plain: str) -> bool:
    """Whether it has the form of one of our codes, but one character is wrong."""
    own = len(plain) == LENGTH and set(plain) <= set(ALPHABET)
    return own and _check(plain[:-1]) != plain[-1]


def _check(body: str) -> str:
    """ISO 7064's hybrid system for 32 characters: finds every single wrong one, most swaps."""
    size, carry = len(ALPHABET), len(ALPHABET)
    for each in body:
        carry = (carry + ALPHABET.index(each)) % size or size
        carry = carry * 2 % (size + 1)
    return ALPHABET[(size + 1 - carry) % size]


# --- plans


@dataclass(frozen=True, slots=True)
class Pack:
    """How much of a plan there is and was used, in its unit, and what was paid for it net."""

    size: int
    used: int
    net_minor: int

    @property
    def left(self) -> int:
        """What can still be used."""
        return max(0, self.size - self.used)

    def earned_minor(self) -> int:
        """The part of the price that is ours by now, for what was used."""
        if not self.size:
            return self.net_minor
        return _half_up(Fraction(self.net_minor * min(self.used, self.size), self.size))

    def use(self, amount: int) -> Pack:
        """After using up `amount`, or the rest of it."""
        return replace(self, used=min(self.size, self.used + amount))


def _half_up(amount: Fraction) -> int:
    return int(amount + Fraction(1, 2))
