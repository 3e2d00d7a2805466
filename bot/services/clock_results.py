"""How the promises were kept: counted from the clocks' own rows, for riders and for staff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select

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


@dataclass(frozen=True, slots=True)
class Row:
    """One number of the page: of `n` clocks that are decided so many were met."""

    name: str
    team: str
    week: datetime  # its Monday
    met: int
    missed: int
    running: int

    @property
    def n(self) -> int:
        """Those that are decided."""
        return self.met + self.missed


def is_missed() -> ColumnElement[bool]:
    """Missed: stopped late, or late and still running."""
    return or_(Clock.outcome == "missed", Clock.breached_at.is_not(None))


def lately(work: UnitOfWork) -> dict[str, tuple[int, int]]:
    """By clock: how many of the last 30 days were kept, of how many that are decided."""
    wanted = Filter(work.now - LATELY, work.now + timedelta(seconds=1))
    rows = work.session.execute(
        select(Clock.name, is_missed(), func.count())
        .where(*wanted.where(), or_(Clock.state == "stopped", Clock.breached_at.is_not(None)))
        .group_by(Clock.name, is_missed())
    )
    counted: dict[str, tuple[int, int]] = {}
    for name, missed, count in rows:
        met, n = counted.get(name, (0, 0))
        counted[name] = (met + (0 if missed else count), n + count)
    return counted


def table(work: UnitOfWork, wanted: Filter) -> list[Row]:
    """The results by clock, team and week, the newest week first."""
    found: dict[tuple[str, str, datetime], list[int]] = {}
    rows = work.session.execute(
        select(Clock.name, Clock.team, Clock.started_at, Clock.outcome, Clock.breached_at).where(
            *wanted.where()
        )
    )
    for name, team, started_at, outcome, breached_at in rows:
        cell = found.setdefault((name, team, monday(started_at)), [0, 0, 0])
        if outcome == "missed" or breached_at is not None:
            cell[1] += 1
        else:
            cell[0 if outcome == "met" else 2] += 1
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
