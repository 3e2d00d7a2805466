"""A message as the classifier sees it: words, characters and concepts of a levelled text."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Final

from nlu.components.concepts import load
from nlu.normalise import plain

_CHAT_FILE: Final = Path(__file__).with_name("chat.txt")


def _chat_spellings() -> dict[str, str]:
    lines = _CHAT_FILE.read_text(encoding="utf-8").splitlines()
    pairs = (pair for line in lines if not line.startswith("#") for pair in line.split())
    return {short: full for short, _, full in (pair.partition("=") for pair in pairs)}


_CHAT: Final = _chat_spellings()
_NUMBER: Final = r"(?<![a-z0-9.,])\d+(?:[.,]\d+)? ?"
_END: Final = r"(?![a-z0-9])"
# What a number stands for, told by its surroundings in plain form; the exact entities are found
# elsewhere (nlu/entities.py), so that a better time parser does not ask for a new model.
_MARKS: Final = tuple(
    (mark, re.compile(pattern))
    for mark, pattern in (
        ("xcode", r"(?<![a-z0-9-])\d{4,6}-\d{1,3}(?![a-z0-9-])"),
        (
            "xpercent",
            rf"{_NUMBER}(?:%|per ?cent|pct|por ?ciento|por ?cento|pour ?cent|prozent)"
            r"|百分之\w{1,3}",
        ),
        ("xenergy", rf"{_NUMBER}(?:kwh|kw|wh|度){_END}"),
        (
            "xamount",
            rf"(?:r\$|[€£$¥₹₦]) ?\d+(?:[.,]\d+)?|{_NUMBER}(?:€|£|\$|euros?|eur|pounds?|quid|bucks"
            rf"|dollars?|reais|pesos?|rupees?|rs|naira|元|块){_END}",
        ),
        (
            "xduration",
            rf"{_NUMBER}(?:minutes?|mins?|minutos?|minuten|hours?|hrs?|horas?|heures?|stunden?|std"
            rf"|分钟|个?小时|个钟){_END}",
        ),
        (
            "xtime",
            rf"(?<![a-z0-9.,])\d{{1,2}}(?:[:h.]\d{{2}}| ?(?:[ap]\.?m|uhr|h|o'clock|点)){_END}",
        ),
        ("xpile", r"(?<![a-z0-9])[a-z]-?\d{1,3}(?![a-z0-9])|# ?\d+|\d+ ?号"),
    )
)
_TOKEN: Final = re.compile(
    r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+(?:['][^\W\u3400-\u9fff]+)*|[?!]|[^\w\s.,;:'\"()\-/¿¡]"
)
_DIGITS: Final = re.compile(r"\d+")
_CONCEPTS: Final = load()


def marked(plain_text: str) -> str:
    """A plain text with a mark in the place of each number that means something."""
    for mark, pattern in _MARKS:
        plain_text = pattern.sub(f" {mark} ", plain_text)
    return plain_text


def tokens(text: str) -> list[str]:
    """Words, single Chinese characters, ? and !, emoji; chat spellings written out."""
    found: list[str] = []
    for token in _TOKEN.findall(text):
        found += _CHAT.get(token, token).split("_")
    return [_DIGITS.sub(lambda run: "0" * min(len(run[0]), 5), token) for token in found]


def level(text: str) -> str:
    """The text as the word and character features take it: tokens with spaces between."""
    return " ".join(tokens(marked(plain(text))))


def concepts(text: str) -> list[str]:
    """Concepts of a text, and which comes before which."""
    names = _CONCEPTS.find(plain(text))
    order = [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]
    return [
        *names,
        *(f"{a}>{b}" for a, b in pairwise(order)),
        *(f"{a}>>{b}" for a, b in zip(order, order[2:], strict=False)),
    ]
