"""Keeping what sockets measure, and raising the alarm where it is beyond a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import case, select

from bot.domain.sensing import (
    CODES,
    KINDS,
    RANK,
    UNITS,
    Kind,
    Level,
    Limits,
    Trend,
    defaults,
    judge,
    trend,
    worth_keeping,
)
from bot.services import alarms as alarms_
from bot.services import audit
from bot.services.audit import Actor
from bot.services.pile_facts import AlarmFact
from bot.store import inbox
from bot.store.changes import touched
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.sensing import EvseSample, SensorAlarm, SensorLimit
from bot.store.stations import Evse, Pile
from bot.store.upsert import insert

SHOWN: Final = timedelta(hours=24)
SOURCE: Final = "sensing"
# What a value beyond a stop limit is called; "OVER_TEMP" is danger (bot/domain/paging.py).


class Sample(NamedTuple):
    """A measured value in thousandths of its unit."""

    kind: Kind
    value: int
    at: datetime


@dataclass(slots=True)
class Seen:
    """What is known to be kept already, by (evse, kind): (minute, low, high). It may be lost."""

    kept: dict[tuple[int, Kind], tuple[datetime, int, int]] = field(default_factory=dict)


def note(work: UnitOfWork, seen: Seen, pile: Pile, evse: Evse, samples: Sequence[Sample]) -> None:
    """Keep samples of a socket where they tell something new, and judge those."""
    fresh = [each for each in samples if _is_news(seen, evse.id, each)]
    if not fresh:
        return
    limits = limits_of(work, pile, evse)
    for sample in fresh:
        _keep(work, evse.id, sample)
        _judge(work, pile, evse, sample, limits[sample.kind])


def _is_news(seen: Seen, evse_id: int, sample: Sample) -> bool:
    minute, key = _minute(sample.at), (evse_id, sample.kind)
    before = seen.kept.get(key)
    if before is not None and not worth_keeping(minute, sample.value, sample.value, before):
        return False
    low = high = sample.value
    if before is not None and before[0] == minute:
        low, high = min(low, before[1]), max(high, before[2])
    seen.kept[key] = minute, low, high
    return True


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _keep(work: UnitOfWork, evse_id: int, sample: Sample) -> None:
    value = sample.value
    statement = insert(work, EvseSample).values(
        evse_id=evse_id, kind=sample.kind, minute=_minute(sample.at),
        low=value, high=value, last=value, last_at=sample.at,
    )  # fmt: skip
    newer = EvseSample.last_at <= sample.at
    work.session.execute(
        statement.on_conflict_do_update(
            index_elements=["evse_id", "kind", "minute"],
            set_={
                "low": case((EvseSample.low <= value, EvseSample.low), else_=value),
                "high": case((EvseSample.high >= value, EvseSample.high), else_=value),
                "last": case((newer, value), else_=EvseSample.last),
                "last_at": case((newer, sample.at), else_=EvseSample.last_at),
            },
        )
    )


def _judge(work: UnitOfWork, pile: Pile, evse: Evse, sample: Sample, limits: Limits) -> None:
    """Open, raise or clear the alarm of this socket and kind."""
    alarm = work.session.scalars(
        select(SensorAlarm).where(
            SensorAlarm.evse_id == evse.id,
            SensorAlarm.kind == sample.kind,
            SensorAlarm.cleared_at.is_(None),
        )
    ).first()
    before: Level = alarm.level if alarm is not None else ""
    level = judge(limits, sample.value, before)
    if level == before:
        if alarm is not None and level == "stop":
            _tell_of_charge(work, pile, evse, sample, alarm)
        return
    if alarm is not None:
        alarm.cleared_at = sample.at
        work.session.flush()  # one is open at a time
    if level:
        row = SensorAlarm(
            evse_id=evse.id, kind=sample.kind, level=level, value=sample.value, at=sample.at
        )
        work.session.add(row)
    touched(work, f"pile:{pile.id}")
    if "stop" in (level, before):
        cleared, at = level != "stop", int(sample.at.timestamp())
        _tell(work, pile, evse, sample, f"{'cleared' if cleared else 'stop'}:{at}", cleared=cleared)


def _tell_of_charge(
    work: UnitOfWork, pile: Pile, evse: Evse, sample: Sample, alarm: SensorAlarm
) -> None:
    """An alarm that still stands counts for a charge that began since, and where it was called
    over by somebody: once."""
    began = select(ChargingSession.id).where(
        ChargingSession.open, ChargingSession.evse_id == evse.id,
        ChargingSession.created_at > alarm.at,
    )  # fmt: skip
    charge = work.session.scalars(began).first()
    if charge is not None:
        _tell(work, pile, evse, sample, f"charge:{charge}", cleared=False)
    elif evse.fault_code is None:
        _tell(work, pile, evse, sample, f"stop:{int(sample.at.timestamp())}", cleared=False)


def _tell(
    work: UnitOfWork, pile: Pile, evse: Evse, sample: Sample, occasion: str, *, cleared: bool
) -> None:
    """As though the pile had raised the alarm itself: charging ends, danger is an incident; once
    an occasion."""
    code = CODES[sample.kind]
    value = f"{sample.value / 1000:g} {UNITS[sample.kind]}"
    if cleared:
        alarms_.inside(work, pile, evse, code, at=sample.at)
    else:
        alarms_.raised(work, pile, evse, code, source="limit", at=sample.at, value=value)
    body: AlarmFact = {
        "pile_id": pile.id,
        "evse_number": evse.number,
        "transaction_id": None,
        "code": code,
        "value": value,
        "cleared": cleared,
        "at": sample.at.isoformat(),
    }
    inbox.put(
        work, source=SOURCE, source_id=f"{evse.id}:{sample.kind}:{occasion}",
        stream=f"pile:{pile.id}", kind="pile.alarm", body=dict(body),
    )  # fmt: skip


# --- limits --------------------------------------------------------------------------------------


def limits_of(work: UnitOfWork, pile: Pile, evse: Evse) -> dict[Kind, Limits]:
    """What holds for a socket: the model's own limits, else those for every model, else ours."""
    found = defaults(pile.kind, evse.max_power_w)
    rows = work.session.scalars(
        select(SensorLimit)
        .where(SensorLimit.model.in_({"", pile.model}))
        .order_by(SensorLimit.model)
    )
    for row in rows:
        if row.kind in found:
            found[row.kind] = Limits(row.warn_low, row.warn_high, row.stop_high)
    return found


def set_limits(
    work: UnitOfWork, actor: Actor, model: str, kind: Kind, limits: Limits, *, reason: str
) -> None:
    """Limits for all piles of a model from now on."""
    key = {"model": model, "kind": kind}
    row = work.session.get(SensorLimit, key)
    before = _numbers(row) if row is not None else None
    if row is None:
        row = SensorLimit(model=model, kind=kind, updated_at=work.now)
        work.session.add(row)
    row.warn_low, row.warn_high, row.stop_high = (
        limits.warn_low, limits.warn_high, limits.stop_high,
    )  # fmt: skip
    row.updated_at, row.updated_by = work.now, actor.staff_id
    audit.record(
        work, actor, "pile.limits", f"limits:{kind}", before=before, after=_numbers(row),
        reason=reason,
    )  # fmt: skip


def reset_limits(work: UnitOfWork, actor: Actor, model: str, kind: Kind, *, reason: str) -> None:
    """Back to what holds without anybody's setting."""
    row = work.session.get(SensorLimit, {"model": model, "kind": kind})
    if row is None:
        return
    audit.record(
        work, actor, "pile.limits", f"limits:{kind}", before=_numbers(row), after=None,
        reason=reason,
    )  # fmt: skip
    work.session.delete(row)


def _numbers(row: SensorLimit) -> dict[str, Any]:
    return {
        "model": row.model, "warn_low": row.warn_low, "warn_high": row.warn_high,
        "stop_high": row.stop_high,
    }  # fmt: skip


# --- reading -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sensor:
    """One kind of value at one socket over the last day; values in thousandths."""

    evse: Evse
    kind: Kind
    last: int
    last_at: datetime
    low: int
    high: int
    points: tuple[tuple[datetime, int], ...]  # the highest of each minute
    limits: Limits
    level: Level
    trend: Trend | None


def sensors(work: UnitOfWork, pile: Pile) -> list[Sensor]:
    """What each socket of a pile measured within SHOWN, by socket and kind."""
    since = work.now - SHOWN
    rows: dict[tuple[int, str], list[EvseSample]] = {}
    query = (
        select(EvseSample)
        .where(EvseSample.evse_id.in_([each.id for each in pile.evses]), EvseSample.minute >= since)
        .order_by(EvseSample.minute)
    )
    for row in work.session.scalars(query):
        rows.setdefault((row.evse_id, row.kind), []).append(row)
    levels = _levels(work, pile)
    found = []
    for evse in pile.evses:
        limits = limits_of(work, pile, evse)
        for kind in KINDS:
            mine = rows.get((evse.id, kind), [])
            if mine:
                points = tuple((row.minute, row.high) for row in mine)
                found.append(
                    Sensor(
                        evse, kind, mine[-1].last, mine[-1].last_at,
                        min(row.low for row in mine), max(row.high for row in mine), points,
                        limits[kind], levels.get((evse.id, kind), ""), trend(points),
                    )
                )  # fmt: skip
    return found


def _levels(work: UnitOfWork, pile: Pile) -> dict[tuple[int, str], Level]:
    open_ = select(SensorAlarm).where(
        SensorAlarm.evse_id.in_([each.id for each in pile.evses]), SensorAlarm.cleared_at.is_(None)
    )
    return {(each.evse_id, each.kind): each.level for each in work.session.scalars(open_)}


def alarms(work: UnitOfWork, pile: Pile, limit: int = 20) -> list[tuple[SensorAlarm, Evse]]:
    """The newest alarms of a pile's sockets."""
    rows = work.session.execute(
        select(SensorAlarm, Evse)
        .join(Evse, Evse.id == SensorAlarm.evse_id)
        .where(Evse.pile_id == pile.id)
        .order_by(SensorAlarm.id.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def worst(found: Sequence[Sensor]) -> Level:
    """The worst level of all."""
    return max((each.level for each in found), key=lambda level: RANK[level], default="")
