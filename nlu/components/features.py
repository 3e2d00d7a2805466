"""A message as the classifier sees it: words, characters and concepts of a levelled text."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Final

from nlu import entities
from nlu.components.concepts import load
from nlu.normalise import plain

_CHAT_FILE: Final = Path(__file__).with_name("chat.txt")


def _chat_spellings() -> dict[str, str]:
    lines = _CHAT_FILE.read_text(encoding="utf-8").splitlines()
    pairs = (pair for line in lines if not line.startswith("#") for pair in line.split())
    return {short: full for short, _, full in (pair.partition("=") for pair in pairs)}


_CHAT: Final = _chat_spellings()
_MARKS: Final = {
    "pile_code": "xpile", "time": "xtime", "duration": "xduration", "amount": "xamount",
    "energy": "xenergy", "percent": "xpercent", "connector_type": "xconnector",
}  # fmt: skip
_TOKEN: Final = re.compile(
    r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+(?:['][^\W\u3400-\u9fff]+)*|[?!]|[^\w\s.,;:'\"()\-/¿¡]"
)
_DIGITS: Final = re.compile(r"\d+")
_CONCEPTS: Final = load()


def marked(text: str) -> str:
    """The text with a mark in the place of each number that means something."""
    pieces, at = [], 0
    for one in entities.find(text):
        if one.type in _MARKS and one.start is not None and one.end is not None:
            pieces += [text[at : one.start], f" {_MARKS[one.type]} "]
            at = one.end
    return "".join((*pieces, text[at:]))


def tokens(text: str) -> list[str]:
    """Words, single Chinese characters, ? and !, emoji; chat spellings written out."""
    found: list[str] = []
    for token in _TOKEN.findall(text):
        found += _CHAT.get(token, token).split("_")
    return [_DIGITS.sub(lambda run: "0" * min(len(run[0]), 5), token) for token in found]


def level(text: str) -> str:
    """The text as the word and character features take it: tokens with spaces between."""
    return " ".join(tokens(plain(marked(text))))


def concepts(text: str) -> list[str]:
    """Concepts of a text, and which comes before which."""
    names = _CONCEPTS.find(plain(text))
    order = [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]
    return [
        *names,
        *(f"{a}>{b}" for a, b in pairwise(order)),
        *(f"{a}>>{b}" for a, b in zip(order, order[2:], strict=False)),
    ]
