"""`./run parse FILE.jsonl`: what the bot would understand of each row, one JSON line per row.

In:  {"id", "text", "lang"?, "context"?: [fact, …]}
Out: {"id", "intent", "confidence", "secondary"?, "entities": [{"type", "value"}], "engine", "ms"}

It is the very decision of the bot, with one difference in the wording: where the bot is unclear
it asks back and offers its best guess first; here that guess stands as `intent` (out_of_scope
when there is none), with its low `confidence`. An entity's `value` is the exact substring.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from bot.understanding import Understander, Understanding
from nlu.rasa import Rasa
from nlu.server import is_ready, python, running
from nlu.train import train
from nlu.understand import Nlu


def parse_file(path: Path, understand: Understander, out: TextIO) -> None:
    """Read the rows of `path`, write one line each to `out`; a bad row gets {"id", "error"}."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                # ASCII only: half a surrogate pair in a text must not stop the rows behind it.
                out.write(json.dumps(_line(line, number, understand)) + "\n")


def _line(line: str, number: int, understand: Understander) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        return {"id": None, "error": f"line {number} is not JSON: {error}"}
    if not isinstance(row, dict):
        return {"id": None, "error": f"line {number} is not an object"}
    if not isinstance(row.get("text"), str):
        return {"id": row.get("id"), "error": f'line {number} needs a "text"'}
    return _answer(row, understand)


def _answer(row: dict[str, Any], understand: Understander) -> dict[str, Any]:
    began = time.perf_counter()
    facts = row.get("context") or ()
    context = frozenset([facts] if isinstance(facts, str) else map(str, facts))
    lang = row.get("lang")
    meant = understand(row["text"], lang=lang if isinstance(lang, str) else None, context=context)
    took_ms = (time.perf_counter() - began) * 1000
    intent, secondary = label(meant), meant.secondary
    answer: dict[str, Any] = {
        "id": row.get("id"),
        "intent": intent,
        "confidence": round(meant.confidence, 4),
    }
    if secondary is not None and secondary != intent:
        answer["secondary"] = secondary
    answer["entities"] = [{"type": e.type, "value": e.text or e.value} for e in meant.entities]
    return {**answer, "engine": meant.engine, "ms": round(took_ms, 1)}


def label(meant: Understanding) -> str:
    """The intent the bot acts on or, where it is unclear, the one it offers first."""
    if meant.intent != "unclear":
        return meant.intent
    return meant.secondary or "out_of_scope"


@contextmanager
def understander(
    url: str, token: str, timeout_s: float, say: Callable[[str], None]
) -> Iterator[Nlu]:
    """An Nlu with Rasa: the server at `url` when one is ready there, else one of our own for as
    long as the block lasts; keywords only, said so, where .venv-nlu is not installed."""
    if url and is_ready(url, token):
        yield Nlu(Rasa(url, token, timeout_s))
    elif python() is None:
        say("Rasa is not installed (.venv-nlu): keywords decide")
        yield Nlu(None)
    else:
        with running(train(say)) as (own_url, own_token):
            yield Nlu(Rasa(own_url, own_token, timeout_s))
