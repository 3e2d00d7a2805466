"""Find entities by a conditional random field over tokens; the patterns' finds are features of it.

The field sees what patterns cannot: a bare "80" after "stop at", a street that no list knows. It
learns from every annotated message, and again from copies whose places and vehicles are others of
their kind, of which only every other one is told as a known name: so it learns the sentence around
a name as well as the list.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import pycrfsuite

from nlu import entities
from nlu.normalise import plain

_TOKEN: Final = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W\d_\u3400-\u9fff]+|\d+|[^\s\w]|_")
_FIELD: Final = "field.crfsuite"
_NAMES_FILE: Final = Path(__file__).with_name("names.txt")
_SWAPPED: Final = ("location", "station_name", "vehicle")
_AFFIXES: Final = (2, 3, 4)
_WINDOW: Final = (-3, -2, -1, 1, 2, 3)
_LONGEST_NAME: Final = 6  # tokens
_REPEATED: Final = re.compile(r"(.)\1+")

Token = tuple[str, int, int]  # text, start, end
Span = tuple[int, int, str]  # start, end, type


@dataclass(frozen=True, slots=True)
class Marked:
    """A training message with its entities."""

    text: str
    spans: tuple[Span, ...]


def tokens(text: str) -> list[Token]:
    """Words, numbers, signs and single Chinese characters with their places."""
    return [(m[0], m.start(), m.end()) for m in _TOKEN.finditer(text)]


def features(text: str, found: Sequence[Token], names: Mapping[str, str]) -> list[list[str]]:
    """What the field sees of each token; `names` are known names in plain form with their type."""
    hints = _hints(text, found)
    words = [plain(word) for word, _, _ in found]
    listed = _listed(words, names)
    shapes = [_shape(word) for word, _, _ in found]
    shouted = text.upper() == text
    rows = []
    for at, (word, start, _) in enumerate(found):
        row = ["bias", f"hint={hints[at]}", f"w={words[at]}", f"shape={shapes[at]}"]
        row += [f"p{n}={words[at][:n]}" for n in _AFFIXES]
        row += [f"s{n}={words[at][-n:]}" for n in _AFFIXES]
        row.append(f"name={listed[at]}")
        row.append(f"title={word[:1].isupper() and not shouted and at > 0}")
        row.append(f"spaced={at > 0 and found[at - 1][2] < start}")
        for step in _WINDOW:
            row.append(f"w{step}={_at(words, at + step)}")
            if abs(step) == 1:
                row.append(f"shape{step}={_at(shapes, at + step)}")
                row.append(f"hint{step}={_at(hints, at + step)}")
        before, after = _at(words, at - 1), _at(words, at + 1)
        row += [f"a={before}|{words[at]}", f"b={words[at]}|{after}", f"c={before}|{after}"]
        row.append(f"d={_at(words, at - 2)}|{before}")
        rows.append(row)
    return rows


def _listed(words: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """The type of the longest known name that each word is part of, or ""."""
    listed = [""] * len(words)
    for size in range(_LONGEST_NAME, 0, -1):
        for at in range(len(words) - size + 1):
            type_ = names.get("".join(words[at : at + size]))
            if type_ and not any(listed[at : at + size]):
                listed[at : at + size] = [type_] * size
    return listed


def _at(values: Sequence[str], index: int) -> str:
    if 0 <= index < len(values):
        return values[index]
    return "<" if index < 0 else ">"


def _hints(text: str, found: Sequence[Token]) -> list[str]:
    hints = ["O"] * len(found)
    for one in entities.find(text):
        mark = "B-"
        for at, (_, start, end) in enumerate(found):
            if (
                one.start is not None
                and one.end is not None
                and start < one.end
                and end > one.start
            ):
                hints[at] = f"{mark}{one.type}"
                mark = "I-"
    return hints


def _shape(word: str) -> str:
    kinds = "".join(
        "c" if c > "\u2e80" else "X" if c.isupper() else "x" if c.islower() else
        "d" if c.isdigit() else c
        for c in word
    )  # fmt: skip
    return _REPEATED.sub(r"\1", kinds) + ("" if not word.isdigit() else str(min(len(word), 6)))


def labels(found: Sequence[Token], spans: Iterable[Span]) -> list[str]:
    """B-, I- and O of every token."""
    marks = ["O"] * len(found)
    for first, last, type_ in spans:
        inside = [at for at, (_, start, end) in enumerate(found) if start < last and end > first]
        for at in inside:
            marks[at] = f"{'B' if at == inside[0] else 'I'}-{type_}"
    return marks


def spans_of(found: Sequence[Token], marks: Sequence[str]) -> list[Span]:
    """The spans that labels tell."""
    spans: list[Span] = []
    before = "O"
    for (_, start, end), mark in zip(found, marks, strict=True):
        if mark != "O":
            if mark[0] == "I" and before != "O" and before[2:] == mark[2:]:
                spans[-1] = (spans[-1][0], end, mark[2:])
            else:
                spans.append((start, end, mark[2:]))
        before = mark
    return spans


class SpanModel:
    """A trained field, read from the folder that `train` wrote to."""

    def __init__(self, folder: Path) -> None:
        self._data = (folder / _FIELD).read_bytes()  # the tagger reads it in place: keep it alive
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open_inmemory(self._data)

    def find(self, text: str) -> list[Span]:
        """Entities of one message in the order they stand."""
        found = tokens(text)
        marks = self._tagger.tag(features(text, found, known_names())) if found else []
        return spans_of(found, marks)


def train(messages: Sequence[Marked], folder: Path, *, seed: int, rounds: int) -> None:
    """Fit a field on the messages and their copies with other names; write it to `folder`."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    plain_ones = [each for each in messages if not each.spans]
    dropped = set(chance.sample(plain_ones, len(plain_ones) // 2))  # half teach as much
    # minfreq 2: what is seen in one message only decides nothing but costs memory.
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"c1": 0.1, "c2": 0.05, "max_iterations": rounds, "feature.minfreq": 2})
    half = dict(sorted(known_names().items())[::2])
    taught = (each for each in messages if each not in dropped)
    for each in (*taught, *_swapped(messages, chance)):
        found = tokens(each.text)
        if found:
            trainer.append(features(each.text, found, half), labels(found, each.spans))
    trainer.train(str(folder / _FIELD))


def _swapped(messages: Sequence[Marked], chance: random.Random) -> Iterator[Marked]:
    """A copy of each message that has a name, with another name of its kind."""
    names = _names()
    for each in messages:
        if not any(type_ in _SWAPPED for _, _, type_ in each.spans):
            continue
        chinese = any("\u3400" <= c <= "\u9fff" for c in each.text)
        pieces, spans, at, length = [], [], 0, 0
        for start, end, type_ in sorted(each.spans):
            new = each.text[start:end]
            if type_ in _SWAPPED:
                drawn = chance.choice(names["zh" if chinese else "xx", type_])
                new = drawn if new != new.lower() or chance.random() < 0.3 else drawn.lower()
            before = each.text[at:start]
            pieces += [before, new]
            length += len(before)
            spans.append((length, length + len(new), type_))
            length += len(new)
            at = end
        yield Marked("".join((*pieces, each.text[at:])), tuple(spans))


@lru_cache(maxsize=1)
def known_names() -> dict[str, str]:
    """Every listed name, plain and without spaces and signs, with its type."""
    return {
        "".join(plain(word) for word, _, _ in tokens(name)): type_
        for (_, type_), names in _names().items()
        for name in names
    }


@lru_cache(maxsize=1)
def _names() -> dict[tuple[str, str], list[str]]:
    """Names by script and type, from names.txt: "script type: name, name, …"."""
    names: dict[tuple[str, str], list[str]] = {}
    for line in _NAMES_FILE.read_text(encoding="utf-8").splitlines():
        head, colon, listed = line.partition(":")
        if colon and not line.startswith("#"):
            script, type_ = head.split()
            kind = names.setdefault((script, type_), [])
            kind += [name.strip() for name in listed.split(",") if name.strip()]
    return names
