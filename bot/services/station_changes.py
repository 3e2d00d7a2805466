"""Changing what riders and staff are told of a station."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from bot.errors import PilebotError
from bot.services import audit, site_news
from bot.services.audit import Actor
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Station

# What may be changed, and how long it may be; place, money and time zone come by inventory.
LONGEST: Final = {
    "name": 120, "address": 200, "open_hours": 60, "directions": 600, "emergency_note": 600,
}  # fmt: skip
MOST_W: Final = 10_000_000
_NEEDED: Final = ("name", "address", "open_hours")


class NotPossible(PilebotError):
    """What staff asked for cannot be done; the message says why, for them to read."""


def set_power_cap(work: UnitOfWork, actor: Actor, station_id: int, kilowatts: str) -> bool:
    """What all running charges of a site may draw together, in kW; "" for no cap. Whether it
    differs. Raises NotPossible."""
    station = work.session.get(Station, station_id, with_for_update=True)
    if station is None:
        raise NotPossible("There is no such station.")
    watts = _watts(kilowatts)
    before = station.power_cap_w
    if before == watts:
        return False
    station.power_cap_w = watts
    audit.record(
        work, actor, "power_cap", f"station:{station_id}", before={"watts": before},
        after={"watts": watts},
    )  # fmt: skip
    touched(work, f"station:{station_id}")
    site_news.changed(work, station_id)
    return True


def set_socket_cap(work: UnitOfWork, actor: Actor, evse_id: int, kilowatts: str) -> bool:
    """The most a socket may draw, in kW; "" for all that it can do. Whether it differs. A charge
    that runs is told. Raises NotPossible."""
    evse = work.session.get(Evse, evse_id)
    if evse is None:
        raise NotPossible("There is no such socket.")
    station = work.session.get_one(Station, evse.pile.station_id, with_for_update=True)
    watts = _watts(kilowatts)
    if watts is not None and watts >= evse.max_power_w:
        watts = None
    before = evse.power_cap_w
    if before == watts:
        return False
    evse.power_cap_w = watts
    audit.record(
        work, actor, "socket_cap", f"evse:{evse.id}", before={"watts": before},
        after={"watts": watts},
    )  # fmt: skip
    touched(work, f"pile:{evse.pile_id}")
    site_news.changed(work, station.id)
    return True


def _watts(kilowatts: str) -> int | None:
    given = kilowatts.strip().replace(",", ".")
    try:
        watts = int(Decimal(given) * 1000) if given else None
    except (ArithmeticError, ValueError) as error:
        raise NotPossible("Please give the cap in kW, as 43.5, or nothing for no cap.") from error
    if watts is not None and not 0 < watts <= MOST_W:
        raise NotPossible("A cap lies between 0 and 10000 kW.")
    return watts


def change(work: UnitOfWork, actor: Actor, station_id: int, values: Mapping[str, str]) -> bool:
    """Write what differs; whether anything did. Raises NotPossible."""
    station = work.session.get(Station, station_id, with_for_update=True)
    if station is None:
        raise NotPossible("There is no such station.")
    before, after = {}, {}
    for name, longest in LONGEST.items():
        value = values.get(name, "").strip()
        if not value and name in _NEEDED:
            raise NotPossible("Name, address and opening hours cannot be empty.")
        if len(value) > longest:
            raise NotPossible(f"“{value[:30]}…” is too long: {longest} characters at most.")
        if value != getattr(station, name):
            before[name], after[name] = getattr(station, name), value
            setattr(station, name, value)
    if not after:
        return False
    audit.record(work, actor, "station_change", f"station:{station_id}", before=before, after=after)
    touched(work, f"station:{station_id}", *(f"pile:{pile.id}" for pile in station.piles))
    return True
