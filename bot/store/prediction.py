"""What is counted at sockets by the day, risks made of it, predictions and what became of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class EvseDay(Base):
    """Counters of a socket on one day (UTC): see bot/domain/prediction.py's Day.

    Events are added as they come; the temperature columns are written anew from the samples.
    """

    __tablename__ = "evse_day"

    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True, index=True)
    cycles: Mapped[int] = mapped_column(default=0)
    failed_starts: Mapped[int] = mapped_column(default=0)
    retries: Mapped[int] = mapped_column(default=0)
    command_failures: Mapped[int] = mapped_column(default=0)
    trips: Mapped[int] = mapped_column(default=0)
    offline: Mapped[int] = mapped_column(default=0)
    heat_min: Mapped[int] = mapped_column(default=0)
    rise_mk: Mapped[int] = mapped_column(default=0)


class EvseRisk(Base):
    """How likely a socket is to fail, as of `at`; `risk` in thousandths."""

    __tablename__ = "evse_risk"

    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"), primary_key=True)
    at: Mapped[datetime]
    risk: Mapped[int] = mapped_column(index=True)
    signs: Mapped[dict[str, Any]]
    reasons: Mapped[list[Any]]  # of text


class Prediction(Base):
    """A failure expected between `from_at` and `until_at`, and the job that is to prevent it.

    `open_key` is the socket's while it is open: one prediction a socket. `slot` ("2026-11-28:3")
    is unique: there are only so many a day. `outcome`: "", hit, false_alarm, unchecked.
    """

    __tablename__ = "prediction"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    open_key: Mapped[str | None] = mapped_column(String(24), unique=True)
    slot: Mapped[str] = mapped_column(String(24), unique=True)
    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"), index=True)
    at: Mapped[datetime] = mapped_column(index=True)
    risk: Mapped[int]
    signs: Mapped[dict[str, Any]]
    reasons: Mapped[list[Any]]  # of text
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"), index=True)
    outcome: Mapped[str] = mapped_column(String(12), default="")
    outcome_at: Mapped[datetime | None]
    told: Mapped[str] = mapped_column(Text, default="")  # how the outcome came about


class SocketWatch(Base):
    """A socket on the watch-list: nobody came in time to look at what was foretold of it.

    `open_key` is the socket's while it is on the list: once at a time. It goes off by a visit
    (`end_reason` names the job) or by somebody of the staff (`ended_by`), who says why.
    """

    __tablename__ = "socket_watch"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    open_key: Mapped[str | None] = mapped_column(String(24), unique=True)
    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"), index=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))
    at: Mapped[datetime]
    why: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    end_reason: Mapped[str] = mapped_column(Text, default="")


class FaultSeen(Base):
    """A fault that called somebody out; `prediction_id` None: nothing was said of it before."""

    __tablename__ = "fault_seen"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), unique=True)
    pile_id: Mapped[str] = mapped_column(ForeignKey("pile.id"))
    evse_id: Mapped[int | None] = mapped_column(ForeignKey("evse.id"))
    at: Mapped[datetime] = mapped_column(index=True)
    code: Mapped[str] = mapped_column(String(60))
    prediction_id: Mapped[int | None] = mapped_column(ForeignKey("prediction.id"), index=True)
    lead_s: Mapped[int | None]

    __table_args__ = (Index("ix_fault_seen_pile_id", "pile_id", "at"),)


class RiskModel(Base):
    """Weights fitted to recorded outcomes; the newest holds, before any the ones of the code."""

    __tablename__ = "risk_model"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    weights: Mapped[dict[str, Any]]
    examples: Mapped[int]
    failures: Mapped[int]
    loss_before: Mapped[float]
    loss_after: Mapped[float]
