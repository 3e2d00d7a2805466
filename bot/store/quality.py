"""How good the work is: samples with their scores, causes with what is done about them, months."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class QualityRun(Base):
    """Something done once for a week: "questions" (of riders) or "reviews" (drawn at random).

    `body` of a draw: {"seed", "strata": {name: {"ids", "drawn"}}}, enough to draw it again.
    """

    __tablename__ = "quality_run"

    kind: Mapped[str] = mapped_column(String(12), primary_key=True)
    week: Mapped[date] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)


class ScoreSheet(Base):
    """What reviewers look at, from this version on; bot/domain/reviews.py has version 1.

    `criteria`: [{"key", "title", "weight"}].
    """

    __tablename__ = "score_sheet"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    criteria: Mapped[list[Any]]
    at: Mapped[datetime]
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    reason: Mapped[str] = mapped_column(String(300), default="")


class Review(Base):
    """A piece of work drawn for a look: a conversation that somebody resolved, one that the bot
    had alone, a closed case, or what staff decided about an order.

    `kind`: chat | bot | case | order | dispute; `ref` is the id of the mark "resolved", the
    conversation, the case, the staff action or the contested charge that was declined. `staff_id`
    did the work (None: the bot). `scores`: {criterion: 0 to 4, or None where it does not apply};
    `total` in thousandths. `sheet` 0 is that of orders.
    """

    __tablename__ = "review"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    week: Mapped[date]
    kind: Mapped[str] = mapped_column(String(8))
    ref: Mapped[int] = mapped_column(BigId)
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id"))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("support_case.id"))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), index=True)
    team: Mapped[str] = mapped_column(String(12))
    topic: Mapped[str] = mapped_column(String(64), default="")
    ended_at: Mapped[datetime]
    drawn_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(8), default="open")  # open | done
    sheet: Mapped[int | None]
    scores: Mapped[dict[str, Any]] = mapped_column(default=dict)
    total: Mapped[int | None]
    comment: Mapped[str] = mapped_column(Text, default="")
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    done_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]  # by whom it is about
    answer: Mapped[str] = mapped_column(Text, default="")
    answered_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("week", "kind", "ref"),
        Index("ix_review_state", "state", "week"),
    )


class RootCause(Base):
    """Why cases happen: a tree that managers keep. One that is `retired` is offered no more."""

    __tablename__ = "root_cause"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("root_cause.id"))
    title: Mapped[str] = mapped_column(String(80))
    retired: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class CaseCause(Base):
    """The root cause of a case."""

    __tablename__ = "case_cause"

    case_id: Mapped[int] = mapped_column(ForeignKey("support_case.id"), primary_key=True)
    cause_id: Mapped[int] = mapped_column(ForeignKey("root_cause.id"), index=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    at: Mapped[datetime]


class CauseAction(Base):
    """What is done against a root cause; its effect is counted from `done_at` on."""

    __tablename__ = "cause_action"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    cause_id: Mapped[int] = mapped_column(ForeignKey("root_cause.id"), index=True)
    text: Mapped[str] = mapped_column(String(300))
    owner_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    due_on: Mapped[date]
    created_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


class MonthReport(Base):
    """The complaint report of a finished month, as it was counted: never counted again."""

    __tablename__ = "month_report"

    month: Mapped[str] = mapped_column(String(7), primary_key=True)  # "2026-10"
    frozen_at: Mapped[datetime]
    figures: Mapped[dict[str, Any]]
