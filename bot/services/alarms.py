"""Alarms that stand at sockets: a row each, from beginning to end; while one stands, the socket is
not offered.

`Evse.fault_code` is the newest alarm that stands there (bot/domain/alarms.py tells whose word ends
which), so that the end of one never hides another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select

from bot.domain.alarms import ENDS, Source, Word
from bot.domain.sensing import CODES
from bot.services import audit, site_news
from bot.services.audit import Actor
from bot.services.fault_words import FAULTED
from bot.store import inbox
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.sensing import PileAlarm, SensorAlarm
from bot.store.stations import Evse, Pile
from bot.store.upsert import insert


def raised(
    work: UnitOfWork,
    pile: Pile,
    evse: Evse | None,
    code: str,
    *,
    source: Source,
    at: datetime,
    about: str = "",
    value: str = "",
) -> None:
    """Something is wrong at a socket, or with the whole pile; told again, it stays one alarm."""
    code = code[:60]
    number = evse.number if evse is not None else 0
    work.session.execute(
        insert(work, PileAlarm)
        .values(
            open_key=f"{pile.id}:{number}:{source}:{code}", pile_id=pile.id,
            evse_id=evse.id if evse is not None else None, source=source, code=code,
            about=about[:110], value=value[:200], at=at,
        )
        .on_conflict_do_nothing(index_elements=["open_key"])
    )  # fmt: skip
    for each in [evse] if evse is not None else pile.evses:
        each.fault_code = code
    touched(work, f"pile:{pile.id}")


def taken_back(
    work: UnitOfWork, pile: Pile, evse: Evse | None, code: str, *, at: datetime, about: str = ""
) -> None:
    """The pile calls one of its alarms over; without a socket, wherever on it that one stands."""
    same: ColumnElement[bool] = PileAlarm.code == code[:60]
    if about:
        same = or_(same, PileAlarm.about == about[:110])
    where = [same] if evse is None else [same, PileAlarm.evse_id == evse.id]
    over = _end(work, pile, "taken_back", at, *where)
    _tell_again(work, pile, _sockets(pile, evse), over={*over, code[:60]})


def well(work: UnitOfWork, pile: Pile, evse: Evse, *, at: datetime) -> None:
    """A socket that was "Faulted" is not any more, by the pile's word."""
    _end(work, pile, "well", at, PileAlarm.evse_id == evse.id)
    _tell_again(work, pile, [evse])


def inside(work: UnitOfWork, pile: Pile, evse: Evse, code: str, *, at: datetime) -> None:
    """A value that was beyond our limit is inside again."""
    _end(work, pile, "inside", at, PileAlarm.evse_id == evse.id, PileAlarm.code == code)
    _tell_again(work, pile, [evse], over={code})


def looked_at(work: UnitOfWork, pile: Pile, evse: Evse | None = None) -> None:
    """Somebody has seen to a socket, or to the whole pile: nothing of before counts any more,
    unless the pile still says so. What measures too much again is an alarm anew."""
    sockets = _sockets(pile, evse)
    ids = [each.id for each in sockets]
    where = [PileAlarm.evse_id.in_(ids)] if evse is not None else []
    faulted = [each.id for each in sockets if each.status == FAULTED]
    told = (PileAlarm.source == "status") & PileAlarm.evse_id.in_(faulted)
    _end(work, pile, "looked_at", work.now, ~told | PileAlarm.evse_id.is_(None), *where)
    _beyond_over(work, ids)
    _tell_again(work, pile, sockets)


def _beyond_over(
    work: UnitOfWork, evse_ids: Sequence[int], *conditions: ColumnElement[bool]
) -> None:
    beyond = select(SensorAlarm).where(
        SensorAlarm.evse_id.in_(evse_ids), SensorAlarm.cleared_at.is_(None), *conditions
    )
    for row in work.session.scalars(beyond):
        row.cleared_at = max(row.at, work.now)


def call_over(work: UnitOfWork, actor: Actor, pile_id: str, alarm_id: int, *, reason: str) -> bool:
    """Staff know that an alarm of a pile is over although nothing has said so; False: it is
    already."""
    row = work.session.get(PileAlarm, alarm_id, with_for_update=True, populate_existing=True)
    if row is None or row.pile_id != pile_id or row.cleared_at is not None:
        return False
    pile = work.session.get_one(Pile, row.pile_id)
    evse = work.session.get(Evse, row.evse_id) if row.evse_id is not None else None
    _end(work, pile, "looked_at", work.now, PileAlarm.id == row.id)
    if evse is not None and row.source == "limit":
        kinds = [kind for kind, code in CODES.items() if code == row.code]
        _beyond_over(work, [evse.id], SensorAlarm.kind.in_(kinds))
    _tell_again(work, pile, _sockets(pile, evse), over={row.code})
    site_news.changed(work, pile.station_id)
    audit.record(
        work, actor, "pile.alarm_over", f"pile:{pile.id}", before={"alarm": row.code},
        reason=reason,
    )  # fmt: skip
    return True


def look_at(
    work: UnitOfWork, pile_id: str, number: int | None, code: str, at: str, *, after: timedelta
) -> None:
    """Look whether somebody has to go there (bot/services/faults.py) once the fault has had time
    to go away; at most one look a socket is waiting, and nothing told meanwhile puts it off."""
    inbox.put(
        work, source="timer", source_id=f"fault:{pile_id}:{number or 0}",
        stream=f"pile:{pile_id}", kind="fault.timer",
        body={"pile_id": pile_id, "evse_number": number, "code": code, "at": at},
        available_at=work.now + after, coalesce=True, keep_time=True,
    )  # fmt: skip


def look_again(work: UnitOfWork, pile: Pile, *, after: timedelta) -> None:
    """What still stands at a pile when a job there is over wants somebody all the same."""
    for evse in pile.evses:
        if evse.fault_code:
            at = work.now.isoformat()
            look_at(work, pile.id, evse.number, evse.fault_code, at, after=after)


def newest(work: UnitOfWork, pile: Pile, limit: int = 20) -> list[tuple[PileAlarm, Evse | None]]:
    """The alarms of a pile and its sockets: those that stand first, then the newest."""
    rows = work.session.execute(
        select(PileAlarm, Evse)
        .outerjoin(Evse, Evse.id == PileAlarm.evse_id)
        .where(PileAlarm.pile_id == pile.id)
        .order_by(PileAlarm.cleared_at.is_not(None), PileAlarm.at.desc(), PileAlarm.id.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def _sockets(pile: Pile, evse: Evse | None) -> Sequence[Evse]:
    return [evse] if evse is not None else pile.evses


def _end(
    work: UnitOfWork, pile: Pile, word: Word, at: datetime, *where: ColumnElement[bool]
) -> set[str]:
    """End what this word ends of some alarms; returns their codes."""
    work.session.flush()
    codes = set()
    rows = select(PileAlarm).where(
        PileAlarm.pile_id == pile.id, PileAlarm.open_key.is_not(None),
        PileAlarm.source.in_(ENDS[word]), *where,
    )  # fmt: skip
    for row in work.session.scalars(rows):
        row.cleared_at, row.open_key = max(row.at, at), None
        codes.add(row.code)
    work.session.flush()
    return codes


def _tell_again(
    work: UnitOfWork, pile: Pile, evses: Iterable[Evse], *, over: Collection[str] | None = None
) -> None:
    """What stands at each socket now; `over` are the codes that ended, None for any."""
    rows = select(PileAlarm).where(PileAlarm.pile_id == pile.id, PileAlarm.open_key.is_not(None))
    standing = list(work.session.scalars(rows.order_by(PileAlarm.at.desc(), PileAlarm.id.desc())))
    for evse in evses:
        mine = [each.code for each in standing if each.evse_id in (None, evse.id)]
        if mine:
            evse.fault_code = mine[0]
        elif evse.status == FAULTED:
            evse.fault_code = evse.fault_code or FAULTED
        elif over is None or evse.fault_code in over:
            evse.fault_code = None
    touched(work, f"pile:{pile.id}")
