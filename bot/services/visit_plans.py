"""Plans of maintenance: made and ended by staff, and turned into visits by the clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import func, select

from bot.domain import maintenance as rules
from bot.services import audit, visits
from bot.services.audit import Actor
from bot.services.visits import NotPossible
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.database import Store, UnitOfWork
from bot.store.maintenance import Visit, VisitPlan
from bot.store.prediction import EvseDay
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile

log = structlog.get_logger(__name__)

EVERY: Final = timedelta(minutes=10)
_LEAST_DAYS: Final = 7
_TRIES: Final = 14  # days on which another visit may be in the way


@dataclass(frozen=True, slots=True)
class Wanted:
    """A plan as somebody fills it in."""

    model: str  # "" for all
    what: str
    every_days: int | None
    every_cycles: int | None
    minute: int
    length_min: int


def make(work: UnitOfWork, actor: Actor, wanted: Wanted) -> VisitPlan:
    """A plan for all piles of a model from now on. Raises NotPossible."""
    what = " ".join(wanted.what.split())[: visits.WHAT_MAX]
    if not what:
        raise NotPossible("Say what is to be done there.")
    if wanted.every_days is None and wanted.every_cycles is None:
        raise NotPossible("Say after how many days, or after how many charges.")
    if wanted.every_days is not None and not _LEAST_DAYS <= wanted.every_days <= 3650:
        raise NotPossible("Between a week and ten years.")
    if wanted.every_cycles is not None and not 10 <= wanted.every_cycles <= 1_000_000:
        raise NotPossible("Between 10 and a million charges.")
    length = timedelta(minutes=wanted.length_min)
    if not rules.SHORTEST <= length <= rules.LONGEST or not 0 <= wanted.minute < 24 * 60:
        raise NotPossible("A visit takes 15 minutes at least and 12 hours at most.")
    plan = VisitPlan(
        model=wanted.model[:60], what=what, every_days=wanted.every_days,
        every_cycles=wanted.every_cycles, at_minute=wanted.minute, length_min=wanted.length_min,
        active=True, made_by=actor.staff_id, made_at=work.now,
    )  # fmt: skip
    work.session.add(plan)
    work.session.flush()
    audit.record(work, actor, "visit_plan.made", f"visit_plan:{plan.id}", after=_figures(plan))
    touched(work, "visit")
    return plan


def end(work: UnitOfWork, settings: Settings, actor: Actor, plan_id: int) -> VisitPlan:
    """No more visits by this plan; those that are ahead are cancelled. Raises NotPossible."""
    plan = work.session.get(VisitPlan, plan_id, with_for_update=True)
    if plan is None or not plan.active:
        raise NotPossible("This plan has ended already.")
    plan.active = False
    audit.record(work, actor, "visit_plan.ended", f"visit_plan:{plan.id}", before=_figures(plan))
    ahead = select(Visit.id).where(Visit.plan_id == plan.id, Visit.state == "planned")
    for visit_id in list(work.session.scalars(ahead)):
        visits.cancel(work, settings, actor, visit_id, reason="The plan has ended.")
    touched(work, "visit")
    return plan


def _figures(plan: VisitPlan) -> dict[str, int | str | None]:
    return {
        "model": plan.model, "days": plan.every_days, "cycles": plan.every_cycles,
        "minute": plan.at_minute, "length": plan.length_min,
    }  # fmt: skip


def listed(work: UnitOfWork) -> list[VisitPlan]:
    """The plans that are in force, the oldest first."""
    return list(
        work.session.scalars(select(VisitPlan).where(VisitPlan.active).order_by(VisitPlan.id))
    )


def keep(store: Store, settings: Settings) -> None:
    """Put what is due into the calendar; each visit under a key of its own, so that any number of
    clocks make it once."""
    with store.read() as work:
        due = [
            (plan.id, pile_id, day)
            for plan in listed(work)
            for pile_id, day in _due(work, plan).items()
        ]
    for plan_id, pile_id, day in due:
        with store.begin() as work:
            _put(work, settings, plan_id, pile_id, day)


def _due(work: UnitOfWork, plan: VisitPlan) -> dict[str, date]:
    """The piles that a plan has no visit ahead for, and when theirs is due, if that is soon."""
    waits = select(Visit.pile_id).where(Visit.plan_id == plan.id, Visit.state.in_(rules.AHEAD))
    piles = select(Pile).where(Pile.id.not_in(waits)).order_by(Pile.station_id, Pile.id)
    if plan.model:
        piles = piles.where(Pile.model == plan.model)
    rows = work.session.execute(
        select(Visit.pile_id, func.max(Visit.over_at))
        .where(Visit.plan_id == plan.id, Visit.state == "done")
        .group_by(Visit.pile_id)
    )
    last = {pile_id: at for pile_id, at in rows if at is not None}
    today, found = work.now.date(), {}
    for pile in work.session.scalars(piles):
        since = last.get(pile.id, plan.made_at).date()
        cycles = _cycles(work, pile.id, since) if plan.every_cycles is not None else 0
        day = rules.due(_rhythm(plan), last=since, cycles=cycles, today=today)
        if day is not None and day <= today + rules.MADE_AHEAD:
            found[pile.id] = day
    return found


def _cycles(work: UnitOfWork, pile_id: str, since: date) -> int:
    """The charges at the busiest socket of a pile since a day."""
    rows = work.session.scalars(
        select(func.sum(EvseDay.cycles))
        .join(Evse, Evse.id == EvseDay.evse_id)
        .where(Evse.pile_id == pile_id, EvseDay.day > since)
        .group_by(Evse.id)
    )
    return max((int(each or 0) for each in rows), default=0)


def _rhythm(plan: VisitPlan) -> rules.Plan:
    return rules.Plan(plan.every_days, plan.every_cycles, plan.at_minute, plan.length_min)


def _put(work: UnitOfWork, settings: Settings, plan_id: int, pile_id: str, day: date) -> None:
    """One visit; what came between since it was found due is seen under the plan's lock."""
    plan = work.session.get_one(VisitPlan, plan_id, with_for_update=True)
    pile = work.session.get_one(Pile, pile_id)
    before = select(func.count()).where(Visit.plan_id == plan.id, Visit.pile_id == pile.id)
    ahead = before.where(Visit.state.in_(rules.AHEAD))
    if not plan.active or work.session.scalar(ahead):
        return
    zone, staff = ZoneInfo(pile.station.tz), work.session.get_one(Staff, plan.made_by)
    actor = Actor(staff.id, staff.role, staff.name)
    taken, key = _taken(work, zone, day), f"plan:{plan.id}:{pile.id}:{work.session.scalar(before)}"
    for _ in range(_TRIES):
        starts_at, ends_at = rules.place(_rhythm(plan), day, zone, taken)
        try:
            visits.plan(
                work, settings, actor, pile, starts_at, ends_at, what=plan.what, plan_id=plan.id,
                key=key,
            )  # fmt: skip
        except NotPossible:  # another visit is there then
            day = starts_at.astimezone(zone).date() + timedelta(days=1)
        else:
            return
    log.warning("visit_not_planned", pile=pile.id, plan=plan.id)


def _taken(work: UnitOfWork, zone: ZoneInfo, day: date) -> Counter[date]:
    """How many visits plans have put on each local day from this one on."""
    rows = work.session.scalars(
        select(Visit.starts_at).where(
            Visit.plan_id.is_not(None), Visit.state.in_(rules.AHEAD),
            Visit.starts_at >= rules.moment(day, 0, zone),
        )
    )  # fmt: skip
    return Counter(at.astimezone(zone).date() for at in rows)
