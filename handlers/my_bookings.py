"""Bookings to come and past ones; on my way, a blocked bay, and an appeal against a fee."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.errors import Refused
from bot.replies import Choose, Moment, Option, Replies, Say
from bot.services import booked, booking_appeals, booking_cases, bookings
from bot.services.booking_notices import cancel_button, change_button, coming_button
from bot.services.offers import stack
from bot.store.bookings import Booking
from handlers.cancel_booking import about, my_booking

STATES = {
    "PENDING": Say("waiting for the deposit"),
    "RESERVED": Say("booked"),
    "FULFILLED": Say("used"),
    "CANCELED": Say("cancelled"),
    "NO_SHOW": Say("nobody came"),
    "REJECTED": Say("not booked"),
    "FAILED": Say("called off"),
}
PAST = 4


@intent(
    "my_bookings",
    digression=True,
    words=("my bookings", "my booking", "bookings", "mis reservas", "mi reserva", "minhas reservas",
           "minha reserva", "mes réservations", "ma réservation", "meine buchungen",
           "meine buchung", "我的预约", "我的预订"),
)  # fmt: skip
def mine(turn: Turn) -> Replies:
    """The one to come with its buttons, then the last ones."""
    found = booked.bookings_of(turn.work, turn.rider.id, most=PAST + 1)
    if not found:
        return Choose(Say("You have no bookings yet."), [Option("book_pile", Say("Book"))])
    lines = [_line(turn, each) for each in found]
    live = found[0] if found[0].live else None
    if live is None:
        return Choose(
            Say("Nothing is booked at the moment. Before:\n{lines}", {"lines": stack(lines)}),
            [Option("book_pile", Say("Book"))],
        )
    facts = booked.facts_of(live)
    values = {
        **about(turn, live),
        "lines": stack(lines),
        "late": Moment(facts.late_at, _tz(turn, live)),
        "free": Moment(facts.free_until, _tz(turn, live), "date_time"),
    }
    options = [change_button(live.id), cancel_button(live.id)]
    if live.state == "RESERVED" and facts.on_my_way_at is None:
        options.insert(0, coming_button(live.id))
    return Choose(
        Say(
            "{lines}\n\nThe bay is kept until {late}. Change or cancel by {free} at no cost.",
            values,
        ),
        options,
    )


def _tz(turn: Turn, booking: Booking) -> str:
    start = about(turn, booking)["start"]
    assert isinstance(start, Moment)
    return start.tz


def _line(turn: Turn, booking: Booking) -> Say:
    values = {**about(turn, booking), "state": STATES[booking.state]}
    return Say("{evse} at {station}, {start} to {end}: {state}", values)


@intent(
    "on_my_way",
    words=("on my way", "omw", "i'm coming", "im coming", "voy en camino", "ya voy",
           "estoy en camino", "estou a caminho", "a caminho", "j'arrive", "je suis en route",
           "ich bin unterwegs", "bin unterwegs", "unterwegs", "我在路上", "在路上", "马上到"),
)  # fmt: skip
def coming(turn: Turn) -> Replies | None:
    """Noted, with the deadline told once more."""
    bookings.on_my_way(turn.work, my_booking(turn), key=turn.heard.key)
    return None


@intent("bay_blocked")
def blocked(turn: Turn) -> Replies:
    """Somebody stands in the booked bay: another one with one tap, or the end at no cost; staff
    get a case."""
    booking, key = my_booking(turn), turn.heard.key
    bookings.report_blocked(turn.work, booking, key=key)
    case = booking_cases.blocked(
        turn.work, booking, channel=turn.conversation.last_channel, key=key
    )
    return Say(
        "Thank you for telling: staff know of it as case {case}. A photo of the bay helps them.",
        {"case": case.id},
    )


@intent("appeal_no_show")
def appeal(turn: Turn) -> Replies:
    """A person looks at a fee that the rider does not find right."""
    named = turn.value("booking") or ""
    booking = turn.work.session.get(Booking, int(named)) if named.isdigit() else None
    if booking is None or booking.rider_id != turn.rider.id:
        raise Refused("I do not know that booking, so nothing was done.")
    return booking_appeals.ask(
        turn.work, turn.settings, booking, turn.conversation, key=turn.heard.key
    )
