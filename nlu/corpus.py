"""Read, check, extend and judge the training messages in nlu/data/<language>/<intent>.yml.

    python -m nlu.corpus report              balance, near-duplicates, label conflicts
    python -m nlu.corpus merge FOLDER        add FOLDER/<language>/<intent>.txt, one message a line
    python -m nlu.corpus purge               take out what a held-out set contains

A message is a line with its entities inline: `start pile [12](pile_code) please`. What stands in a
held-out set (nlu/dev, nlu/blind) is refused: a model that has read the exam learns nothing from it.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rapidfuzz import fuzz, process

from nlu.language import LANGUAGES
from nlu.normalise import plain
from nlu.server import ROOT
from nlu.train import DATA
from nlu.understand import INTENTS

HELD_OUT: Final = (ROOT / "nlu" / "dev", ROOT / "nlu" / "blind")
ENTITY_TYPES: Final = frozenset(
    ("pile_code", "station_name", "location", "time", "duration", "amount", "energy", "percent",
     "connector_type", "vehicle")
)  # fmt: skip
MAX_CHARS: Final = 600  # a longer "message" is a paste accident

_ENTITY: Final = re.compile(r"\[([^\[\]]+)\]\((\w+)\)")
_ITEM: Final = "    - "
_HEAD: Final = 'version: "3.1"\nnlu:\n- intent: {intent}\n  examples: |\n'
_SIGNS: Final = re.compile(r"[^\w]+")
_NEAR: Final = 90  # per cent of likeness from which two messages are near-duplicates
_SHORT: Final = 16  # letters; "english please" is everybody's: no evidence of copying


@dataclass(frozen=True, slots=True)
class Message:
    """One training message; `marked` has its entities inline."""

    lang: str
    intent: str
    marked: str

    @property
    def text(self) -> str:
        """As the rider typed it."""
        return _ENTITY.sub(r"\1", self.marked)

    @property
    def key(self) -> str:
        """Equal for messages that differ only in case, accents, signs and spaces."""
        return key(self.text)

    @property
    def frame(self) -> str:
        """The plain text with its entities' types in their place: equal frames say one thing."""
        return key(_ENTITY.sub(lambda m: f" x{m[2]} ", self.marked))


@dataclass(slots=True)
class Merged:
    """What became of a batch: how many were added, and which were refused why."""

    added: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: list[tuple[str, str]] = field(default_factory=list)  # (reason, line)


def key(text: str) -> str:
    """The plain form without punctuation (emoji stay); of nothing but punctuation, all of it."""
    words = plain(text)
    return " ".join(_SIGNS.sub(_emoji, words).split()) or words


def is_telling(words: str) -> bool:
    """Whether a key is long enough that two hands would not write it by chance."""
    return len(words) + 2 * sum("\u3400" <= c <= "\u9fff" for c in words) > _SHORT


def _emoji(signs: re.Match[str]) -> str:
    return "".join(c if unicodedata.category(c) == "So" else " " for c in signs[0])


def path_of(lang: str, intent: str, folder: Path = DATA) -> Path:
    """Where the messages of one intent in one language stand."""
    return folder / lang / f"{intent}.yml"


def read(folder: Path = DATA) -> list[Message]:
    """Every training message, by language, intent and line."""
    return [
        Message(path.parent.name, path.stem, line.removeprefix(_ITEM))
        for path in sorted(folder.glob("*/*.yml"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith(_ITEM)
    ]


def fault(line: str) -> str | None:
    """Why a line cannot be a training message; None when it can."""
    if not line.strip():
        return "empty"
    if line.startswith("/"):
        return "Rasa takes a leading / for a command"
    if len(line) > MAX_CHARS:
        return "too long"
    if any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") for c in line):
        return "control character"
    unknown = {type_ for _, type_ in _ENTITY.findall(line)} - ENTITY_TYPES
    if unknown:
        return f"unknown entity type {', '.join(sorted(unknown))}"
    if any(sign in _ENTITY.sub("", line) for sign in "[]"):
        return "unbalanced brackets"
    return None


def held_out() -> frozenset[str]:
    """Keys of the messages that may not be trained on."""
    return keys_of(HELD_OUT)


def keys_of(folders: Iterable[Path]) -> frozenset[str]:
    """Keys of every row of the sets in `folders`."""
    return frozenset(
        key(str(json.loads(line)["text"]))
        for folder in folders
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    )


def append(lang: str, intent: str, lines: Iterable[str], folder: Path = DATA) -> Merged:
    """Add messages to one file; see `merge` for what is refused."""
    merged = Merged()
    labels = {one.key: one.intent for one in read(folder)}
    _append(lang, intent, lines, labels, held_out(), folder, merged)
    return merged


def merge(batch: Path, folder: Path = DATA) -> Merged:
    """Add `batch`/<lang>/<intent>.txt to the training files.

    Refused: malformed lines, what already stands (under the same or another intent) and what is in
    a held-out set. Merging twice adds nothing. Folders that name no language are left out. Raises
    ValueError on an unknown intent.
    """
    merged = Merged()
    labels = {one.key: one.intent for one in read(folder)}
    exam = held_out()
    for path in sorted(batch.glob("*/*.txt")):
        if path.parent.name not in LANGUAGES:
            continue
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        _append(path.parent.name, path.stem, lines, labels, exam, folder, merged)
    return merged


def _append(
    lang: str,
    intent: str,
    lines: Iterable[str],
    labels: dict[str, str],
    exam: frozenset[str],
    folder: Path,
    merged: Merged,
) -> None:
    if lang not in LANGUAGES or intent not in INTENTS:
        raise ValueError(f"no such language or intent: {lang}/{intent}")
    taken = []
    for line in (" ".join(line.split()) for line in lines):
        reason = _refusal(line, intent, labels, exam)
        if reason is None:
            taken.append(line)
            labels[Message(lang, intent, line).key] = intent
        elif reason != "empty":
            merged.refused.append((reason, f"{lang}/{intent}: {line}"))
    if taken:
        path = path_of(lang, intent, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        start = path.read_text(encoding="utf-8") if path.exists() else _HEAD.format(intent=intent)
        added = "".join(f"{_ITEM}{line}\n" for line in taken)
        path.write_text(f"{start.rstrip(chr(10))}\n{added}", encoding="utf-8")
        merged.added[lang, intent] += len(taken)


def purge(folder: Path = DATA) -> int:
    """Take out what a held-out set written later turned out to contain; returns how many."""
    exam, gone = held_out(), 0
    for path in sorted(folder.glob("*/*.yml")):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not _is_copied(line, exam)]
        if len(kept) < len(lines):
            gone += len(lines) - len(kept)
            path.write_text("".join(kept), encoding="utf-8")
    return gone


def _is_copied(line: str, exam: frozenset[str]) -> bool:
    if not line.startswith(_ITEM):
        return False
    words = key(_ENTITY.sub(r"\1", line.removeprefix(_ITEM)))
    return words in exam and is_telling(words)


def _refusal(line: str, intent: str, labels: dict[str, str], exam: frozenset[str]) -> str | None:
    if (reason := fault(line)) is not None:
        return reason
    words = key(_ENTITY.sub(r"\1", line))
    if words in exam and is_telling(words):
        return "held out"
    if words in labels:
        same = labels[words] == intent
        return "stands already" if same else f"stands already as {labels[words]}"
    return None


def near_duplicates(
    messages: Sequence[Message], least: int = _NEAR
) -> Iterator[tuple[Message, Message, float]]:
    """Pairs of one language whose frames are alike by `least` per cent or more."""
    by_lang = defaultdict(list)
    for one in messages:
        if is_telling(one.frame):
            by_lang[one.lang].append(one)
    for rows in by_lang.values():
        rows.sort(key=lambda one: len(one.frame))
        frames = [one.frame for one in rows]
        for here, frame in enumerate(frames):
            longest = len(frame) * (200 - least) / least  # of a frame that can still be as alike
            end = here + 1
            while end < len(frames) and len(frames[end]) <= longest:
                end += 1
            close = process.extract(
                frame, frames[here + 1 : end], scorer=fuzz.ratio, score_cutoff=least, limit=None
            )
            for _, likeness, offset in close:
                yield rows[here], rows[here + 1 + offset], likeness


def conflicts(messages: Sequence[Message]) -> list[list[Message]]:
    """Messages that stand under more than one intent, in whatever language."""
    by_key = defaultdict(list)
    for one in messages:
        by_key[one.key].append(one)
    return [same for same in by_key.values() if len({one.intent for one in same}) > 1]


def report(messages: Sequence[Message], pairs: int = 40) -> Iterator[str]:
    """Lines of Markdown: balance, conflicts, near-duplicates (the first `pairs` of each kind)."""
    counts = Counter((one.intent, one.lang) for one in messages)
    yield f"{len(messages)} messages\n"
    yield f"| | {' | '.join(LANGUAGES)} | all |"
    yield "|---" * (len(LANGUAGES) + 2) + "|"
    for intent in INTENTS:
        row = [counts[intent, lang] for lang in LANGUAGES]
        yield f"| {intent} | {' | '.join(map(str, row))} | {sum(row)} |"
    row = [sum(counts[intent, lang] for intent in INTENTS) for lang in LANGUAGES]
    yield f"| all | {' | '.join(map(str, row))} | {sum(row)} |"
    yield from _entity_balance(messages)
    faults = [(fault(one.marked), one) for one in messages if fault(one.marked)]
    exam = held_out()
    copied = sum(one.key in exam and is_telling(one.key) for one in messages)
    clashes = conflicts(messages)
    near = list(near_duplicates(messages))
    across = [pair for pair in near if pair[0].intent != pair[1].intent]
    same = len(near) - len(across)
    yield f"\nMalformed: {len(faults)}; in a held-out set: {copied}; "
    yield f"under two intents: {len(clashes)}; near-duplicates: {same} within an intent, "
    yield f"{len(across)} across intents"
    for reason, one in faults[:pairs]:
        yield f"- {reason}: {one.lang}/{one.intent}: {one.marked}"
    for several in clashes[:pairs]:
        where = ", ".join(f"{one.lang}/{one.intent}" for one in several)
        yield f"- two intents: {where}: {several[0].text}"
    for one, other, likeness in sorted(across, key=lambda pair: -pair[2])[:pairs]:
        yield f"- {likeness:.0f} %: {one.lang}/{one.intent}: {one.text}"
        yield f"        {other.lang}/{other.intent}: {other.text}"


def _entity_balance(messages: Sequence[Message]) -> Iterator[str]:
    counts = Counter(
        (type_, one.lang) for one in messages for _, type_ in _ENTITY.findall(one.marked)
    )
    yield f"\n| entity | {' | '.join(LANGUAGES)} |"
    yield "|---" * (len(LANGUAGES) + 1) + "|"
    for type_ in sorted(ENTITY_TYPES):
        yield f"| {type_} | {' | '.join(str(counts[type_, lang]) for lang in LANGUAGES)} |"


def summary(merged: Merged) -> Iterator[str]:
    """What became of a batch; held-out lines are counted, never shown."""
    yield f"{merged.added.total()} added, {len(merged.refused)} refused"
    for reason, count in Counter(reason for reason, _ in merged.refused).most_common():
        yield f"  {count} {reason}"
    for reason, line in merged.refused:
        if reason not in ("held out", "stands already"):
            yield f"  {reason}: {line}"


def main(arguments: Sequence[str], say: Callable[[str], None]) -> None:
    """`report`, `merge FOLDER…` or `purge`."""
    match list(arguments):
        case ["merge", *folders] if folders:
            for each in folders:
                for line in summary(merge(Path(each))):
                    say(line)
        case ["purge"]:
            say(f"{purge()} taken out")
        case [] | ["report"]:
            for line in report(read()):
                say(line)
        case _:
            raise SystemExit("python -m nlu.corpus report | merge FOLDER… | purge")


if __name__ == "__main__":
    main(sys.argv[1:], lambda line: print(line))  # noqa: T201 - a command line
