"""How the promises were kept: counted from the clocks' own rows, for riders and for staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from bot.store.cases import Clock
from bot.store.database import UnitOfWork

LATELY: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which clocks are looked at: those that began in a span of time."""

    since: datetime
    until: datetime
    name: str = ""
    team: str = ""
    outcome: str = ""  # met | missed | running

    def where(self) -> list[ColumnElement[bool]]:
        """As conditions."""
        conditions: list[ColumnElement[bool]] = [
            Clock.started_at >= self.since, Clock.started_at < self.until,
            Clock.outcome.not_in(("lapsed", "dropped")),
        ]  # fmt: skip
        if self.name:
            conditions.append(Clock.name == self.name)
        if self.team:
            conditions.append(Clock.team == self.team)
        match self.outcome:
            case "met":
                conditions.append(Clock.outcome == "met")
            case "missed":
                conditions.append(is_missed())
            case "running":
                conditions += [Clock.state != "stopped", Clock.breached_at.is_(None)]
        return conditions


class Kept(NamedTuple):
    """Of `n` clocks that are decided `met` were kept, `aimed` of these within their target."""

    met: int
    n: int
    aimed: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One number of the page: of `n` clocks that are decided so many were met."""

    name: str
    team: str
    week: datetime  # its Monday
    met: int
    missed: int
    running: int
    aimed: int = 0  # of those that were met, within their target
    targets: int = 0  # of those that are decided, so many had one

    @property
    def n(self) -> int:
        """Those that are decided."""
        return self.met + self.missed


def is_missed() -> ColumnElement[bool]:
    """Missed: stopped late, or late and still running."""
    return or_(Clock.outcome == "missed", Clock.breached_at.is_not(None))


def in_target() -> ColumnElement[bool]:
    """Kept within its target; not so for clocks that have none."""
    return and_(Clock.outcome == "met", Clock.spent_s <= Clock.target_s)


def lately(work: UnitOfWork) -> dict[str, Kept]:
    """By clock: how many of the last 30 days were kept, of how many that are decided."""
    wanted = Filter(work.now - LATELY, work.now + timedelta(seconds=1))
    rows = work.session.execute(
        select(Clock.name, is_missed(), func.count(), func.sum(case((in_target(), 1), else_=0)))
        .where(*wanted.where(), or_(Clock.state == "stopped", Clock.breached_at.is_not(None)))
        .group_by(Clock.name, is_missed())
    )
    counted: dict[str, Kept] = {}
    for name, missed, count, aimed in rows:
        met, n, before = counted.get(name, Kept(0, 0))
        counted[name] = Kept(met + (0 if missed else count), n + count, before + int(aimed))
    return counted


def table(work: UnitOfWork, wanted: Filter) -> list[Row]:
    """The results by clock, team and week, the newest week first."""
    found: dict[tuple[str, str, datetime], list[int]] = {}
    rows = work.session.execute(
        select(
            Clock.name, Clock.team, Clock.started_at, Clock.outcome, Clock.breached_at,
            Clock.spent_s, Clock.target_s,
        ).where(*wanted.where())
    )  # fmt: skip
    for name, team, started_at, outcome, breached_at, spent_s, target_s in rows:
        cell = found.setdefault((name, team, monday(started_at)), [0, 0, 0, 0, 0])
        missed = outcome == "missed" or breached_at is not None
        cell[1 if missed else 0 if outcome == "met" else 2] += 1
        if target_s is not None and (missed or outcome == "met"):
            cell[3] += not missed and spent_s <= target_s
            cell[4] += 1
    made = [Row(name, team, week, *cell) for (name, team, week), cell in found.items()]
    return sorted(made, key=lambda row: (-row.week.timestamp(), row.name, row.team))


def clocks(work: UnitOfWork, wanted: Filter, *, limit: int) -> Sequence[Clock]:
    """The rows behind a number, newest first."""
    rows = select(Clock).where(*wanted.where()).order_by(Clock.id.desc()).limit(limit)
    return work.session.scalars(rows).all()


def monday(at: datetime) -> datetime:
    """When the week of a moment began, in UTC."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())
