"""The maintenance calendar: plans by model, visits to piles; statuses that went stale."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class VisitPlan(Base):
    """What is done at every pile of a model ("" is all), again and again: every so many days, or
    once so many charges were counted, whichever comes first. The hour is the station's own."""

    __tablename__ = "visit_plan"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    model: Mapped[str] = mapped_column(String(60))
    what: Mapped[str] = mapped_column(String(200))
    every_days: Mapped[int | None]
    every_cycles: Mapped[int | None]
    at_minute: Mapped[int]  # of the local day
    length_min: Mapped[int]
    active: Mapped[bool] = mapped_column(default=True)
    made_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    made_at: Mapped[datetime]


class Visit(Base):
    """A planned visit to a pile: it is out of service then, and nobody can book it.

    `state`: planned → waiting (a charge still runs) → on → done | missed; planned → cancelled.
    `before` is what the last change replaced, so that it can be undone until the visit begins.
    """

    __tablename__ = "visit"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    pile_id: Mapped[str] = mapped_column(ForeignKey("pile.id"))
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("visit_plan.id"), index=True)
    state: Mapped[str] = mapped_column(String(12), default="planned", index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    what: Mapped[str] = mapped_column(String(200))
    made_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    made_at: Mapped[datetime]
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    changed_at: Mapped[datetime | None]
    before: Mapped[dict[str, Any] | None]
    reason: Mapped[str] = mapped_column(Text, default="")
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"), index=True)
    took_out: Mapped[bool] = mapped_column(default=False)  # of service, so that we put it back
    began_at: Mapped[datetime | None]
    over_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_visit_pile_id", "pile_id", "starts_at"),)


class StaleStatus(Base):
    """A socket whose status nothing confirmed for too long: from `at` until `over_at`; staff are
    told once, at `told_at`. `open_key` is the socket's while it lasts."""

    __tablename__ = "stale_status"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    open_key: Mapped[str | None] = mapped_column(String(24), unique=True)
    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"), index=True)
    heard_at: Mapped[datetime | None]  # the last sign that confirmed it
    at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    over_at: Mapped[datetime | None]


class Certificate(Base):
    """A paper that ends: of a station, or of one of its piles. `ended_at`: another took its place,
    or it was entered by mistake; it counts no more."""

    __tablename__ = "certificate"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"), index=True)
    pile_id: Mapped[str | None] = mapped_column(ForeignKey("pile.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    reference: Mapped[str] = mapped_column(String(120), default="")  # its number, who made it
    expires_on: Mapped[date]  # the last day it counts, by the station's clock
    media_id: Mapped[int | None] = mapped_column(ForeignKey("media.id"))
    added_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    added_at: Mapped[datetime]
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    ended_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text, default="")  # why it ended
