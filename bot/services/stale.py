"""Statuses that nothing confirms any more: shown and treated as unknown, staff told once.

A pile's word holds as long as it is heard: its heartbeats confirm what it said of its sockets. It
does not when the pile is silent beyond the limit, nor when it has started anew since and never told
that socket's status again. Which are so is noted by the clock (`stale_status`, one open row a
socket); who offers sockets asks `unknown`, and hears of a pile that came back before the clock has
closed its rows. A pile that is silent for long gets a ticket, unless it
is out of service or part of an outage, which has one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, or_, select

from bot.services import cases, piles
from bot.settings import Settings
from bot.store import inbox
from bot.store.cases import Outage
from bot.store.changes import touched
from bot.store.database import Store, UnitOfWork
from bot.store.devices import PileEvent
from bot.store.maintenance import StaleStatus
from bot.store.stations import Evse, Pile
from bot.store.upsert import insert

TICKET: Final = "stale:"  # what the key of a silent pile's ticket begins with
KNOWN_AGAIN: Final = "pile.known_again"
EVERY: Final = timedelta(seconds=30)
_ASK_TTL_S: Final = 120


def _lasting(*columns: Any) -> Select[Any]:
    """Of open rows that still count: nothing was heard since, or it was not what was missing."""
    untold = Pile.booted_at.is_not(None) & or_(
        Evse.status_at.is_(None), Evse.status_at < Pile.booted_at
    )
    return (
        select(*columns)
        .select_from(StaleStatus)
        .join(Evse, Evse.id == StaleStatus.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(
            StaleStatus.over_at.is_(None),
            or_(Pile.seen_at.is_(None), Pile.seen_at <= StaleStatus.at, untold),
        )
    )


def unknown(work: UnitOfWork, evse_ids: Collection[int]) -> set[int]:
    """Those of some sockets whose status is not confirmed any more."""
    rows = _lasting(StaleStatus.evse_id).where(StaleStatus.evse_id.in_(evse_ids))
    return set(work.session.scalars(rows))


def piles_unknown(work: UnitOfWork) -> int:
    """How many piles in service have a socket like that."""
    rows = _lasting(func.count(Pile.id.distinct())).where(Pile.in_service)
    return int(work.session.scalar(rows) or 0)


def keep(store: Store, settings: Settings) -> None:
    """Note what went stale and what was confirmed again; tell of piles silent for long."""
    with store.begin() as work:
        _note(work, timedelta(seconds=settings.silent_after_s))
    with store.begin() as work:
        _tell(work, timedelta(seconds=settings.silent_ticket_s))


def _note(work: UnitOfWork, limit: timedelta) -> None:
    was = {
        row.evse_id: row
        for row in work.session.scalars(select(StaleStatus).where(StaleStatus.over_at.is_(None)))
    }
    is_now = {evse.id: (pile, evse) for pile, evse in _stale(work, limit)}
    for evse_id, (pile, evse) in is_now.items():
        if evse_id not in was:
            _begin(work, pile, evse)
    still, back = {pile.id for pile, _ in is_now.values()}, dict[str, int]()
    for evse_id, row in was.items():
        if evse_id not in is_now:
            row.over_at, row.open_key = work.now, None
            pile_id = work.session.get_one(Evse, evse_id).pile_id
            touched(work, "stale", f"pile:{pile_id}")
            if row.told_at is not None and pile_id not in still:
                back[pile_id] = row.id
    for pile_id, stale_id in back.items():
        _known_again(work, pile_id, stale_id)


def _stale(work: UnitOfWork, limit: timedelta) -> Iterable[tuple[Pile, Evse]]:
    """Sockets of piles that were heard once, and now are silent or keep a status to themselves."""
    since = work.now - limit
    untold = (Pile.booted_at < since) & or_(
        Evse.status_at.is_(None), Evse.status_at < Pile.booted_at
    )
    rows = work.session.execute(
        select(Pile, Evse)
        .join(Evse, Evse.pile_id == Pile.id)
        .where(Pile.seen_at.is_not(None), or_(Pile.seen_at < since, untold))
    )
    for pile, evse in rows:
        silent = pile.seen_at is not None and pile.seen_at < since
        if silent or not _told_since_boot(work, pile, evse):
            yield pile, evse


def _told_since_boot(work: UnitOfWork, pile: Pile, evse: Evse) -> bool:
    """By our own clock, as that of a pile may be slow."""
    told = select(PileEvent.id).where(
        PileEvent.pile_id == pile.id, PileEvent.received_at >= pile.booted_at,
        PileEvent.action == "StatusNotification",
        PileEvent.body["evseId"].as_integer() == evse.number,
    )  # fmt: skip
    return work.session.scalars(told.limit(1)).first() is not None


def _begin(work: UnitOfWork, pile: Pile, evse: Evse) -> None:
    made = work.session.scalars(
        insert(work, StaleStatus)
        .values(open_key=str(evse.id), evse_id=evse.id, heard_at=pile.seen_at, at=work.now)
        .on_conflict_do_nothing(index_elements=["open_key"])
        .returning(StaleStatus.id)
    ).first()
    if made is None:
        return
    touched(work, "stale", f"pile:{pile.id}")
    if pile.online:  # it is there: it may only have forgotten to tell
        piles.command(
            work, key=f"stale:{made}", pile_id=pile.id, kind="trigger", evse_number=evse.number,
            body={"message": "StatusNotification"}, ttl_s=_ASK_TTL_S,
        )  # fmt: skip


def _known_again(work: UnitOfWork, pile_id: str, stale_id: int) -> None:
    """Nobody has to go there any more because of its silence (bot/services/case_jobs.py)."""
    inbox.put(
        work, source="stale", source_id=str(stale_id), stream=f"pile:{pile_id}", kind=KNOWN_AGAIN,
        body={"pile_id": pile_id, "stale_id": stale_id},
    )  # fmt: skip


def _tell(work: UnitOfWork, after: timedelta) -> None:
    """One ticket for each pile that has been unknown for long."""
    rows = work.session.execute(
        select(StaleStatus, Pile)
        .join(Evse, Evse.id == StaleStatus.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(
            StaleStatus.over_at.is_(None), StaleStatus.told_at.is_(None),
            StaleStatus.at <= work.now - after, Pile.in_service,
        )
        .order_by(StaleStatus.id)
        .with_for_update(of=StaleStatus)
    )  # fmt: skip
    by_pile: dict[str, list[StaleStatus]] = defaultdict(list)
    for row, pile in rows:
        by_pile[pile.id].append(row)
    out = _in_outages(work)
    for pile_id, stale in by_pile.items():
        if pile_id not in out:
            _open_ticket(work, work.session.get_one(Pile, pile_id), stale)
        for row in stale:
            row.told_at = work.now


def _in_outages(work: UnitOfWork) -> set[str]:
    running = work.session.scalars(select(Outage.piles).where(Outage.open_key.is_not(None)))
    return {pile_id for piles_out in running for pile_id in piles_out}


def _open_ticket(work: UnitOfWork, pile: Pile, stale: list[StaleStatus]) -> None:
    zone = ZoneInfo(pile.station.tz)
    heard = min((row.heard_at for row in stale if row.heard_at is not None), default=None)
    since = f" since {heard.astimezone(zone):%-d %b %H:%M}" if heard is not None else ""
    silent = pile.seen_at is None or pile.seen_at <= min(row.at for row in stale)
    what = "it is out of contact" if silent else "nothing confirms the state of a connector"
    cases.open_case(
        work, kind="fault", code="broken", rider_id=None, pile_id=pile.id, source="pile",
        text=f"Pile {pile.number}: {what}{since}. Riders are told that it is not confirmed.",
        contact_name=f"Pile {pile.number}", contact=f"pile {pile.number}",
        key=f"{TICKET}{stale[0].id}",
    )  # fmt: skip


def since_when(work: UnitOfWork, pile: Pile) -> datetime | None:
    """Since when a socket of a pile counts as not confirmed; None: all are."""
    ids = [each.id for each in pile.evses]
    rows = _lasting(func.min(StaleStatus.at)).where(StaleStatus.evse_id.in_(ids))
    since: datetime | None = work.session.scalar(rows)
    return since
