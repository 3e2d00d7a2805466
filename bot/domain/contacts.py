"""How somebody can be reached, as staff and riders type it: phone numbers and e-mail addresses."""

from __future__ import annotations

import re
from typing import Final

_EMAIL: Final = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+\.[^@\s<>,;\".]+")

_PHONE_IN: Final = re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[\s().\-/]{0,2}\d){6,14}(?!\w)")


def points_in(text: str) -> set[str]:
    """The phone numbers with their country code and the e-mail addresses that a text names."""
    phones = (phone_number(each) for each in _PHONE_IN.findall(text))
    mails = (email_address(each.rstrip(".!?")) for each in _EMAIL.findall(text))
    return {each for each in (*phones, *mails) if each}


def phone_number(typed: str) -> str | None:
    """A phone number as +E.164, or None when it is none or lacks its country code.

    "+358 40 123 4567" and "00358401234567" → "+358401234567"; "040 1234567" → None.
    """
    plain = re.sub(r"[\s().\-/]", "", typed)
    plain = re.sub(r"^00", "+", plain)
    return plain if re.fullmatch(r"\+[1-9][0-9]{6,14}", plain, re.ASCII) else None


def email_address(typed: str) -> str | None:
    """An e-mail address in small letters, or None when it is none."""
    plain = typed.strip().casefold()
    return plain if len(plain) <= 160 and _EMAIL.fullmatch(plain) else None
