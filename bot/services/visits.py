"""Planned visits to piles: put into the calendar, moved, cancelled, undone, begun and ended.

While a visit is ahead nobody can book its time (bot/services/booked.py asks visit_times.py); who
had booked it is offered another bay. A plan and a booking are decided by the locks of the pile's
sockets, which both take first. When its time comes the pile goes out of service by the action that
staff use, once no charge runs there any more, and comes back the same way. Timers are inbox rows
of kind "visit.timer"; a job that is done says so as "visit.done".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.domain import maintenance as rules
from bot.domain.jobs import LIVE
from bot.domain.staff_actions import KINDS
from bot.errors import PilebotError, Refused
from bot.replies import Moment, Say
from bot.services import (
    actions,
    audit,
    booking_trouble,
    cases,
    jobs,
    session_changes,
    site_news,
)
from bot.services.action_plans import NotPossible as ActionNotPossible
from bot.services.action_plans import Target
from bot.services.audit import Actor
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store import inbox
from bot.store.changes import touched
from bot.store.database import ALONE, UnitOfWork
from bot.store.desk import StaffAction
from bot.store.jobs import Job
from bot.store.maintenance import Visit
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile
from bot.store.upsert import insert

TIMER: Final = "visit.timer"
_LATER: Final = timedelta(minutes=1)  # a charge that runs, a pile out of contact: looked at again
_ANSWERED: Final = timedelta(minutes=10)  # a pile that was told has answered by then
_TRIED: Final = timedelta(days=1)  # then somebody has to put it back by hand
WHAT_MAX: Final = 200


class NotPossible(PilebotError):
    """A visit cannot be like that; the message says why, for staff."""


# --- the calendar --------------------------------------------------------------------------------


def plan(
    work: UnitOfWork,
    settings: Settings,
    actor: Actor,
    pile: Pile,
    starts_at: datetime,
    ends_at: datetime,
    *,
    what: str,
    key: str,
    plan_id: int | None = None,
) -> Visit:
    """Put a visit into the calendar; a repeat of `key` returns the one that stands.

    Raises NotPossible: the time is over or too long, or another visit is there then.
    """
    what = " ".join(what.split())[:WHAT_MAX]
    if not what:
        raise NotPossible("Say what is to be done there.")
    _lock_sockets(work, pile.id)
    known = work.session.scalars(select(Visit).where(Visit.key == key[:160])).first()
    if known is not None:
        return known
    _check(work, pile.id, starts_at, ends_at)
    visit = work.session.scalars(
        insert(work, Visit)
        .values(
            key=key[:160], pile_id=pile.id, plan_id=plan_id, state="planned",
            starts_at=starts_at, ends_at=ends_at, what=what, made_by=actor.staff_id,
            made_at=work.now, reason="", took_out=False,
        )
        .returning(Visit)
    ).one()  # fmt: skip
    audit.record(work, actor, "visit.planned", _ref(visit), after=_times(visit), key=key)
    _changed(work, settings, visit)
    return visit


def move(
    work: UnitOfWork,
    settings: Settings,
    actor: Actor,
    visit_id: int,
    starts_at: datetime,
    ends_at: datetime,
    *,
    reason: str = "",
) -> Visit:
    """Another time for a visit that has not begun. Raises NotPossible."""
    visit = _planned(work, visit_id)
    before = _times(visit)
    _lock_sockets(work, visit.pile_id)
    _check(work, visit.pile_id, starts_at, ends_at, but=visit.id)
    visit.starts_at, visit.ends_at = starts_at, ends_at
    _note(work, actor, visit, "moved", before, reason)
    _changed(work, settings, visit)
    return visit


def cancel(
    work: UnitOfWork, settings: Settings, actor: Actor, visit_id: int, *, reason: str
) -> Visit:
    """Take a visit that has not begun out of the calendar. Raises NotPossible."""
    visit = _planned(work, visit_id)
    if not reason.strip():
        raise NotPossible("Say why: the reason is kept with the visit.")
    before = _times(visit)
    visit.state, visit.over_at = "cancelled", work.now
    _note(work, actor, visit, "cancelled", before, reason)
    _changed(work, settings, visit)
    return visit


def undo(work: UnitOfWork, settings: Settings, actor: Actor, visit_id: int) -> Visit:
    """Put a visit back to how it was before its last change. Raises NotPossible: it has begun, its
    old time is over or somebody else's visit is there."""
    visit = _locked(work, visit_id)
    if visit.before is None or visit.state not in ("planned", "cancelled"):
        raise NotPossible("There is nothing to undo here.")
    back, before = visit.before, _times(visit)
    starts_at, ends_at = (datetime.fromisoformat(back[name]) for name in ("starts_at", "ends_at"))
    _lock_sockets(work, visit.pile_id)
    _check(work, visit.pile_id, starts_at, ends_at, but=visit.id)
    visit.starts_at, visit.ends_at = starts_at, ends_at
    visit.state, visit.over_at = "planned", None
    _note(work, actor, visit, "undone", before, "")
    visit.before = None
    _changed(work, settings, visit)
    return visit


def _planned(work: UnitOfWork, visit_id: int) -> Visit:
    visit = _locked(work, visit_id)
    if visit.state != "planned":
        raise NotPossible(f"This visit is not ahead any more: {rules.STATES[visit.state].lower()}.")
    return visit


def _locked(work: UnitOfWork, visit_id: int) -> Visit:
    visit = work.session.get(Visit, visit_id, with_for_update=True, populate_existing=True)
    if visit is None:
        raise NotPossible("There is no such visit.")
    return visit


def _lock_sockets(work: UnitOfWork, pile_id: str) -> None:
    """As bookings do before they look: whoever comes second sees what the first has done."""
    ids = select(Evse.id).where(Evse.pile_id == pile_id).order_by(Evse.id)
    for evse_id in list(work.session.scalars(ids)):
        work.session.get_one(Evse, evse_id, with_for_update=ALONE)


def _check(
    work: UnitOfWork, pile_id: str, starts_at: datetime, ends_at: datetime, but: int | None = None
) -> None:
    why = rules.why_not(starts_at, ends_at, work.now)
    if why:
        raise NotPossible(why)
    other = work.session.scalars(
        select(Visit).where(
            Visit.pile_id == pile_id, Visit.state.in_(rules.AHEAD), Visit.id != (but or 0),
            Visit.starts_at < ends_at, Visit.ends_at > starts_at,
        )
    ).first()  # fmt: skip
    if other is not None:
        raise NotPossible(f"Another visit is planned there then: {other.what}.")


def _times(visit: Visit) -> dict[str, Any]:
    return {
        "state": visit.state, "starts_at": visit.starts_at.isoformat(),
        "ends_at": visit.ends_at.isoformat(), "pile": visit.pile_id,
    }  # fmt: skip


def _ref(visit: Visit) -> str:
    return f"visit:{visit.id}"


def _note(
    work: UnitOfWork, actor: Actor, visit: Visit, what: str, before: dict[str, Any], reason: str
) -> None:
    visit.before, visit.reason = before, reason.strip()[:500]
    visit.changed_by, visit.changed_at = actor.staff_id, work.now
    audit.record(
        work, actor, f"visit.{what}", _ref(visit), before=before, after=_times(visit),
        reason=visit.reason,
    )  # fmt: skip


def _changed(work: UnitOfWork, settings: Settings, visit: Visit) -> None:
    """The calendar is different: timers, the technician's job, bookings, open pages."""
    work.session.flush()
    if visit.job_id is not None:  # offered for another time: whoever took it is told
        _drop_job(work, visit, "The visit was moved or cancelled.")
    if visit.state == "planned":
        _set_timer(work, visit, "job", max(work.now, visit.starts_at - rules.JOB_AHEAD))
        _set_timer(work, visit, "begin", visit.starts_at)
        _set_timer(work, visit, "end", visit.ends_at)
    _tell_open_pages(work, visit)
    booking_trouble.maintenance_changed(work, settings, visit.pile_id)


def _tell_open_pages(work: UnitOfWork, visit: Visit) -> None:
    touched(work, "visit", f"pile:{visit.pile_id}")
    site_news.pile_changed(work, visit.pile_id)


def _drop_job(work: UnitOfWork, visit: Visit, why: str) -> None:
    job = work.session.get(Job, visit.job_id)
    visit.job_id = None
    if job is not None and job.state in LIVE:
        jobs.cancel(work, None, job.id, why)


def _set_timer(work: UnitOfWork, visit: Visit, name: str, at: datetime) -> None:
    inbox.put(
        work, source="timer", source_id=f"visit:{visit.id}:{name}", stream=f"pile:{visit.pile_id}",
        kind=TIMER, body={"visit_id": visit.id, "name": name}, available_at=at, coalesce=True,
    )  # fmt: skip


# --- its time comes ------------------------------------------------------------------------------


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "visit.timer": ask a technician, begin, end. One that comes before its time, as
    the visit was moved, sets itself anew."""
    visit, name = _locked(work, int(body["visit_id"])), str(body["name"])
    due = {
        "job": visit.starts_at - rules.JOB_AHEAD, "begin": visit.starts_at, "end": visit.ends_at,
    }[name]  # fmt: skip
    if visit.state not in rules.AHEAD:
        if visit.took_out:
            _put_back(work, settings, visit)
        return
    if work.now < due:
        _set_timer(work, visit, name, due)
    elif name == "job":
        _ask_technician(work, visit)
    elif name == "begin":
        _begin(work, settings, visit)
    else:
        _end(work, settings, visit)


def _ask_technician(work: UnitOfWork, visit: Visit) -> None:
    if visit.state != "planned" or visit.job_id is not None:
        return
    pile = work.session.get_one(Pile, visit.pile_id)
    moved = int(visit.changed_at.timestamp()) if visit.changed_at else 0
    at = visit.starts_at.astimezone(ZoneInfo(pile.station.tz))
    job = jobs.open_job(
        work, kind="visit", source="system", pile=pile,
        text=f"{visit.what}. Planned for {at:%a %-d %b %H:%M}.",
        key=f"visit:{visit.id}:{moved}", planned_at=visit.starts_at,
    )  # fmt: skip
    visit.job_id = job.id


def _begin(work: UnitOfWork, settings: Settings, visit: Visit) -> None:
    """Out of service, once nobody charges there: a visit never ends a charge."""
    if visit.state == "on":
        return
    _ask_technician(work, visit)
    pile = work.session.get_one(Pile, visit.pile_id)
    live = session_changes.open_sessions_at(work, pile.id)
    if live:
        for session in live if visit.state == "planned" else ():
            text = Say(
                "Maintenance is planned at this pile from {time}. Your charge goes on; please "
                "finish soon: the technician waits for you.",
                {"time": Moment(visit.starts_at, pile.station.tz)},
            )
            tell_rider(work, session.rider_id, text, key=f"visit:{visit.id}:ask:{session.id}")
        visit.state = "waiting"
        _set_timer(work, visit, "begin", work.now + _LATER)
    else:
        visit.state, visit.began_at = "on", work.now
        if pile.in_service:
            visit.took_out = _do(work, settings, visit, "out_of_service", _maker(work, visit))
    _tell_open_pages(work, visit)


def _end(work: UnitOfWork, settings: Settings, visit: Visit) -> None:
    """Its time is over: whoever is at work there, on the way, or waits for a charge to end has more
    of it; else nobody came."""
    job = work.session.get(Job, visit.job_id) if visit.job_id else None
    comes = job is not None and job.state in ("on_way", "arrived")
    if comes or (job is not None and job.state in LIVE and visit.state == "waiting"):
        visit.ends_at = work.now + rules.MORE
        _set_timer(work, visit, "end", visit.ends_at)
        _tell_open_pages(work, visit)
        booking_trouble.maintenance_changed(work, settings, visit.pile_id)
        return
    _over(work, settings, visit, "missed")
    _drop_job(work, visit, "The time of the visit is over.")
    _nobody_came(work, visit)


def _nobody_came(work: UnitOfWork, visit: Visit) -> None:
    """The desk gets a ticket, and who planned the visit has it: somebody must plan it anew."""
    pile = work.session.get_one(Pile, visit.pile_id)
    case = cases.open_case(
        work, kind="complaint", code="visit_missed", rider_id=None, pile_id=pile.id,
        text=f"Nobody came to the visit at pile {pile.number}: {visit.what}", source="system",
        key=f"visit:{visit.id}:missed:{visit.starts_at.isoformat()}", contact_name="Calendar",
        contact=f"visit {visit.id}",
    )  # fmt: skip
    planner = work.session.get(Staff, visit.made_by) if visit.made_by else None
    if planner is not None and planner.active and case.owner_id is None:
        case.owner_id, case.status = planner.id, "assigned"


def on_done(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "visit.done": the technician's job is done, and so is the visit; a job that was
    cancelled takes the visit with it."""
    row = select(Visit).where(Visit.job_id == int(body["job_id"]), Visit.state.in_(rules.AHEAD))
    visit = work.session.scalars(row.with_for_update()).first()
    if visit is not None:
        _over(work, settings, visit, "done" if body["state"] == "done" else "cancelled")


def _over(work: UnitOfWork, settings: Settings, visit: Visit, state: str) -> None:
    visit.state, visit.over_at = state, work.now
    visit.ends_at = max(visit.starts_at, min(visit.ends_at, work.now))
    work.session.flush()
    if visit.took_out:
        _put_back(work, settings, visit)
    _tell_open_pages(work, visit)
    booking_trouble.maintenance_changed(work, settings, visit.pile_id)


def _put_back(work: UnitOfWork, settings: Settings, visit: Visit) -> None:
    """In service again, by who did the work. Looked at until the pile has said yes; what somebody
    took out of service meanwhile is left so."""
    pile = work.session.get_one(Pile, visit.pile_id)
    too_long = visit.over_at is not None and work.now - visit.over_at > _TRIED
    if pile.in_service or too_long or _taken_out_since(work, visit):
        visit.took_out = False
        return
    asked = _do(work, settings, visit, "in_service", _worker(work, visit))
    _set_timer(work, visit, "end", work.now + (_ANSWERED if asked else _LATER))


def _taken_out_since(work: UnitOfWork, visit: Visit) -> bool:
    newer = select(StaffAction.id).where(
        StaffAction.pile_id == visit.pile_id, StaffAction.kind == "out_of_service",
        StaffAction.asked_at > visit.over_at,
    )  # fmt: skip
    return work.session.scalars(newer).first() is not None


def _do(work: UnitOfWork, settings: Settings, visit: Visit, kind: str, actor: Actor) -> bool:
    """One of the actions of staff, in the name of who planned or did the visit."""
    key = f"visit:{visit.id}:{kind}:{int(work.now.timestamp())}"
    try:
        actions.ask(
            work, settings, actor, KINDS[kind], Target(pile_id=visit.pile_id),
            reason=f"Maintenance: {visit.what}", key=key,
        )  # fmt: skip
    except (ActionNotPossible, Refused):
        return False
    return True


def _maker(work: UnitOfWork, visit: Visit) -> Actor:
    return _actor(work.session.get_one(Staff, visit.made_by))


def _worker(work: UnitOfWork, visit: Visit) -> Actor:
    job = work.session.get(Job, visit.job_id) if visit.job_id else None
    staff = work.session.get(Staff, job.technician_id) if job and job.technician_id else None
    return _actor(staff) if staff is not None else _maker(work, visit)


def _actor(staff: Staff) -> Actor:
    return Actor(staff.id, staff.role, staff.name)


# --- reading -------------------------------------------------------------------------------------


def between(work: UnitOfWork, since: datetime, until: datetime) -> list[tuple[Visit, Pile]]:
    """The visits whose time touches a stretch, by time; those that are cancelled with them."""
    rows = work.session.execute(
        select(Visit, Pile)
        .join(Pile, Pile.id == Visit.pile_id)
        .where(Visit.starts_at < until, Visit.ends_at > since)
        .order_by(Visit.starts_at, Visit.id)
    )
    return [(row[0], row[1]) for row in rows]


def last_of(work: UnitOfWork, pile_id: str) -> Visit | None:
    """The newest visit to a pile that was done."""
    return work.session.scalars(
        select(Visit)
        .where(Visit.pile_id == pile_id, Visit.state == "done")
        .order_by(Visit.over_at.desc())
        .limit(1)
    ).first()
