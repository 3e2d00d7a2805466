"""Counting what wears a socket, or shows that it is worn, day by day (bot/store/prediction.py).

Events are counted in the transaction of the fact that brings them, so each counts once; how warm
a socket gets under load is reckoned from its samples by the clock, as often as it likes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from bot.store.database import UnitOfWork
from bot.store.prediction import EvseDay
from bot.store.sensing import EvseSample
from bot.store.stations import Evse
from bot.store.upsert import insert

LOAD_PERCENT: Final = 60  # of the socket's power: less warms it too little to compare
_COUNTERS: Final = (
    "cycles", "failed_starts", "retries", "command_failures", "trips", "offline",
)  # fmt: skip


def count(work: UnitOfWork, evse_id: int, **by: int) -> None:
    """Add to today's counters of a socket: cycles=1, trips=1, …"""
    assert set(by) <= set(_COUNTERS)
    row = {"evse_id": evse_id, "day": work.now.date(), **dict.fromkeys(_COUNTERS, 0), **by}
    statement = insert(work, EvseDay).values(heat_min=0, rise_mk=0, **row)
    more = {name: getattr(EvseDay, name) + number for name, number in by.items()}
    work.session.execute(
        statement.on_conflict_do_update(index_elements=["evse_id", "day"], set_=more)
    )


def evses_of(work: UnitOfWork, pile_id: str, number: int | None) -> list[int]:
    """The sockets of a pile, or the one with a number."""
    query = select(Evse.id).where(Evse.pile_id == pile_id).order_by(Evse.id)
    if number is not None:
        query = query.where(Evse.number == number)
    return list(work.session.scalars(query))


def reckon_heat(work: UnitOfWork, day: date) -> None:
    """How much each socket warmed under load on a day, brought to full load.

    Held against its own coolest minute of the day, so that neither summer nor a warm cellar looks
    like wear; heat grows with the load, so a minute at 70 % counts as one at full load would.
    """
    heat, power = aliased(EvseSample), aliased(EvseSample)
    since = datetime.combine(day, time(), UTC)
    until = since + timedelta(days=1)
    coolest = (
        select(EvseSample.evse_id, func.min(EvseSample.low).label("low"))
        .where(
            EvseSample.kind == "temperature", EvseSample.minute >= since, EvseSample.minute < until
        )
        .group_by(EvseSample.evse_id)
        .subquery()
    )
    rows = work.session.execute(
        select(
            Evse.id, Evse.max_power_w, coolest.c.low, func.count(), func.avg(heat.high),
            func.avg(power.low),
        )
        .join(heat, heat.evse_id == Evse.id)
        .join(power, (power.evse_id == Evse.id) & (power.minute == heat.minute))
        .join(coolest, coolest.c.evse_id == Evse.id)
        .where(
            heat.kind == "temperature", power.kind == "power",
            heat.minute >= since, heat.minute < until,
            # A minute in which the load came or went says nothing of what it leads to.
            power.low >= Evse.max_power_w * 10 * LOAD_PERCENT,
        )
        .group_by(Evse.id, Evse.max_power_w, coolest.c.low)
    )  # fmt: skip
    for evse_id, max_w, low, minutes, mean_heat, mean_power in rows.all():
        rise = round((float(mean_heat) - low) * max_w * 1000 / float(mean_power))
        values = {"heat_min": minutes, "rise_mk": max(0, rise)}
        statement = insert(work, EvseDay).values(
            evse_id=evse_id, day=day, **dict.fromkeys(_COUNTERS, 0), **values
        )
        work.session.execute(
            statement.on_conflict_do_update(index_elements=["evse_id", "day"], set_=values)
        )
