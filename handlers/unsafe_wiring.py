"""Unsafe wiring at a pile: it is locked as for any danger, and a case of its own is opened."""

from __future__ import annotations

import re
from typing import Final

from bot.dialog.intents import intent, maybe, wish
from bot.dialog.kinds import PILE, PilePoint
from bot.dialog.turn import Turn
from bot.domain.cases import WIRING_WORDS
from bot.replies import Replies
from bot.services import safety
from bot.store.stations import Pile

_ACCENTS: Final = {
    "a": "[aáàâãä]", "c": "[cç]", "e": "[eéèêë]", "i": "[iíî]", "o": "[oóôõö]", "u": "[uúüû]",
}  # fmt: skip


def _as_typed(word: str) -> str:
    """A word as a pattern that takes it with or without its accents."""
    return "".join(_ACCENTS.get(char, re.escape(char)) for char in word)


_LATIN: Final = "|".join(_as_typed(word) for word in WIRING_WORDS if word.isascii())
_CHINESE: Final = "|".join(word for word in WIRING_WORDS if not word.isascii())


@wish
class Wiring:
    """The pile, when the rider names it."""

    pile: PilePoint | None = maybe(PILE)


@intent("unsafe_wiring", patterns=(rf"(?:.*\W)?(?:{_LATIN}).*", rf".*(?:{_CHINESE}).*"))
def report(turn: Turn, want: Wiring) -> Replies:
    """The warning first; the pile is locked, or asked for; a person is called."""
    return alarm(turn, want.pile.pile if want.pile else None, turn.heard.text)


def alarm(turn: Turn, pile: Pile | None, text: str) -> Replies:
    """Words of wiring in a complaint or a fault lead here, too."""
    return safety.first_words(
        safety.raise_alarm(
            turn.work, turn.settings, turn.rider, turn.conversation, named=pile,
            key=turn.heard.key, text=text, code="wiring",
        )
    )  # fmt: skip
