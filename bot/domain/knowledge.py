"""When the bot answers from the knowledge base, and which version of an answer counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from bot.domain.questions import Rarity, cosine, pieces

ENOUGH: Final = 0.42  # how alike question and entry must be
ENOUGH_ASIDE: Final = 0.6  # while the bot waits for an answer, which this message may be
ANSWER_MAX: Final = 800  # with the question whether it helped it must fit into one message
QUESTION_MAX: Final = 200
PHRASINGS_MAX: Final = 12

# What is not understood or asks how something is; anything else is a request and comes first.
_ASKING: Final = frozenset({"faq_howto", "unclear", "out_of_scope", "unsupported", "community"})
# An understanding this weak is a guess; of these guesses an entry may take the place.
_WEAK: Final = 0.5
_GUESSED: Final = frozenset(
    {"pricing_question", "help", "greet", "thanks_bye", "find_pile", "order_history"}
)


def may_answer(intent: str, confidence: float, engine: str) -> bool:
    """Whether a message of this understanding may be answered by an entry.

    Never words of danger, and never what starts, stops, books, pays or pays back: an entry only
    talks. What is certain (a command, a button, a code) needs no entry.
    """
    if engine not in ("rasa", "keywords") or confidence >= 1:
        return False
    return intent in _ASKING or (confidence < _WEAK and intent in _GUESSED)


@dataclass(frozen=True, slots=True)
class Version:
    """An answer as far as it matters whether it counts."""

    id: int
    article_id: int
    lang: str
    version: int
    approved: bool  # and not withdrawn
    valid_from: datetime
    withdrawn_at: datetime | None = None


def live(versions: Iterable[Version], now: datetime) -> dict[tuple[int, str], Version]:
    """What counts now by (article, language): the newest that has begun. One that is withdrawn
    leaves nothing in its place, unless it was withdrawn before its time came."""
    newest: dict[tuple[int, str], Version] = {}
    for each in versions:
        never = each.withdrawn_at is not None and each.withdrawn_at < each.valid_from
        if never or each.valid_from > now:
            continue
        key = each.article_id, each.lang
        if key not in newest or newest[key].version < each.version:
            newest[key] = each
    return {key: each for key, each in newest.items() if each.approved}


def best(
    text: str, entries: Sequence[tuple[int, str]], *, enough: float = ENOUGH
) -> tuple[int, float] | None:
    """The entry (number, one of the ways it is asked) that is most like a text, and how much."""
    rarity, bags = _index(tuple(entries))
    wanted = rarity.weigh(pieces(text))
    scored = [(cosine(wanted, bag), -number) for number, bag in bags]
    score, number = max(scored, default=(0.0, 0))
    return (-number, score) if score >= enough else None


@lru_cache(maxsize=4)
def _index(
    entries: tuple[tuple[int, str], ...],
) -> tuple[Rarity, list[tuple[int, dict[str, float]]]]:
    """The entries as bags; the same as long as the knowledge is the same."""
    bags = [(number, pieces(text)) for number, text in entries]
    rarity = Rarity(bag for _, bag in bags)
    return rarity, [(number, rarity.weigh(bag)) for number, bag in bags]
