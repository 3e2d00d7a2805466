"""Inbox and outbox: outside facts come in as rows, effects go out as rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class Inbox(Base):
    """One outside fact, unique on (source, source_id); a timer is a row with `available_at` ahead.

    `stream` orders work: rows of one stream are served one at a time, oldest first.
    `state` is "open", "done" or "failed" (shown to staff).
    """

    __tablename__ = "inbox"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source: Mapped[str] = mapped_column(String(32))
    source_id: Mapped[str] = mapped_column(String(160))
    stream: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(48))
    body: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(8), default="open")
    version: Mapped[int] = mapped_column(default=0)  # counts coalesced overwrites
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    available_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("source", "source_id"),
        Index("ix_inbox_stream_state", "stream", "state", "id"),
        Index("ix_inbox_state_available_at", "state", "available_at"),
    )


class Outbox(Base):
    """One effect, unique on its deterministic key, written in the transaction that calls for it.

    `lane` names who delivers it ("worker" or "piles"); rows of one `stream` leave in order.
    `state` is "open", "done", "failed" (shown to staff) or "dropped" (fenced: nobody wants it).
    """

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    lane: Mapped[str] = mapped_column(String(16))
    stream: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(48))
    body: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(8), default="open")
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_outbox_state_lane_due_at", "state", "lane", "due_at"),
        Index("ix_outbox_stream_state", "stream", "state", "id"),
    )
