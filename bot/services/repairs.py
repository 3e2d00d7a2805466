"""Sockets under repair: which live job keeps riders away from which (bot/domain/repairs.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from bot.domain.jobs import LIVE, is_confirmed
from bot.domain.repairs import KIND, TRUST, TRUST_OVER_PEOPLE, RepairFacts, closes
from bot.services import site_news
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
from bot.store.sensing import PileAlarm
from bot.store.stations import Evse, Pile

_WORKS = ("Available", "Occupied", "Reserved")


@dataclass(frozen=True, slots=True)
class Repair:
    """A live repair of a socket; `closed`: riders are kept away."""

    job_id: int
    state: str  # bot/domain/jobs.py
    closed: bool


def running(work: UnitOfWork, evses: Sequence[Evse]) -> Mapping[int, Repair]:
    """The live repairs of some sockets, by socket."""
    jobs = {
        job.pile_id: job  # a pile has one repair at a time
        for job in work.session.scalars(
            select(Job).where(
                Job.kind == KIND, Job.state.in_(LIVE),
                Job.pile_id.in_({each.pile_id for each in evses}),
            )
        )
    }  # fmt: skip
    mine = [each for each in evses if _is_about(jobs.get(each.pile_id), each)]
    ends = _last_ends(work, {each.pile_id for each in mine})
    return {each.id: _repair(work, jobs[each.pile_id], each, ends) for each in mine}


def closed(work: UnitOfWork, evses: Sequence[Evse]) -> set[int]:
    """Those of some sockets from which a repair keeps riders away."""
    return {id_ for id_, repair in running(work, evses).items() if repair.closed}


def _is_about(job: Job | None, evse: Evse) -> bool:
    """What only a rider says sends somebody to look, and closes nothing."""
    if job is None or not is_confirmed(job.source):
        return False
    return job.evse_id in (None, evse.id)


def _last_ends(work: UnitOfWork, pile_ids: set[str]) -> Mapping[tuple[str, int | None], datetime]:
    """When the last alarm of a socket, or of a whole pile, ended."""
    if not pile_ids:
        return {}
    rows = work.session.execute(
        select(PileAlarm.pile_id, PileAlarm.evse_id, func.max(PileAlarm.cleared_at))
        .where(PileAlarm.pile_id.in_(pile_ids), PileAlarm.cleared_at.is_not(None))
        .group_by(PileAlarm.pile_id, PileAlarm.evse_id)
    )
    return {(pile_id, evse_id): at for pile_id, evse_id, at in rows if at is not None}


def _repair(
    work: UnitOfWork, job: Job, evse: Evse, ends: Mapping[tuple[str, int | None], datetime]
) -> Repair:
    mine = [ends.get((evse.pile_id, each)) for each in (None, evse.id)]
    facts = RepairFacts(
        state=job.state,
        stepped_at=max(
            at for at in (job.created_at, job.accepted_at, job.on_way_at) if at is not None
        ),
        by_pile=job.source == "pile",
        well=evse.pile.online and evse.status in _WORKS and not evse.fault_code,
        unwell_until=max((at for at in mine if at is not None), default=None),
    )
    return Repair(job.id, job.state, closes(facts, work.now))


def changed(work: UnitOfWork, pile_id: str) -> None:
    """A repair began, went on or ended, or its pile told news: whoever booked or waits there is
    looked after, now and when the pile may be offered again though nobody came."""
    pile = work.session.get(Pile, pile_id)
    if pile is None:
        return
    site_news.changed(work, pile.station_id)
    job = work.session.scalars(
        select(Job).where(Job.kind == KIND, Job.state.in_(LIVE), Job.pile_id == pile_id)
    ).first()
    if job is not None:
        trust = TRUST if job.source == "pile" else TRUST_OVER_PEOPLE
        site_news.later(work, pile.station_id, f"repair:{job.id}", work.now + trust)
