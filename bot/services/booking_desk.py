"""What staff do with bookings: move or extend, end at no cost, give a fee back; audited."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.domain.booking_rules import down
from bot.errors import PilebotError
from bot.services import audit, booking_cases, bookings
from bot.services.audit import Actor
from bot.services.marks import mark
from bot.services.outbound import conversation_of
from bot.settings import Settings
from bot.store.bookings import Booking
from bot.store.database import UnitOfWork
from bot.store.stations import Evse


class NotPossible(PilebotError):
    """Why it cannot be done, in words for staff."""


def move(
    work: UnitOfWork,
    settings: Settings,
    actor: Actor,
    booking_id: int,
    *,
    evse_id: int,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    key: str,
) -> None:
    """Extend or move a booking; the same form twice is one change. Raises NotPossible, or Refused
    with what is free instead; the conflict is decided in this transaction."""
    reason = _reason(reason)
    booking = work.session.get_one(Booking, booking_id)
    evse = work.session.get_one(Evse, evse_id)
    home = work.session.get_one(Evse, booking.evse_id)
    if (evse.pile.kind, evse.connector_type) != (home.pile.kind, home.connector_type):
        raise NotPossible("That socket is of another kind than the one that was booked.")
    if evse.pile.station.currency != home.pile.station.currency:
        raise NotPossible("That socket charges in another currency.")
    before = _figures(booking)
    if (down(starts_at), down(ends_at), evse.id) == (
        booking.starts_at, booking.ends_at, booking.evse_id,
    ):  # fmt: skip
        raise NotPossible("That is what is booked already.")
    bookings.move(
        work, settings, booking, evse=evse, starts_at=down(starts_at), ends_at=down(ends_at),
        by=f"staff:{actor.staff_id}", reason=reason, key=_key(actor, key),
    )  # fmt: skip
    _record(work, actor, "booking.move", booking, before, reason, key)


def cancel(work: UnitOfWork, actor: Actor, booking_id: int, *, reason: str, key: str) -> None:
    """End a booking at no cost for the rider. Raises NotPossible."""
    reason = _reason(reason)
    booking = work.session.get_one(Booking, booking_id)
    if not booking.live:
        raise NotPossible("This booking is over already.")
    before = _figures(booking)
    by = f"staff:{actor.staff_id}"
    bookings.cancel(work, booking, by=by, reason=reason, key=_key(actor, key))
    _record(work, actor, "booking.cancel", booking, before, reason, key)


def forgive(work: UnitOfWork, actor: Actor, booking_id: int, *, reason: str, key: str) -> None:
    """Give a fee back, and let the time count for nothing. Raises NotPossible."""
    reason = _reason(reason)
    booking = work.session.get_one(Booking, booking_id)
    before = _figures(booking)
    by = f"staff:{actor.staff_id}"
    if not bookings.forgive(work, booking, by=by, reason=reason, key=_key(actor, key)):
        raise NotPossible("There is no fee to give back, or it was given back already.")
    _record(work, actor, "booking.forgive", booking, before, reason, key)
    booking_cases.given_back(work, actor, booking, reason=reason, key=_key(actor, key))


def _reason(reason: str) -> str:
    reason = reason.strip()[:500]
    if not reason:
        raise NotPossible("Please say why: the reason is kept with the change.")
    return reason


def _key(actor: Actor, key: str) -> str:
    return f"form:{actor.staff_id}:{key}"[:160]


def _record(
    work: UnitOfWork, actor: Actor, action: str, booking: Booking, before: dict[str, Any],
    reason: str, key: str,
) -> None:  # fmt: skip
    after = _figures(booking)
    if after == before:  # the same form once more
        return
    audit.record(
        work, actor, action, f"booking:{booking.id}", before=before, after=after, reason=reason,
        key=_key(actor, key),
    )  # fmt: skip
    evse = work.session.get_one(Evse, booking.evse_id)
    done = {"booking.move": "Moved", "booking.cancel": "Cancelled"}.get(action, "Gave the fee of")
    mark(
        work,
        conversation_of(work, booking.rider_id).id,
        "action",
        f"{done} booking {booking.id} at {evse.code}. Reason: {reason}",
        actor=actor,
        key=f"booking:{booking.id}:{_key(actor, key)}",
    )


def _figures(booking: Booking) -> dict[str, Any]:
    """References and figures for the audit log."""
    return {
        "evse": booking.evse_id, "state": booking.state, "forgiven": booking.forgiven,
        "starts_at": booking.starts_at.isoformat(), "ends_at": booking.ends_at.isoformat(),
    }  # fmt: skip
