"""What sockets measured, by the minute; values that were wrong; limits that people set; alarms."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.domain.sensing import Level
from bot.store.base import Base, BigId


class EvseSample(Base):
    """Lowest, highest and last value of a minute, in thousandths of the unit.

    `kind` is one of bot/domain/sensing.py's.
    """

    __tablename__ = "evse_sample"

    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12), primary_key=True)
    minute: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    low: Mapped[int] = mapped_column(BigId)
    high: Mapped[int] = mapped_column(BigId)
    last: Mapped[int] = mapped_column(BigId)
    last_at: Mapped[datetime]


class SensorAlarm(Base):
    """A value beyond a limit: from `at` until `cleared_at`. `level`: "warn" or "stop"."""

    __tablename__ = "sensor_alarm"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    evse_id: Mapped[int] = mapped_column(ForeignKey("evse.id"), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    level: Mapped[Level] = mapped_column(String(8))
    value: Mapped[int] = mapped_column(BigId)
    at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_sensor_alarm_open",
            "evse_id",
            "kind",
            unique=True,
            sqlite_where=text("cleared_at IS NULL"),
            postgresql_where=text("cleared_at IS NULL"),
        ),
    )


class PileAlarm(Base):
    """What was wrong with a socket (`evse_id` None: with the pile), from `at` to `cleared_at`.

    `source` is bot/services/alarms.py's; `about` is what a NotifyEvent named ("Connector.Problem").
    `open_key` is unique while the alarm stands, so that telling it again makes no second row.
    """

    __tablename__ = "pile_alarm"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    open_key: Mapped[str | None] = mapped_column(String(160), unique=True)
    pile_id: Mapped[str] = mapped_column(ForeignKey("pile.id"), index=True)
    evse_id: Mapped[int | None] = mapped_column(ForeignKey("evse.id"), index=True)
    source: Mapped[str] = mapped_column(String(8))
    code: Mapped[str] = mapped_column(String(60))
    about: Mapped[str] = mapped_column(String(110), default="")
    value: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]


class SensorLimit(Base):
    """Limits for all piles of a model ("" is every other), in thousandths of the unit."""

    __tablename__ = "sensor_limit"

    model: Mapped[str] = mapped_column(String(60), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12), primary_key=True)
    warn_low: Mapped[int | None] = mapped_column(BigId)
    warn_high: Mapped[int | None] = mapped_column(BigId)
    stop_high: Mapped[int | None] = mapped_column(BigId)
    updated_at: Mapped[datetime]
    updated_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
