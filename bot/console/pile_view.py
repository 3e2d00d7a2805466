"""What the console shows of piles: a row each, one whole, the meter of a charge as a line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import selectinload

from bot.console.map_view import Place
from bot.domain.availability import SUSPECT_AFTER, Availability, EvseFacts, availability
from bot.domain.connectors import CONNECTORS
from bot.domain.jobs import LIVE
from bot.domain.staff_actions import plain
from bot.services import charging, fault_words, reach, repairs, stale, visit_times
from bot.services.audit import Actor
from bot.services.fences import fences
from bot.services.repairs import Repair
from bot.settings import Settings
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.desk import Incident
from bot.store.devices import PileEvent
from bot.store.jobs import Job
from bot.store.riders import Conversation
from bot.store.stations import Evse, Pile, Station

PER_PAGE: Final = 60
KINDS: Final = {"ebike_box": "E-bike box", "ac": "AC pile", "dc": "DC pile"}
SHOWN: Final = {
    Availability.FREE: ("Free", "good", "circle-check"),
    Availability.PLUGGED: ("Plugged in", "info", "plug-zap"),
    Availability.BUSY: ("Charging", "info", "battery-charging"),
    Availability.RESERVED: ("Reserved", "warn", "clock"),
    Availability.FAULTED: ("Faulted", "bad", "triangle-alert"),
    Availability.IN_REPAIR: ("Under repair", "bad", "wrench"),
    Availability.OUT_OF_SERVICE: ("Out of service", "bad", "lock"),
    Availability.NOT_CONFIRMED: ("Not confirmed", "warn", "wifi-off"),
}
BROKEN: Final = (Availability.FAULTED, Availability.IN_REPAIR)
CHART: Final = (640, 180)  # the drawing's units
_PAD: Final = 8


@dataclass(frozen=True, slots=True)
class Socket:
    """A place to plug in; `badge` is text, tone, icon."""

    code: str
    state: Availability
    badge: tuple[str, str, str]
    connector: str
    max_kw: str
    fault: str
    status_at: datetime | None
    energy: str
    power: str
    cost: str
    since: datetime | None
    session_id: int | None
    conversation_id: int | None
    repair: Repair | None  # that lives, whether or not it keeps riders away
    doubt: str  # why riders hear that it may not work
    last_good_at: datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """A pile in the list."""

    id: str
    number: str
    station: str
    station_id: int
    kind: str
    online: bool
    in_service: bool
    seen_at: datetime | None
    sockets: Sequence[Socket]
    power: str
    incident_id: int | None


@dataclass(frozen=True, slots=True)
class Chart:
    """The meter of a charge: energy over time, as points of a polyline and as a table."""

    width: int
    height: int
    points: str
    readings: Sequence[tuple[datetime, str]]
    total: str
    began: datetime
    ended: datetime
    session_id: int


@dataclass(frozen=True, slots=True)
class Said:
    """Something a pile said, in words."""

    at: datetime
    what: str
    told: str


def wants_care(work: UnitOfWork, settings: Settings) -> ColumnElement[bool]:
    """Piles somebody should look after: silent, out of service, faulted, to repair, in danger."""
    silent = work.now - timedelta(seconds=settings.silent_after_s)
    return or_(
        ~Pile.in_service,
        ~Pile.online,
        Pile.seen_at < silent,
        Pile.id.in_(
            select(Evse.pile_id).where((Evse.status == "Faulted") | Evse.fault_code.is_not(None))
        ),
        Pile.id.in_(_in_danger()),
        Pile.id.in_(select(Job.pile_id).where(Job.kind == "repair", Job.state.in_(LIVE))),
    )


def is_charging() -> ColumnElement[bool]:
    """Piles with an open charge."""
    charging_at = select(Evse.pile_id).join(ChargingSession, ChargingSession.evse_id == Evse.id)
    return Pile.id.in_(charging_at.where(ChargingSession.open))


def _in_danger() -> Any:
    return select(Incident.pile_id).where(Incident.state != "closed", Incident.pile_id.is_not(None))


def rows(
    work: UnitOfWork, settings: Settings, *conditions: ColumnElement[bool], after: str = ""
) -> tuple[list[Row], str]:
    """A page of piles by station and number, and the mark of the next page ("" for none)."""
    query = (
        select(Pile)
        .join(Station)
        .where(*conditions)
        .order_by(Station.name, Station.id, Pile.number)
        .options(selectinload(Pile.evses), selectinload(Pile.station))
        .limit(PER_PAGE + 1)
    )
    last = work.session.get(Pile, after) if after else None
    if last is not None:
        name, number = last.station.name, last.number
        later = or_(
            Station.name > name,
            and_(Station.name == name, Station.id > last.station_id),
            and_(Station.id == last.station_id, Pile.number > number),
        )
        query = query.where(later)
    found = list(work.session.scalars(query))
    more = found[PER_PAGE - 1].id if len(found) > PER_PAGE else ""
    return rows_of(work, settings, found[:PER_PAGE]), more


def rows_of(
    work: UnitOfWork, settings: Settings, piles: Sequence[Pile], actor: Actor | None = None
) -> list[Row]:
    """These piles as rows, in their order."""
    ids = [pile.id for pile in piles]
    running = _running(work, [evse.id for pile in piles for evse in pile.evses], actor)
    kept = fences(work, [evse.id for pile in piles for evse in pile.evses])
    visits = visit_times.running(work, ids, work.now)
    unknown = stale.unknown(work, [evse.id for pile in piles for evse in pile.evses])
    under = repairs.running(work, [evse for pile in piles for evse in pile.evses])
    unclosed = select(Incident.pile_id, Incident.id).where(
        Incident.state != "closed", Incident.pile_id.in_(ids)
    )
    danger = {row.pile_id: row.id for row in work.session.execute(unclosed)}
    found = []
    for pile in piles:
        sockets = [
            _socket(
                work,
                settings,
                each,
                running.get(each.id),
                kept=each.id in kept,
                in_service=pile.in_service and pile.id not in visits,
                confirmed=each.id not in unknown,
                repair=under.get(each.id),
            )
            for each in pile.evses
        ]
        powers = [running[e.id][0].power_w or 0 for e in pile.evses if e.id in running]
        found.append(
            Row(
                id=pile.id, number=pile.number, station=pile.station.name,
                station_id=pile.station_id, kind=KINDS.get(pile.kind, pile.kind),
                online=pile.online, in_service=pile.in_service, seen_at=pile.seen_at,
                sockets=sockets, power=_kw(sum(powers)) if sum(powers) else "",
                incident_id=danger.get(pile.id),
            )
        )  # fmt: skip
    return found


def _running(
    work: UnitOfWork, evse_ids: Sequence[int], actor: Actor | None
) -> Mapping[int, tuple[ChargingSession, int | None]]:
    within = reach.visible(actor) if actor else false()
    pairs = work.session.execute(
        select(ChargingSession, Conversation.id)
        .outerjoin(Conversation, and_(Conversation.rider_id == ChargingSession.rider_id, within))
        .where(ChargingSession.open, ChargingSession.evse_id.in_(evse_ids))
    )
    return {session.evse_id: (session, chat) for session, chat in pairs}


def _socket(
    work: UnitOfWork,
    settings: Settings,
    evse: Evse,
    running: tuple[ChargingSession, int | None] | None,
    *,
    kept: bool,
    in_service: bool,
    confirmed: bool,
    repair: Repair | None,
) -> Socket:
    pile = evse.pile
    facts = EvseFacts(
        in_service and evse.in_service,
        pile.online,
        pile.seen_at,
        evse.status if confirmed else "",
        running is not None,
        in_repair=repair is not None and repair.closed,
        fault=bool(evse.fault_code),
        kept=kept,
    )
    state = availability(facts, work.now, settings.silent_after_s)
    session, chat = running if running else (None, None)
    progress = charging.progress(work, session) if session is not None else None
    return Socket(
        code=evse.code, state=state, badge=SHOWN[state], repair=repair,
        doubt=_doubt(evse, repair), last_good_at=evse.last_good_at,
        connector=CONNECTORS.get(evse.connector_type, evse.connector_type),
        max_kw=_kw(evse.allowed_w), status_at=evse.status_at,
        fault=fault_words.in_english(pile.model, evse.fault_code or ""),
        energy=_kwh(progress.energy_wh) if progress else "",
        power=_kw(progress.power_w) if progress and progress.power_w else "",
        cost=plain(progress.cost) if progress else "",
        since=session.created_at if session else None,
        session_id=session.id if session else None,
        conversation_id=chat,
    )  # fmt: skip


def _doubt(evse: Evse, repair: Repair | None) -> str:
    if evse.failed_starts >= SUSPECT_AFTER:
        return f"The last {evse.failed_starts} starts failed"
    if repair is not None and not repair.closed:
        return "Well by its own word, though nobody has come to repair it"
    return ""


def places(found: Sequence[tuple[Station, Sequence[Row]]]) -> list[Place]:
    """Stations for the map: bad in danger or fault, warn when unsure, good when some are free."""
    return [_place(station, piles) for station, piles in found]


def _place(station: Station, piles: Sequence[Row]) -> Place:
    states = [socket.state for row in piles for socket in row.sockets]
    free = sum(state.usable for state in states)
    if any(row.incident_id for row in piles) or any(each in BROKEN for each in states):
        tone = "bad"
    elif free:
        tone = "good"
    else:
        tone = "warn" if Availability.BUSY in states else "neutral"
    told = f"{free} of {len(states)} free"
    return Place(station.id, station.name, station.lat, station.lng, tone, free, told)


def by_station(
    work: UnitOfWork, settings: Settings, limit: int = 500
) -> list[tuple[Station, list[Row]]]:
    """Stations with their piles, for the map."""
    stations = list(
        work.session.scalars(
            select(Station)
            .order_by(Station.name)
            .limit(limit)
            .options(selectinload(Station.piles).selectinload(Pile.evses))
        )
    )
    of: dict[int, list[Row]] = defaultdict(list)
    for row in rows_of(work, settings, [pile for each in stations for pile in each.piles]):
        of[row.station_id].append(row)
    return [(each, of[each.id]) for each in stations]


def chart(work: UnitOfWork, pile: Pile) -> Chart | None:
    """The meter of the pile's running charge, else of its last; None before any."""
    newest = work.session.scalars(
        select(ChargingSession)
        .where(
            ChargingSession.evse_id.in_([evse.id for evse in pile.evses]),
            ChargingSession.meter_wh.is_not(None),
        )
        .order_by(ChargingSession.open.desc(), ChargingSession.id.desc())
        .limit(1)
    ).first()
    if newest is None:
        return None
    readings = [(datetime.fromisoformat(at), int(wh)) for at, wh in newest.facts["readings"]]
    if newest.meter_at is not None and newest.meter_wh is not None:
        readings = [r for r in readings if r[0] < newest.meter_at]
        readings.append((newest.meter_at, newest.meter_wh))
    if len(readings) < 2:
        return None
    (began, first), (ended, _) = readings[0], readings[-1]
    most = max(wh for _, wh in readings) - first
    whole = max(1.0, (ended - began).total_seconds())
    width, height = CHART
    points = " ".join(
        f"{_PAD + (at - began).total_seconds() / whole * (width - 2 * _PAD):.1f},"
        f"{height - _PAD - (wh - first) / max(1, most) * (height - 2 * _PAD):.1f}"
        for at, wh in readings
    )
    table = [(at, _kwh(wh - first)) for at, wh in readings]
    return Chart(width, height, points, table, _kwh(most), began, ended, newest.id)


def said(event: PileEvent) -> Said:
    """An OCPP message in words; what is not known is named."""
    body, at = event.body, event.device_at or event.received_at
    socket = f"Socket {(body.get('evse') or {}).get('id') or body.get('evseId') or '?'}"
    match event.action:
        case "StatusNotification":
            return Said(at, "Status", f"{socket}: {body.get('connectorStatus', '?')}")
        case "TransactionEvent":
            info = body.get("transactionInfo") or {}
            state, why = info.get("chargingState"), info.get("stoppedReason")
            parts = [socket, str(body.get("triggerReason", "")), *filter(None, (state, why))]
            parts += _meter(body)
            return Said(
                at, f"Transaction {str(body.get('eventType', '')).lower()}", ", ".join(parts)
            )
        case "NotifyEvent":
            found = [
                f"{each.get('techCode') or (each.get('variable') or {}).get('name', '?')} "
                f"{each.get('actualValue', '')}{' (over)' if each.get('cleared') else ''}"
                for each in body.get("eventData") or ()
            ]
            return Said(at, "Alarm", ", ".join(found))
        case "BootNotification":
            unit = body.get("chargingStation") or {}
            told = f"{unit.get('model', '')} {unit.get('firmwareVersion', '')}".strip()
            return Said(at, "Start-up", f"{body.get('reason', '')}, {told}".strip(", "))
        case _:
            return Said(at, event.action, "")


def _meter(body: Mapping[str, Any]) -> list[str]:
    for value in reversed(body.get("meterValue") or ()):
        for sample in value.get("sampledValue") or ():
            if sample.get("measurand", "").startswith("Energy.Active.Import"):
                unit = (sample.get("unitOfMeasure") or {}).get("unit", "Wh")
                return [f"meter {sample.get('value')} {unit}"]
    return []


def _kw(watts: int) -> str:
    return f"{watts / 1000:.1f} kW"


def _kwh(wh: int) -> str:
    return f"{wh / 1000:.2f} kWh"
