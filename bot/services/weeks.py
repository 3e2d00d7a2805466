"""Whole weeks, from Monday to Sunday in a zone, and work that is done once for each of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.store.database import UnitOfWork
from bot.store.quality import QualityRun
from bot.store.upsert import insert

WEEK: Final = timedelta(days=7)
SHOWN: Final = 53


def last_week(now: datetime, tz: str) -> date:
    """The Monday of the last week that is over in a zone."""
    return monday(now, tz) - WEEK


def monday(at: datetime, tz: str) -> date:
    """The Monday of the week that a moment is in."""
    day = at.astimezone(ZoneInfo(tz)).date()
    return day - timedelta(days=day.weekday())


def span(week: date, tz: str) -> tuple[datetime, datetime]:
    """A week's first moment and the first one after it."""
    begin, end = (
        datetime.combine(day, time(), ZoneInfo(tz)).astimezone(UTC) for day in (week, week + WEEK)
    )
    return begin, end


def is_done(work: UnitOfWork, kind: str, week: date) -> bool:
    """Whether a week's work is done."""
    return work.session.get(QualityRun, (kind, week)) is not None


def begun(work: UnitOfWork, kind: str, week: date) -> bool:
    """Whether this transaction is the one that does a week's work."""
    first = work.session.scalar(
        insert(work, QualityRun)
        .values(kind=kind, week=week, at=work.now, body={})
        .on_conflict_do_nothing(index_elements=["kind", "week"])
        .returning(QualityRun.kind)
    )
    return first is not None


def done(work: UnitOfWork, kind: str) -> list[date]:
    """The weeks whose work is done, newest first."""
    rows = select(QualityRun.week).where(QualityRun.kind == kind)
    return list(work.session.scalars(rows.order_by(QualityRun.week.desc()).limit(SHOWN)))
