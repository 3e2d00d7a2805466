"""Starting at a time the rider names, or when it is cheaper: the price now, the socket kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.dialog.booking_kinds import BEGIN, MOMENT, Said
from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import AGREED, CHOICE, EVSE, KEPT, PILE, Left, PilePoint
from bot.dialog.turn import Turn
from bot.errors import Refused
from bot.replies import Choose, Moment, Option, Replies, Say, Value
from bot.services import charging, later
from bot.services.offers import stack
from bot.services.tariffs import price_lines
from bot.store.stations import Evse
from handlers.book_pile import first_to_come, unclear_start

FIND = Option("find_pile", Say("Find a pile"))
WHICH = Say(
    "Which pile shall start later? Send me its code, like 1023-27, or a photo of its QR code."
)
LATER_EVSE: Left[Evse] = Left(EVSE)
LATER_PILE: Left[PilePoint] = Left(PILE)


def ask_pile(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """A photo answers it, so does a code."""
    return Choose(WHICH, [FIND])


def ask_evse(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """Which of a pile's sockets."""
    point: PilePoint = slots["pile"]
    return Choose(
        Say(
            "Pile {pile}, {station}. Which socket are you at?",
            {"pile": point.pile.number, "station": point.pile.station.name},
        ),
        [
            Option(f"={evse.code}", Say("Socket {number}", {"number": evse.number}))
            for evse in point.pile.evses[:10]
        ],
        list_button=Say("Choose a socket"),
    )


def ask_begin(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """When it shall start, where that was not said clearly."""
    said: Said | None = slots["when"]
    evse: Evse = slots["evse"]
    zone = evse.pile.station.tz
    turn.keep["zone"] = zone
    if said is not None and said.read(zone) is not None:
        return unclear_start(said, zone, turn.now, latest=turn.now + later.LONGEST)
    offer = charging.offer(turn.work, turn.settings, evse=evse, rider=turn.rider)
    options = [Option(f"start_charge?pile={evse.code}", Say("Now"))]
    if (best := later.cheaper(turn.work, evse, turn.rider, offer)) is not None:
        at = Say("Start at {time}", {"time": Moment(best.at, zone)})
        options.insert(0, Option(f"={MOMENT.dump(best.at)}", at))
    return Choose(Say("When shall {evse} start? For example 23:00.", {"evse": evse.code}), options)


def begin_at(turn: Turn, slots: Mapping[str, Any]) -> datetime | None:
    """The moment that was named; None: at once."""
    at: datetime | None = slots.get("at")
    said: Said | None = slots.get("when")
    if at is None and said is not None:
        when = said.read(slots["evse"].pile.station.tz)
        assert when is not None
        at = first_to_come(when, turn.now, latest=turn.now + later.LONGEST)
    return at if at is not None and at > turn.now else None


def show_plan(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """The plan with its price and its time; what is shown is what is agreed to."""
    evse: Evse = slots["evse"]
    at = begin_at(turn, slots)
    if at is None:
        raise Refused(
            "That time cannot be chosen any more. Please send {evse} again.", {"evse": evse.code}
        )
    offer = charging.offer(
        turn.work, turn.settings, evse=evse, rider=turn.rider, pays=slots.get("pays")
    )
    later.refuse_later(turn.work, evse, turn.rider, at)
    turn.keep["plan"] = json.dumps({"offer": offer.body, "at": at.isoformat()})
    return Choose(
        Say(
            "{evse} at {station}\n{prices}\n\nIt starts by itself at {time}. Please plug in "
            "within {minutes} minutes and leave the cable in; the socket is kept for you. When it "
            "starts: {paying} Shall I?",
            {
                "evse": evse.code,
                "station": offer.station_name,
                "prices": stack(price_lines(offer.tariff, at, evse.allowed_w)),
                "time": Moment(at, offer.tariff.tz, "date_time"),
                "minutes": later.PLUG_IN // timedelta(minutes=1),
                "paying": offer.paying,
            },
        ),
        [Option("=yes", Say("Yes, later")), Option("deny", Say("Not now"))],
    )


@wish
class Later:
    """What a later start needs; `plan` is the offer and the moment the rider saw."""

    pile: PilePoint = ask(ask_pile, LATER_PILE)
    evse: Evse = ask(ask_evse, LATER_EVSE)
    pays: str | None = maybe(CHOICE)
    when: Said | None = maybe(BEGIN)
    zone: str | None = maybe(KEPT)
    at: datetime | None = ask(ask_begin, MOMENT)
    plan: str | None = maybe(KEPT)
    agreed: bool = ask(show_plan, AGREED)


@intent(
    "start_later",
    words=("start later", "empezar más tarde", "começar mais tarde", "稍后开始",
           "démarrer plus tard", "später starten"),
)  # fmt: skip
def start_later(turn: Turn, want: Later) -> Replies | None:
    """The yes to a later start."""
    if want.plan is None:
        return show_plan(turn, vars(want))
    return agree_to_plan(turn, want.evse, want.plan)


def agree_to_plan(turn: Turn, evse: Evse, plan: str) -> Replies:
    """The yes to a plan as `show_plan` kept it."""
    agreed = json.loads(plan)
    later.confirm(
        turn.work, turn.settings, rider=turn.rider, evse=evse, offer_body=agreed["offer"],
        starts_at=datetime.fromisoformat(agreed["at"]), key=turn.heard.key,
    )  # fmt: skip
    return planned_card(turn)


def planned_card(turn: Turn) -> Replies:
    """The start that is planned, and the way out of it."""
    row = later.of_rider(turn.work, turn.rider.id)
    if row is None:
        return Choose(Say("You have no start planned."), [FIND])
    evse = turn.work.session.get_one(Evse, row.evse_id)
    values: dict[str, Value] = {
        "evse": evse.code,
        "time": Moment(row.starts_at, evse.pile.station.tz, "date_time"),
    }
    if evse.status == "Occupied":
        text = Say("{evse} starts by itself at {time}. Your cable is in; all is set.", values)
    else:
        text = Say("{evse} starts by itself at {time}. Please plug your cable in.", values)
    return Choose(text, [later.CANCEL])


@intent("later_cancel", words=("cancel start", "cancel this start"))
def cancel_later(turn: Turn) -> Replies:
    """Nothing was taken, so nothing is owed."""
    row = later.cancel(turn.work, turn.rider.id)
    if row is None:
        return Choose(Say("You have no start planned."), [FIND])
    evse = turn.work.session.get_one(Evse, row.evse_id)
    return Choose(
        Say("The planned start at {evse} is cancelled. It costs nothing.", {"evse": evse.code}),
        [Option(f"start_charge?pile={evse.code}", Say("Charge here")), FIND],
    )
