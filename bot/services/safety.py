"""Danger reported, by whatever door: stop the charges, lock the pile, fetch a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from bot.domain.cases import DANGER
from bot.domain.paging import is_dangerous
from bot.domain.phone_countries import country_of
from bot.replies import Reply, Say
from bot.services import (
    alarms,
    booked,
    booking_trouble,
    case_intake,
    case_merge,
    cases,
    charging,
    charging_facts,
    handoff,
    incidents,
    piles,
    session_changes,
    site_news,
)
from bot.services.outbound import tell
from bot.settings import Settings
from bot.store import desk
from bot.store.cases import Case
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Rider, RiderAddress
from bot.store.stations import Evse, Pile

# Who reports, by the door of a case (bot/domain/cases.py, SOURCES).
_REPORTERS: Final = {
    "whatsapp": "rider", "web": "rider", "email": "email", "partner": "partner", "pile": "pile",
}  # fmt: skip
_SOON: Final = timedelta(hours=12)  # whoever booked for later may still be somewhere else
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
    code: str = "hazard",
) -> Incident:
    """Stop the rider's charge, take the pile out of service, put the chat first in the queue,
    page people; `text` is what the rider said, `code` the topic of the case.

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
    case_intake.danger(
        work, settings, incident, channel=conversation.last_channel, key=key, code=code
    )
    _call_people(work, conversation)
    number = number_at(settings, pile) if pile else number_for(work, settings, rider)
    return Incident(pile, number)


def _call_people(work: UnitOfWork, conversation: Conversation) -> None:
    if conversation.owner == "queue":
        conversation.handoff_reason = "safety"
    handoff.to_queue(work, conversation, reason="safety")


def from_case(work: UnitOfWork, settings: Settings, case: Case, *, key: str, text: str) -> bool:
    """The safety line of a case, whoever reported it: its pile out of service, an incident, pages,
    and where a rider is behind it a person in their chat.

    False where that has been done: `key` names the report, so that a repeat does not lock a pile
    that somebody has put back. Another report is a line of the incident that is open.
    """
    if not cases.entry(
        work, case, "danger", "Danger: people are paged, the pile is locked", key=f"danger:{key}"
    ):
        return False
    if case.code not in DANGER:
        cases.turns_dangerous(work, case)
        case = case_merge.same_matter(work, settings, case)
    pile = work.session.get(Pile, case.pile_id) if case.pile_id else None
    if pile is not None:
        lock_out(work, settings, pile, key=f"case:{key}")
    chat = work.session.get(Conversation, case.conversation_id) if case.conversation_id else None
    session = work.session.get(ChargingSession, case.session_id) if case.session_id else None
    incident = _open_one(work, case)
    if incident is not None:
        incidents.again(work, incident, text, conversation=chat, pile=pile, session=session)
    else:
        incident = incidents.open_incident(
            work, settings, key=f"case:{key}", source=_REPORTERS.get(case.source, "staff"),
            text=text, conversation=chat, pile=pile, session=session,
        )  # fmt: skip
    cases.link(work, case, "incident", str(incident.id), quiet=True)
    if chat is not None:
        rider = work.session.get_one(Rider, chat.rider_id)
        if chat.owner == "bot":
            number = number_at(settings, pile) if pile else number_for(work, settings, rider)
            tell(work, chat, first_words(Incident(pile, number)), key=f"danger:{key}")
        _call_people(work, chat)
    return True


def _open_one(work: UnitOfWork, case: Case) -> desk.Incident | None:
    """The incident of a case that is not closed."""
    refs = [int(each.ref) for each in cases.links(work, case.id) if each.kind == "incident"]
    rows = select(desk.Incident).where(desk.Incident.id.in_(refs), desk.Incident.state != "closed")
    return work.session.scalars(rows.order_by(desk.Incident.id)).first()


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
    pile.in_service, pile.out_action_id = True, None
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


# --- what riders are told first ------------------------------------------------------------------


def warning(number: str) -> Say:
    """What to do before anything else."""
    return Say(
        "Move away now and keep others away. Do not touch the pile, the cable or the battery. "
        "If there is fire, smoke or someone is hurt, call {number}.",
        {"number": number},
    )


def first_words(incident: Incident) -> list[Reply]:
    """The warning, and what happens now."""
    if incident.pile is None:
        return [
            warning(incident.emergency_number),
            Say(
                "A person is being called to this chat. Are you safe, and which pile is it? Send "
                "its code or a photo and I switch it off. False alarm? Write BOT."
            ),
        ]
    return [
        warning(incident.emergency_number),
        Say(
            "I am switching off pile {pile} and taking it out of service. A person is being "
            "called to this chat. Are you safe? False alarm? Write BOT.",
            {"pile": incident.pile.number},
        ),
    ]


def number_at(settings: Settings, pile: Pile) -> str:
    """The emergency number where a pile stands."""
    return emergency_number(settings, pile.station.country)


def number_for(work: UnitOfWork, settings: Settings, rider: Rider) -> str:
    """The emergency number where a rider most likely is: where they charge, else where they have
    booked, else the country of their phone number, else ours."""
    session = charging.open_session(work, rider.id) or charging.recent_session(work, rider.id)
    booking = booked.live_of(work, rider.id)
    evse_id = session.evse_id if session else None
    if evse_id is None and booking is not None and booking.starts_at - work.now < _SOON:
        evse_id = booking.evse_id
    if evse_id is not None:
        return number_at(settings, work.session.get_one(Evse, evse_id).pile)
    phones = select(RiderAddress.value).where(
        RiderAddress.rider_id == rider.id, RiderAddress.kind == "whatsapp"
    )
    for phone in work.session.scalars(phones.order_by(RiderAddress.id)):
        if (country := country_of(phone)) is not None:
            return emergency_number(settings, country)
    return emergency_number(settings, settings.default_country)


def emergency_number(settings: Settings, country: str) -> str:
    """The emergency number of a country; 112 where none is set: it works in most networks."""
    numbers = dict(pair.split(":", 1) for pair in settings.emergency_numbers.split(",") if pair)
    return numbers.get(country, "112")
