"""Jobs: what technicians do on the spot."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class Job(Base):
    """One errand of a technician. `kind` and `state` are bot/domain/jobs.py's.

    `open_key` is unique while the job lives: a pile has one repair at a time. `passed` are the
    staff ids that let the offer pass, `round` counts how often everybody did. `source` is
    bot/domain/jobs.py's: a rider's word that nobody has looked at takes no pile out of service.
    """

    __tablename__ = "job"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    open_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    source: Mapped[str] = mapped_column(String(8), default="staff")
    state: Mapped[str] = mapped_column(String(12), default="open", index=True)
    pile_id: Mapped[str] = mapped_column(ForeignKey("pile.id"), index=True)
    evse_id: Mapped[int | None] = mapped_column(ForeignKey("evse.id"))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("support_case.id"), index=True)
    fault_code: Mapped[str] = mapped_column(String(60), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    planned_at: Mapped[datetime | None]
    offered_to: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), index=True)
    offered_until: Mapped[datetime | None]
    offers: Mapped[int] = mapped_column(default=0)
    passed: Mapped[list[Any]] = mapped_column(default=list)
    round: Mapped[int] = mapped_column(default=0)
    technician_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), index=True)
    accepted_at: Mapped[datetime | None]
    on_way_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime | None]
    arrived_m: Mapped[int | None]  # how far from the station the check-in was; None: no location
    done_at: Mapped[datetime | None]
    cause: Mapped[str] = mapped_column(Text, default="")
    fix: Mapped[str] = mapped_column(Text, default="")
    parts: Mapped[list[Any]] = mapped_column(default=list)  # of text, "Contactor 63 A"
    stars: Mapped[int | None]  # by the rider, 1 to 5
    found_wear: Mapped[bool | None]  # of a preventive visit: was there anything to prevent

    __table_args__ = (Index("ix_job_technician_id_state", "technician_id", "state"),)


class JobEntry(Base):
    """A line of a job's file. `kind`: opened, offered, passed, nobody, accepted, given_back,
    on_way, arrived, part, part_back, photo, photo_back (taken back), note, done, cancelled,
    cleared, rated. `shows` of a photo: before, after."""

    __tablename__ = "job_entry"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), index=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(12))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    text: Mapped[str] = mapped_column(Text, default="")
    media_id: Mapped[int | None] = mapped_column(BigId)
    shows: Mapped[str] = mapped_column(String(8), default="", server_default="")
