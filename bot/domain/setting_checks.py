"""What is wrong with settings that are more than a word or a number, told before anything starts.

Each check takes the value as written and answers what is wrong with it, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.booking_rules import CELL_S, for_market
from bot.domain.paging import WrongAddress, read_address
from bot.domain.pay_methods import read_methods
from bot.domain.rights import ROLES
from bot.domain.wallet import read_bonuses

Check = Callable[[str], str | None]

MOST_MINUTES: Final = 366 * 24 * 60
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_MINUTES: Final = re.compile(r"[0-9]{1,6}")
_TEMPLATE: Final = re.compile(r"[a-z_]+:[A-Za-z]{2}(?:[-_][A-Za-z]{2})?=HX[0-9a-zA-Z]+")


def _parts(value: str) -> list[str]:
    return [each.strip() for each in value.split(",") if each.strip()]


def _by_market(value: str, wrong: Check) -> str | None:
    """ "20160,GB:60": one value without a country, then one for each country that differs."""
    seen: set[str] = set()
    for part in _parts(value):
        country, colon, own = part.partition(":")
        name, told = (country.strip().upper(), own.strip()) if colon else ("", part)
        if colon and not _COUNTRY.fullmatch(name):
            return f"{part!r}: give the country by its two letters, as GB:60"
        if name in seen:
            return f"{name or 'the value for all other countries'} is given twice"
        if problem := wrong(told):
            return f"{part!r} {problem}"
        seen.add(name)
    return None if "" in seen else "one value without a country is needed, for all the others"


def minutes(value: str) -> str | None:
    """Whole minutes by country."""
    return _by_market(value, _wrong_minutes)


def _wrong_minutes(text: str) -> str | None:
    if not _MINUTES.fullmatch(text) or int(text) > MOST_MINUTES:
        return f"is no whole number of minutes up to {MOST_MINUTES}"
    return None


def amounts(value: str) -> str | None:
    """Amounts in units of the currency by country."""
    return _by_market(value, _wrong_amount)


def _wrong_amount(text: str) -> str | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return "is no amount; write it as 5 or 2.50"
    if not amount.is_finite() or not 0 <= amount < 10**7:
        return "is no amount between 0 and 9999999"
    return None


def role_limits(value: str) -> str | None:
    """Amounts by role, as agent:20,finance:200."""
    seen: set[str] = set()
    for part in _parts(value):
        role, colon, amount = (each.strip() for each in part.partition(":"))
        if not colon or role not in ROLES or role in seen:
            return f"{part!r}: write each role once, as agent:20; roles are {', '.join(ROLES)}"
        if problem := _wrong_amount(amount):
            return f"{part!r} {problem}"
        seen.add(role)
    return None


def bonuses(value: str) -> str | None:
    """Steps of top-up bonuses, each higher step of a currency with a higher bonus."""
    try:
        steps = sorted(read_bonuses(value), key=lambda each: (each.currency, each.from_minor))
    except ValueError as error:
        return str(error)
    for low, high in pairwise(steps):
        if low.currency != high.currency:
            continue
        if low.from_minor == high.from_minor or low.bonus_minor > high.bonus_minor:
            return f"{low.currency}: each higher top-up must be given once, and no lower bonus"
    return None


def methods(value: str) -> str | None:
    """Lists of payment methods by currency."""
    try:
        read_methods(value)
    except ValueError as error:
        return str(error)
    return None


def emergency_numbers(value: str) -> str | None:
    """Numbers by country, as FI:112."""
    for part in _parts(value):
        country, _, number = (each.strip() for each in part.partition(":"))
        if not re.fullmatch("[A-Z]{2}", country) or not re.fullmatch(r"[0-9]{2,6}", number):
            return f"{part!r}: write the country and its number as FI:112"
    return None if _parts(value) else "at least one country's number is needed"


def templates(value: str) -> str | None:
    """Approved templates, as receipt:en=HX…."""
    for part in _parts(value):
        if not _TEMPLATE.fullmatch(part):
            return f"{part!r}: write each as receipt:en=HX…"
    return None


def addresses(value: str) -> str | None:
    """Where people are paged. The address itself is not told: it may be a secret."""
    for number, part in enumerate(_parts(value), 1):
        try:
            read_address(part)
        except WrongAddress as error:
            return f"address {number} is {error}"
    return None


def zone(value: str) -> str | None:
    """A time zone."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        return f"{value!r} is no time zone; write it as Europe/Helsinki"
    return None


def country(value: str) -> str | None:
    """A country's two letters."""
    return None if re.fullmatch("[A-Z]{2}", value) else f"{value!r} is no country; write it as FI"


def party(value: str) -> str | None:
    """An operator's three letters."""
    good = re.fullmatch("[A-Z0-9]{3}", value)
    return None if good else f"{value!r} must be three capital letters or digits"


def booking_lengths(shortest: str, longest: str) -> Iterator[str]:
    """Whether bookings can be made at all in every country, of two values that are right alone."""
    countries = {part.partition(":")[0].strip() for part in _parts(f"{shortest},{longest}")}
    for name in sorted(countries):
        where = f" in {name.upper()}" if _COUNTRY.fullmatch(name) else ""
        least, most = (int(for_market(value, name)) for value in (shortest, longest))
        if least > most:
            yield f"the shortest booking{where} ({least}) is longer than the longest ({most})"
        elif most * 60 < CELL_S:
            yield f"the longest booking{where} ({most}) is shorter than {CELL_S // 60} minutes"
