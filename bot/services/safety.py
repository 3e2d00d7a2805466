"""Danger reported: stop the charge, lock the pile, fetch a person."""

from __future__ import annotations

from dataclasses import dataclass

from bot.services import charging, handoff, piles
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Rider
from bot.store.stations import Evse, Pile

COMMAND_TTL_S = 600  # an offline pile that comes back within this still switches off


@dataclass(frozen=True, slots=True)
class Incident:
    """What was done at once; `pile` is None when nothing tells which one it is."""

    pile: Pile | None
    emergency_number: str


def raise_alarm(
    work: UnitOfWork, settings: Settings, rider: Rider, conversation: Conversation, *, key: str
) -> Incident:
    """Stop the rider's charge, take its pile out of service, put the chat first in the queue.

    The pile is the one of the open session, else of a session that ended in the last hour.
    """
    pile = None
    session = charging.open_session(work, rider.id) or charging.recent_session(work, rider.id)
    if session is not None:
        evse = work.session.get_one(Evse, session.evse_id)
        pile = evse.pile
        if session.open:
            charging.request_stop(work, settings, session, by="safety", key=key)
        lock_out(work, pile, key=key)
    country = pile.station.country if pile else settings.default_country
    if conversation.owner == "queue":
        conversation.handoff_reason = "safety"
    handoff.to_queue(work, conversation, reason="safety")
    return Incident(pile, emergency_number(settings, country))


def lock_out(work: UnitOfWork, pile: Pile, *, key: str) -> None:
    """Nobody is offered this pile any more, and it is told to go inoperative."""
    pile.in_service = False
    piles.command(
        work,
        key=f"safety:{key}",
        pile_id=pile.id,
        kind="change_availability",
        body={"status": "Inoperative"},
        ttl_s=COMMAND_TTL_S,
    )


def emergency_number(settings: Settings, country: str) -> str:
    """The emergency number of a country; 112 where none is set: it works in most networks."""
    numbers = dict(pair.split(":", 1) for pair in settings.emergency_numbers.split(",") if pair)
    return numbers.get(country, "112")
