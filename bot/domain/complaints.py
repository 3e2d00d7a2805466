"""The complaint report of a month: what is counted, in which month, and what it comes to; pure.

A case belongs to the month in which it happened where it happened: its station's zone decides. What
comes later (closed, reopened, a promise missed, money given) counts in the month it came in.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from bot.domain.figures import percentile, permille

GRACE: Final = timedelta(days=2)  # after its end a month may still change, then it is frozen
TOP: Final = 10
GROUPS: Final = ("by_class", "by_code", "by_team", "by_station", "by_pile")
Paid = tuple[datetime, str, int]  # when, currency, minor units


@dataclass(frozen=True, slots=True)
class Fact:
    """A case as far as the report counts it."""

    class_: str
    team: str
    station: str  # its id as text; "" where the place is not known
    tz: str
    opened_at: datetime
    answered_at: datetime | None = None
    closed_at: datetime | None = None
    consent: bool = False
    reopened: Sequence[datetime] = ()
    kept: Sequence[datetime] = ()  # promises about it that were decided, and when
    missed: Sequence[datetime] = ()
    compensation: Sequence[Paid] = ()
    refunds: Sequence[Paid] = ()
    cause: str = ""
    code: str = ""  # of the second level
    pile: str = ""  # its id; "" where none is named
    solved_at: datetime | None = None
    front_line: bool = False  # solved by the first who had it


@dataclass
class _Sums:
    """What is being counted of one group of cases."""

    opened: int = 0
    closed: int = 0
    consent: int = 0
    reopened: int = 0
    kept: int = 0
    missed: int = 0
    solved: int = 0
    front_line: int = 0
    answers: list[int] = field(default_factory=list)
    closings: list[int] = field(default_factory=list)
    compensation: Counter[str] = field(default_factory=Counter)
    refunds: Counter[str] = field(default_factory=Counter)

    def told(self) -> dict[str, Any]:
        """As JSON; medians are of the nearest rank, in seconds. `answers` and `closings` are what
        they are made of, so that months can be put together."""
        return {
            "opened": self.opened, "closed": self.closed, "consent": self.consent,
            "consent_permille": permille(self.consent, self.closed), "reopened": self.reopened,
            "answered": len(self.answers), "answer_s": percentile(self.answers, 50),
            "close_s": percentile(self.closings, 50),
            "promises": self.kept + self.missed, "missed": self.missed,
            "compensation": dict(sorted(self.compensation.items())),
            "refunds": dict(sorted(self.refunds.items())),
            "solved": self.solved, "front_line": self.front_line,
            "front_line_permille": permille(self.front_line, self.solved),
            "answers": sorted(self.answers), "closings": sorted(self.closings),
        }  # fmt: skip


def month_of(at: datetime, tz: str) -> str:
    """ "2026-11", in a zone."""
    return at.astimezone(ZoneInfo(tz)).strftime("%Y-%m")


def before(month: str) -> str:
    """The month before."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year - 1}-12" if number == 1 else f"{year}-{number - 1:02}"


def after(month: str) -> str:
    """The month after."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + 1}-01" if number == 12 else f"{year}-{number + 1:02}"


def is_over(month: str, zones: Iterable[str], now: datetime) -> bool:
    """Whether a month is over everywhere, and long enough to be frozen."""
    return all(month_of(now - GRACE, tz) > month for tz in zones)


def figures(facts: Iterable[Fact], month: str) -> dict[str, Any]:
    """The figures of a month: of all cases, by each of GROUPS, and the root causes of those that
    were opened in it, the most frequent first."""
    whole = _Sums()
    groups: dict[str, dict[str, _Sums]] = {name: defaultdict(_Sums) for name in GROUPS}
    causes: Counter[str] = Counter()
    for fact in facts:
        keys = (fact.class_, fact.code, fact.team, fact.station, fact.pile)
        parts = (groups[name][key] for name, key in zip(GROUPS, keys, strict=True))
        for sums in (whole, *parts):
            _count(sums, fact, month)
        if fact.cause and month_of(fact.opened_at, fact.tz) == month:
            causes[fact.cause] += 1
    told: dict[str, Any] = {"month": month, "total": whole.told()}
    for name, by in groups.items():
        told[name] = {key: sums.told() for key, sums in sorted(by.items()) if sums != _Sums()}
    told["causes"] = sorted(causes.items(), key=lambda pair: (-pair[1], pair[0]))
    return told


def _count(sums: _Sums, fact: Fact, month: str) -> None:
    def inside(at: datetime) -> bool:
        return month_of(at, fact.tz) == month

    if inside(fact.opened_at):
        sums.opened += 1
        if fact.answered_at is not None:
            sums.answers.append(_seconds(fact.opened_at, fact.answered_at))
    if fact.closed_at is not None and inside(fact.closed_at):
        sums.closed += 1
        sums.consent += fact.consent
        sums.closings.append(_seconds(fact.opened_at, fact.closed_at))
    if fact.solved_at is not None and inside(fact.solved_at):
        sums.solved += 1
        sums.front_line += fact.front_line
    sums.reopened += _how_many(fact.reopened, inside)
    sums.kept += _how_many(fact.kept, inside)
    sums.missed += _how_many(fact.missed, inside)
    for at, currency, minor in fact.compensation:
        if inside(at):
            sums.compensation[currency] += minor
    for at, currency, minor in fact.refunds:
        if inside(at):
            sums.refunds[currency] += minor


def _how_many(moments: Iterable[datetime], inside: Callable[[datetime], bool]) -> int:
    return sum(inside(at) for at in moments)


def _seconds(since: datetime, until: datetime) -> int:
    return max(0, int((until - since).total_seconds()))


def change(now: Mapping[str, Any], then: Mapping[str, Any] | None, key: str) -> int | None:
    """By how many percent a count changed; None where there was nothing."""
    if then is None or not then.get(key):
        return None
    return round(100 * (int(now[key]) - int(then[key])) / int(then[key]))
