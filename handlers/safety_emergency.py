"""Danger: what to do first, the emergency number, everything off, a person at once."""

from __future__ import annotations

from contextlib import suppress

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.domain.codes import parse
from bot.errors import Refused
from bot.replies import Replies, Say
from bot.services import safety, stations
from bot.store.stations import Pile


@intent("safety_emergency")
def danger(turn: Turn) -> Replies:
    """Stops the rider's charge, takes the pile out of service, fetches a person."""
    incident = safety.raise_alarm(
        turn.work,
        turn.settings,
        turn.rider,
        turn.conversation,
        named=_named(turn),
        key=turn.heard.key,
    )
    first = Say(
        "Move away now and keep others away. Do not touch the pile, the cable or the battery. "
        "If there is fire, smoke or someone is hurt, call {number}.",
        {"number": incident.emergency_number},
    )
    if incident.pile is None:
        return [
            first,
            Say("A person is being called to this chat. Are you safe, and which pile is it?"),
        ]
    return [
        first,
        Say(
            "I am switching off pile {pile} and taking it out of service. A person is being "
            "called to this chat. Are you safe?",
            {"pile": incident.pile.number},
        ),
    ]


def _named(turn: Turn) -> Pile | None:
    """The pile in the message; a code that is none must not stand in the way of the warning."""
    code = parse(turn.heard.understanding.entity("pile_code") or "")
    if code is not None:
        with suppress(Refused):
            return stations.by_code(turn.work, code)[0]
    return None
