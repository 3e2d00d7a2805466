"""What riders are told along a booking: one place for the words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from bot.domain.booking_facts import BookingFacts
from bot.domain.money import Money
from bot.replies import Choose, Link, Moment, Option, Reply, Say, Value


@dataclass(frozen=True, slots=True)
class Occasion:
    """What the words can draw on; `values` are those of the domain's Tell."""

    booking_id: int
    evse_code: str
    station_name: str
    tz: str
    facts: BookingFacts
    now: datetime
    values: Mapping[str, str]
    in_wallet: bool = False  # the deposit is, or was, reserved in the rider's wallet

    def money(self, amount_minor: int) -> Money:
        return Money(amount_minor, self.facts.terms.currency)

    @property
    def deposit(self) -> Money:
        return self.money(self.facts.terms.deposit_minor)

    @property
    def fee(self) -> Money:
        return self.money(min(self.facts.terms.fee_minor, self.facts.terms.deposit_minor))

    @property
    def cost_minor(self) -> int:
        """What an end or a change costs."""
        return int(self.values.get("cost_minor", "0"))

    def at(self, moment: datetime, form: str = "time") -> Moment:
        return Moment(moment, self.tz, form)

    def about(self, **more: Value) -> dict[str, Value]:
        """The values that most sentences have."""
        return {
            "evse": self.evse_code,
            "station": self.station_name,
            "start": self.at(self.facts.starts_at, "date_time"),
            "end": self.at(self.facts.ends_at),
            **more,
        }


def notice(name: str, occasion: Occasion) -> Reply:
    """The words for a notice of bot/domain/booking.py. Raises KeyError for an unknown name."""
    return NOTICES["pay" if name.startswith("pay_") and name[4:].isdigit() else name](occasion)


# --- buttons: each names its booking, so that a stale one is answered, not obeyed


def _button(intent: str, booking_id: int, title: Say, **more: str | int) -> Option:
    return Option(f"{intent}?{urlencode({'booking': booking_id, **more})}", title)


def change_button(booking_id: int) -> Option:
    """Asks for another time."""
    return _button("modify_booking", booking_id, Say("Change"))


def cancel_button(booking_id: int) -> Option:
    """Ends the booking, after its cost was shown."""
    return _button("cancel_booking", booking_id, Say("Cancel booking"))


def coming_button(booking_id: int) -> Option:
    """Tells that the rider is coming."""
    return _button("on_my_way", booking_id, Say("On my way"))


def blocked_button(booking_id: int) -> Option:
    """Tells that somebody else stands in the bay."""
    return _button("bay_blocked", booking_id, Say("My bay is blocked"))


def appeal_button(booking_id: int) -> Option:
    """Asks for the fee back."""
    return _button("appeal_no_show", booking_id, Say("This is not right"))


def move_button(booking_id: int, evse_code: str) -> Option:
    """Takes the same time at another bay."""
    title = Say("Move to {evse}", {"evse": evse_code})
    return _button("modify_booking", booking_id, title, evse=evse_code, same="1")


def start_button(evse_code: str) -> Option:
    """Begins at the booked bay."""
    return Option(f"start_charge?{urlencode({'pile': evse_code})}", Say("Charge here"))


BOOK_BUTTON: Final = Option("book_pile", Say("Book again"))
FIND_BUTTON: Final = Option("find_pile", Say("Find a pile"))


# --- the deposit


def _pay(on: Occasion) -> Reply:
    if on.facts.deposit == "saving":
        text = Say(
            "Please save a card on the secure page, so that {evse} is yours for {start}. Nothing "
            "is held before the day of your booking; then it is {deposit}.",
            on.about(deposit=on.deposit),
        )
    else:
        text = Say(
            "Please confirm the deposit of {deposit} on the secure payment page, so that {evse} is "
            "yours for {start}. It is held, not taken.",
            on.about(deposit=on.deposit),
        )
    return Link(text, Say("Open payment page"), on.values["url"])


def _deposit_refused(on: Occasion) -> Reply:
    return Choose(
        Say(
            "Your card did not allow the deposit of {deposit}, so {evse} is not booked. Nothing is "
            "charged.",
            on.about(deposit=on.deposit),
        ),
        [BOOK_BUTTON, FIND_BUTTON],
    )


def _deposit_lost(on: Occasion) -> Reply:
    return Choose(
        Say(
            "The deposit of {deposit} for your booking at {evse}, {start}, could not be held, so I "
            "had to give the bay free. Nothing is charged.",
            on.about(deposit=on.deposit),
        ),
        [BOOK_BUTTON, FIND_BUTTON],
    )


def _pay_timeout(on: Occasion) -> Reply:
    return Choose(
        Say(
            "I waited for the deposit for a while and have now given {evse} free for others. "
            "Nothing is charged.",
            on.about(),
        ),
        [BOOK_BUTTON, FIND_BUTTON],
    )


# --- booked


def _booked(on: Occasion) -> Reply:
    facts = on.facts
    lines: dict[str, Value] = on.about(
        late=on.at(facts.late_at), free=on.at(facts.free_until, "date_time"),
        fee=on.fee, deposit=on.deposit,
    )  # fmt: skip
    if not facts.terms.deposit_minor:
        text = Say(
            "Booked: {evse} at {station}, {start} to {end}. The bay is kept for you until {late}. "
            "You can change or cancel at any time at no cost.",
            lines,
        )
    elif facts.deposit == "saved":
        text = Say(
            "Booked: {evse} at {station}, {start} to {end}. {deposit} is held on your card one day "
            "before and used for your charge. The bay is kept until {late}; cancel by {free} at no "
            "cost, after that or if you do not come {fee} is taken.",
            lines,
        )
    elif on.in_wallet:
        text = Say(
            "Booked: {evse} at {station}, {start} to {end}. {deposit} is reserved in your wallet "
            "and used for your charge. The bay is kept until {late}; cancel by {free} at no cost, "
            "after that or if you do not come {fee} is taken.",
            lines,
        )
    else:
        text = Say(
            "Booked: {evse} at {station}, {start} to {end}. {deposit} is held on your card and "
            "used for your charge. The bay is kept until {late}; cancel by {free} at no cost, "
            "after that or if you do not come {fee} is taken.",
            lines,
        )
    return Choose(text, [change_button(on.booking_id), cancel_button(on.booking_id)])


def _moved(on: Occasion) -> Reply:
    values = on.about(fee=on.money(on.cost_minor))
    if on.cost_minor:
        text = Say(
            "Changed: {evse} at {station}, {start} to {end}. {fee} is taken for the late change.",
            values,
        )
    elif on.values.get("by") == "staff":
        text = Say(
            "Our staff changed your booking: {evse} at {station}, {start} to {end}. It costs you "
            "nothing.",
            values,
        )
    else:
        text = Say("Changed: {evse} at {station}, {start} to {end}.", values)
    return Choose(text, [change_button(on.booking_id), cancel_button(on.booking_id)])


def _canceled(on: Occasion) -> Reply:
    values = on.about(fee=on.money(on.cost_minor), deposit=on.deposit)
    if on.cost_minor:
        return Choose(
            Say(
                "Your booking at {evse}, {start}, is cancelled. {fee} of the deposit is taken, the "
                "rest is released.",
                values,
            ),
            [appeal_button(on.booking_id), BOOK_BUTTON],
        )
    if on.facts.deposit in {"releasing", "returned"} and on.in_wallet:
        return Say(
            "Your booking at {evse}, {start}, is cancelled. You pay nothing, and {deposit} is free "
            "in your wallet again.",
            values,
        )
    if on.facts.deposit in {"releasing", "returned"}:
        return Say(
            "Your booking at {evse}, {start}, is cancelled. You pay nothing, and {deposit} is "
            "released now; your bank may take a few days to show it.",
            values,
        )
    return Say("Your booking at {evse}, {start}, is cancelled. You pay nothing.", values)


# --- before and at the start


def _remind_30(on: Occasion) -> Reply:
    return Choose(
        Say("In half an hour {evse} at {station} is yours: {start} to {end}.", on.about()),
        [coming_button(on.booking_id), change_button(on.booking_id), cancel_button(on.booking_id)],
    )


def _remind_10(on: Occasion) -> Reply:
    return Choose(
        Say(
            "In ten minutes {evse} at {station} is yours. It is kept until {late}; you may begin "
            "as soon as it is free.",
            on.about(late=on.at(on.facts.late_at)),
        ),
        [coming_button(on.booking_id), start_button(on.evse_code), cancel_button(on.booking_id)],
    )


def _slot_start(on: Occasion) -> Reply:
    return Choose(
        Say(
            "Your time at {evse}, {station}, has begun. The bay is kept for you until {late}.",
            on.about(late=on.at(on.facts.late_at)),
        ),
        [start_button(on.evse_code), coming_button(on.booking_id), blocked_button(on.booking_id)],
    )


def _free_now(on: Occasion) -> Reply:
    return Choose(
        Say(
            "{evse} is free for you now. The bay is kept until {late}.",
            on.about(late=on.at(on.facts.late_at)),
        ),
        [start_button(on.evse_code), coming_button(on.booking_id)],
    )


def _stands(on: Occasion) -> Reply:
    return Choose(
        Say(
            "The maintenance at {evse} is at another time: your booking for {start} stands.",
            on.about(),
        ),
        [cancel_button(on.booking_id)],
    )


def _late_5(on: Occasion) -> Reply:
    return _countdown(on, 5)


def _late_9(on: Occasion) -> Reply:
    return _countdown(on, 1)


def _countdown(on: Occasion, minutes: int) -> Reply:
    values = on.about(late=on.at(on.facts.late_at), fee=on.fee, minutes=minutes)
    if on.facts.terms.deposit_minor:
        text = Say(
            "{evse} is kept for you until {late}. After that it goes to somebody else and {fee} of "
            "the deposit is taken.",
            values,
        )
    else:
        text = Say(
            "{evse} is kept for you until {late}. After that it goes to somebody else.", values
        )
    return Choose(
        text,
        [start_button(on.evse_code), coming_button(on.booking_id), blocked_button(on.booking_id)],
    )


def _on_my_way(on: Occasion) -> Reply:
    return Choose(
        Say(
            "Thank you, I have noted that you are coming. {evse} is kept for you until {late}.",
            on.about(late=on.at(on.facts.late_at)),
        ),
        [change_button(on.booking_id), cancel_button(on.booking_id)],
    )


# --- the end without a charge


def _no_show(on: Occasion) -> Reply:
    values = on.about(fee=on.money(on.cost_minor))
    if on.cost_minor:
        return Choose(
            Say(
                "Nobody came to {evse} by {late}, so the bay is free for others. {fee} of the "
                "deposit is taken, the rest is released. If the bay was blocked or something went "
                "wrong, tell me: a person decides.",
                {**values, "late": on.at(on.facts.late_at)},
            ),
            [appeal_button(on.booking_id), BOOK_BUTTON],
        )
    return Choose(
        Say(
            "Nobody came to {evse} by {late}, so the bay is free for others. You pay nothing.",
            {**values, "late": on.at(on.facts.late_at)},
        ),
        [BOOK_BUTTON],
    )


def _bay_blocked(on: Occasion) -> Reply:
    return Choose(
        Say(
            "I am sorry: {evse} could not be used in your time. Your booking is over and costs "
            "nothing; what was held is released.",
            on.about(),
        ),
        [FIND_BUTTON, BOOK_BUTTON],
    )


def _forgiven(on: Occasion) -> Reply:
    if on.facts.deposit in {"taken", "taking"} and on.in_wallet:
        return Say(
            "We have looked at your booking at {evse}, {start}: you get {fee} back into your "
            "wallet. It does not count against you.",
            on.about(fee=on.fee),
        )
    if on.facts.deposit in {"taken", "taking"}:
        return Say(
            "We have looked at your booking at {evse}, {start}: you get {fee} back; your bank may "
            "take 5 to 10 days to show it. It does not count against you.",
            on.about(fee=on.fee),
        )
    return Say(
        "We have looked at your booking at {evse}, {start}: it does not count against you.",
        on.about(),
    )


NOTICES: Final[Mapping[str, Callable[[Occasion], Reply]]] = {
    "pay": _pay, "deposit_refused": _deposit_refused, "deposit_lost": _deposit_lost,
    "pay_timeout": _pay_timeout, "booked": _booked, "moved": _moved, "canceled": _canceled,
    "remind_30": _remind_30, "remind_10": _remind_10, "slot_start": _slot_start,
    "free_now": _free_now, "stands": _stands, "late_5": _late_5, "late_9": _late_9,
    "on_my_way": _on_my_way,
    "no_show": _no_show, "bay_blocked": _bay_blocked, "forgiven": _forgiven,
}  # fmt: skip


# --- the bay cannot be used

WHY: Final[Mapping[str, Say]] = {
    "busy": Say("somebody is still charging there"),
    "fault": Say("it reports a fault"),
    "offline": Say("it does not answer"),
    "out_of_service": Say("it is out of service"),
    "repair": Say("it is under repair"),
    "reported": Say("somebody stands in the bay"),
}


def rehome(on: Occasion, why: str, other: str | None, place: str, away_m: Value) -> Reply:
    """Another bay with one tap, or the end of the booking at no cost."""
    values = on.about(why=WHY.get(why, WHY["fault"]), other=other or "", place=place, way=away_m)
    if why == "maintenance":
        return _maintained(on, other, values)
    if other is None:
        return Choose(
            Say(
                "I am sorry: {evse}, which you booked for {start}, cannot be used now: {why}. No "
                "equal pile nearby is free. If it gets free in your time I tell you; you may also "
                "cancel at no cost.",
                values,
            ),
            [cancel_button(on.booking_id), FIND_BUTTON],
        )
    return Choose(
        Say(
            "I am sorry: {evse}, which you booked for {start}, cannot be used now: {why}. {other} "
            "at {place} ({way}) is free for the same time. Shall I move your booking? You may also "
            "cancel at no cost.",
            values,
        ),
        [move_button(on.booking_id, other), cancel_button(on.booking_id)],
    )


def _maintained(on: Occasion, other: str | None, values: Mapping[str, Value]) -> Reply:
    """The same, told ahead: it is known when and why."""
    if other is None:
        return Choose(
            Say(
                "I am sorry: maintenance is planned at {evse} in the time you booked, {start}. No "
                "equal pile nearby is free then. Please take another time, or cancel at no cost.",
                values,
            ),
            [change_button(on.booking_id), cancel_button(on.booking_id)],
        )
    return Choose(
        Say(
            "I am sorry: maintenance is planned at {evse} in the time you booked, {start}. {other} "
            "at {place} ({way}) is free for the same time. Shall I move your booking? You may also "
            "cancel at no cost.",
            values,
        ),
        [move_button(on.booking_id, other), cancel_button(on.booking_id)],
    )
