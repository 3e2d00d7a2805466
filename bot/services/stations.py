"""Finding stations, piles and EVSEs, and telling what is free there."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import asin, cos, radians, sin, sqrt

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from bot.domain.availability import SUSPECT_AFTER, Availability, EvseFacts, availability
from bot.domain.codes import PileCode
from bot.errors import Refused
from bot.replies import Say
from bot.services import booked, names, repairs, stale, visit_times
from bot.services.fences import Fence, fences
from bot.services.repairs import Repair
from bot.settings import Settings
from bot.store.bookings import Booking
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.maintenance import Visit
from bot.store.stations import Evse, Pile, Station

WALK_M_PER_MIN = 75  # about 4.5 km/h
DETOUR = 1.3  # streets are longer than the straight line
NEIGHBOURS = 50  # stations that are looked at for something that works instead


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere to look around; `label` is how the rider named it, "" for a shared location."""

    lat: float
    lng: float
    label: str


@dataclass(frozen=True, slots=True)
class EvseView:
    """An EVSE with what riders are told of it; `as_of` is when the pile was last heard, `booking`
    the one that is on or comes next today."""

    evse: Evse
    pile: Pile
    state: Availability
    as_of: datetime | None
    kept_for: int | None = None  # the rider for whom we keep it
    booking: Booking | None = None
    visit: Visit | None = None  # that keeps it from riders now
    repair: Repair | None = None  # that lives, whether or not it keeps riders away

    def usable_by(self, rider_id: int) -> bool:
        """Whether this rider may start here: for whom it is kept, "reserved" means theirs."""
        mine = self.state is Availability.RESERVED and self.kept_for == rider_id
        return mine or self.state.usable

    @property
    def suspect(self) -> bool:
        """It may not work: the last starts failed, or a repair is due that nobody has come for."""
        return self.doubt is not None

    @property
    def doubt(self) -> Say | None:
        """Why it may not work, though a charge may be tried here."""
        if self.evse.failed_starts >= SUSPECT_AFTER:
            return Say(
                "The last starts failed here, so it may not work; you pay nothing if it does not."
            )
        if self.repair is not None and not self.repair.closed:
            return Say("A repair is due here, so it may not work; you pay nothing if it does not.")
        return None

    @property
    def free_until(self) -> datetime | None:
        """When a usable EVSE is somebody's who booked it; None: not for hours."""
        return self.booking.starts_at if self.booking is not None and self.state.usable else None


@dataclass(frozen=True, slots=True)
class StationView:
    """A station as riders see it."""

    station: Station
    evses: Sequence[EvseView]
    distance_m: int | None = None

    @property
    def usable(self) -> Sequence[EvseView]:
        """The EVSEs a charge may be offered at; those that may not work come last."""
        return sorted((view for view in self.evses if view.state.usable), key=lambda v: v.suspect)

    @property
    def walk_min(self) -> int | None:
        """Minutes on foot, at least one."""
        if self.distance_m is None:
            return None
        return max(1, round(self.distance_m * DETOUR / WALK_M_PER_MIN))

    @property
    def as_of(self) -> datetime | None:
        """The oldest news among the piles that count."""
        heard = [view.as_of for view in self.evses if view.as_of is not None]
        return min(heard) if heard else None

    @property
    def map_state(self) -> str:
        """ "free", "busy" or "unknown", as map pins are drawn."""
        if self.usable:
            return "free"
        known = [v for v in self.evses if v.state is not Availability.NOT_CONFIRMED]
        return "busy" if known else "unknown"


def distance_m(lat_a: float, lng_a: float, lat_b: float, lng_b: float) -> int:
    """Great-circle distance in metres (haversine, mean Earth radius 6,371,009 m)."""
    lat_1, lat_2 = radians(lat_a), radians(lat_b)
    half_lat, half_lng = (lat_2 - lat_1) / 2, radians(lng_b - lng_a) / 2
    chord = sin(half_lat) ** 2 + cos(lat_1) * cos(lat_2) * sin(half_lng) ** 2
    return round(2 * 6_371_009 * asin(sqrt(chord)))


def _views(work: UnitOfWork, settings: Settings, stations: Sequence[Station]) -> list[StationView]:
    ids = [e.id for s in stations for p in s.piles for e in p.evses]
    taken = set(
        work.session.scalars(
            select(ChargingSession.evse_id).where(
                ChargingSession.open, ChargingSession.evse_id.in_(ids)
            )
        )
    )
    kept, coming = fences(work, ids), booked.ahead(work, ids, work.now)
    visits = visit_times.running(work, [p.id for s in stations for p in s.piles], work.now)
    unknown = stale.unknown(work, ids)
    under = repairs.running(work, [e for s in stations for p in s.piles for e in p.evses])
    return [
        StationView(
            station,
            [
                _view(work, settings, evse, evse.id in taken, kept, coming, visits, unknown, under)
                for pile in station.piles
                for evse in pile.evses
            ],
        )
        for station in stations
    ]


def evse_view(work: UnitOfWork, settings: Settings, evse: Evse) -> EvseView:
    """One EVSE with its availability now."""
    running = select(ChargingSession.id).where(
        ChargingSession.open, ChargingSession.evse_id == evse.id
    )
    in_session = work.session.scalars(running).first() is not None
    kept, coming = fences(work, [evse.id]), booked.ahead(work, [evse.id], work.now)
    visits = visit_times.running(work, [evse.pile_id], work.now)
    unknown = stale.unknown(work, [evse.id])
    under = repairs.running(work, [evse])
    return _view(work, settings, evse, in_session, kept, coming, visits, unknown, under)


def _view(
    work: UnitOfWork,
    settings: Settings,
    evse: Evse,
    in_session: bool,
    kept: Mapping[int, Fence],
    coming: Mapping[int, Booking],
    visits: Mapping[str, Visit],
    unknown: Collection[int],
    under: Mapping[int, Repair],
) -> EvseView:
    fence, pile = kept.get(evse.id), evse.pile
    in_service = pile.in_service and pile.id not in visits
    facts = EvseFacts(
        in_service and evse.in_service,
        pile.online,
        pile.seen_at,
        "" if evse.id in unknown else evse.status,
        in_session,
        in_repair=(repair := under.get(evse.id)) is not None and repair.closed,
        fault=bool(evse.fault_code),
        kept=fence is not None,
    )
    return EvseView(
        evse,
        pile,
        availability(facts, work.now, settings.silent_after_s),
        pile.seen_at,
        fence.rider_id if fence is not None else None,
        coming.get(evse.id),
        visits.get(pile.id),
        repair,
    )


def nearby(
    work: UnitOfWork, settings: Settings, place: Place, *, limit: int = 10
) -> list[StationView]:
    """The nearest stations, nearest first, at most `limit`."""
    points = work.session.execute(select(Station.id, Station.lat, Station.lng)).all()
    metres = {id_: distance_m(place.lat, place.lng, lat, lng) for id_, lat, lng in points}
    nearest = sorted(metres, key=lambda id_: metres[id_])[:limit]
    stations = work.session.scalars(
        select(Station)
        .where(Station.id.in_(nearest))
        .options(selectinload(Station.piles).selectinload(Pile.evses))
    ).all()
    views = [
        StationView(view.station, view.evses, metres[view.station.id])
        for view in _views(work, settings, stations)
    ]
    return sorted(views, key=lambda view: metres[view.station.id])


def view(
    work: UnitOfWork, settings: Settings, station: Station, *, seen_from: Place | None = None
) -> StationView:
    """One station as riders see it."""
    (seen,) = _views(work, settings, [station])
    metres = (
        distance_m(seen_from.lat, seen_from.lng, station.lat, station.lng) if seen_from else None
    )
    return StationView(station, seen.evses, metres)


def around(work: UnitOfWork, settings: Settings, station: Station) -> list[StationView]:
    """A station and the others near it, itself first."""
    found = nearby(work, settings, Place(station.lat, station.lng, ""), limit=NEIGHBOURS)
    return sorted(found, key=lambda near: near.station.id != station.id)


def by_code(work: UnitOfWork, code: PileCode) -> tuple[Pile, Evse | None]:
    """The pile (and EVSE, when the code names one).

    Raises Refused when no such pile or EVSE exists.
    """
    pile = work.session.scalars(select(Pile).where(Pile.number == code.pile_number)).first()
    if pile is None:
        raise Refused(
            "I know no pile {code}. Please check the number on the sticker, or send a photo of it.",
            {"code": code.pile_number},
        )
    if code.evse_number is None:
        return pile, pile.evses[0] if len(pile.evses) == 1 else None
    for evse in pile.evses:
        if evse.number == code.evse_number:
            return pile, evse
    raise Refused(
        "Pile {code} has no socket {socket}. Please check the number on the sticker.",
        {"code": pile.number, "socket": code.evse_number},
    )


def named(work: UnitOfWork, text: str, *, whole: bool = False) -> Station | None:
    """The station whose name fits what was typed best (see `names.best`), or None.

    `whole`: the text is nothing but the name; else the name may stand in a sentence.
    """
    known = {row.id: row.name for row in work.session.execute(select(Station.id, Station.name))}
    meant = names.best(text, known, whole=whole)
    return work.session.get(Station, meant) if meant is not None else None


def place_at(work: UnitOfWork, text: str) -> Place | None:
    """A place known from our stations' names and streets, or None."""
    station = named(work, text) or named(work, text, whole=True) or _in_street(work, text)
    return Place(station.lat, station.lng, station.name) if station else None


def place_named(work: UnitOfWork, text: str) -> Place:
    """`place_at`. Raises Refused when the place is not known."""
    place = place_at(work, text)
    if place is None:
        raise unknown_place(text)
    return place


def unknown_place(text: str) -> Refused:
    """The no to a place that nobody knows, with a way on."""
    return Refused(
        'I do not know the place "{place}". Please share your location (attach, then '
        "Location), or name a street or square near a station.",
        {"place": text[:60]},
    )


def _in_street(work: UnitOfWork, text: str) -> Station | None:
    addresses = work.session.execute(select(Station.id, Station.address))
    streets = {row.id: re.sub(r"\d.*", "", row.address) for row in addresses}
    meant = names.best(text, streets)
    return work.session.get(Station, meant) if meant is not None else None


def remembered(rider_lat: float | None, rider_lng: float | None) -> Place | None:
    """The rider's last shared location as a place."""
    if rider_lat is None or rider_lng is None:
        return None
    return Place(rider_lat, rider_lng, "")
