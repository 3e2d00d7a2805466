"""Changing a booking: another time, another bay, longer or shorter; its cost is shown first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.dialog.booking_kinds import LENGTH, MOMENT, Said, SaidKind
from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import AGREED, EVSE, KEPT, only_a_code, tapped
from bot.dialog.turn import Turn
from bot.domain.booking_rules import down
from bot.domain.times import is_delay
from bot.errors import Refused
from bot.replies import Choose, Moment, Option, Replies, Say, Value
from bot.services import booked, bookings
from bot.store.bookings import Booking
from bot.store.stations import Evse
from handlers.book_pile import Slot, unclear_start
from handlers.cancel_booking import about, my_booking

_LONGER = re.compile(
    r"extend|longer|prolong|alarg|ampli|m[aá]s (?:tiempo|largo)|mais tempo|estend|plus long|"
    r"verl[aä]nger|l[aä]nger|延长|延長|多.{0,3}(?:分|小时)",
    re.IGNORECASE,
)
_SHORTER = re.compile(
    r"shorter|m[aá]s cort|acort|mais curt|encurt|plus court|raccourci|"
    r"k[uü]rzer|verk[uü]rz|缩短|縮短",
    re.IGNORECASE,
)
_EARLIER = re.compile(
    r"earlier|forward|prepone|antes|adelant|adiant|mais cedo|plus t[oô]t|avanc|fr[uü]her|提前|早",
    re.IGNORECASE,
)


class ByKind:
    """A change relative to the booking: "later:1800", "longer:3600", "length:1200"."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """Of a button, or of a length of time in words that say what is to become of it."""
        raw = tapped(turn, name)
        if raw is not None:
            return self.load(turn, raw)
        length = LENGTH.hear(turn, "length", asked=asked)
        if length is None or is_delay(turn.heard.text):
            return None
        if any(each.type == "time" for each in turn.heard.understanding.entities):
            return None  # that is a new time with its length
        text = turn.heard.text
        if _LONGER.search(text):
            return f"longer:{length}"
        if _SHORTER.search(text):
            return f"length:{length}"
        return f"{'earlier' if _EARLIER.search(text) else 'later'}:{length}"

    def dump(self, value: str) -> str:
        """As it is."""
        return value

    def load(self, turn: Turn, raw: str) -> str | None:
        """None for what is no such change."""
        return raw if re.fullmatch(r"(later|earlier|longer|length):\d{1,6}", raw) else None


class NewTimeKind(SaidKind):
    """The new time; another pile's code answers the question too."""

    def claims(self, turn: Turn) -> bool:
        """Nothing but a time, or nothing but a code."""
        return super().claims(turn) or only_a_code(turn)


BY = ByKind()
NEW_TIME = NewTimeKind()


def ask_change(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """Asked only when the message does not say what to change."""
    booking = my_booking(turn)
    evse = turn.work.session.get_one(Evse, booking.evse_id)
    turn.keep["zone"] = evse.pile.station.tz
    turn.keep["booking"] = str(booking.id)
    if slots["by"] is not None or slots["evse"] is not None:
        return None
    return Choose(
        Say(
            "Your booking: {evse} at {station}, {start} to {end}. To what shall I change it? Type "
            "a time like 19:00, a pile's code, or tap:",
            about(turn, booking),
        ),
        [
            Option("modify_booking?by=later:1800", Say("30 minutes later")),
            Option("modify_booking?by=longer:1800", Say("30 minutes longer")),
            Option(f"cancel_booking?booking={booking.id}", Say("Cancel booking")),
        ],
    )


def which_start(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """Asked only when the new time could mean several."""
    if slots["when"] is None:
        return None
    booking = my_booking(turn)
    zone = turn.work.session.get_one(Evse, booking.evse_id).pile.station.tz
    turn.keep["zone"] = zone
    return unclear_start(slots["when"], zone, turn.now)


def wanted(turn: Turn, booking: Booking, slots: Mapping[str, Any]) -> Slot:
    """The time that the change comes to; a new start keeps the length."""
    starts_at, ends_at = booking.starts_at, booking.ends_at
    kind, _, seconds = (slots["by"] or "").partition(":")
    by = timedelta(seconds=int(seconds or 0))
    if kind in {"later", "earlier"}:
        shift = by if kind == "later" else -by
        return Slot(down(starts_at + shift), down(ends_at + shift))
    if kind == "longer":
        return Slot(starts_at, down(ends_at + by))
    if kind == "length":
        return Slot(starts_at, down(starts_at + by))
    start: datetime | None = slots["start"]
    length: int | None = slots["length"]
    if start is None and slots["when"] is not None:
        evse = turn.work.session.get_one(Evse, booking.evse_id)
        when = slots["when"].read(evse.pile.station.tz)
        assert when is not None
        start = next(
            (each for each in (when.start, *when.alternatives) if each > turn.now), when.start
        )
        if when.end is not None and length is None:
            length = int((when.end - when.start).total_seconds())
    stay = timedelta(seconds=length) if length else ends_at - starts_at
    begin = down(start) if start is not None else starts_at
    return Slot(begin, down(begin + stay))


def show(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """Before and after, and what it costs."""
    booking = my_booking(turn)
    slot, evse = wanted(turn, booking, slots), _bay(turn, booking, slots)
    if turn.value("same") and slot.starts_at < turn.now:  # into what is left of the same time
        slot = Slot(down(turn.now), slot.ends_at)
    cost = bookings.move_cost(booking, slot.starts_at, turn.now)
    turn.keep["cost"] = str(cost.amount_minor)
    tz = evse.pile.station.tz
    values: dict[str, Value] = {
        "old": Say("{evse}, {start} to {end}", about(turn, booking)),
        "evse": evse.code,
        "station": evse.pile.station.name,
        "start": Moment(slot.starts_at, tz, "date_time"),
        "end": Moment(slot.ends_at, tz),
        "fee": cost,
    }
    if cost.amount_minor:
        text = Say(
            "Now: {old}\nNew: {evse} at {station}, {start} to {end}\n\nIt is too late for a change "
            "at no cost: {fee} of the deposit would be taken and a new deposit held. Change it?",
            values,
        )
    else:
        text = Say(
            "Now: {old}\nNew: {evse} at {station}, {start} to {end}\n\nThe change costs nothing. "
            "Change it?",
            values,
        )
    return Choose(text, [Option("=yes", Say("Yes, change it")), Option("deny", Say("Keep it"))])


def agreed_already(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """A tap on "Move to …" is the yes: it was shown, and costs nothing as the bay is blocked."""
    booking = my_booking(turn)
    if turn.value("same") and booked.facts_of(booking).blocked:
        return None
    return show(turn, slots)


def _bay(turn: Turn, booking: Booking, slots: Mapping[str, Any]) -> Evse:
    evse: Evse | None = slots["evse"]
    return evse or turn.work.session.get_one(Evse, booking.evse_id)


@wish
class Change:
    """What is to be changed, and a yes to its cost."""

    booking: str | None = maybe(KEPT)
    evse: Evse | None = maybe(EVSE)
    by: str | None = maybe(BY)
    zone: str | None = maybe(KEPT)
    when: Said | None = ask(ask_change, NEW_TIME)
    length: int | None = maybe(LENGTH)
    start: datetime | None = ask(which_start, MOMENT)
    cost: str | None = maybe(KEPT)
    agreed: bool | None = ask(agreed_already, AGREED)


@intent("modify_booking")
def change(turn: Turn, want: Change) -> Replies | None:
    """The yes; what is done is what was shown, or nothing."""
    booking = my_booking(turn)
    slots = vars(want)
    slot, evse = wanted(turn, booking, slots), _bay(turn, booking, slots)
    if turn.value("same") and slot.starts_at < turn.now:
        slot = Slot(down(turn.now), slot.ends_at)
    if (slot.starts_at, slot.ends_at, evse.id) == (
        booking.starts_at, booking.ends_at, booking.evse_id,
    ):  # fmt: skip
        raise Refused("That is what you have booked already, so nothing was changed.")
    cost = bookings.move_cost(booking, slot.starts_at, turn.now)
    if cost.amount_minor:
        cost = type(cost)(int(want.cost or 0), cost.currency)
    bookings.move(
        turn.work,
        turn.settings,
        booking,
        evse=evse,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        cost=cost,
        key=turn.heard.key,
    )
    return None
