"""What staff keep beside the conversations: notes and marks, labels, views, incidents, actions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class ConversationMark(Base):
    """A line of the transcript that only staff see, apart from Message so that none can leave.

    `kind`: "note" (text by staff), "mention" (its copy for each person it calls, not shown), or a
    mark of what happened: claimed, queued, transferred, handed_back, returned (nobody answered),
    resolved, reopened, snoozed, labelled, action, incident, session. A mark's `text` is English
    with its figures in `body`.
    """

    __tablename__ = "conversation_mark"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(16))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    text: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)
    key: Mapped[str | None] = mapped_column(String(160), unique=True)

    __table_args__ = (
        Index("ix_conversation_mark_conversation_id", "conversation_id", "id"),
        Index("ix_conversation_mark_staff_id", "staff_id", "kind"),
    )


class ConversationLabel(Base):
    """A label on a conversation."""

    __tablename__ = "conversation_label"

    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"), primary_key=True)
    label: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime]

    __table_args__ = (Index("ix_conversation_label_label", "label"),)


class SavedView(Base):
    """A filter of the inbox under a name; `query` is the address's query string."""

    __tablename__ = "saved_view"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    name: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(String(500))

    __table_args__ = (UniqueConstraint("staff_id", "name"),)


class CannedReply(Base):
    """A reply to pick with `/shortcut`; `text` has {variables} filled from the live state.

    It may be sent while danger is open when `approved_version` is its `version`: other words are a
    new version.
    """

    __tablename__ = "canned_reply"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    shortcut: Mapped[str] = mapped_column(String(40))
    lang: Mapped[str] = mapped_column(String(8))
    text: Mapped[str] = mapped_column(Text)
    options: Mapped[list[Any]] = mapped_column(default=list)  # buttons: [{"payload", "title"}]
    updated_at: Mapped[datetime]
    updated_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    version: Mapped[int] = mapped_column(default=1)
    approved_version: Mapped[int | None]
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    approved_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("shortcut", "lang"),)


class Viewer(Base):
    """Somebody has a conversation open; counts until `expires_at`, 15 seconds ahead."""

    __tablename__ = "viewer"

    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"), primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    typing: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime]


class ConsoleEvent(Base):
    """What open consoles must fetch anew; written in the transaction that changed it.

    `ref` names it: "conversation:12", "rider:3", "pile:P001023", "incident:4", "staff:5".
    On PostgreSQL ids commit out of order, so a stream reads by (`xact`, `id`) and only behind the
    oldest transaction that is still open; on SQLite, with its one writer, `xact` is 0.
    """

    __tablename__ = "console_event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    xact: Mapped[int] = mapped_column(BigId, default=0)
    ref: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (Index("ix_console_event_xact", "xact", "id"),)


class StaffAction(Base):
    """Something staff asked for with consequences: money or a pile. Once per `key`.

    `state`: waiting (for a second person) → running → done | failed | refused. A device action
    runs until its command is answered, a refund until the provider has taken it.
    """

    __tablename__ = "staff_action"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(12), index=True)
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id"), index=True)
    rider_id: Mapped[int | None] = mapped_column(ForeignKey("rider.id"), index=True)
    pile_id: Mapped[str | None] = mapped_column(ForeignKey("pile.id"), index=True)
    session_id: Mapped[int | None] = mapped_column(ForeignKey("charging_session.id"))
    command_id: Mapped[int | None] = mapped_column(ForeignKey("command.id"), index=True)
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("refund.id"), index=True)
    amount_minor: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)
    reason: Mapped[str] = mapped_column(Text, default="")
    outcome: Mapped[str] = mapped_column(Text, default="")
    asked_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    asked_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]


class Incident(Base):
    """Danger reported by a rider or a pile: paged until acknowledged, closed with a cause.

    `state`: open → acknowledged → closed.
    """

    __tablename__ = "incident"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    state: Mapped[str] = mapped_column(String(12), default="open", index=True)
    at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(12))  # "rider" or "pile"
    text: Mapped[str] = mapped_column(Text, default="")  # the rider's words, the pile's alarm
    rider_id: Mapped[int | None] = mapped_column(ForeignKey("rider.id"))
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id"), index=True)
    pile_id: Mapped[str | None] = mapped_column(ForeignKey("pile.id"), index=True)
    session_id: Mapped[int | None] = mapped_column(ForeignKey("charging_session.id"))
    acknowledged_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    acknowledged_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    closed_at: Mapped[datetime | None]
    cause: Mapped[str] = mapped_column(Text, default="")
    fix: Mapped[str] = mapped_column(Text, default="")
    rounds: Mapped[int] = mapped_column(default=0)  # how often everybody on call was paged


class IncidentEntry(Base):
    """A line of an incident's log: pages sent, stops confirmed or failed, what people did.

    `kind`: opened, again (reported once more), page, page_sent, page_failed, escalated, order (to
    the pile), order_done, order_failed, photo, said (by people to riders), own_words (not approved
    ones, and why), acknowledged, note, closed.
    """

    __tablename__ = "incident_entry"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(24))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    text: Mapped[str] = mapped_column(Text, default="")
    media_id: Mapped[int | None] = mapped_column(BigId)  # a photo kept as evidence


class OpeningHours(Base):
    """When the desk is staffed on one weekday (0 = Monday), or on one date; minutes of the day.

    A date's row overrides its weekday; equal minutes mean closed. No rows at all: 24/7.
    """

    __tablename__ = "opening_hours"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    weekday: Mapped[int | None]
    date: Mapped[str | None] = mapped_column(String(10))  # ISO
    opens_min: Mapped[int]
    closes_min: Mapped[int]

    __table_args__ = (UniqueConstraint("weekday", "date"),)


class StaffShift(Base):
    """When somebody of the staff works on a weekday (0 = Monday); minutes of the desk's local day.

    `ends_min` at or before `begins_min` is on the next morning.
    """

    __tablename__ = "staff_shift"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    weekday: Mapped[int]
    begins_min: Mapped[int]
    ends_min: Mapped[int]

    __table_args__ = (UniqueConstraint("staff_id", "weekday"),)
