"""Card numbers that people type into a chat: found in any spacing, hidden before anything is kept.

Nothing here keeps or returns a whole number. Prefixes and lengths are those of ISO/IEC 7812 issuer
ranges in use; the check digit is Luhn's (ISO/IEC 7812-1 annex B).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Digits of any script with up to three other characters that are no letters between them. A
# leading "+" makes it a phone number.
_RUN: Final = re.compile(r"(?<![\d+])\d(?:[\W_]{0,3}\d){12,}")
_SECURITY_CODE: Final = re.compile(r"(?i)\b(cvc2?|cvv2?|csc|cid)(\W{0,3})\d{3,4}(?!\d)")
_LENGTHS: Final = range(19, 12, -1)
_ISSUERS: Final = (
    (re.compile(r"4"), (13, 16, 19)),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),  # Mastercard
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"3(?:0[0-5]|[689])"), (14, 15, 16, 17, 18, 19)),  # Diners Club
    (re.compile(r"35(?:2[89]|[3-8])"), (16, 17, 18, 19)),  # JCB
    (re.compile(r"6(?:011|4[4-9]|5)"), (16, 17, 18, 19)),  # Discover
    (re.compile(r"62|81"), (16, 17, 18, 19)),  # UnionPay
    (re.compile(r"5[06-9]|6[37]"), (13, 14, 15, 16, 17, 18, 19)),  # Maestro
    (re.compile(r"60|65|220[0-4]|9792"), (16,)),  # RuPay, Elo, Mir, Troy
)


def hide_cards(text: str) -> tuple[str, bool]:
    """The text with every card number as "•••• 4242" (and the security code named beside it as
    "•••"), and whether there was one."""
    found = False
    pieces: list[str] = []
    done = 0
    for run in _RUN.finditer(text):
        for start, end, last in _cards(run[0]):
            pieces += [text[done : run.start() + start], f"•••• {last}"]
            done = run.start() + end
            found = True
    hidden = "".join([*pieces, text[done:]])
    return (_SECURITY_CODE.sub(r"\1\2•••", hidden), True) if found else (text, False)


def _cards(run: str) -> list[tuple[int, int, str]]:
    """Where card numbers stand in a run of digits, and the last four of each."""
    at = [number for number, sign in enumerate(run) if sign.isdecimal()]
    digits = "".join(str(unicodedata.decimal(run[number])) for number in at)
    found: list[tuple[int, int, str]] = []
    first = 0
    while first + 13 <= len(digits):
        length = _length_of_card(digits, first, at)
        if length:
            last = first + length
            found.append((at[first], at[last - 1] + 1, digits[last - 4 : last]))
            first = last
        else:
            first += 1
    return found


def _length_of_card(digits: str, first: int, at: list[int]) -> int:
    """How many digits of a card number begin here; 0 for none. One that ends with its group is
    preferred to a longer one that takes a piece of what follows."""
    fits = [length for length in _LENGTHS if _is_card(digits[first : first + length], length)]
    whole = [n for n in fits if first + n == len(at) or at[first + n] != at[first + n - 1] + 1]
    return next(iter([*whole, *fits]), 0)


def _is_card(number: str, length: int) -> bool:
    if len(number) != length or len(set(number)) == 1:
        return False
    known = any(length in lengths and prefix.match(number) for prefix, lengths in _ISSUERS)
    return known and _luhn(number)


def _luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
