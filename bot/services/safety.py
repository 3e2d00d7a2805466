"""Danger reported: stop the charge, lock the pile, fetch a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.paging import is_dangerous
from bot.services import (
    alarms,
    booking_trouble,
    case_intake,
    charging,
    charging_facts,
    handoff,
    incidents,
    piles,
    session_changes,
    site_news,
)
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Rider
from bot.store.stations import Evse, Pile

COMMAND_TTL_S = 600  # a pile that is offline is told when it comes back (devices/commands.py)


@dataclass(frozen=True, slots=True)
class Incident:
    """What was done at once; `pile` is None when nothing tells which one it is."""

    pile: Pile | None
    emergency_number: str


def raise_alarm(
    work: UnitOfWork,
    settings: Settings,
    rider: Rider,
    conversation: Conversation,
    *,
    named: Pile | None,
    key: str,
    text: str = "",
) -> Incident:
    """Stop the rider's charge, take the pile out of service, put the chat first in the queue,
    page people; `text` is what the rider said.

    The pile is the one the rider named and the one of the open session, else of a session that
    ended in the last hour.
    """
    pile = named
    if named is not None:
        lock_out(work, settings, named, key=f"{key}:named")
    session = charging.open_session(work, rider.id) or charging.recent_session(work, rider.id)
    if session is not None:
        used = work.session.get_one(Evse, session.evse_id).pile
        if session.open:
            charging.request_stop(work, settings, session, by="safety", key=key)
        if used is not named:
            lock_out(work, settings, used, key=key)
        pile = named or used
    incident = incidents.open_incident(
        work, settings, key=f"rider:{key}", source="rider", text=text,
        conversation=conversation, pile=pile, session=session,
    )  # fmt: skip
    case_intake.danger(work, incident, channel=conversation.last_channel, key=key)
    country = pile.station.country if pile else settings.default_country
    if conversation.owner == "queue":
        conversation.handoff_reason = "safety"
    handoff.to_queue(work, conversation, reason="safety")
    return Incident(pile, emergency_number(settings, country))


def on_alarm(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "pile.alarm" (AlarmFact): charges there end; what can hurt people is an incident."""
    charging_facts.on_alarm(work, settings, body)
    code = str(body.get("code") or "")
    pile = work.session.get(Pile, body["pile_id"])
    if body.get("cleared") or pile is None or not is_dangerous(code):
        return
    key = f"alarm:{pile.id}:{body['at']}"
    lock_out(work, settings, pile, key=key)
    evse, value = body.get("evse_number"), body.get("value")
    where = f" at socket {evse}" if evse else ""
    told = f"{code}{where}{f', reading {value}' if value else ''}"
    incidents.open_incident(work, settings, key=key, source="pile", text=told, pile=pile)


def lock_out(work: UnitOfWork, settings: Settings, pile: Pile, *, key: str) -> None:
    """Every charge there is stopped, nobody is offered the pile any more, and it is told so."""
    pile.in_service = False
    site_news.changed(work, pile.station_id)
    for session in session_changes.open_sessions_at(work, pile.id):
        charging.request_stop(work, settings, session, by="safety", key=f"{key}:{session.id}")
    piles.command(
        work,
        key=f"safety:{key}",
        pile_id=pile.id,
        kind="change_availability",
        body={"status": "Inoperative"},
        ttl_s=COMMAND_TTL_S,
    )
    work.session.flush()
    booking_trouble.recheck(work, settings, pile.id)


def put_back(work: UnitOfWork, pile: Pile) -> None:
    """A person has looked at it: the pile is offered again and told to go operative."""
    pile.in_service = True
    alarms.looked_at(work, pile)
    site_news.changed(work, pile.station_id)
    piles.command(
        work,
        key=f"put-back:{pile.id}:{work.now.isoformat()}",
        pile_id=pile.id,
        kind="change_availability",
        body={"status": "Operative"},
        ttl_s=COMMAND_TTL_S,
    )


def emergency_number(settings: Settings, country: str) -> str:
    """The emergency number of a country; 112 where none is set: it works in most networks."""
    numbers = dict(pair.split(":", 1) for pair in settings.emergency_numbers.split(",") if pair)
    return numbers.get(country, "112")
