"""What comes in for bookings: timers, payments, what piles answer and tell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from bot.domain import booking_facts as on
from bot.domain.booking_facts import Event
from bot.services import booking_bays, booking_effects, payments
from bot.services.booking_changes import happen, lock
from bot.services.booking_trouble import recheck
from bot.settings import Settings
from bot.store.bookings import Booking
from bot.store.charging import Hold
from bot.store.database import UnitOfWork
from bot.store.devices import Command
from bot.store.stations import Evse


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "booking.timer": a timer that the state machine set is due."""
    booking = work.session.get(Booking, int(body["booking_id"]))
    if booking is None:
        return
    lock(work, booking)
    why = booking_bays.why_blocked(work, settings, booking) if booking.live else ""
    name = str(body["name"])
    happen(work, booking, on.TimerFired(work.now, name, why), key=f"timer:{name}")


def lock_booking(work: UnitOfWork, booking_id: int) -> None:
    """The lock of a payment's booking, taken before the payment's own."""
    lock(work, work.session.get_one(Booking, booking_id))


def account_of(work: UnitOfWork, hold: Hold) -> str:
    """What is taken of a deposit is a fee for not coming, no sale."""
    return booking_effects.FEES


def on_payment(
    work: UnitOfWork, settings: Settings, hold: Hold, outcome: str, body: Mapping[str, Any]
) -> None:
    """A deposit got somewhere; the books say what became of it, then the booking hears."""
    booking = work.session.get_one(Booking, int(hold.subject.partition(":")[2]))
    lock(work, booking)
    _keep_books(work, hold, outcome)
    event = _event(work.now, hold, outcome, body)
    if event is not None:
        happen(work, booking, event, key=f"hold:{hold.id}:{outcome}")
        if outcome in ("held", "saved"):  # the bay may have gone out of order meanwhile
            evse = work.session.get_one(Evse, booking.evse_id)
            recheck(work, settings, evse.pile_id, evse.number)
    elif outcome == "expiring" and booking.live:
        payments.release(work, hold)  # asked for anew when it is gone


def _keep_books(work: UnitOfWork, hold: Hold, outcome: str) -> None:
    if hold.purpose != "deposit":
        return
    amount, taken = hold.amount_minor, hold.captured_minor or 0
    if outcome == "held":
        booking_effects.post(work, hold, "held", amount)
    elif outcome == "captured":
        booking_effects.post(work, hold, "held", amount)  # told late, or never by itself
        booking_effects.post(work, hold, "taken", taken)
        if amount > taken:
            booking_effects.post(work, hold, "returned", amount - taken)
    elif hold.state in {"void", "expired", "failed"} and booking_effects.was_held(work, hold):
        booking_effects.post(work, hold, "returned", amount)


def _event(now: datetime, hold: Hold, outcome: str, body: Mapping[str, Any]) -> Event | None:
    number = hold.seq
    match outcome:
        case "held":
            return on.DepositHeld(now, number)
        case "saved":
            return on.CardSaved(now, number)
        case "needs_rider":
            return on.DepositNeedsRider(now, number, str(body.get("url") or hold.checkout_url))
        case "failed" if hold.capture_minor is not None:
            return on.TakeFailed(now, number)
        case "failed":
            return on.DepositRefused(now, number)
        case "captured":
            return on.DepositTaken(now, number)
        case "void" | "expired":
            return on.DepositGone(now, number)
        case _:
            return None


def command_answered(work: UnitOfWork, command: Command, body: Mapping[str, Any]) -> None:
    """A pile answered to being asked to keep a bay."""
    if command.kind != "reserve" or not command.key.startswith("reserve:"):
        return
    _, booking_id, number = command.key.split(":")
    booking = work.session.get(Booking, int(booking_id))
    if booking is None:
        return
    lock(work, booking)
    outcome = body["outcome"]
    if outcome == "accepted":
        happen(work, booking, on.PileKeeps(work.now, int(number)), key=f"command:{command.id}")
    elif outcome in {"rejected", "error", "timeout", "expired", "offline"}:
        happen(work, booking, on.PileRefuses(work.now, int(number)), key=f"command:{command.id}")


def on_reservation(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "pile.reservation" (ReservationStatusUpdate): expired, removed, or no transaction."""
    command = work.session.scalars(
        select(Command).where(
            Command.id == int(body["reservation_id"]),
            Command.pile_id == body["pile_id"],
            Command.kind == "reserve",
        )
    ).first()
    if command is not None:
        command_answered(work, command, {"outcome": "expired"})
