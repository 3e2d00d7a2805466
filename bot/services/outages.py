"""Many piles out at once are one outage: one case, one line to each rider it touches, one page.

`look` is called when a pile falls silent or faults, `over` when one is back; who else learns of
broken piles may call both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select

from bot.domain.jobs import LIVE
from bot.domain.outage import CITY, WINDOW, Down, Found, together
from bot.replies import Choose, Moment, Say, Value
from bot.services import cases, diversion, nearest, outage_riders, paging
from bot.services.nearest import Way
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store import inbox
from bot.store.cases import Case, Outage, OutageRider
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
from bot.store.queues import Inbox
from bot.store.stations import Evse, Pile, Station
from bot.store.upsert import insert

SETTLE: Final = timedelta(minutes=2)  # piles that come and go have not come back
_LISTED: Final = 20  # piles; more come in without a line each
_KEPT_MANY: Final = 400  # characters of a case's words: pile numbers beyond are counted


def look(work: UnitOfWork, settings: Settings) -> list[Outage]:
    """Whether piles that went down lately are one outage; a running one takes in new piles."""
    work.session.flush()
    running = work.session.scalars(select(Outage).where(Outage.open_key.is_not(None))).all()
    for outage in running:
        if _still_down(work, outage.piles):  # one that came back has gone again
            inbox.cancel(work, source="timer", source_id=f"outage:{outage.id}")
    down = _down(work)
    if len(down) < 2:
        return []
    rows = select(Pile.station_id, func.count()).where(Pile.in_service).group_by(Pile.station_id)
    totals = dict(work.session.execute(rows).all())
    found = together(down, totals, work.now, many=settings.outage_piles)

    def is_news(each: Found) -> bool:
        """Not what an outage that runs has already, be it the site's own or the city's."""
        known = {pile for outage in running for pile in outage.piles}
        return bool(set(each.pile_ids) - known)

    return [_open(work, settings, each) for each in found if is_news(each)]


def _down(work: UnitOfWork) -> list[Down]:
    """Piles in service that fell silent, or whose sockets all fault, within the window."""
    since = work.now - WINDOW
    silent = select(Pile.id, Pile.station_id, Pile.seen_at).where(
        Pile.in_service, Pile.online.is_(False), Pile.seen_at >= since
    )
    broken = (
        select(Pile.id, Pile.station_id, func.max(Evse.status_at))
        .join(Evse, Evse.pile_id == Pile.id)
        .where(Pile.in_service, Pile.online, _all_faulted(), Evse.status == "Faulted")
        .group_by(Pile.id, Pile.station_id)
        .having(func.max(Evse.status_at) >= since)
    )
    rows = [*work.session.execute(silent), *work.session.execute(broken)]
    return [Down(pile_id, station_id, at) for pile_id, station_id, at in rows]


def _open(work: UnitOfWork, settings: Settings, found: Found) -> Outage:
    """The outage of a scope: new, or the one that runs; of two at one moment one opens it."""
    made = work.session.scalars(
        insert(work, Outage)
        .values(open_key=found.scope, scope=found.scope, at=work.now, piles=[], told=0)
        .on_conflict_do_nothing(index_elements=["open_key"])
        .returning(Outage)
    ).first()
    outage = work.session.scalars(
        select(Outage)
        .where(Outage.open_key == found.scope)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    new = sorted(set(found.pile_ids) - set(outage.piles))
    if not new:
        return outage
    absorbed = _absorb(work, outage) if found.scope == CITY else set()
    outage.piles = sorted({*outage.piles, *new, *absorbed})
    case = _case(work, outage)
    if made is not None:
        paging.page_once(
            work, settings, key=f"outage:{outage.id}",
            text=f"OUTAGE: {len(outage.piles)} piles are out at {place_of(work, outage)}.",
            path=f"/tickets/{case.id}",
        )  # fmt: skip
    elif len(outage.piles) <= _LISTED:
        cases.entry(work, case, "note", f"More piles: {', '.join(_numbers(work, new))}")
    _tie_cases(work, case, new)
    _broadcast(work, settings, outage, sorted(set(new) - absorbed))
    touched(work, f"case:{case.id}")
    return outage


def _absorb(work: UnitOfWork, city: Outage) -> set[str]:
    """The outages of single sites turn out to be the city's: riders there have been told."""
    running = select(Outage).where(Outage.open_key.is_not(None), Outage.id != city.id)
    piles: set[str] = set()
    for each in work.session.scalars(running.with_for_update()):
        piles |= set(each.piles)
        each.open_key, each.ended_at = None, work.now
        _note_told(work, city, _told(work, each))
        if each.case_id is not None:
            case = work.session.get_one(Case, each.case_id)
            case.open_key = None
            cases.entry(work, case, "note", "Part of an outage of many stations")
    return piles


def _case(work: UnitOfWork, outage: Outage) -> Case:
    if outage.case_id is not None:
        return work.session.get_one(Case, outage.case_id)
    numbers = ", ".join(_numbers(work, outage.piles))[:_KEPT_MANY]
    case = cases.open_case(
        work, kind="incident", code="outage", rider_id=None, source="system",
        text=f"{len(outage.piles)} piles out within minutes: {numbers}.",
        key=f"outage:{outage.id}", place=place_of(work, outage), contact_name="Pilebot",
        contact=f"outage {outage.id}",
    )  # fmt: skip
    cases.link(work, case, "outage", str(outage.id), quiet=True)
    outage.case_id = case.id
    return case


def _tie_cases(work: UnitOfWork, case: Case, pile_ids: Sequence[str]) -> None:
    """What riders reported of these piles is part of it, and stays a case of theirs."""
    for pile_id in pile_ids:
        for each in cases.open_of_pile(work, pile_id):
            if each.id != case.id and cases.link(work, case, "case", str(each.id), quiet=True):
                cases.link(work, each, "case", str(case.id), quiet=True)
                cases.entry(work, each, "linked", f"Part of the outage of case {case.id}")
    sent = select(Job).where(Job.pile_id.in_(pile_ids), Job.state.in_(LIVE)).order_by(Job.id)
    for job in work.session.scalars(sent):  # who comes to one of its piles comes to it
        if cases.link(work, case, "job", str(job.id), quiet=True):
            cases.entry(work, case, "linked", f"Job {job.id}")


def _broadcast(
    work: UnitOfWork, settings: Settings, outage: Outage, pile_ids: Sequence[str]
) -> None:
    """Whoever it touches hears of an outage once, also where it grows or becomes the city's."""
    known = set(_told(work, outage))
    found = {
        rider_id: pile_id
        for rider_id, pile_id in outage_riders.touched_by(work, pile_ids).items()
        if rider_id not in known
    }
    out = set(work.session.scalars(select(Pile.station_id).where(Pile.id.in_(outage.piles))))
    piles = {each: work.session.get_one(Pile, each) for each in sorted(set(found.values()))}
    ways = {
        pile_id: nearest.ways(work, settings, pile, but=out, limit=1)
        for pile_id, pile in piles.items()
    }
    for rider_id, pile_id in sorted(found.items()):
        words = _words(work, outage, piles[pile_id], ways[pile_id])
        tell_rider(work, rider_id, words, key=f"outage:{outage.id}:rider:{rider_id}")
        diversion.note(work, rider_id, piles[pile_id], "outage", ways[pile_id])
    outage.told += len(found)
    _note_told(work, outage, found)


def _words(work: UnitOfWork, outage: Outage, pile: Pile, ways: Sequence[Way]) -> Choose:
    """What is said of an outage to whoever it touches by a pile, with what works instead."""
    text = Say(
        "Several piles at {place} are out since {time}. We know and work on it; nothing more is "
        "needed from you. You pay only for what was delivered.",
        {"place": _said(work, outage), "time": _moment(work, outage, outage.at)},
    )
    others = [nearest.find_near(pile.station)]
    for way in ways:
        text = Say("{text} {hint}", {"text": text, "hint": way.sentence})
        others.insert(0, way.nearest_button)
    return Choose(text, others)


def _note_told(work: UnitOfWork, outage: Outage, rider_ids: Iterable[int]) -> None:
    """Remember who was told, for whoever tells them that it is over."""
    rows = [
        {"outage_id": outage.id, "rider_id": each, "at": work.now} for each in sorted(rider_ids)
    ]
    if rows:
        work.session.execute(insert(work, OutageRider).on_conflict_do_nothing(), rows)


def _told(work: UnitOfWork, outage: Outage) -> Sequence[int]:
    rows = select(OutageRider.rider_id).where(OutageRider.outage_id == outage.id)
    return work.session.scalars(rows.order_by(OutageRider.rider_id)).all()


def over(work: UnitOfWork, pile_id: str) -> None:
    """A pile is back: when no pile of its outage is down any more, it ends if that lasts."""
    running = select(Outage.id, Outage.piles).where(Outage.open_key.is_not(None))
    for outage_id, piles in work.session.execute(running).all():
        if pile_id in piles and not _still_down(work, piles):
            _end_soon(work, outage_id)


def _end_soon(work: UnitOfWork, outage_id: int) -> None:
    """Set the timer of the end, unless it runs: what piles say later does not put it off."""
    source_id = f"outage:{outage_id}"
    runs = select(Inbox.id).where(
        Inbox.source == "timer", Inbox.source_id == source_id, Inbox.state == "open"
    )
    if work.session.scalars(runs).first() is None:
        inbox.put(
            work, source="timer", source_id=source_id, stream=source_id, kind="outage.timer",
            body={"outage_id": outage_id, "since": work.now.isoformat()},
            available_at=work.now + SETTLE, coalesce=True,
        )  # fmt: skip


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "outage.timer": the piles have stayed; whoever was told of it hears the end."""
    outage = work.session.get_one(Outage, int(body["outage_id"]), with_for_update=True)
    if outage.open_key is None or _still_down(work, outage.piles):
        return  # over already, or one of them has gone again: its return asks anew
    outage.open_key, outage.ended_at = None, datetime.fromisoformat(body["since"])
    values: dict[str, Value] = {
        "place": _said(work, outage), "time": _moment(work, outage, outage.ended_at),
    }  # fmt: skip
    words = Say("The outage at {place} is over: the piles work again since {time}.", values)
    told = _told(work, outage)
    for rider_id in told:
        tell_rider(work, rider_id, words, key=f"outage:{outage.id}:over:{rider_id}")
    if outage.case_id is not None:
        case = work.session.get_one(Case, outage.case_id)
        case.open_key = None  # the next one is another
        cases.entry(
            work, case, "told",
            f"All its piles work again; {len(told)} riders were told. Note its cause and solve it.",
        )  # fmt: skip
        touched(work, f"case:{case.id}")


def _still_down(work: UnitOfWork, pile_ids: Sequence[str]) -> bool:
    """Whether a pile of these is silent, or broken at every socket; one that staff took out of
    service keeps no outage running, but something must work before it is called over."""
    work.session.flush()
    serving = select(Pile.id).where(Pile.id.in_(pile_ids), Pile.in_service)
    down = serving.where(~Pile.online | _all_faulted())
    if work.session.scalars(down.limit(1)).first() is not None:
        return True
    return work.session.scalars(serving.limit(1)).first() is None


def _all_faulted() -> ColumnElement[bool]:
    """Of a pile: each of its sockets in service says that it is broken, not just one of many."""
    mine = select(Evse.id).where(Evse.pile_id == Pile.id, Evse.in_service).correlate(Pile)
    faulted = mine.where(Evse.status == "Faulted").exists()
    return faulted & ~mine.where(Evse.status != "Faulted").exists()


def place_of(work: UnitOfWork, outage: Outage) -> str:
    """Where it is, for staff."""
    station = _station(work, outage)
    return station.name if station else "many stations"


def _said(work: UnitOfWork, outage: Outage) -> Value:
    station = _station(work, outage)
    return station.name if station else Say("many stations")


def _station(work: UnitOfWork, outage: Outage) -> Station | None:
    if outage.scope == CITY:
        return None
    return work.session.get(Station, int(outage.scope.removeprefix("station:")))


def _moment(work: UnitOfWork, outage: Outage, at: datetime) -> Moment:
    station = (
        _station(work, outage)
        or work.session.scalars(
            select(Station)
            .join(Pile, Pile.station_id == Station.id)
            .where(Pile.id.in_(outage.piles))
        ).first()
    )
    return Moment(at, station.tz if station else "UTC")


def _numbers(work: UnitOfWork, pile_ids: Sequence[str]) -> list[str]:
    rows = select(Pile.number).where(Pile.id.in_(pile_ids)).order_by(Pile.number)
    return list(work.session.scalars(rows))
