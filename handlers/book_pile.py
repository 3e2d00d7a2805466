"""Booking a bay: where, when, for how long, what it costs and its rules, yes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.dialog.booking_kinds import LENGTH, MOMENT, SAID, SPOT, Said, Spot, zone_of
from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import AGREED, EVSE, KEPT
from bot.dialog.turn import Turn
from bot.domain.booking_rules import USUAL_S, down
from bot.domain.times import When
from bot.errors import Refused
from bot.replies import Amount, Choose, Moment, Option, Replies, Say, Value
from bot.services import booked, booking_bays, booking_refusals, bookings, stations
from bot.services.booking_rules import rules_for
from bot.services.offers import stack
from bot.services.stations import Place
from bot.store.stations import Evse, Station

MAX_ROWS = 10
FAR_M = 5_000

WHERE = Say(
    "Where shall I book? Type the code of a pile, like 1023-27, name a station or a street, or "
    "share your location."
)
WHEN = Say("When shall it be? For example: today 18:30 for 1 hour.")


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of time on a station's clock."""

    starts_at: datetime
    ends_at: datetime


def ask_where(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """Asked only when nothing tells where, and when nothing stands against booking at all."""
    known = booked.live_of(turn.work, turn.rider.id)
    if known is not None:
        evse = turn.work.session.get_one(Evse, known.evse_id)
        rules = rules_for(turn.work, turn.settings, evse.pile.station)
        booking_refusals.refuse_rider(turn.work, rules, turn.rider, evse.pile.station.tz)
    if (left := turn.left.get("pile")) and (spot := SPOT.load(turn, f"pile:{left}")) is not None:
        turn.keep["spot"] = SPOT.dump(spot)
    return WHERE


def ask_when(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """Not asked where a button names the start itself."""
    turn.keep["zone"] = zone_of(slots["spot"], turn)
    if MOMENT.hear(turn, "start", asked=False) is not None:
        return None
    return Choose(
        WHEN,
        [
            Option("=in 15 minutes", Say("In 15 minutes")),
            Option("=in 1 hour", Say("In 1 hour")),
        ],
    )


def which_start(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """Asked only when what was said could mean several times, or none."""
    zone = zone_of(slots["spot"], turn)
    turn.keep["zone"] = zone
    return unclear_start(slots["when"], zone, turn.now)


def unclear_start(
    said: Said | None, zone: str, now: datetime, *, latest: datetime | None = None
) -> Replies | None:
    """What to ask about a time that was said; None: it is clear. Of several times that it may mean
    those after `latest` do not count."""
    when = said.read(zone) if said is not None else None
    if when is None:
        return WHEN
    if not when.exact:
        day = Moment(when.start + timedelta(hours=12), zone, "date")
        return Say("At what time on {day}? For example 18:30.", {"day": day})
    if when.skipped:
        return Choose(
            Say(
                "The clocks go forward in that night, so the time you said does not exist. Do you "
                "mean {start}?",
                {"start": Moment(when.start, zone, "date_time")},
            ),
            [Option(f"={MOMENT.dump(when.start)}", Say("Yes, that one"))],
        )
    possible = _possible(when, now, latest)
    if not possible:
        if now - when.start < timedelta(minutes=5):
            return None
        return Say(
            "{start} is over already. When shall it be?",
            {"start": Moment(when.start, zone, "date_time")},
        )
    return _which_of(possible[:3], zone) if len(possible) > 1 and when.ambiguous else None


def _possible(when: When, now: datetime, latest: datetime | None) -> list[datetime]:
    coming = [each for each in (when.start, *when.alternatives) if each > now]
    return [each for each in coming if latest is None or each <= latest] or coming


def _which_of(possible: Sequence[datetime], zone: str) -> Replies:
    """Morning or evening, this week or next, before or after the clocks go back."""
    first, second = possible[0], possible[1]
    same_wall = first.replace(tzinfo=None) == second.replace(tzinfo=None)
    titles = [Say("{start}", {"start": Moment(each, zone, "day_time")}) for each in possible]
    if same_wall:
        titles = [Say("Before the change"), Say("After the change")]
        prompt = Say(
            "The clocks go back in that night, so {time} comes twice. Which one do you mean?",
            {"time": Moment(first, zone)},
        )
    elif first.hour % 12 == second.hour % 12 and first.date() == second.date():
        prompt = Say("Do you mean the morning or the evening?")
    else:
        prompt = Say("Which one do you mean?")
    options = [
        Option(f"={MOMENT.dump(each)}", title)
        for each, title in zip(possible, titles, strict=False)
    ]
    return Choose(prompt, options)


def slot_of(slots: Mapping[str, Any], zone: str, now: datetime) -> Slot:
    """The time that all of it comes to, on whole cells."""
    start: datetime | None = slots.get("start")
    length: int | None = slots.get("length")
    if start is None:
        said: Said = slots["when"]
        when = said.read(zone)
        assert when is not None
        start = first_to_come(when, now)
        if length is None and when.end is not None and when.exact:
            length = int((when.end - when.start).total_seconds())
    starts_at = down(start)
    if starts_at < now - timedelta(minutes=5):
        starts_at = down(now)
    cells = max(1, round((length or USUAL_S) / 300))
    return Slot(starts_at, starts_at + timedelta(seconds=cells * 300))


def first_to_come(when: When, now: datetime, *, latest: datetime | None = None) -> datetime:
    """The likeliest of the times that are still to come."""
    return next(iter(_possible(when, now, latest)), when.start)


def ask_bay(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """The bays that are free then, nearest first; not asked where the code names one."""
    spot: Spot = slots["spot"]
    if spot.point is not None and spot.point.evse is not None:
        return None
    zone = zone_of(spot, turn)
    slot = slot_of(slots, zone, turn.now)
    found = _bays(turn, spot)
    free = booking_bays.free_at(
        turn.work, [each for each, _ in found], slot.starts_at, slot.ends_at
    )
    values: dict[str, Value] = {
        "start": Moment(slot.starts_at, zone, "date_time"),
        "end": Moment(slot.ends_at, zone),
    }
    if not free:
        raise Refused(
            "Nothing is free there from {start} to {end}. Please name another time or place.",
            values,
            [Option("book_pile", Say("Book")), Option("find_pile", Say("Find a pile"))],
        )
    away = {each.id: metres for each, metres in found}
    return Choose(
        Say("These are free from {start} to {end}. Which one shall I book?", values),
        [_bay_row(each, away[each.id]) for each in free[:MAX_ROWS]],
        list_button=Say("Choose a pile"),
    )


def _bay_row(evse: Evse, metres: int | None) -> Option:
    values: dict[str, Value] = {
        "station": evse.pile.station.name,
        "power": Amount(evse.allowed_w, "w"),
    }
    detail = Say("{station}, {power}", values)
    if metres is not None:
        detail = Say("{station}, {power}, {way}", {**values, "way": Amount(metres, "m")})
    return Option(f"={evse.code}", Say("{code}", {"code": evse.code}), detail)


def _bays(turn: Turn, spot: Spot) -> list[tuple[Evse, int | None]]:
    """Every EVSE that a spot may mean, nearest first, with its distance from a place."""
    if spot.point is not None:
        return [(each, None) for each in spot.point.pile.evses]
    if spot.station is not None:
        return [(each, None) for each in _evses(spot.station)]
    place: Place | None = spot.place
    assert place is not None
    near = stations.nearby(turn.work, turn.settings, place)
    return [
        (each, view.distance_m)
        for view in near
        if (view.distance_m or 0) <= FAR_M
        for each in _evses(view.station)
    ]


def _evses(station: Station) -> list[Evse]:
    return [evse for pile in station.piles for evse in pile.evses]


def the_bay(slots: Mapping[str, Any]) -> Evse:
    """The EVSE chosen or named."""
    spot: Spot = slots["spot"]
    evse: Evse | None = slots["evse"]
    if evse is None:
        assert spot.point is not None
        evse = spot.point.evse
    assert evse is not None
    return evse


def show(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """Price, deposit and rules; what is shown is what is agreed to."""
    evse = the_bay(slots)
    slot = slot_of(slots, evse.pile.station.tz, turn.now)
    proposal = bookings.propose(
        turn.work,
        turn.settings,
        rider=turn.rider,
        evse=evse,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
    )
    turn.keep["proposal"] = json.dumps(proposal.body)
    tz, terms = evse.pile.station.tz, proposal.terms
    free_until = proposal.starts_at - timedelta(seconds=terms.cancel_until_s)
    values: dict[str, Value] = {
        "evse": evse.code,
        "station": evse.pile.station.name,
        "start": Moment(proposal.starts_at, tz, "date_time"),
        "end": Moment(proposal.ends_at, tz),
        "prices": stack(proposal.lines),
        "deposit": proposal.deposit,
        "fee": proposal.fee,
        "minutes": terms.late_s // 60,
        "free": Moment(free_until, tz, "date_time"),
    }
    if not terms.deposit_minor:
        text = Say(
            "{evse} at {station}\n{start} to {end}\n{prices}\n\nNo deposit. The bay is kept for "
            "{minutes} minutes. Shall I book it?",
            values,
        )
    else:
        text = Say(
            "{evse} at {station}\n{start} to {end}\n{prices}\n\nDeposit: {deposit} is held and "
            "used for your charge. The bay is kept for {minutes} minutes. Cancel by {free} at no "
            "cost; later, or if you do not come, {fee} is taken. Shall I book it?",
            values,
        )
    return Choose(text, [Option("=yes", Say("Yes, book")), Option("deny", Say("Not now"))])


@wish
class Book:
    """Everything a booking needs; `proposal` is what the rider saw."""

    spot: Spot = ask(ask_where, SPOT)
    zone: str | None = maybe(KEPT)
    when: Said | None = ask(ask_when, SAID)
    length: int | None = maybe(LENGTH)
    start: datetime | None = ask(which_start, MOMENT)
    evse: Evse | None = ask(ask_bay, EVSE)
    proposal: str | None = maybe(KEPT)
    agreed: bool = ask(show, AGREED)


# All in one message: "book 1023 18:30 for an hour", "1023 morgen um 9 Uhr buchen".
_POLITE = (
    r"(?:(?:please|pls|can you|could you|i want to|i would like to|i'd like to|quiero|quisiera|"
    r"por favor,?|puedes|quero|queria|gostaria de|pode|je veux|je voudrais|j'aimerais|bitte|"
    r"ich möchte|ich will) )*"
)
_ONE_MESSAGE = (
    rf"{_POLITE}(?:book|reserve|reserva|reservar|réserve[rz]?|reserver|buche[nt]?|reserviere[nt]?)"
    r"\s.*\d.*",
    r".*\d.*\s(?:buchen|reservieren)",
    r"(?:请|請|帮我|幫我|我要|我想|给我|給我)*(?:预订|预约|預訂|預約|预定|預定).*\d.*",
)


@intent(
    "book_pile",
    words=("book", "reserve", "reservar", "réserver", "reserver", "buchen", "reservieren", "预订",
           "预约"),
    patterns=_ONE_MESSAGE,
)  # fmt: skip
def book(turn: Turn, want: Book) -> Replies | None:
    """The yes. What follows (deposit, booked, reminders) is told as it happens."""
    if want.proposal is None:  # the dialog was opened before a deploy that forgot it
        return show(turn, vars(want))
    bookings.book(
        turn.work,
        turn.settings,
        rider=turn.rider,
        body=json.loads(want.proposal),
        key=turn.heard.key,
    )
    return None
