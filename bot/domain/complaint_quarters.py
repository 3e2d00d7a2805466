"""A quarter's complaints: three months' figures put together, so that it never contradicts them.

Counts and amounts add up; medians are taken anew of what they were made of. Months that were
frozen before these were kept have no medians to give, and nothing of what was not counted then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bot.domain.complaints import GROUPS
from bot.domain.figures import percentile, permille

LONG: Final = 3  # months
_COUNTS: Final = (
    "opened", "closed", "consent", "reopened", "answered", "promises", "missed", "solved",
    "front_line",
)  # fmt: skip
Figures = Mapping[str, Any]


def quarter_of(month: str) -> str:
    """ "2026-Q4" of "2026-11"."""
    return f"{month[:4]}-Q{(int(month[5:]) + 2) // LONG}"


def months_of(quarter: str) -> list[str]:
    """Its three months, the first one first."""
    last = LONG * int(quarter[6:])
    return [f"{quarter[:4]}-{number:02}" for number in range(last - 2, last + 1)]


def before(quarter: str) -> str:
    """The quarter before."""
    year, number = int(quarter[:4]), int(quarter[6:])
    return f"{year - 1}-Q4" if number == 1 else f"{year}-Q{number - 1}"


def together(name: str, months: Sequence[Figures]) -> dict[str, Any]:
    """The figures of these months as those of one span; at least one is given."""
    told: dict[str, Any] = {"month": name, "total": _block([each["total"] for each in months])}
    for group in GROUPS:
        blocks: dict[str, list[Figures]] = defaultdict(list)
        for month in months:
            for key, block in month.get(group, {}).items():
                blocks[key].append(block)
        told[group] = {key: _block(found) for key, found in sorted(blocks.items())}
    causes: Counter[str] = Counter()
    for month in months:
        causes.update(dict(month["causes"]))
    told["causes"] = sorted(causes.items(), key=lambda pair: (-pair[1], pair[0]))
    for names in ("stations", "piles"):
        told[names] = {key: word for each in months for key, word in each.get(names, {}).items()}
    told["all_refunds"] = _refunds(months)
    told["actions"] = _actions(months)
    return told


def _block(blocks: Sequence[Figures]) -> dict[str, Any]:
    told: dict[str, Any] = {
        name: sum(int(each.get(name, 0)) for each in blocks) for name in _COUNTS
    }
    told["consent_permille"] = permille(told["consent"], told["closed"])
    told["front_line_permille"] = permille(told["front_line"], told["solved"])
    for kind, median, count in (
        ("answers", "answer_s", "answered"), ("closings", "close_s", "closed"),
    ):  # fmt: skip
        found = sorted(second for each in blocks for second in each.get(kind, ()))
        told[kind] = found
        told[median] = percentile(found, 50) if len(found) == told[count] else None
    for paid in ("compensation", "refunds"):
        told[paid] = _sums(each[paid] for each in blocks)
    return told


def _sums(found: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for each in found:
        sums.update(each)
    return dict(sorted(sums.items()))


def _refunds(months: Sequence[Figures]) -> dict[str, list[int]]:
    told: dict[str, list[int]] = {}
    for month in months:
        for currency, (times, minor) in month["all_refunds"].items():
            known = told.get(currency, [0, 0])
            told[currency] = [known[0] + times, known[1] + minor]
    return dict(sorted(told.items()))


def _actions(months: Sequence[Figures]) -> list[Mapping[str, Any]]:
    """Each action once, as it stood in the last month that knew it."""
    last: dict[tuple[str, str, str, str], Mapping[str, Any]] = {}
    for month in months:
        for each in month["actions"]:
            last[each["text"], each["cause"], each["who"], each["due"]] = each
    return list(last.values())
