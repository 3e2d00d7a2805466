"""Tax numbers of companies, by the form each country publishes; whether one exists is not asked.

EU forms are those of VIES (the Commission's VAT exchange), besides the United Kingdom's, Northern
Ireland's, Switzerland's, Norway's and Brazil's CNPJ with its check digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# Country → (form without the prefix, an example a rider can copy the shape of).
_FORMS: Final[dict[str, tuple[str, str]]] = {
    "AT": (r"U\d{8}", "ATU12345678"), "BE": (r"[01]\d{9}", "BE0123456789"),
    "BG": (r"\d{9,10}", "BG123456789"), "CY": (r"\d{8}[A-Z]", "CY12345678X"),
    "CZ": (r"\d{8,10}", "CZ12345678"), "DE": (r"\d{9}", "DE123456789"),
    "DK": (r"\d{8}", "DK12345678"), "EE": (r"\d{9}", "EE123456789"),
    "ES": (r"[A-Z]\d{7}[A-Z0-9]|\d{8}[A-Z]", "ESX12345678"),
    "FI": (r"\d{8}", "FI12345678"), "FR": (r"[A-HJ-NP-Z0-9]{2}\d{9}", "FR12345678901"),
    "GB": (r"\d{9}|\d{12}|GD[0-4]\d{2}|HA[5-9]\d{2}", "GB123456789"),
    "GR": (r"\d{9}", "EL123456789"), "HR": (r"\d{11}", "HR12345678901"),
    "HU": (r"\d{8}", "HU12345678"), "IE": (r"\d{7}[A-W][A-IW]?|\d[A-Z+*]\d{5}[A-W]", "IE1234567WA"),
    "IT": (r"\d{11}", "IT12345678901"), "LT": (r"\d{9}|\d{12}", "LT123456789"),
    "LU": (r"\d{8}", "LU12345678"), "LV": (r"\d{11}", "LV12345678901"),
    "MT": (r"\d{8}", "MT12345678"), "NL": (r"\d{9}B\d{2}", "NL123456789B01"),
    "PL": (r"\d{10}", "PL1234567890"), "PT": (r"\d{9}", "PT123456789"),
    "RO": (r"\d{2,10}", "RO1234567890"), "SE": (r"\d{12}", "SE123456789012"),
    "SI": (r"\d{8}", "SI12345678"), "SK": (r"\d{10}", "SK1234567890"),
    "XI": (r"\d{9}|\d{12}|GD[0-4]\d{2}|HA[5-9]\d{2}", "XI123456789"),
    "CH": (r"E\d{9}(?:MWST|TVA|IVA)?", "CHE-123.456.789 MWST"),
    "NO": (r"\d{9}(?:MVA)?", "NO123456789MVA"), "BR": (r"\d{14}", "12.345.678/0001-95"),
}  # fmt: skip
# How numbers begin where that is not the country's own code.
_PREFIXES: Final = {"GR": "EL"}
_BARE: Final = frozenset({"BR"})  # written without any prefix
LONGEST: Final = 24
EU: Final = frozenset(_FORMS) - {"GB", "XI", "CH", "NO", "BR"}


@dataclass(frozen=True, slots=True)
class TaxNumber:
    """A number in the form it is printed in. `country` is None where no published form fits it,
    so nothing was checked."""

    text: str
    country: str | None


@dataclass(frozen=True, slots=True)
class WrongTaxNumber:
    """A number that begins like one of a country and has not its form; `example` has."""

    text: str
    country: str
    example: str


def examine(typed: str, home: str = "") -> TaxNumber | WrongTaxNumber | None:
    """What a rider typed, held against the form of the country it names.

    Without a prefix it is held against `home`, the country of the rider's charges; None: no number
    at all.
    """
    bare = re.sub(r"[\s.\-/]", "", typed).upper()
    if not 4 <= len(bare) <= LONGEST or not re.search(r"\d", bare) or re.search(r"[^\w+*]", bare):
        return None
    named = _named(bare)
    if named is not None:
        return _held(bare, bare[2:], named)  # every prefix has two letters
    if home in _FORMS and (_fits(bare, home) or bare.isdigit()):
        return _held(bare, bare, home)
    return TaxNumber(bare, None)


def example(country: str) -> str | None:
    """The form of a country's numbers by an example."""
    form = _FORMS.get(country)
    return form[1] if form else None


def _named(bare: str) -> str | None:
    """The country a number names by its prefix."""
    for country in _FORMS:
        if country not in _BARE and bare.startswith(_prefix(country)):
            return country
    return "GR" if bare.startswith("GR") else None


def _prefix(country: str) -> str:
    return _PREFIXES.get(country, country)


def _held(bare: str, rest: str, country: str) -> TaxNumber | WrongTaxNumber:
    if not _fits(rest, country):
        return WrongTaxNumber(bare, country, _FORMS[country][1])
    return TaxNumber(rest if country in _BARE else _prefix(country) + rest, country)


def _fits(rest: str, country: str) -> bool:
    if re.fullmatch(_FORMS[country][0], rest) is None:
        return False
    return _is_cnpj(rest) if country == "BR" else True


def _is_cnpj(number: str) -> bool:
    """Brazil's check digits: weighted sums modulo 11."""
    for length in (12, 13):
        weights = (*range(length - 7, 1, -1), *range(9, 1, -1))
        total = sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))
        remainder = total % 11
        if int(number[length]) != (0 if remainder < 2 else 11 - remainder):
            return False
    return True
