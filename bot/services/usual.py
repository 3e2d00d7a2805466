"""A rider's usual piles and hours, from their own charges; a word before a busy hour if wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.domain.habits import Usual, Visit, habits, may_tell, next_hour
from bot.replies import Choose, Moment, Option, Say
from bot.services import stations
from bot.services.outbound import conversation_of, tell
from bot.settings import Settings
from bot.store.charging import ChargingSession
from bot.store.database import Store, UnitOfWork
from bot.store.riders import Conversation
from bot.store.stations import Evse, Pile, Station
from bot.store.waiting import Habit

HISTORY: Final = timedelta(days=180)
WINDOW: Final = timedelta(hours=23)  # WhatsApp takes free words a day long
BUSY_SHARE: Final = 4  # a quarter or less is free
STOP: Final = Option("usual_off", Say("Do not tell me"))


@dataclass(frozen=True, slots=True)
class Derived:
    """A rider's habits and what they come from."""

    usual: list[Usual]
    charges: int
    since: datetime | None
    at: datetime
    warn: bool


def derive(work: UnitOfWork, rider_id: int) -> Derived:
    """Work a rider's habits out of their charges, and keep them with the date."""
    rows = work.session.execute(
        select(ChargingSession.started_at, Station.id, Station.tz)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .join(Station, Station.id == Pile.station_id)
        .where(
            ChargingSession.rider_id == rider_id,
            ChargingSession.started_at > work.now - HISTORY,
        )
        .order_by(ChargingSession.started_at)
    ).all()
    visits = [Visit(id_, at.astimezone(ZoneInfo(tz))) for at, id_, tz in rows if at is not None]
    found = habits(visits)
    row = work.session.get(Habit, rider_id)
    if row is None:
        row = Habit(rider_id=rider_id, derived_at=work.now, usual=[], warn=False, warned=[])
        work.session.add(row)
    row.derived_at, row.usual = work.now, [each.dump() for each in found]
    work.session.flush()
    return Derived(found, len(visits), rows[0][0] if rows else None, work.now, row.warn)


def set_warn(work: UnitOfWork, rider_id: int, *, warn: bool) -> None:
    """Whether the rider wants to be told before a usual hour that looks busy."""
    derive(work, rider_id)
    work.session.get_one(Habit, rider_id).warn = warn


def warn_all(store: Store, settings: Settings) -> None:
    """Tell who asked for it that their usual hour looks busy; runs from the clock."""
    with store.read() as work:
        ids = list(work.session.scalars(select(Habit.rider_id).where(Habit.warn)))
    for rider_id in ids:
        with store.begin() as work:
            _warn(work, settings, rider_id)


def _warn(work: UnitOfWork, settings: Settings, rider_id: int) -> None:
    row = work.session.get(Habit, rider_id, with_for_update=True)
    if row is None or not row.warn:
        return
    told = [datetime.fromisoformat(each) for each in row.warned]
    chat = conversation_of(work, rider_id)
    if not may_tell(told, work.now) or not _reachable(work, settings, chat):
        return
    for raw in row.usual:
        each = Usual(**raw)
        station = work.session.get(Station, each.station_id)
        if station is None:
            continue
        hour = next_hour(each, ZoneInfo(station.tz), work.now)
        view = stations.view(work, settings, station)
        if hour is None or not view.evses or len(view.usable) * BUSY_SHARE > len(view.evses):
            continue
        reply = Choose(
            Say(
                "You often charge at {station} about {time}. It is busy now: {free} of {total} "
                "free (as of {now}).",
                {
                    "station": station.name, "time": Moment(hour, station.tz),
                    "free": len(view.usable), "total": len(view.evses),
                    "now": Moment(view.as_of or work.now, station.tz),
                },
            ),
            [Option(f"find_pile?station={station.id}", Say("The station")), STOP],
        )  # fmt: skip
        # "system": who wants no messages any more gets none.
        tell(work, chat, reply, key=f"usual:{rider_id}:{hour.isoformat()}", author="system")
        row.warned = [at.isoformat() for at in (*told[-9:], work.now)]
        return


def has_template(settings: Settings) -> bool:
    """Whether an approved template can say it when the 24 hours are over."""
    return "notice:" in settings.twilio_templates


def _reachable(work: UnitOfWork, settings: Settings, chat: Conversation) -> bool:
    """In free words while WhatsApp takes them, by the template after that: it was asked for."""
    heard = chat.last_whatsapp_at
    free = chat.last_channel == "web" or (heard is not None and work.now - heard < WINDOW)
    return free or (heard is not None and has_template(settings))
