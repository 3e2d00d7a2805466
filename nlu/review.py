"""Labelled messages of `./run nlu-review` into the training data.

A row: {"id"?, "lang", "text", "intent"}; `text` may have its entities inline, as in nlu/data.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from bot.errors import PilebotError
from nlu import corpus
from nlu.language import LANGUAGES
from nlu.train import DATA
from nlu.understand import INTENTS


class BadLabels(PilebotError):
    """A file of labelled messages cannot be read; nothing was added."""


def add(path: Path, say: Callable[[str], None], folder: Path = DATA) -> Sequence[int]:
    """Add a file's rows; returns the ids of all rows that have a label now, refused ones (known
    already, held out) included.

    Raises BadLabels, with every line that is wrong, before anything is added.
    """
    lines: dict[tuple[str, str], list[str]] = defaultdict(list)
    ids, problems = [], []
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not raw.strip():
            continue
        try:
            row = json.loads(raw)
            lang, intent, text = row["lang"], row["intent"], " ".join(row["text"].split())
        except (ValueError, KeyError, TypeError, AttributeError):
            problems.append(f"line {number}: needs lang, intent and text")
            continue
        if lang not in LANGUAGES or intent not in INTENTS:
            problems.append(f"line {number}: no such language or intent: {lang}/{intent}")
        elif (fault := corpus.fault(text)) is not None:
            problems.append(f"line {number}: {fault}")
        else:
            lines[lang, intent].append(text)
            ids += [row["id"]] if isinstance(row.get("id"), int) else []
    if problems:
        raise BadLabels("\n".join(problems))
    added = 0
    for (lang, intent), texts in lines.items():
        merged = corpus.append(lang, intent, texts, folder)
        added += merged.added.total()
        for reason, line in merged.refused:
            say(f"refused, {reason}: {line}")
    say(f"{added} messages added. Now run: ./run train" if added else "Nothing was added.")
    return ids
