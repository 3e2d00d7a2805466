"""What pages show of bookings: a station's day by socket, one booking, who did not come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from bot.console.view import shown_name
from bot.domain.booking_rules import cell_at, cells
from bot.domain.money import Money
from bot.domain.staff_actions import plain
from bot.services import booked, reach
from bot.services.audit import Actor
from bot.services.booking_rules import rider_paused_until, rules_for
from bot.settings import Settings
from bot.store.bookings import Booking, BookingChange
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Rider
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile, Station

NO_SHOWS: Final = timedelta(days=90)
STATES: Final = {
    "PENDING": ("Waits for the deposit", "warn"), "RESERVED": ("Booked", "good"),
    "FULFILLED": ("Used", "info"), "CANCELED": ("Cancelled", "neutral"),
    "NO_SHOW": ("Did not come", "bad"), "REJECTED": ("Not booked", "neutral"),
    "FAILED": ("Called off", "warn"),
}  # fmt: skip
DEPOSITS: Final = {
    "none": "no deposit", "placing": "being held", "waiting": "payment page open",
    "saving": "card page open", "saved": "card saved, held a day before", "held": "held",
    "taking": "fee being taken", "taken": "fee taken", "releasing": "being released",
    "returned": "released", "applied": "used for the charge", "failed": "refused",
}  # fmt: skip
_WHAT: Final = {
    "booked": "Booked", "moved": "Moved", "canceled": "Cancelled", "no_show": "Did not come",
    "arrived": "Began to charge", "on_my_way": "Says: on my way", "blocked": "Says: bay blocked",
    "appealed": "Contests the fee", "forgiven": "Fee given back", "failed": "Called off",
    "rejected": "Not booked",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """A booking in a list or lane."""

    id: int
    name: str
    code: str
    start: str
    end: str
    state: tuple[str, str]
    movable: bool
    minutes: int
    coming: bool  # said that they are on their way


@dataclass(frozen=True, slots=True)
class Cell:
    """A stretch of a lane: a booking, or free time from `at` on ("18:30")."""

    span: int
    item: Item | None
    at: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One socket's day."""

    evse_id: int
    code: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Day:
    """A station's day on its own clock: 23 to 25 hours of it."""

    station_id: int
    station: str
    tz: str
    day: str
    before: str
    after: str
    hours: Sequence[tuple[str, int]]
    columns: int
    lanes: Sequence[Lane]
    items: Sequence[Item]


def day_of(work: UnitOfWork, station: Station, wanted: str) -> Day:
    """A station's bookings of a day ("2026-11-28"; else today)."""
    zone = ZoneInfo(station.tz)
    try:
        day = date.fromisoformat(wanted)
    except ValueError:
        day = work.now.astimezone(zone).date()
    begin = datetime(day.year, day.month, day.day, tzinfo=zone)
    nextday = day + timedelta(days=1)
    end = datetime(nextday.year, nextday.month, nextday.day, tzinfo=zone)
    evses = work.session.scalars(
        select(Evse).join(Pile).where(Pile.station_id == station.id).order_by(Evse.code)
    ).all()
    rows = work.session.scalars(
        select(Booking)
        .where(
            Booking.evse_id.in_([each.id for each in evses]),
            Booking.starts_at < end,
            Booking.ends_at > begin,
        )
        .order_by(Booking.starts_at, Booking.id)
    ).all()
    codes = {each.id: each.code for each in evses}
    riders = _riders(work, rows)
    items = {each.id: _item(each, riders, codes, zone) for each in rows}
    whole = cells(begin, end)
    lanes = [
        Lane(
            each.id, each.code, _lane([r for r in rows if r.evse_id == each.id], items, whole, zone)
        )
        for each in evses
    ]
    return Day(
        station_id=station.id,
        station=station.name,
        tz=station.tz,
        day=day.isoformat(),
        before=(day - timedelta(days=1)).isoformat(),
        after=nextday.isoformat(),
        hours=_hours(whole, zone),
        columns=len(whole),
        lanes=lanes,
        items=[items[each.id] for each in rows],
    )


def _lane(
    rows: Sequence[Booking], items: Mapping[int, Item], whole: range, zone: ZoneInfo
) -> list[Cell]:
    """A day's cells from left to right; what is over keeps only the time it had."""
    found: list[Cell] = []
    at = whole.start
    for row in rows:
        if not (row.live or row.state == "FULFILLED"):
            continue
        until = row.ends_at if row.ended_at is None else min(row.ends_at, row.ended_at)
        mine = cells(row.starts_at, max(until, row.starts_at))
        start, stop = max(mine.start, at), min(mine.stop, whole.stop)
        if start >= stop:
            continue
        found += _gap(at, start, zone)
        found.append(Cell(stop - start, items[row.id], ""))
        at = stop
    return [*found, *_gap(at, whole.stop, zone)]


def _gap(start: int, stop: int, zone: ZoneInfo) -> list[Cell]:
    if start >= stop:
        return []
    return [Cell(stop - start, None, f"{cell_at(start).astimezone(zone):%H:%M}")]


def _hours(whole: range, zone: ZoneInfo) -> list[tuple[str, int]]:
    """The hours of a day with their cells: on days that change clocks one is missing or twice."""
    return [
        (f"{cell_at(number).astimezone(zone):%H}", min(12, whole.stop - number))
        for number in range(whole.start, whole.stop, 12)
    ]


def _riders(work: UnitOfWork, rows: Sequence[Booking]) -> dict[int, Rider]:
    ids = {each.rider_id for each in rows}
    return {each.id: each for each in work.session.scalars(select(Rider).where(Rider.id.in_(ids)))}


def _item(
    row: Booking, riders: Mapping[int, Rider], codes: Mapping[int, str], zone: ZoneInfo
) -> Item:
    return Item(
        id=row.id,
        name=shown_name(riders[row.rider_id]),
        code=codes[row.evse_id],
        start=f"{row.starts_at.astimezone(zone):%H:%M}",
        end=f"{row.ends_at.astimezone(zone):%H:%M}",
        state=STATES[row.state],
        movable=row.live,
        minutes=int((row.ends_at - row.starts_at).total_seconds()) // 60,
        coming=booked.facts_of(row).on_my_way_at is not None,
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """One booking whole."""

    id: int
    item: Item
    station_id: int
    station: str
    tz: str
    day: str
    conversation_id: int | None
    facts: Sequence[tuple[str, Any]]
    history: Sequence[tuple[str, str, datetime, str]]  # what, by whom, when, why
    evses: Sequence[tuple[str, str]]
    given: Mapping[str, str]
    may_move: bool
    may_forgive: bool
    contested_at: datetime | None


def one(work: UnitOfWork, row: Booking, given: Mapping[str, str], actor: Actor) -> Shown:
    """A booking for its page; `given` is what a form has already."""
    evse = work.session.get_one(Evse, row.evse_id)
    station = evse.pile.station
    zone, facts = ZoneInfo(station.tz), booked.facts_of(row)
    start = row.starts_at.astimezone(zone)
    item = _item(row, _riders(work, [row]), {evse.id: evse.code}, zone)
    form = {
        "evse": str(row.evse_id), "day": f"{start:%Y-%m-%d}", "start": f"{start:%H:%M}",
        "minutes": str(item.minutes), "reason": "",
    }  # fmt: skip
    form |= {name: given[name] for name in form if given.get(name)}
    terms = facts.terms
    told: list[tuple[str, Any]] = [
        ("Socket", f"{evse.code}, {station.name}"),
        ("Time", f"{start:%Y-%m-%d %H:%M} to {item.end} ({station.tz})"),
        ("Kept until", f"{facts.late_at.astimezone(zone):%H:%M}"),
        ("Deposit", f"{plain(Money(terms.deposit_minor, terms.currency))}, "
                    f"{DEPOSITS[facts.deposit]}"),
        ("Fee for not coming", plain(Money(terms.fee_minor, terms.currency))),
        ("Free to cancel until", f"{facts.free_until.astimezone(zone):%H:%M}"),
        ("The pile itself", {"": "not asked yet", "asked": "asked to keep the bay",
                             "kept": "keeps the bay", "refused": "does not keep it: fenced here"}
         [facts.pile]),
        ("Terms", terms.version or "none"),
    ]  # fmt: skip
    if facts.blocked:
        told.append(("Bay", f"cannot be used: {facts.blocked.replace('_', ' ')}"))
    equal = work.session.scalars(
        select(Evse)
        .join(Pile)
        .where(
            Pile.kind == evse.pile.kind,
            Evse.connector_type == evse.connector_type,
            Pile.station_id == station.id,
        )
        .order_by(Evse.code)
    )
    chat = select(Conversation.id).where(
        Conversation.rider_id == row.rider_id, reach.visible(actor)
    )
    charging = row.state == "FULFILLED" and facts.ended_at is None
    taken = facts.deposit in {"taken", "taking"} or row.state == "NO_SHOW"
    return Shown(
        id=row.id,
        item=item,
        station_id=station.id,
        station=station.name,
        tz=station.tz,
        day=f"{start:%Y-%m-%d}",
        conversation_id=work.session.scalars(chat).first(),
        facts=told,
        history=_history(work, row),
        evses=[(str(each.id), each.code) for each in equal],
        given=form,
        may_move=row.live or charging,
        may_forgive=taken and not row.forgiven,
        contested_at=facts.appealed_at,
    )


def _history(work: UnitOfWork, row: Booking) -> list[tuple[str, str, datetime, str]]:
    changes = work.session.scalars(
        select(BookingChange)
        .where(BookingChange.booking_id == row.id)
        .order_by(BookingChange.id.desc())
    ).all()
    people = {each.by for each in changes if each.by.startswith("staff:")}
    ids = [int(each.partition(":")[2]) for each in people]
    names = {
        f"staff:{each.id}": each.name
        for each in work.session.scalars(select(Staff).where(Staff.id.in_(ids)))
    }
    return [
        (_WHAT.get(each.what, each.what), names.get(each.by, each.by), each.at, each.reason)
        for each in changes
    ]


@dataclass(frozen=True, slots=True)
class Missed:
    """A booking that nobody came to."""

    id: int
    rider: str
    code: str
    station: str
    when: datetime
    fee: str
    times: int
    paused_until: datetime | None
    forgiven: bool
    contested: bool


def no_shows(work: UnitOfWork, settings: Settings) -> list[Missed]:
    """The last ninety days, the newest first."""
    rows = work.session.scalars(
        select(Booking)
        .where(Booking.state == "NO_SHOW", Booking.ended_at > work.now - NO_SHOWS)
        .order_by(Booking.ended_at.desc())
        .limit(200)
    ).all()
    riders = _riders(work, rows)
    counted = select(Booking.rider_id, func.count()).where(
        Booking.state == "NO_SHOW",
        ~Booking.forgiven,
        Booking.ended_at > work.now - NO_SHOWS,
        Booking.rider_id.in_(riders),
    )
    by_rider = work.session.execute(counted.group_by(Booking.rider_id))
    times = {row[0]: int(row[1]) for row in by_rider}
    found = []
    for row in rows:
        evse = work.session.get_one(Evse, row.evse_id)
        facts = booked.facts_of(row)
        rules = rules_for(work, settings, evse.pile.station)
        taken = facts.deposit in {"taken", "taking"}
        found.append(
            Missed(
                id=row.id,
                rider=shown_name(riders[row.rider_id]),
                code=evse.code,
                station=evse.pile.station.name,
                when=row.starts_at,
                fee=plain(Money(facts.terms.fee_minor, facts.terms.currency)) if taken else "none",
                times=times.get(row.rider_id, 0),
                paused_until=rider_paused_until(work, rules, row.rider_id),
                forgiven=row.forgiven,
                contested=facts.appealed_at is not None and not row.forgiven,
            )
        )
    return found
