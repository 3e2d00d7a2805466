"""Stations, their piles and EVSEs, and the tariffs they charge by."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bot.store.base import Base, BigId


class Station(Base):
    """A place with piles. Money is in its currency, times are in its zone."""

    __tablename__ = "station"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    address: Mapped[str] = mapped_column(String(200))
    lat: Mapped[float]
    lng: Mapped[float]
    tz: Mapped[str] = mapped_column(String(48))
    country: Mapped[str] = mapped_column(String(2))  # ISO 3166, for emergency numbers and tax
    currency: Mapped[str] = mapped_column(String(3))
    tax_percent: Mapped[str] = mapped_column(String(12))  # exact decimal, "25.5"
    prices_include_tax: Mapped[bool] = mapped_column(default=True)
    directions: Mapped[str] = mapped_column(Text, default="")  # how to find the piles on the spot
    rating_tenths: Mapped[int | None]  # 46 = 4.6 of 5
    rating_count: Mapped[int] = mapped_column(default=0)
    open_hours: Mapped[str] = mapped_column(String(60), default="24/7")
    emergency_note: Mapped[str] = mapped_column(Text, default="")  # isolator, whom to call there
    photo_media_id: Mapped[int | None] = mapped_column(ForeignKey("media.id"))
    power_cap_w: Mapped[int | None]  # of all running charges together; None: no cap
    # Who sells here; None: the one of the settings.
    legal_entity_id: Mapped[int | None] = mapped_column(ForeignKey("legal_entity.id"))

    piles: Mapped[list[Pile]] = relationship(back_populates="station", order_by="Pile.id")


class Pile(Base):
    """A charging station in OCPP's words: one MQTT identity, one or more EVSEs.

    `id` is the MQTT user name ("P001023"); `number` is what riders see ("1023").
    Presence: `online` follows `conn`/LWT and the last-seen timer; show it with `seen_at`.
    """

    __tablename__ = "pile"

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    number: Mapped[str] = mapped_column(String(6), unique=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("station.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))  # "ebike_box" | "ac" | "dc"
    model: Mapped[str] = mapped_column(String(60), default="")
    secret_hash: Mapped[str] = mapped_column(String(120), default="")  # MQTT password
    in_service: Mapped[bool] = mapped_column(default=True)  # staff may take it out
    out_action_id: Mapped[int | None] = mapped_column(BigId)  # the order of staff that keeps it out
    online: Mapped[bool] = mapped_column(default=False)
    seen_at: Mapped[datetime | None]
    conn: Mapped[str] = mapped_column(String(40), default="")  # id of the MQTT connection
    protocol: Mapped[str] = mapped_column(String(16), default="")
    firmware: Mapped[str] = mapped_column(String(50), default="")
    booted_at: Mapped[datetime | None]

    station: Mapped[Station] = relationship(back_populates="piles")
    evses: Mapped[list[Evse]] = relationship(back_populates="pile", order_by="Evse.number")


class Evse(Base):
    """One place to plug in. `status` is OCPP's ConnectorStatus, "" when never heard."""

    __tablename__ = "evse"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    pile_id: Mapped[str] = mapped_column(ForeignKey("pile.id"))
    number: Mapped[int]  # OCPP evseId, from 1
    code: Mapped[str] = mapped_column(String(16), unique=True)  # "1023-27", check digit last
    connector_type: Mapped[str] = mapped_column(String(24))  # OCPI standard, or "schuko"
    max_power_w: Mapped[int]
    power_cap_w: Mapped[int | None]  # what the wiring here allows; None: all that it can do
    tariff_id: Mapped[int] = mapped_column(ForeignKey("tariff.id"))
    in_service: Mapped[bool] = mapped_column(default=True)  # staff may take one socket out
    status: Mapped[str] = mapped_column(String(16), default="")
    status_at: Mapped[datetime | None]  # the device's time
    fault_code: Mapped[str | None] = mapped_column(String(60))
    faults: Mapped[dict[str, Any]] = mapped_column(default=dict)  # bot/domain/faults.py's
    failed_starts: Mapped[int] = mapped_column(default=0)  # in a row: two make it suspect
    last_good_at: Mapped[datetime | None]  # last charge that delivered energy

    pile: Mapped[Pile] = relationship(back_populates="evses")

    @property
    def allowed_w(self) -> int:
        """The most it may draw."""
        return min(self.max_power_w, self.power_cap_w or self.max_power_w)

    __table_args__ = (UniqueConstraint("pile_id", "number"),)


class Tariff(Base):
    """A named price list; what it costs is in its versions."""

    __tablename__ = "tariff"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    currency: Mapped[str] = mapped_column(String(3))


class TariffVersion(Base):
    """What a tariff says from `valid_from` on; `body` is read by bot/domain/tariffs.py."""

    __tablename__ = "tariff_version"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    tariff_id: Mapped[int] = mapped_column(ForeignKey("tariff.id"))
    valid_from: Mapped[datetime]
    body: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_tariff_version_tariff_id", "tariff_id", "valid_from"),)


class TariffProposal(Base):
    """Prices somebody wants from a moment on; they count when a second person has approved them.

    `state`: waiting → approved (then `version_id` is what charges use) | rejected | withdrawn.
    """

    __tablename__ = "tariff_proposal"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    tariff_id: Mapped[int] = mapped_column(ForeignKey("tariff.id"), index=True)
    state: Mapped[str] = mapped_column(String(12), default="waiting", index=True)
    valid_from: Mapped[datetime]
    body: Mapped[dict[str, Any]]  # as TariffVersion.body
    reason: Mapped[str] = mapped_column(Text, default="")
    asked_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    asked_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]
    decision: Mapped[str] = mapped_column(Text, default="")  # why it was rejected
    version_id: Mapped[int | None] = mapped_column(ForeignKey("tariff_version.id"))
