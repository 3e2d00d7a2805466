"""Why a booking cannot be made or changed, told with a way on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bot.domain.booking_rules import Rules, wrong
from bot.errors import Refused
from bot.replies import N_, Amount, Moment, Option, Say, Value
from bot.services import booking_bays, debts, visit_times
from bot.services.booked import live_of, taken_cells
from bot.services.booking_notices import cancel_button, change_button
from bot.services.booking_rules import rider_paused_until
from bot.services.notices import pay_button
from bot.store.bookings import Booking
from bot.store.database import UnitOfWork
from bot.store.riders import Rider
from bot.store.stations import Evse


def refuse_rider(work: UnitOfWork, rules: Rules, rider: Rider, tz: str) -> None:
    """Raises Refused when this rider may not book now."""
    live = live_of(work, rider.id)
    if live is not None:
        evse = work.session.get_one(Evse, live.evse_id)
        raise Refused(
            "You have a booking already: {evse}, {start}. You can change or cancel it.",
            {
                "evse": evse.code,
                "start": Moment(live.starts_at, evse.pile.station.tz, "date_time"),
            },
            [change_button(live.id), cancel_button(live.id)],
        )
    until = rider_paused_until(work, rules, rider.id)
    if until is not None:
        raise Refused(
            "You did not come to {count} bookings, so you cannot book before {time}. You can "
            "charge at any free pile without booking.",
            {"count": rules.strikes, "time": Moment(until, tz, "date_time")},
            [Option("find_pile", Say("Find a pile"))],
        )
    owed = debts.oldest(work, rider.id)
    if owed is not None:
        raise Refused(
            "Your charge at {evse} is not paid yet ({amount}, bill {number}), so I cannot book for "
            "you. You can pay it right here.",
            {"evse": owed.evse_code, "amount": owed.due, "number": owed.bill_number},
            [pay_button(owed.session_id, owed.due)],
        )


_WRONG: Final[Mapping[str, Say]] = {
    "past": Say("That time is over already. Please name a later one."),
    "too_far": Say("I can book at most {length} ahead. Please name an earlier time."),
    "too_short": Say("A booking is {length} at least. Please name a longer time."),
    "too_long": Say("A booking is {length} at most. Please name a shorter time."),
}


def refuse_time(
    work: UnitOfWork, rules: Rules, evse: Evse, starts_at: datetime, ends_at: datetime
) -> None:
    """Raises Refused when a time is outside of what can be booked."""
    found = wrong(rules, starts_at, ends_at, work.now)
    if found is not None:
        raise Refused(_WRONG[found[0]].text, {"length": Amount(found[1], "s")})


def refuse_bay(
    work: UnitOfWork, evse: Evse, starts_at: datetime, ends_at: datetime, *, but: int | None = None
) -> None:
    """Raises Refused when the EVSE is booked then, or is out of order."""
    if not booking_bays.free_at(work, [evse], starts_at, ends_at, but=but):
        raise taken(work, evse, starts_at, ends_at)


def refuse_bay_for(
    work: UnitOfWork,
    booking: Booking,
    evse: Evse,
    starts_at: datetime,
    ends_at: datetime,
    *,
    charging: bool,
) -> None:
    """`refuse_bay` for a booking that has some of that time already."""
    since = max(starts_at, work.now)
    if charging:
        if taken_cells(work, [evse.id], since, ends_at, but=booking.id):
            raise taken(work, evse, starts_at, ends_at)
        return
    refuse_bay(work, evse, since, ends_at, but=booking.id)


def taken(work: UnitOfWork, evse: Evse, starts_at: datetime, ends_at: datetime) -> Refused:
    """The no to whoever comes second: other times here, and the nearest equal bay."""
    length_s = int((ends_at - starts_at).total_seconds())
    tz = evse.pile.station.tz
    query = f"length={length_s}"
    options = [
        Option(
            f"book_pile?spot=pile:{evse.code}&start={at.isoformat().replace('+', '%2B')}&{query}",
            Say("{start}", {"start": Moment(at, tz, "day_time")}),
        )
        for at in booking_bays.next_starts(work, evse, starts_at, length_s, most=2)
    ]
    other = booking_bays.equal_bay(work, evse, starts_at, ends_at)
    if other is not None:
        at = starts_at.isoformat().replace("+", "%2B")
        options.append(
            Option(
                f"book_pile?spot=pile:{other.evse.code}&start={at}&{query}",
                Say("{other} instead", {"other": other.evse.code}),
            )
        )
    values: dict[str, Value] = {
        "evse": evse.code,
        "start": Moment(starts_at, tz, "date_time"),
        "end": Moment(ends_at, tz),
    }
    visit = visit_times.in_the_way(work, evse.id, starts_at, ends_at)
    if visit is not None:
        values |= {
            "start": Moment(visit.starts_at, tz, "date_time"), "end": Moment(visit.ends_at, tz)
        }  # fmt: skip
        if not options:
            return Refused(
                "Maintenance is planned at {evse} from {start} to {end}. Please name another time "
                "or pile.",
                values,
            )
        return Refused(
            "Maintenance is planned at {evse} from {start} to {end}. These times are free:",
            values,
            options,
        )
    if not options:
        return Refused(
            "{evse} is not free from {start} to {end}. Please name another time or pile.", values
        )
    return Refused("{evse} is not free from {start} to {end}. These are:", values, options)


def over(booking: Booking) -> Refused:
    """The no to a button of a booking that is over."""
    words = {
        "FULFILLED": N_("You have used this booking already."),
        "CANCELED": N_("This booking is cancelled already."),
        "NO_SHOW": N_("This booking is over: nobody came in time."),
        "PENDING": N_("This booking still waits for its deposit."),
    }
    text = words.get(booking.state, N_("This booking is over."))
    return Refused(text, {}, [Option("book_pile", Say("Book"))])
