"""Cut a message into the pieces that may each be a request: "stop it and send me the bill"."""

from __future__ import annotations

import re
from typing import Final

_CONJUNCTIONS: Final = (
    "and then|and also|and|then|also|plus|after that|"
    "y luego|y despues|y después|y tambien|y también|y de paso|y|e|luego|despues|después|además|"
    "e depois|e também|e tambem|depois|também|"
    "et puis|et aussi|et|puis|ensuite|aussi|"
    "und dann|und auch|und|dann|danach|außerdem"
)
_CUT: Final = re.compile(
    rf"[.!?;,\n。！？；，、]+\s*(?:(?:{_CONJUNCTIONS})\s+)?|\s+(?:{_CONJUNCTIONS})\s+|\s+[-–—]+\s+"
    r"|顺便|順便|然后|然後|另外|还有|還有|并且|並且|同时|同時",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
_MOST_WORDS: Final = 40  # longer messages are stories: their pieces say little alone
_MOST_PIECES: Final = 5


def pieces(text: str) -> list[str]:
    """The pieces of a message, two at least; none where it is one piece, or too long to cut."""
    if len(_WORD.findall(text)) > _MOST_WORDS:
        return []
    found = [piece.strip() for piece in _CUT.split(text)]
    found = [piece for piece in found if _may_ask(piece)]
    return found if 2 <= len(found) <= _MOST_PIECES else []


def _may_ask(piece: str) -> bool:
    """Two words, two Chinese characters, or one word long enough to be a request ("stop")."""
    words = _WORD.findall(piece)
    return len(words) > 1 or any(len(word) > 3 for word in words)
