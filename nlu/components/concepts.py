"""What the words of a message mean, in any of our languages: reads concepts.txt and finds them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).with_name("concepts.txt")
_ELISION: Final = re.compile(r"\b(l|d|j|qu|n|s|m|t|c|jusqu|lorsqu|quelqu)'")
_WORD: Final = re.compile(r"[a-z0-9]+")
_CJK: Final = re.compile(r"[\u3400-\u9fff]")
_LONGEST: Final = 4  # words in a form


def words_of(plain_text: str) -> list[str]:
    """The Latin words of a plain text, elided articles apart, other apostrophes gone."""
    return _WORD.findall(_ELISION.sub(r"\1 ", plain_text).replace("'", "").replace("-", " "))


class Concepts:
    """Looks words and phrases up; a text's concepts come in the order of its words."""

    def __init__(self, lines: str) -> None:
        self._exact: dict[str, list[str]] = {}
        self._starts: dict[str, list[str]] = {}
        self._chinese: dict[str, list[str]] = {}
        for line in lines.splitlines():
            name, colon, forms = line.partition(":")
            if colon and not line.startswith("#"):
                for form in forms.split():
                    self._add(name.strip(), form)
        self._han = re.compile("|".join(sorted(self._chinese, key=len, reverse=True)) or r"(?!)")
        # Shorter forms stand inside longer ones: look at every place, longest first and alone.
        self._longest_start = max(map(len, self._starts), default=0)
        self._shortest_start = min(map(len, self._starts), default=0)

    def _add(self, name: str, form: str) -> None:
        if _CJK.search(form):
            self._chinese.setdefault(form, []).append(name)
            return
        where = self._starts if form.endswith("*") else self._exact
        words = " ".join(words_of(form.rstrip("*").replace("_", " ")))
        if words:
            where.setdefault(words, []).append(name)

    def find(self, plain_text: str) -> list[str]:
        """Names of the concepts in a text, in order, as often as they are there."""
        words = words_of(plain_text)
        found = [name for here in range(len(words)) for name in self._at(words, here)]
        for match in self._han.finditer(plain_text):
            found += self._chinese[match[0]]
        return found

    def _at(self, words: list[str], here: int) -> Iterator[str]:
        yield from self._named_by(words[here])
        phrase = words[here]
        for word in words[here + 1 : here + _LONGEST]:
            phrase = f"{phrase} {word}"
            yield from self._exact.get(phrase, ())

    def _named_by(self, word: str) -> Iterator[str]:
        seen = self._exact.get(word)
        if seen:
            yield from seen
            return
        for length in range(min(len(word), self._longest_start), self._shortest_start - 1, -1):
            if (names := self._starts.get(word[:length])) is not None:
                yield from names
                return


def load() -> Concepts:
    """The concepts of concepts.txt."""
    return Concepts(_FILE.read_text(encoding="utf-8"))
