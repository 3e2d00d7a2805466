"""Whether an EVSE can be used now, and how sure we are: one rule for chat, web and console."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

SUSPECT_AFTER: Final = 2  # starts that failed in a row


class Availability(StrEnum):
    """What riders are told of an EVSE."""

    FREE = "free"
    PLUGGED = "plugged"  # a cable is in, nobody charges: the rider may be standing there with it
    BUSY = "busy"
    RESERVED = "reserved"
    FAULTED = "faulted"
    IN_REPAIR = "in_repair"  # somebody is sent for, or at work there
    OUT_OF_SERVICE = "out_of_service"
    NOT_CONFIRMED = "not_confirmed"  # silent or never heard

    @property
    def usable(self) -> bool:
        """A charge may be offered here."""
        return self in (Availability.FREE, Availability.PLUGGED)


@dataclass(frozen=True, slots=True)
class EvseFacts:
    """What is known of an EVSE; `status` is OCPP 2.0.1 ConnectorStatusEnumType or ""."""

    in_service: bool
    online: bool
    seen_at: datetime | None
    status: str
    in_session: bool
    in_repair: bool = False  # bot/domain/repairs.py
    fault: bool = False  # an alarm stands there, whatever the status says
    kept: bool = False  # by us, for one rider


def availability(facts: EvseFacts, now: datetime, silent_after_s: int) -> Availability:
    """Our own sessions and staff decisions are known for sure; the rest needs a pile that talks."""
    if facts.in_repair and not facts.in_session:
        return Availability.IN_REPAIR
    if not facts.in_service:
        return Availability.OUT_OF_SERVICE
    if facts.in_session:
        return Availability.BUSY
    silent = facts.seen_at is None or now - facts.seen_at > timedelta(seconds=silent_after_s)
    if silent or not facts.online or not facts.status:
        return Availability.NOT_CONFIRMED
    state = {
        "Available": Availability.FREE,
        "Occupied": Availability.PLUGGED,
        "Reserved": Availability.RESERVED,
        "Faulted": Availability.FAULTED,
    }.get(facts.status, Availability.OUT_OF_SERVICE)
    if facts.fault and state in (Availability.FREE, Availability.PLUGGED, Availability.RESERVED):
        return Availability.FAULTED
    return Availability.RESERVED if facts.kept and state.usable else state
