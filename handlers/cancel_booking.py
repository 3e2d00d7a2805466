"""Ending a booking: what it costs is shown before the yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import AGREED, KEPT
from bot.dialog.turn import Turn
from bot.domain.money import Money
from bot.errors import Refused
from bot.replies import Choose, Moment, Option, Replies, Say, Value
from bot.services import booked, booking_refusals, bookings
from bot.store.bookings import Booking
from bot.store.stations import Evse

NONE = Say("You have no booking at the moment.")


def my_booking(turn: Turn) -> Booking:
    """The booking that a button names, else the one that is to come. Raises Refused: none, over."""
    named = turn.value("booking") or ""
    booking = booked.live_of(turn.work, turn.rider.id)
    if named.isdigit() and (booking is None or str(booking.id) != named):
        known = turn.work.session.get(Booking, int(named))
        if known is not None and known.rider_id == turn.rider.id:
            raise booking_refusals.over(known)
        raise Refused("I do not know that booking, so nothing was done.")
    if booking is None:
        raise Refused(NONE.text, {}, [Option("book_pile", Say("Book"))])
    return booking


def about(turn: Turn, booking: Booking) -> dict[str, Value]:
    """Where and when a booking is."""
    evse = turn.work.session.get_one(Evse, booking.evse_id)
    station = evse.pile.station
    return {
        "evse": evse.code,
        "station": station.name,
        "start": Moment(booking.starts_at, station.tz, "date_time"),
        "end": Moment(booking.ends_at, station.tz),
    }


def show(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """What ends and what it costs."""
    booking = my_booking(turn)
    cost = bookings.cancel_cost(booking, turn.now)
    turn.keep["cost"] = str(cost.amount_minor)
    facts = booked.facts_of(booking)
    deposit = Money(facts.terms.deposit_minor, facts.terms.currency)
    values = {**about(turn, booking), "fee": cost, "deposit": deposit}
    if cost.amount_minor:
        text = Say(
            "Your booking: {evse} at {station}, {start} to {end}. It is too late to cancel at no "
            "cost: {fee} of the deposit would be taken, the rest released. Cancel it?",
            values,
        )
    else:
        text = Say(
            "Your booking: {evse} at {station}, {start} to {end}. Cancelling costs nothing. Cancel "
            "it?",
            values,
        )
    return Choose(text, [Option("=yes", Say("Yes, cancel it")), Option("deny", Say("Keep it"))])


@wish
class Cancel:
    """A yes to what was shown."""

    cost: str | None = maybe(KEPT)
    agreed: bool = ask(show, AGREED)


@intent("cancel_booking")
def cancel(turn: Turn, want: Cancel) -> Replies | None:
    """The yes; a cost that was not shown is shown first."""
    booking = my_booking(turn)
    cost = bookings.cancel_cost(booking, turn.now)
    if cost.amount_minor > int(want.cost or 0):
        raise Refused(
            "Meanwhile cancelling costs {fee}. Please say once more what you want.",
            {"fee": cost},
            [Option(f"cancel_booking?booking={booking.id}", Say("Cancel booking"))],
        )
    bookings.cancel(turn.work, booking, key=turn.heard.key)
    return None
