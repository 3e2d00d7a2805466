"""Riders, the addresses they are reached at, their conversation and its messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class Rider(Base):
    """A person. The id is internal; phone numbers live in RiderAddress and may change."""

    __tablename__ = "rider"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    created_at: Mapped[datetime]
    name: Mapped[str] = mapped_column(String(120), default="")
    lang: Mapped[str | None] = mapped_column(String(8))  # None until the first message tells
    lang_chosen: Mapped[bool] = mapped_column(default=False)  # the rider said it: never guess again
    welcomed_at: Mapped[datetime | None]  # terms shown (version in settings) and tutorial offered
    muted_at: Mapped[datetime | None]  # opted out of messages that are not about a running charge
    stripe_customer: Mapped[str | None] = mapped_column(String(64))
    stripe_payment_method: Mapped[str | None] = mapped_column(String(64))
    card_label: Mapped[str | None] = mapped_column(String(32))  # "Visa 4242"
    last_lat: Mapped[float | None]
    last_lng: Mapped[float | None]
    last_place_at: Mapped[datetime | None]


class RiderAddress(Base):
    """Where a rider is reached: kind "whatsapp" (+E.164), "bsuid" or "web"."""

    __tablename__ = "rider_address"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(String(160))
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("kind", "value"),)


class Conversation(Base):
    """The one thread of a rider, on every channel.

    `owner` ("bot", "queue" or "human") and `epoch` are the handoff fence: what the bot sends
    carries the epoch it was written in and is dropped when that is no longer the bot's.
    `status` ("open", "waiting_rider", "snoozed" or "resolved") is the work on it, apart from who
    owns it. `priority`: 0 safety, 1 urgent, 2 money, 3 other; the queue is served in its order.
    `dialog` is the engine's state, JSON: {intent, slots, asking, at}.
    """

    __tablename__ = "conversation"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), unique=True)
    created_at: Mapped[datetime]
    owner: Mapped[str] = mapped_column(String(8), default="bot")
    owner_id: Mapped[int | None] = mapped_column(BigId)  # staff id while owner is "human"
    epoch: Mapped[int] = mapped_column(default=0)
    status: Mapped[str] = mapped_column(String(16), default="open")
    handoff_reason: Mapped[str | None] = mapped_column(String(64))
    queued_at: Mapped[datetime | None]
    priority: Mapped[int] = mapped_column(default=3)
    skill: Mapped[str | None] = mapped_column(String(12))  # "finance", "technical"
    claimed_at: Mapped[datetime | None]
    waiting_since: Mapped[datetime | None]  # the rider's oldest line that no person has answered
    last_at: Mapped[datetime | None]  # of the newest line, either direction
    snoozed_until: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    last_owner_id: Mapped[int | None] = mapped_column(BigId)  # whom a reopened chat goes back to
    offered_to: Mapped[int | None] = mapped_column(BigId)  # in the queue: who is asked to take it
    offered_until: Mapped[datetime | None]
    declined_by: Mapped[list[Any]] = mapped_column(default=list)  # staff ids that let it pass
    dialog: Mapped[dict[str, Any]] = mapped_column(default=dict)
    fallbacks: Mapped[int] = mapped_column(default=0)  # consecutive messages not understood
    last_channel: Mapped[str] = mapped_column(String(16), default="whatsapp")
    last_inbound_at: Mapped[datetime | None]  # any channel
    last_whatsapp_at: Mapped[datetime | None]  # opens the 24-hour window
    last_whatsapp_sid: Mapped[str | None] = mapped_column(String(40))  # for the typing indicator

    __table_args__ = (
        Index("ix_conversation_queue", "owner", "status", "priority", "queued_at"),
        Index("ix_conversation_owner_id", "owner_id", "status", "last_at"),
        Index("ix_conversation_last_at", "last_at", "id"),
        Index("ix_conversation_owner", "owner", "last_at"),
    )


class Message(Base):
    """One line of the conversation as the rider sees it, both directions, all channels.

    `author` is "rider", "bot", "auto" (facts that go out whoever owns the chat), "agent" or
    "system". `body` is the rendered form shared by every front end (docs/chat-message.md).
    `status` goes queued → sent → delivered → read, or failed / undelivered, by rank only upwards.
    """

    __tablename__ = "message"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    at: Mapped[datetime] = mapped_column(index=True)
    author: Mapped[str] = mapped_column(String(8))
    channel: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[dict[str, Any]]
    provider_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    source_key: Mapped[str | None] = mapped_column(String(160), unique=True)  # inbox or outbox key
    status: Mapped[str] = mapped_column(String(16), default="queued")
    error: Mapped[str | None] = mapped_column(Text)
    staff_id: Mapped[int | None] = mapped_column(BigId)  # who wrote it, where the author is "agent"
    understood: Mapped[dict[str, Any] | None]  # {intent, confidence, engine} of a rider's line

    __table_args__ = (Index("ix_message_conversation_id", "conversation_id", "id"),)


class WebLogin(Base):
    """A one-time link or a pending one-time code for the web chat; only hashes are kept."""

    __tablename__ = "web_login"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class WebSession(Base):
    """A logged-in browser; the cookie holds the token, the row its hash."""

    __tablename__ = "web_session"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Media(Base):
    """A file we serve or keep: maps, receipts, evidence. `token` is the name in its address."""

    __tablename__ = "media"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token: Mapped[str] = mapped_column(String(48), unique=True)
    content_type: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(120))
    data: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
