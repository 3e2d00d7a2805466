"""What is wrong with the amounts of a tariff, and what a manager should think twice about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.domain.holds import about_one
from bot.domain.money import exponent
from bot.domain.tariffs import KINDS, Element, Limit, Tariff

HUGE: Final = 1000  # in "about one euro": no price and no limit is above
FINER: Final = 4  # decimals that a price by kWh or time may have beyond those of its currency
NAMES: Final = {
    "energy": "energy", "time": "charging time", "idle": "staying plugged in", "flat": "the start",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wrong:
    """`where`: the number of an element, or "minimum", "maximum", "idle_cap"."""

    where: int | str
    what: str


def wrong(tariff: Tariff) -> list[Wrong]:
    """Amounts that cannot be meant or cannot be charged."""
    places = exponent(tariff.currency)
    found = []
    for number, each in enumerate(tariff.elements):
        most = places if each.kind == "flat" else places + FINER
        if what := _amount(tariff, each.price, most):
            found.append(Wrong(number, what))
        if each.step > 1_000_000:
            found.append(Wrong(number, f"a step of {each.step} cannot be meant"))
    for where, amount in _limits(tariff):
        if what := _amount(tariff, amount, places):
            found.append(Wrong(where, what))
    for low, high in (
        (tariff.minimum.before, tariff.maximum.before),
        (tariff.minimum.after, tariff.maximum.after),
    ):
        if low is not None and high is not None and low > high:
            found.append(Wrong("maximum", f"the most ({high}) is below the least ({low})"))
    return found


def _limits(tariff: Tariff) -> Iterator[tuple[str, Decimal]]:
    limits: tuple[tuple[str, Limit], ...] = (
        ("minimum", tariff.minimum), ("maximum", tariff.maximum),
    )  # fmt: skip
    for where, limit in limits:
        for amount in (limit.before, limit.after):
            if amount is not None:
                yield where, amount
    if tariff.idle_cap is not None:
        yield "idle_cap", tariff.idle_cap


def _amount(tariff: Tariff, amount: Decimal, places: int) -> str:
    currency, own = tariff.currency, exponent(tariff.currency)
    if amount > HUGE * about_one(currency):
        return f"{amount} {currency} is more than can be meant"
    if amount != round(amount, places):
        if places > own:
            return f"{amount} has more than {places} decimals"
        if own == 0:
            return f"{currency} has no decimals, so {amount} cannot be charged"
        return f"{currency} has {own} decimals, so {amount} cannot be charged"
    return ""


def doubts(tariff: Tariff) -> list[str]:
    """What is allowed but seldom meant, in words for staff."""
    found = []
    charging = [each for each in tariff.elements if not each.only.reservation]
    for kind in KINDS:
        mine = [each for each in charging if each.kind == kind]
        if mine and kind in {"energy", "time"} and not any(each.always for each in mine):
            found.append(
                f"There is no price of {NAMES[kind]} without conditions: where none fits it is "
                "free."
            )
        first = next((n for n, each in enumerate(mine) if each.always), None)
        if first is not None and first + 1 < len(mine):
            found.append(
                f"Prices of {NAMES[kind]} below the one without conditions never count: the first "
                "that fits wins."
            )
        if len({each.price for each in mine}) > 1 and any(each.step > 1 for each in mine):
            found.append(
                f"A step with several prices of {NAMES[kind]} can make more cost less: use 1."
            )
    if any(_by_flow(each) for each in charging):
        found.append(
            "Prices by power or current: charging faster may cost less in all. Current counts only "
            "where the pile reports it."
        )
    energy = [each for each in charging if each.kind == "energy"]
    if any(_by_energy(each) for each in energy) and any(
        each.when is not None or each.only.dated or each.only.min_s or each.only.max_s
        for each in energy
    ):
        found.append("Prices by energy and by the clock together can make more energy cost less.")
    return found


def _by_flow(element: Element) -> bool:
    only = element.only
    return any(each is not None for each in (only.min_w, only.max_w, only.min_ma, only.max_ma))


def _by_energy(element: Element) -> bool:
    return element.only.min_wh is not None or element.only.max_wh is not None
