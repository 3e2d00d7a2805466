"""What riders were asked of their charges and conversations, and what they said."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class Feedback(Base):
    """One question and its answer; rules in bot/domain/feedback.py. `kind`: "nps", "stars" (of a
    site) or "csat" (of a conversation). The scale stands beside each score; never mix two."""

    __tablename__ = "feedback"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    subject: Mapped[str] = mapped_column(String(60))  # "session:12", "conversation:3:…"
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), index=True)
    session_id: Mapped[int | None] = mapped_column(ForeignKey("charging_session.id"))
    station_id: Mapped[int | None] = mapped_column(ForeignKey("station.id"))
    by_rider: Mapped[bool]  # rated unasked
    scale_low: Mapped[int]
    scale_high: Mapped[int]
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    score: Mapped[int | None]
    reason: Mapped[str] = mapped_column(String(16), default="")
    tags: Mapped[list[Any]] = mapped_column(default=list)
    text: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        UniqueConstraint("kind", "subject"),
        Index("ix_feedback_answered_at", "answered_at", "id"),
    )


class FeedbackWish(Base):
    """A rider who wants to be asked later, or never."""

    __tablename__ = "feedback_wish"

    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), primary_key=True)
    never: Mapped[bool] = mapped_column(default=False)
    snoozed_until: Mapped[datetime | None]
