"""Hiding phone numbers and e-mail addresses from those who may not see them."""

from __future__ import annotations

import re
from typing import Final

from bot.domain import codes

# Seven or more digits with what people and their keyboards put between them (\u2010 to \u2015 and
# \u2212 are dashes, \u200b to \u200f unseen); order numbers are shorter or lettered.
_PHONE: Final = re.compile(
    r"(?<![0-9A-Za-z.])\+?\d(?:[\s().\-/\u00a0\u2010-\u2015\u2212\u200b-\u200f]{0,2}\d){6,14}(?![0-9A-Za-z])"
)
_DATE: Final = re.compile(r"(?:19|20)\d\d-[01]\d-[0-3]\d")
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


def mask_phone(number: str) -> str:
    """ "+358401234567" -> "+358 ••• 67": country and two last digits, enough to tell two apart."""
    digits = [c for c in number if c.isdigit()]
    if len(digits) < 7:
        return "•••"
    start = "".join(digits[:3]) if number.strip().startswith("+") else ""
    return f"{'+' if start else ''}{start} ••• {''.join(digits[-2:])}".strip()


def mask_text(text: str) -> str:
    """A text with everything that looks like a phone number or an e-mail address masked."""
    hidden = _EMAIL.sub("•••@•••", text)
    return _PHONE.sub(lambda found: _number(found[0]), hidden)


def _number(found: str) -> str:
    """Masked, unless it is a date, or the code of an EVSE with its check digit ("123456-27")."""
    ours = _DATE.fullmatch(found) or ("-" in found and codes.parse(found))
    return found if ours else mask_phone(found)
