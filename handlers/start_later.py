"""Starting when it is cheaper: the price now, the socket kept, cancelled at any time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import AGREED, EVSE, KEPT, PILE, PilePoint
from bot.dialog.turn import Turn
from bot.errors import Refused
from bot.replies import Choose, Moment, Option, Replies, Say, Value
from bot.services import charging, later
from bot.store.stations import Evse

FIND = Option("find_pile", Say("Find a pile"))
START_FIRST = Say(
    "Send me the code of a pile or a photo of its QR code. Where a later hour is cheaper, I offer "
    "to start then."
)


def ask_pile(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """A photo answers it, so does a code."""
    return Choose(START_FIRST, [FIND])


def ask_evse(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """Only a socket's own offer leads here."""
    raise Refused(START_FIRST.text)


def show_plan(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """The plan with its price; what is shown is what is agreed to."""
    evse: Evse = slots["evse"]
    offer = charging.offer(turn.work, turn.settings, evse=evse, rider=turn.rider)
    best = later.cheaper(turn.work, evse, turn.rider, offer)
    at = turn.value("at")
    if best is None or (at is not None and datetime.fromisoformat(at) != best.at):
        raise Refused(
            "That time cannot be chosen any more. Please send {evse} again.", {"evse": evse.code}
        )
    turn.keep["plan"] = json.dumps({"offer": offer.body, "at": best.at.isoformat()})
    return Choose(
        Say(
            "{evse} starts by itself at {time}, at the prices you saw. Please plug in now and "
            "leave the cable in; the socket is kept for you, and {hold} is held on your card when "
            "it starts. Shall I?",
            {"evse": evse.code, "time": Moment(best.at, offer.tariff.tz), "hold": offer.hold},
        ),
        [Option("=yes", Say("Yes, later")), Option("deny", Say("Not now"))],
    )


@wish
class Later:
    """What a later start needs; `plan` is the offer and the moment the rider saw."""

    pile: PilePoint = ask(ask_pile, PILE)
    evse: Evse = ask(ask_evse, EVSE)
    plan: str | None = maybe(KEPT)
    agreed: bool = ask(show_plan, AGREED)


@intent("start_later", words=("start later",))
def start_later(turn: Turn, want: Later) -> Replies | None:
    """The yes to a later start."""
    if want.plan is None:
        return show_plan(turn, {"evse": want.evse})
    plan = json.loads(want.plan)
    later.confirm(
        turn.work, turn.settings, rider=turn.rider, evse=want.evse, offer_body=plan["offer"],
        starts_at=datetime.fromisoformat(plan["at"]), key=turn.heard.key,
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
        "time": Moment(row.starts_at, evse.pile.station.tz),
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
