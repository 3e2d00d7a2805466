"""Rate limits counted in the database: how often something happened in the current window."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import String, case, delete
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base
from bot.store.database import UnitOfWork
from bot.store.upsert import insert


class RateWindow(Base):
    """How often `key` happened since `started_at`; a row older than its window starts anew."""

    __tablename__ = "rate_window"

    key: Mapped[str] = mapped_column(String(160), primary_key=True)
    started_at: Mapped[datetime]
    count: Mapped[int]


def allow(work: UnitOfWork, key: str, *, limit: int, window: timedelta) -> bool:
    """Count one more of `key`; False when it happened more than `limit` times in the window.

    One statement, so that of parallel callers never more than `limit` pass.
    """
    over = RateWindow.started_at <= work.now - window
    statement = (
        insert(work, RateWindow)
        .values(key=key, started_at=work.now, count=1)
        .on_conflict_do_update(
            index_elements=["key"],
            set_={
                "count": case((over, 1), else_=RateWindow.count + 1),
                "started_at": case((over, work.now), else_=RateWindow.started_at),
            },
        )
        .returning(RateWindow.count)
    )
    count: int = work.session.execute(statement).scalar_one()
    return count <= limit


def forget_old(work: UnitOfWork, *, older_than: timedelta = timedelta(days=1)) -> None:
    """Delete windows that ended long ago; the clock calls this now and then."""
    work.session.execute(delete(RateWindow).where(RateWindow.started_at < work.now - older_than))
