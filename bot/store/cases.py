"""Cases and their clocks: what people told us, what was promised, and whether it was kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class Case(Base):
    """A complaint, a fault, a doubt about money: one for a person, a pile and a kind at a time.

    `status` and the codes are bot/domain/cases.py's. `open_key` is unique while the case is open,
    so that of two reports at one moment one opens it and the other joins it. `level` 1: a
    supervisor has it, 2: the regional head. `asked` counts the call-backs that were sent; `answer`
    is the rider's.
    """

    __tablename__ = "support_case"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)  # the number riders are told
    key: Mapped[str] = mapped_column(String(160), unique=True)
    open_key: Mapped[str | None] = mapped_column(String(160), unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    code: Mapped[str] = mapped_column(String(20))
    priority: Mapped[int]
    status: Mapped[str] = mapped_column(String(16), default="new")
    team: Mapped[str] = mapped_column(String(12), default="support")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), index=True)
    source: Mapped[str] = mapped_column(String(12))
    lang: Mapped[str] = mapped_column(String(8), default="")  # of their letter; "": not known
    rider_id: Mapped[int | None] = mapped_column(ForeignKey("rider.id"), index=True)
    contact_name: Mapped[str] = mapped_column(String(120), default="")  # who is no rider of ours
    contact: Mapped[str] = mapped_column(String(160), default="")
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id"), index=True)
    pile_id: Mapped[str | None] = mapped_column(ForeignKey("pile.id"), index=True)
    session_id: Mapped[int | None] = mapped_column(ForeignKey("charging_session.id"), index=True)
    place: Mapped[str] = mapped_column(String(200), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    happened_at: Mapped[datetime]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    told_at: Mapped[datetime | None]  # when the rider last heard of it
    contacts: Mapped[int] = mapped_column(default=1)
    level: Mapped[int] = mapped_column(default=0)
    level_reason: Mapped[str] = mapped_column(String(200), default="")
    cause: Mapped[str] = mapped_column(Text, default="")
    fix: Mapped[str] = mapped_column(Text, default="")
    result: Mapped[str] = mapped_column(Text, default="")  # told to the rider
    result_code: Mapped[str] = mapped_column(String(16), default="")  # told in their language
    front_line: Mapped[bool] = mapped_column(default=False)  # solved by the first who had it
    solved_at: Mapped[datetime | None]
    rounds: Mapped[int] = mapped_column(default=0)  # how often it was solved
    asked: Mapped[int] = mapped_column(default=0)
    answer: Mapped[str] = mapped_column(String(8), default="")
    closed_at: Mapped[datetime | None]
    close_reason: Mapped[str] = mapped_column(
        String(16), default=""
    )  # consent, silence, unasked, merged
    merged_into: Mapped[int | None] = mapped_column(ForeignKey("support_case.id"))

    __table_args__ = (
        Index("ix_support_case_status", "status", "priority", "created_at"),
        Index("ix_support_case_updated_at", "updated_at"),
    )


class CaseLink(Base):
    """What a case is about besides its own columns. `kind`: conversation, session, refund,
    incident, outage, case, job, partner, booking, meter (a check); `ref` is its id as text."""

    __tablename__ = "case_link"

    case_id: Mapped[int] = mapped_column(ForeignKey("support_case.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    ref: Mapped[str] = mapped_column(String(80), primary_key=True)
    at: Mapped[datetime]

    __table_args__ = (Index("ix_case_link_kind_ref", "kind", "ref"),)


class CaseEntry(Base):
    """A line of a case's file.

    `kind`: opened, again, merged, status, assigned, classified, linked, unlinked, note, contact (a
    person spoke with them), told (the rider was), photo, reviewed, clock, level, money, solved,
    asked, answered, reopened, closed, exported, partner (their word), shared, unshared. `text` is
    English; riders' words are in it. `body["partner"]`: a note that the site's partner reads.
    """

    __tablename__ = "case_entry"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("support_case.id"), index=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(12))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    text: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)
    media_id: Mapped[int | None] = mapped_column(BigId)
    key: Mapped[str | None] = mapped_column(String(160), unique=True)


class CaseRoute(Base):
    """Where cases of a class, country and station go: the most precise one that fits counts."""

    __tablename__ = "case_route"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    class_: Mapped[str] = mapped_column("class", String(12), default="")
    country: Mapped[str] = mapped_column(String(2), default="")
    station_id: Mapped[int | None] = mapped_column(ForeignKey("station.id"))
    team: Mapped[str] = mapped_column(String(12))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


class ClockPolicy(Base):
    """What a clock may take from a moment on; the newest version counts for clocks that begin."""

    __tablename__ = "clock_policy"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    version: Mapped[int]
    limit_s: Mapped[int]
    counting: Mapped[str] = mapped_column(String(8))
    actions: Mapped[list[Any]] = mapped_column(default=list)
    warn_percent: Mapped[int]
    target_s: Mapped[int | None]  # what is aimed at, below the limit
    at: Mapped[datetime]
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    reason: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (UniqueConstraint("name", "version"),)


class PolicyChange(Base):
    """A change of a rule that one person proposes and another lets count, from a moment on.

    `kind`: "clock" (`subject` is its name) or "limits" ("<model>|<kind of value>"). `state`:
    waiting → approved (→ `applied_at`) | rejected | withdrawn; `open_key` is unique while it waits
    or is yet to count, so that nobody decides on what is no longer true.
    """

    __tablename__ = "policy_change"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    open_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    subject: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(12), default="waiting", index=True)
    before: Mapped[dict[str, Any]]
    body: Mapped[dict[str, Any]]
    valid_from: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text, default="")
    asked_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    asked_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]
    decision: Mapped[str] = mapped_column(Text, default="")
    applied_at: Mapped[datetime | None]


class Clock(Base):
    """One promise at work; `policy` is what it began with, bot/domain/clocks.py's.

    `state`: running | paused | stopped. `outcome` of a stopped one: met | missed | lapsed (the
    other side never answered) | dropped (what it was about went away). `due_at` moves with pauses.
    """

    __tablename__ = "clock"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    name: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(64), index=True)
    state: Mapped[str] = mapped_column(String(8), default="running")
    outcome: Mapped[str] = mapped_column(String(8), default="")
    policy: Mapped[dict[str, Any]]
    started_at: Mapped[datetime]
    since: Mapped[datetime | None]
    spent_s: Mapped[int] = mapped_column(default=0)
    target_s: Mapped[int | None]  # of its policy, to count by
    due_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    stop_event: Mapped[str] = mapped_column(String(80), default="")
    case_id: Mapped[int | None] = mapped_column(ForeignKey("support_case.id"), index=True)
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id"))
    rider_id: Mapped[int | None] = mapped_column(ForeignKey("rider.id"))
    team: Mapped[str] = mapped_column(String(12), default="")

    __table_args__ = (
        Index("ix_clock_conversation_id", "conversation_id", "state"),
        Index("ix_clock_state", "state", "name"),
        Index("ix_clock_started_at", "started_at"),
    )


class ClockEvent(Base):
    """What happened to a clock. `kind`: started, paused, resumed, warned, breached, stopped."""

    __tablename__ = "clock_event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    clock_id: Mapped[int] = mapped_column(ForeignKey("clock.id"), index=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(12))
    text: Mapped[str] = mapped_column(String(160), default="")
    spent_s: Mapped[int]


class Outage(Base):
    """Many piles out at once: one line to each rider it touches, one case.

    `scope` is "station:5" or "city"; `open_key` is unique while it lasts.
    """

    __tablename__ = "outage"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    open_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    scope: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    case_id: Mapped[int | None] = mapped_column(ForeignKey("support_case.id"))
    piles: Mapped[list[Any]] = mapped_column(default=list)
    told: Mapped[int] = mapped_column(default=0)  # how many riders were


class OutageRider(Base):
    """A rider who was told of an outage, and is told once that it is over."""

    __tablename__ = "outage_rider"

    outage_id: Mapped[int] = mapped_column(ForeignKey("outage.id"), primary_key=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), primary_key=True)
    at: Mapped[datetime]


class PartnerKey(Base):
    """A partner's key for the case API; only its hash is kept. `scopes` of cases:write, cases:read.

    `station_ids`: the sites the partner may speak of; empty: any.
    """

    __tablename__ = "partner_key"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(12))  # how it begins, to tell keys apart
    scopes: Mapped[list[Any]] = mapped_column(default=list)
    station_ids: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SitePartner(Base):
    """Who owns or runs a site: whom cases there are shared with, by the API where `key_id` is their
    account, else by e-mail."""

    __tablename__ = "site_partner"

    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    email: Mapped[str] = mapped_column(String(160), default="")
    phone: Mapped[str] = mapped_column(String(20), default="")
    key_id: Mapped[int | None] = mapped_column(ForeignKey("partner_key.id"))
    updated_at: Mapped[datetime]
