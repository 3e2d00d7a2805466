"""Measure understanding on the development set (nlu/dev): python -m nlu.evaluate [--keywords]

The development set is written in another style than the training data and never trained on.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bot.understanding import Understander, Understanding
from nlu.parse import label, understander
from nlu.server import ROOT
from nlu.understand import ACTIONS, Nlu

DEV: Final = ROOT / "nlu" / "dev"


@dataclass(frozen=True, slots=True)
class Judged:
    """One row of a development set and what was understood of it."""

    row: dict[str, Any]
    meant: Understanding

    @property
    def right(self) -> bool:
        return bool(label(self.meant) == self.row["intent"])

    @property
    def asked_back(self) -> bool:
        return self.meant.intent == "unclear"


def judge(understand: Understander, folder: Path = DEV) -> list[Judged]:
    """Every row of every language, understood."""
    judged = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            meant = understand(row["text"], context=frozenset(row.get("context", ())))
            judged.append(Judged(row, meant))
    return judged


def table(judged: Sequence[Judged]) -> str:
    """The figures as a Markdown table."""
    languages = sorted({one.row["lang"] for one in judged})
    lines = [
        "| | rows | right | asked back | wrong action | safety found | false alarms "
        "| out of scope found | entity F1 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for lang in (*languages, None):
        rows = [one for one in judged if lang is None or one.row["lang"] == lang]
        lines.append(f"| {lang or 'all'} | {len(rows)} | {' | '.join(_figures(rows))} |")
    return "\n".join(lines)


def _figures(rows: Sequence[Judged]) -> list[str]:
    danger = [one for one in rows if one.row["intent"] == "safety_emergency"]
    other = [one for one in rows if one.row["intent"] == "out_of_scope"]
    alarms = sum(
        one.meant.intent == "safety_emergency" and one.row["intent"] != "safety_emergency"
        for one in rows
    )
    wrong = sum(one.meant.intent in ACTIONS and not one.right for one in rows)
    return [
        f"{sum(one.right for one in rows) / len(rows):.2f}",
        f"{sum(one.asked_back for one in rows) / len(rows):.2f}",
        str(wrong),
        f"{sum(one.right for one in danger)}/{len(danger)}",
        str(alarms),
        f"{sum(one.right for one in other)}/{len(other)}",
        f"{_entity_f1(rows):.2f}",
    ]


def _entity_f1(rows: Sequence[Judged]) -> float:
    hits = missed = extra = 0
    for one in rows:
        wanted = Counter((e["type"], e["value"].lower()) for e in one.row["entities"])
        got = Counter((e.type, e.text.lower()) for e in one.meant.entities)
        same = (wanted & got).total()
        hits, missed, extra = (
            hits + same,
            missed + wanted.total() - same,
            extra + got.total() - same,
        )
    return 2 * hits / (2 * hits + missed + extra) if hits else 0.0


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _main(arguments: Sequence[str], say: Callable[[str], None]) -> None:
    if "--keywords" in arguments:
        say(table(judge(Nlu(None))))
        return
    with understander("", "", 5.0, say) as understand:
        judged = judge(understand)
    say(table(judged))
    if "--errors" in arguments:
        for one in judged:
            if not one.right:
                say(
                    f"{one.row['id']}: {one.row['intent']} taken for {one.meant.intent}"
                    f"/{one.meant.secondary} {one.meant.confidence:.2f}: {one.row['text']}"
                )


if __name__ == "__main__":
    _main(sys.argv[1:], _print)
