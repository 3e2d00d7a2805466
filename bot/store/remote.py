"""Remote work at piles: their settings, files that they send or fetch, firmware and roll-outs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class PileVariable(Base):
    """A setting of a pile as it last told it; `previous` is what it was before our last change.

    `waits`: it was changed, and counts after a restart.
    """

    __tablename__ = "pile_variable"

    pile_id: Mapped[str] = mapped_column(ForeignKey("pile.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[str] = mapped_column(String(200), default="")
    known: Mapped[bool] = mapped_column(default=True)  # False: the pile has no such setting
    read_at: Mapped[datetime | None]
    previous: Mapped[str | None] = mapped_column(String(200))
    changed_at: Mapped[datetime | None]
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    waits: Mapped[bool] = mapped_column(default=False)


class PileLog(Base):
    """A log that a pile was asked for: its address opens once, the file is kept for a while.

    `state` is OCPP's UploadLogStatus; "Asked" before the first, "Expired" when none came.
    """

    __tablename__ = "pile_log"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    pile_id: Mapped[str] = mapped_column(ForeignKey("pile.id"), index=True)
    action_id: Mapped[int] = mapped_column(ForeignKey("staff_action.id"), unique=True)
    log_type: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(24), default="Asked")
    asked_at: Mapped[datetime]
    state_at: Mapped[datetime]
    expires_at: Mapped[datetime]  # of the address
    used_at: Mapped[datetime | None]
    size: Mapped[int | None]
    media_id: Mapped[int | None] = mapped_column(BigId)  # the file, until it has expired


class Firmware(Base):
    """A firmware that piles of a model may be given."""

    __tablename__ = "firmware"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    model: Mapped[str] = mapped_column(String(60))
    version: Mapped[str] = mapped_column(String(40))
    note: Mapped[str] = mapped_column(Text, default="")
    data: Mapped[bytes] = mapped_column(deferred=True)  # read by who serves it
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    withdrawn_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("model", "version"),)


class Rollout(Base):
    """A firmware on its way through all piles of a model; `state` is bot/domain/firmware.py's.

    `open_key` is the model while it lasts: one roll-out a model at a time.
    """

    __tablename__ = "rollout"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    firmware_id: Mapped[int] = mapped_column(ForeignKey("firmware.id"))
    open_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    state: Mapped[str] = mapped_column(String(12), default="first")
    reason: Mapped[str] = mapped_column(Text, default="")
    asked_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    at: Mapped[datetime]
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    confirmed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(Text, default="")


class FirmwareUpdate(Base):
    """One pile's update; `state` is OCPP's FirmwareStatus or one of bot/domain/firmware.py's."""

    __tablename__ = "firmware_update"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    firmware_id: Mapped[int] = mapped_column(ForeignKey("firmware.id"))
    pile_id: Mapped[str] = mapped_column(ForeignKey("pile.id"))
    rollout_id: Mapped[int | None] = mapped_column(ForeignKey("rollout.id"), index=True)
    action_id: Mapped[int | None] = mapped_column(ForeignKey("staff_action.id"), unique=True)
    before: Mapped[str] = mapped_column(String(50), default="")  # what ran there
    state: Mapped[str] = mapped_column(String(32), default="Waiting")
    at: Mapped[datetime]
    state_at: Mapped[datetime]
    why: Mapped[str] = mapped_column(Text, default="")  # it waits, or failed

    __table_args__ = (
        UniqueConstraint("rollout_id", "pile_id"),
        Index("ix_firmware_update_pile_id", "pile_id", "id"),
    )
