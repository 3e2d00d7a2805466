"""What riders ask again and again, and the approved answers that the bot gives from."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class Question(Base):
    """Messages of one week that say the same and that the bot could not answer well.

    `week` is its Monday. `examples` are [{"text", "count"}], masked: no message or rider is named.
    `state`: open | dismissed | proposed (`article_id` waits for approval) | answered (by it).
    """

    __tablename__ = "faq_question"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    week: Mapped[date]
    lang: Mapped[str] = mapped_column(String(8))
    text: Mapped[str] = mapped_column(String(300))
    count: Mapped[int]
    riders: Mapped[int]
    examples: Mapped[list[Any]] = mapped_column(default=list)
    state: Mapped[str] = mapped_column(String(12), default="open")
    article_id: Mapped[int | None] = mapped_column(ForeignKey("knowledge.id"))

    __table_args__ = (Index("ix_faq_question_week", "week", "lang"),)


class Article(Base):
    """One thing the bot knows, in as many languages as somebody wrote it in."""

    __tablename__ = "knowledge"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    created_at: Mapped[datetime]
    created_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))


class ArticleVersion(Base):
    """An answer in one language; which version counts is bot/domain/knowledge.py's to say.

    `state`: proposed | approved | rejected | withdrawn. `phrasings` are other ways to ask.
    """

    __tablename__ = "knowledge_version"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("knowledge.id"))
    lang: Mapped[str] = mapped_column(String(8))
    version: Mapped[int]
    question: Mapped[str] = mapped_column(String(200))
    phrasings: Mapped[list[Any]] = mapped_column(default=list)
    answer: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(12), default="proposed")
    proposed_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    proposed_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]
    valid_from: Mapped[datetime | None]
    withdrawn_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    withdrawn_at: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(String(300), default="")  # it was rejected or withdrawn

    __table_args__ = (
        UniqueConstraint("article_id", "lang", "version"),
        Index("ix_knowledge_version_state", "state"),
    )


class AnswerGiven(Base):
    """An answer that a rider got; `outcome` is what they said of it: yes, no, person, or nothing.

    `score` is how alike question and entry were, in thousandths; None: picked from the list.
    """

    __tablename__ = "knowledge_use"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("knowledge_version.id"), index=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), index=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)  # of the rider's message
    at: Mapped[datetime] = mapped_column(index=True)
    score: Mapped[int | None]
    outcome: Mapped[str] = mapped_column(String(8), default="")
    outcome_at: Mapped[datetime | None]
