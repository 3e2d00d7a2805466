"""Charging sessions, their holds, bills and the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class ChargingSession(Base):
    """One charge from the rider's yes to the settled bill.

    `state` and `facts` are bot/domain/charging.py's: its pure `advance` is the only writer.
    The columns beside them are what other code asks for.
    """

    __tablename__ = "charging_session"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)  # the yes that called for it
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"))
    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"))
    state: Mapped[str] = mapped_column(String(16), index=True)
    facts: Mapped[dict[str, Any]]
    tariff: Mapped[dict[str, Any]]  # the snapshot pinned at the yes
    open: Mapped[bool] = mapped_column(default=True)  # occupies its rider and its EVSE
    transaction_id: Mapped[str | None] = mapped_column(String(36), index=True)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]  # the meter first moved
    stop_requested_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    meter_start_wh: Mapped[int | None]
    meter_wh: Mapped[int | None]
    meter_at: Mapped[datetime | None]
    power_w: Mapped[int | None]

    __table_args__ = (
        Index("ix_charging_session_rider_id", "rider_id", "open"),
        Index("ix_charging_session_evse_id", "evse_id", "open"),
        # At most one open session of a rider, and at an EVSE.
        Index(
            "uq_charging_session_open_rider",
            "rider_id",
            unique=True,
            sqlite_where=text("open"),
            postgresql_where=text("open"),
        ),
        Index(
            "uq_charging_session_open_evse",
            "evse_id",
            unique=True,
            sqlite_where=text("open"),
            postgresql_where=text("open"),
        ),
    )


class Hold(Base):
    """One payment of a rider: what is asked for, and how it stands with the provider.

    `subject` is what it pays for ("session:12", "booking:5", "topup:7"), which is also the inbox
    stream of its results. `purpose`: "hold" and "deposit" are captured later, whole or in part;
    "debt" and "sale" are taken at once; "card" only keeps a card. `method`: "card" is whatever the
    provider takes, "wallet" never leaves our own ledger.
    `state`: creating → waiting (for the rider on the pay page) → held → capturing → captured |
    voiding → void | failed | expired; what is taken at once goes from waiting to captured, a card
    that is kept to saved.
    """

    __tablename__ = "hold"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    subject: Mapped[str] = mapped_column(String(40))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("charging_session.id"), index=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), index=True)
    seq: Mapped[int] = mapped_column(default=1)
    method: Mapped[str] = mapped_column(String(8), default="card")
    purpose: Mapped[str] = mapped_column(String(8), default="hold")
    about: Mapped[dict[str, Any]] = mapped_column(default=dict)  # words for the pay page
    attempt: Mapped[int] = mapped_column(default=1)
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(12), default="creating", index=True)
    payment_intent: Mapped[str | None] = mapped_column(String(64), index=True)
    checkout_session: Mapped[str | None] = mapped_column(String(80), index=True)
    checkout_url: Mapped[str | None] = mapped_column(Text)
    captures: Mapped[int] = mapped_column(default=0)  # times it was asked to be taken
    capture_minor: Mapped[int | None]
    captured_minor: Mapped[int | None]
    capture_before: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(String(120))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("subject", "seq"),)


class Refund(Base):
    """Money given back of what was captured. `state`: open → sent → done | failed."""

    __tablename__ = "refund"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    hold_id: Mapped[int] = mapped_column(ForeignKey("hold.id"), index=True)
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(120))
    state: Mapped[str] = mapped_column(String(12), default="open")
    provider_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(index=True)


class Bill(Base):
    """What a session cost: written once, never edited. `body` is bot/domain/pricing.py's Bill."""

    __tablename__ = "bill"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("charging_session.id"), unique=True)
    number: Mapped[str] = mapped_column(String(32), unique=True)  # gap-free series
    created_at: Mapped[datetime] = mapped_column(index=True)
    currency: Mapped[str] = mapped_column(String(3))
    total_minor: Mapped[int]
    body: Mapped[dict[str, Any]]


class CreditNote(Base):
    """What is taken back of a bill, which itself is never edited; in a series of its own.

    `body` is the bill as it should have been; `total_minor` the difference. `refund_id` is the
    money given back, None where nothing had been taken yet.
    """

    __tablename__ = "credit_note"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)  # what called for it
    bill_id: Mapped[int] = mapped_column(ForeignKey("bill.id"), index=True)
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("refund.id"), index=True)
    number: Mapped[str] = mapped_column(String(32), unique=True)  # gap-free series
    reason: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(index=True)
    currency: Mapped[str] = mapped_column(String(3))
    total_minor: Mapped[int]
    body: Mapped[dict[str, Any]]


class Series(Base):
    """A gap-free number series (bills, later invoices): the next number to give out."""

    __tablename__ = "series"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    next_number: Mapped[int] = mapped_column(default=1)


class LedgerEntry(Base):
    """One side of a double entry; amounts of one (source, kind) sum to zero per currency."""

    __tablename__ = "ledger_entry"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source: Mapped[str] = mapped_column(String(80))  # "hold:12", "bill:7", "refund:3"
    kind: Mapped[str] = mapped_column(String(32))  # what happened: "captured", "billed", ...
    account: Mapped[str] = mapped_column(String(60))
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("source", "kind", "account"),)
