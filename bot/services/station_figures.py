"""How stations were used: counted by the hour as it passes, read for a period."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import selectinload

from bot.domain.figures import (
    HOUR,
    Period,
    Stretch,
    away,
    hour_of,
    hours_between,
    overlap_s,
    permille,
    weekday_hours,
)
from bot.store.charging import Bill, ChargingSession, CreditNote, Hold, Refund
from bot.store.database import Store, UnitOfWork
from bot.store.figures import StationHour
from bot.store.queues import Inbox
from bot.store.stations import Evse, Pile, Station

AGAIN: Final = 2 * HOUR  # what comes late still counts
AT_ONCE: Final = timedelta(days=7)  # counted in one transaction
HEARD: Final = timedelta(days=14)  # how far back a pile's last change is looked for


@dataclass(frozen=True, slots=True)
class Use:
    """How one station, or all of them, was used. Shares are in thousandths of the time in which
    sockets could be used; None where there was none."""

    station_id: int
    name: str
    tz: str
    sockets: int
    sockets_s: int
    away_s: int
    occupied_s: int
    sessions: int
    energy_wh: int

    @property
    def used(self) -> int | None:
        """Occupied of available; time out of contact is in neither."""
        return permille(min(self.occupied_s, self.ready_s), self.ready_s)

    @property
    def ready_s(self) -> int:
        """In contact."""
        return self.sockets_s - self.away_s

    @property
    def out(self) -> int | None:
        """Out of contact, of all time."""
        return permille(self.away_s, self.sockets_s)


@dataclass(frozen=True, slots=True)
class Takings:
    """Money of one station in one currency, in minor units: billed with tax, taken back of bills
    or given back, and what is left."""

    station_id: int
    currency: str
    gross_minor: int
    back_minor: int
    bills: int

    @property
    def net_minor(self) -> int:
        """What is left, with tax."""
        return self.gross_minor - self.back_minor


# --- counting ------------------------------------------------------------------------------------


def keep(store: Store) -> None:
    """Count the hours that have passed since the last time, and the one that runs; harmless at
    any moment. What there is before the first count is made up a week at a time."""
    with store.begin() as work:
        start = _where_to_begin(work)
        if start is not None:
            count(work, start, min(work.now, start + AT_ONCE))


def _where_to_begin(work: UnitOfWork) -> datetime | None:
    last: datetime | None = work.session.scalar(select(func.max(StationHour.hour)))
    if last is not None:
        return last - AGAIN
    first: datetime | None = work.session.scalar(select(func.min(ChargingSession.created_at)))
    if first is None and work.session.scalar(select(func.count(Station.id))) == 0:
        return None
    return hour_of(first or work.now)


def count(work: UnitOfWork, start: datetime, end: datetime) -> None:
    """Count the hours from `start`'s up to `end` anew."""
    start = hour_of(start)
    stations = work.session.scalars(
        select(Station).options(selectinload(Station.piles).selectinload(Pile.evses))
    ).all()
    busy = _busy(work, start, end)
    changes = _changes(work, start, end)
    ended = _ended(work, start, end)
    work.session.execute(
        delete(StationHour).where(StationHour.hour >= start, StationHour.hour < end)
    )
    for station in stations:
        gone = {
            pile.id: away(changes[pile.id], start, end, now_online=pile.online)
            for pile in station.piles
            if pile.seen_at is not None
        }
        for hour in hours_between(start, end):
            row = _counted(station, hour, min(hour + HOUR, end), busy, gone)
            row.sessions, row.energy_wh = ended.get((station.id, hour), (0, 0))
            work.session.add(row)


def _counted(
    station: Station,
    hour: datetime,
    until: datetime,
    busy: dict[int, list[Stretch]],
    gone: dict[str, list[Stretch]],
) -> StationHour:
    """A pile that was never heard is not there yet: it counts for nothing."""
    seconds = int((until - hour).total_seconds())
    sockets_s = away_s = occupied_s = 0
    for pile in station.piles:
        if pile.id not in gone:
            continue
        sockets_s += seconds * len(pile.evses)
        away_s += overlap_s(gone[pile.id], hour, until) * len(pile.evses)
        occupied_s += sum(overlap_s(busy.get(evse.id, ()), hour, until) for evse in pile.evses)
    return StationHour(
        station_id=station.id, hour=hour, sockets_s=sockets_s, away_s=away_s, occupied_s=occupied_s
    )


def _busy(work: UnitOfWork, start: datetime, end: datetime) -> dict[int, list[Stretch]]:
    """When sockets were in use, by EVSE: from the meter's first move to the end."""
    found: dict[int, list[Stretch]] = defaultdict(list)
    rows = work.session.execute(
        select(ChargingSession.evse_id, ChargingSession.started_at, ChargingSession.ended_at).where(
            ChargingSession.started_at < end,
            or_(ChargingSession.ended_at.is_(None), ChargingSession.ended_at > start),
        )
    )
    for evse_id, started, ended in rows:
        if started is not None:
            found[evse_id].append((started, ended or end))
    return found


def _changes(
    work: UnitOfWork, start: datetime, end: datetime
) -> dict[str, list[tuple[datetime, bool]]]:
    """What piles' presence was told to be, by pile, in order of time."""
    found: dict[str, list[tuple[datetime, bool]]] = defaultdict(list)
    heard = work.session.execute(
        select(Inbox.stream, Inbox.body).where(
            Inbox.kind == "pile.presence",
            Inbox.available_at > start - HEARD,
            Inbox.available_at < end,
        )
    )
    for stream, body in heard:
        change = datetime.fromisoformat(body["at"]), bool(body["online"])
        found[stream.removeprefix("pile:")].append(change)
    for changes in found.values():
        changes.sort()
    return found


def _ended(
    work: UnitOfWork, start: datetime, end: datetime
) -> dict[tuple[int, datetime], tuple[int, int]]:
    """(charges, Wh) by station and hour in which they ended."""
    found: dict[tuple[int, datetime], tuple[int, int]] = {}
    rows = work.session.execute(
        select(
            Pile.station_id,
            ChargingSession.ended_at,
            ChargingSession.meter_start_wh,
            ChargingSession.meter_wh,
        )
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(
            ChargingSession.started_at.is_not(None),
            ChargingSession.ended_at >= start,
            ChargingSession.ended_at < end,
        )
    )
    for station_id, ended, first, last in rows:
        if ended is None:
            continue
        key = station_id, hour_of(ended)
        sessions, energy = found.get(key, (0, 0))
        found[key] = sessions + 1, energy + max(0, (last or 0) - (first or 0))
    return found


# --- reading -------------------------------------------------------------------------------------


def uses(work: UnitOfWork, asked: Period, station_id: int | None = None) -> list[Use]:
    """How each station was used in a period, the most used first; those not counted at the end."""
    total = func.sum
    rows = work.session.execute(
        select(
            StationHour.station_id,
            total(StationHour.sockets_s),
            total(StationHour.away_s),
            total(StationHour.occupied_s),
            total(StationHour.sessions),
            total(StationHour.energy_wh),
        )
        .where(StationHour.hour >= asked.start, StationHour.hour < asked.end)
        .group_by(StationHour.station_id)
    )
    sums = {row[0]: [int(each) for each in row[1:]] for row in rows}
    counted = work.session.execute(
        select(Pile.station_id, func.count(Evse.id))
        .join(Evse, Evse.pile_id == Pile.id)
        .group_by(Pile.station_id)
    )
    sockets = {row[0]: row[1] for row in counted}
    stations = select(Station).order_by(Station.name)
    if station_id is not None:
        stations = stations.where(Station.id == station_id)
    found = [
        Use(each.id, each.name, each.tz, sockets.get(each.id, 0), *sums.get(each.id, [0] * 5))
        for each in work.session.scalars(stations)
    ]
    return sorted(found, key=lambda use: -1 if use.used is None else use.used, reverse=True)


def together(found: Sequence[Use]) -> Use:
    """All of them as one."""
    return Use(
        0, "All stations", "",
        sockets=sum(each.sockets for each in found),
        sockets_s=sum(each.sockets_s for each in found),
        away_s=sum(each.away_s for each in found),
        occupied_s=sum(each.occupied_s for each in found),
        sessions=sum(each.sessions for each in found),
        energy_wh=sum(each.energy_wh for each in found),
    )  # fmt: skip


def week(
    work: UnitOfWork, asked: Period, station_id: int | None = None
) -> dict[tuple[int, int], int]:
    """How much of the time sockets were in use, in thousandths, by (weekday, hour) in the
    station's own time; hours without any count are left out."""
    rows = select(
        Station.tz, StationHour.hour,
        func.sum(StationHour.occupied_s), func.sum(StationHour.sockets_s - StationHour.away_s),
    ).join(Station, Station.id == StationHour.station_id)  # fmt: skip
    rows = rows.where(StationHour.hour >= asked.start, StationHour.hour < asked.end)
    if station_id is not None:
        rows = rows.where(Station.id == station_id)
    busy: dict[str, dict[datetime, int]] = defaultdict(dict)
    ready: dict[str, dict[datetime, int]] = defaultdict(dict)
    for tz, hour, occupied, free in work.session.execute(
        rows.group_by(Station.tz, StationHour.hour)
    ):
        busy[tz][hour], ready[tz][hour] = int(occupied), int(free)
    sums: dict[tuple[int, int], list[int]] = {}
    for tz in busy:
        occupied_s, ready_s = weekday_hours(busy[tz], tz), weekday_hours(ready[tz], tz)
        for key, whole in ready_s.items():
            both = sums.setdefault(key, [0, 0])
            both[0], both[1] = both[0] + occupied_s[key], both[1] + whole
    shares = {key: permille(min(part, whole), whole) for key, (part, whole) in sums.items()}
    return {key: share for key, share in shares.items() if share is not None}


def takings(
    work: UnitOfWork, asked: Period, station_id: int | None = None
) -> dict[int, list[Takings]]:
    """Money by station: bills by the day they were made, what went back by the day it went."""
    sums: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    of_station = (
        (Evse, Evse.id == ChargingSession.evse_id),
        (Pile, Pile.id == Evse.pile_id),
    )
    bills = (
        select(Pile.station_id, Bill.currency, func.sum(Bill.total_minor), func.count())
        .join(ChargingSession, ChargingSession.id == Bill.session_id)
        .where(Bill.created_at >= asked.start, Bill.created_at < asked.end)
    )
    # A credit note with a refund is counted as that refund.
    notes = (
        select(Pile.station_id, CreditNote.currency, func.sum(CreditNote.total_minor))
        .join(Bill, Bill.id == CreditNote.bill_id)
        .join(ChargingSession, ChargingSession.id == Bill.session_id)
        .where(
            CreditNote.created_at >= asked.start,
            CreditNote.created_at < asked.end,
            CreditNote.refund_id.is_(None),
        )
    )
    refunds = (
        select(Pile.station_id, Refund.currency, func.sum(Refund.amount_minor))
        .join(Hold, Hold.id == Refund.hold_id)
        .join(ChargingSession, ChargingSession.id == Hold.session_id)
        .where(
            Refund.created_at >= asked.start,
            Refund.created_at < asked.end,
            Refund.state != "failed",
        )
    )
    for statement, column in ((bills, 0), (notes, 1), (refunds, 1)):
        for table, condition in of_station:
            statement = statement.join(table, condition)
        if station_id is not None:
            statement = statement.where(Pile.station_id == station_id)
        grouped = statement.group_by(*list(statement.selected_columns)[:2])
        for row in work.session.execute(grouped):
            both = sums[row[0], row[1]]
            both[column] += int(row[2])
            both[2] += int(row[3]) if column == 0 else 0
    found: dict[int, list[Takings]] = defaultdict(list)
    for (station, currency), (gross, back, number) in sorted(sums.items()):
        found[station].append(Takings(station, currency, gross, back, number))
    return found
