"""Danger: what to do first, the emergency number, everything off, a person at once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from bot.dialog.intents import ask, intent, wish
from bot.dialog.kinds import AGREED
from bot.dialog.turn import Turn
from bot.domain.codes import parse
from bot.errors import Refused
from bot.replies import Choose, Option, Replies, Say
from bot.services import safety, stations
from bot.store.stations import Pile


def ask_sure(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """Asked only when no word of danger stands in the message and Rasa alone suspects it: "battery
    level?" must not stop a charge. The warning comes all the same."""
    if turn.heard.understanding.engine != "rasa" or turn.conversation.owner != "bot":
        return None
    number = safety.number_for(turn.work, turn.settings, turn.rider)
    return [
        safety.warning(number),
        Choose(
            Say("Is there danger at the pile? If so, I switch it off and call a person."),
            [Option("=yes", Say("Yes, danger")), Option("deny", Say("No, all is well"))],
        ),
    ]


@wish
class Danger:
    """Words of danger are enough; a suspicion is asked back."""

    sure: bool | None = ask(ask_sure, AGREED)


@intent("safety_emergency")
def danger(turn: Turn, _: Danger) -> Replies:
    """Stops the rider's charge, takes the pile out of service, fetches a person."""
    incident = safety.raise_alarm(
        turn.work,
        turn.settings,
        turn.rider,
        turn.conversation,
        named=_named(turn),
        key=turn.heard.key,
        text=turn.heard.text,
    )
    return safety.first_words(incident)


def _named(turn: Turn) -> Pile | None:
    """The last pile in the message, or its button's, that exists; digits that are none (of a phone
    number) must not stand in its way, nor in that of the warning."""
    said = [e.value for e in turn.heard.understanding.entities if e.type == "pile_code"]
    for value in reversed([turn.value("pile") or "", *said]):
        code = parse(value)
        if code is not None:
            with suppress(Refused):
                return stations.by_code(turn.work, code)[0]
    return None
