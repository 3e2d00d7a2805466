"""Measure understanding: python -m nlu.evaluate [--keywords] [--set blind] [--errors]

nlu/dev is for choosing pipelines and thresholds; nlu/blind only for the figure at the end: its
messages are never shown, so `--errors` works on dev alone. Neither is ever trained on.

A row: {"id", "text", "lang", "intent", "entities", "context"?, "secondary"?, "tags"?}; the tags
"pair" and "figurative" mark the hard pairs: an act against its negation, against how-to, …
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bot.understanding import Understander, Understanding
from nlu.parse import label, understander
from nlu.server import ROOT
from nlu.understand import ACTIONS, Nlu

DEV: Final = ROOT / "nlu" / "dev"
_BINS: Final = 10  # of confidence, for the calibration error


@dataclass(frozen=True, slots=True)
class Judged:
    """One row of a set and what was understood of it."""

    row: dict[str, Any]
    meant: Understanding
    took_ms: float = 0.0

    @property
    def right(self) -> bool:
        return bool(label(self.meant) == self.row["intent"])

    @property
    def asked_back(self) -> bool:
        return self.meant.intent == "unclear"

    @property
    def is_hard(self) -> bool:
        return not {"pair", "figurative"}.isdisjoint(self.row.get("tags", ()))


def judge(understand: Understander, folder: Path = DEV) -> list[Judged]:
    """Every row of every language, understood."""
    judged = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in filter(str.strip, path.read_text(encoding="utf-8").splitlines()):
            row = json.loads(line)
            began = time.perf_counter()
            meant = understand(row["text"], context=frozenset(row.get("context") or ()))
            judged.append(Judged(row, meant, 1000 * (time.perf_counter() - began)))
    return judged


def table(judged: Sequence[Judged]) -> str:
    """The figures as a Markdown table, a line a language."""
    languages = sorted({one.row["lang"] for one in judged})
    heads = [name for name, _ in _COLUMNS]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for lang in (*languages, None):
        rows = [one for one in judged if lang is None or one.row["lang"] == lang]
        figures = (column(rows) for _, column in _COLUMNS)
        lines.append(f"| {lang or 'all'} | {' | '.join(figures)} |")
    return "\n".join(lines)


def _of(rows: Iterable[Judged], intent: str) -> list[Judged]:
    return [one for one in rows if one.row["intent"] == intent]


def _share(rows: Sequence[Judged]) -> str:
    return f"{sum(one.right for one in rows)}/{len(rows)}"


def _accuracy(rows: Sequence[Judged]) -> str:
    return f"{sum(one.right for one in rows) / len(rows):.3f}" if rows else "-"


def _alarms(rows: Sequence[Judged]) -> str:
    return str(sum(label(one.meant) == "safety_emergency" and not one.right for one in rows))


def _rejected(rows: Sequence[Judged]) -> str:
    inside = [one for one in rows if one.row["intent"] != "out_of_scope"]
    lost = sum(label(one.meant) == "out_of_scope" for one in inside)
    return f"{100 * lost / len(inside):.1f} %" if inside else "-"


def _asked(rows: Sequence[Judged]) -> str:
    return f"{100 * sum(one.asked_back for one in rows) / len(rows):.0f} %" if rows else "-"


def _wrong_actions(rows: Sequence[Judged]) -> str:
    return str(sum(one.meant.intent in ACTIONS and not one.right for one in rows))


def _second(rows: Sequence[Judged]) -> str:
    """Rows with two requests of which both were found, in whatever order; and how often two were
    claimed where there is one."""
    two = [one for one in rows if one.row.get("secondary")]
    both = sum(
        {one.row["intent"], one.row["secondary"]} <= {label(one.meant), *one.meant.also}
        for one in two
    )
    claimed = sum(bool(one.meant.also) for one in rows if not one.row.get("secondary"))
    return f"{both}/{len(two)}, {claimed} claimed"


def _entity_f1(rows: Sequence[Judged]) -> str:
    """Exact type and substring."""
    hits = missed = extra = 0
    for one in rows:
        wanted = Counter((e["type"], e["value"].lower()) for e in one.row["entities"])
        got = Counter((e.type, e.text.lower()) for e in one.meant.entities)
        same = (wanted & got).total()
        hits += same
        missed += wanted.total() - same
        extra += got.total() - same
    return f"{2 * hits / (2 * hits + missed + extra):.2f}" if hits else "-"


def calibration_error(rows: Sequence[Judged]) -> float:
    """Expected calibration error: the mean distance of confidence from the share that is right."""
    bins: list[list[Judged]] = [[] for _ in range(_BINS)]
    for one in rows:
        bins[min(int(one.meant.confidence * _BINS), _BINS - 1)].append(one)
    return sum(
        abs(sum(one.right for one in each) - sum(one.meant.confidence for one in each))
        for each in bins
    ) / max(len(rows), 1)


_COLUMNS: Final[tuple[tuple[str, Callable[[Sequence[Judged]], str]], ...]] = (
    ("rows", lambda rows: str(len(rows))),
    ("right", _accuracy),
    ("asked back", _asked),
    ("wrong action", _wrong_actions),
    ("safety found", lambda rows: _share(_of(rows, "safety_emergency"))),
    ("false alarms", _alarms),
    ("out of scope found", lambda rows: _share(_of(rows, "out_of_scope"))),
    ("rejected", _rejected),
    ("hard pairs", lambda rows: _share([one for one in rows if one.is_hard])),
    ("two requests", _second),
    ("entity F1", _entity_f1),
    ("ECE", lambda rows: f"{calibration_error(rows):.3f}"),
)


def latency(judged: Sequence[Judged]) -> str:
    """p50 and p95 of one message, the round trip to Rasa included."""
    took = [one.took_ms for one in judged]
    return (
        f"p50 {statistics.median(took):.1f} ms, p95 {statistics.quantiles(took, n=20)[-1]:.1f} ms"
    )


def errors(judged: Sequence[Judged]) -> Iterator[str]:
    """The most frequent confusions, then every wrong row."""
    wrong = [one for one in judged if not one.right]
    pairs = Counter((one.row["intent"], label(one.meant)) for one in wrong)
    yield from (f"{n:3} {a} taken for {b}" for (a, b), n in pairs.most_common(25))
    for one in sorted(wrong, key=lambda one: (one.row["intent"], label(one.meant))):
        yield (
            f"{one.row['id']}: {one.row['intent']} taken for {one.meant.intent}"
            f"/{one.meant.secondary} {one.meant.confidence:.2f} {one.meant.engine}"
            f" {one.row.get('context') or ''}: {one.row['text']}"
        )


def _aside(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _main(arguments: Sequence[str], say: Callable[[str], None]) -> None:
    parser = argparse.ArgumentParser(prog="python -m nlu.evaluate")
    parser.add_argument("--set", default="dev", choices=("dev", "blind"))
    parser.add_argument("--keywords", action="store_true", help="without Rasa")
    parser.add_argument("--errors", action="store_true", help="confusions and wrong rows of dev")
    options = parser.parse_args(arguments)
    folder = ROOT / "nlu" / options.set
    if options.keywords:
        judged = judge(Nlu(None), folder)
    else:
        with understander("", "", 5.0, _aside) as understand:
            judged = judge(understand, folder)
    say(table(judged))
    say(latency(judged))
    if options.errors and options.set == "dev":
        for line in errors(judged):
            say(line)


if __name__ == "__main__":
    _main(sys.argv[1:], print)
