"""Pile codes: what is printed on a sticker, typed by riders, and read from QR codes.

"1023-27" is pile 1023, EVSE 2, check digit 7. The check digit is Damm's over all digits before
it (H. Michael Damm, "Totally anti-symmetric quasigroups for all orders", 2007): it finds every
wrong digit and every swap of two neighbours. A bare "1023" names a pile without its EVSE.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qs, urlsplit

# Damm's quasigroup of order 10: row = interim digit, column = next digit.
_DAMM: Final = (
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
)  # fmt: skip
# Every start finds the same errors; one that is not 0 also notices a zero added in front.
_START: Final = "5"

_NUMBER: Final = re.compile(r"[1-9][0-9]{3,5}")
_CODE: Final = re.compile(r"([1-9][0-9]{3,5})-([1-9][0-9]?)([0-9])")
_TYPED: Final = re.compile(r"#?\s*([0-9]{3,9})(?:(\s*-\s*|\s+)([0-9]{1,4}))?")
# In running text: not inside longer numbers, dates (2026-11-20), times or phone numbers.
_EDGES: Final = r"(?<![0-9+])(?<![0-9][-.,:/]){}(?![0-9])(?![-.,:/][0-9])"
_IN_TEXT: Final = tuple(
    re.compile(_EDGES.format(form))
    for form in (
        r"#?\s?[1-9][0-9]{3,5}\s?-\s?[0-9]{1,3}",  # 1023-27
        r"(?<![0-9] )[1-9][0-9]{3,5}\s[0-9]{2,3}(?! [0-9])",  # 1023 27
        r"(?<![0-9] )[1-9][0-9]{5,8}(?! [0-9])",  # 102327
        r"#\s?[1-9][0-9]{3,5}",  # #1023
    )
)


@dataclass(frozen=True, slots=True)
class PileCode:
    """A pile by its number, and one of its EVSEs unless the rider has still to pick one."""

    pile_number: str
    evse_number: int | None = None

    def __str__(self) -> str:
        if self.evse_number is None:
            return self.pile_number
        return evse_code(self.pile_number, self.evse_number)


@dataclass(frozen=True, slots=True)
class Mistyped:
    """Digits that look like one of our codes, but a digit is wrong, missing or too many."""

    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """A code, or a mistyped one, at text[start:end]."""

    code: PileCode | Mistyped
    start: int
    end: int


def check_digit(digits: str) -> str:
    """Damm's check digit of a string of ASCII digits."""
    interim = _START
    for digit in digits:
        interim = _DAMM[int(interim)][int(digit)]
    return interim


def evse_code(pile_number: str, evse_number: int) -> str:
    """The printed code of one EVSE: "1023", 2 → "1023-27". ValueError when out of range."""
    if not _NUMBER.fullmatch(pile_number) or not 1 <= evse_number <= 99:
        raise ValueError(f"no code for pile {pile_number!r}, EVSE {evse_number}")
    return f"{pile_number}-{evse_number}{check_digit(f'{pile_number}{evse_number}')}"


def pile_id(pile_number: str) -> str:
    """The MQTT identity of a pile: "1023" → "P001023"."""
    return f"P{pile_number:0>6}"


def parse(text: str) -> PileCode | None:
    """One typed code in any of the forms riders use, or None; `examine` tells why None."""
    code = examine(text)
    return code if isinstance(code, PileCode) else None


def examine(text: str) -> PileCode | Mistyped | None:
    """One typed code: "1023-27", "1023 27", "102327", "#1023-27" or "1023", digits and dashes
    of any script. Six digits that are no code are taken for the number of a pile."""
    typed = _TYPED.fullmatch(_plain(text).strip())
    if typed is None:
        return None
    head, separator, tail = typed.groups()
    if separator is None:
        return _undashed(head)
    if not 5 <= len(head + tail) <= 9:
        return None
    return _printed(f"{head}-{tail}") or Mistyped(f"{head}-{tail}")


def find(text: str) -> tuple[Found, ...]:
    """Codes in running text, in order: pile numbers only after "#", and mistyped ones only in
    the printed form with its dash, since other digits mean other things."""
    plain = _plain(text)
    found: list[Found] = []
    for form in _IN_TEXT:
        for match in form.finditer(plain):
            code = examine(match[0])
            if isinstance(code, Mistyped) and "-" not in match[0]:
                continue
            if isinstance(code, PileCode) and code.evse_number is None and "#" not in match[0]:
                continue
            taken = any(each.start < match.end() and match.start() < each.end for each in found)
            if code is not None and not taken:
                found.append(Found(code, *match.span()))
    return tuple(sorted(found, key=lambda each: each.start))


def read_text(text: str) -> tuple[PileCode, ...]:
    """The different codes in running text, in order (see `find`)."""
    codes = [each.code for each in find(text) if isinstance(each.code, PileCode)]
    return tuple(dict.fromkeys(codes))


def read_payload(
    payload: str, own_hosts: Collection[str], own_numbers: Collection[str]
) -> PileCode | None:
    """The EVSE a QR code names, or None for anything that is not one of our stickers.

    Ours are https://<own host>/p/1023-27, https://wa.me/<own number>?text=…1023-27…,
    https://api.whatsapp.com/send?phone=<own number>&text=…1023-27… and the bare "1023-27".
    `own_hosts` may carry a port, `own_numbers` any punctuation and "whatsapp:".
    Bare digits are never ours: damaged codes of other kinds are misread as such.
    """
    payload = payload.strip()
    if code := _printed(payload):
        return code
    try:
        url = urlsplit(payload)
        host = url.hostname or ""
    except ValueError:  # "http://[" and the like
        return None
    if url.scheme not in ("http", "https"):
        return None
    if host in {_host(own) for own in own_hosts}:
        folder, _, name = url.path.rstrip("/").rpartition("/")
        return _printed(name) if folder.lower() == "/p" else None
    if _whatsapp_number(url, host) in {_digits(own) for own in own_numbers} - {""}:
        texts = parse_qs(url.query).get("text", [""])
        found = [code for code in read_text(texts[0]) if code.evse_number is not None]
        return found[0] if len(found) == 1 else None
    return None


def _printed(text: str) -> PileCode | None:
    """The exact printed form with a right check digit."""
    match = _CODE.fullmatch(text)
    if match is None or check_digit(match[1] + match[2]) != match[3]:
        return None
    return PileCode(match[1], int(match[2]))


def _undashed(digits: str) -> PileCode | Mistyped | None:
    """ "102327": the shortest pile number wins; the check digit is the same for every split."""
    for length in (4, 5, 6):
        if code := _printed(f"{digits[:length]}-{digits[length:]}"):
            return code
    if _NUMBER.fullmatch(digits):
        return PileCode(digits)
    return Mistyped(digits) if 7 <= len(digits) <= 9 else None


def _plain(text: str) -> str:
    """ASCII digits, dashes, "#" and spaces for those of any script, places unchanged."""
    return "".join(map(_plain_character, text))


def _plain_character(character: str) -> str:
    if character.isascii():
        return "-" if character == "_" else character
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if unicodedata.category(character) == "Pd" or character in "−ー⁃":
        return "-"
    if character.isspace():
        return " "
    return "#" if character in "＃№" else character


def _host(own: str) -> str:
    return own.lower().rpartition("@")[2].partition(":")[0]


def _digits(number: str) -> str:
    return "".join(filter(str.isdecimal, number))


def _whatsapp_number(url: SplitResult, host: str) -> str | None:
    """The number a WhatsApp link writes to, digits only."""
    if host in ("wa.me", "www.wa.me"):
        return _digits(url.path)
    if host in ("api.whatsapp.com", "web.whatsapp.com") and url.path.rstrip("/") == "/send":
        return _digits(parse_qs(url.query).get("phone", [""])[0])
    return None
