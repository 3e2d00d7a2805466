"""What follows when a clock warns or ends: staff see it, who is above gets it, riders are repaid.

Inbox kind "clock.timer". A rider is never left to find out: who was promised something and did not
get it is told so, with what we do about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from bot.domain import clocks as rules
from bot.domain.clocks import KINDS, Policy
from bot.services import (
    case_talk,
    cases,
    clocks,
    compensation,
    escalation,
    job_cases,
    jobs,
    marks,
    paging,
    receipt_watch,
    watches,
)
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store.cases import Case, Clock, ClockEvent
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.jobs import Job, JobEntry
from bot.store.stations import Pile

log = structlog.get_logger()


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """A clock warns, or its time is over."""
    clock = work.session.get(Clock, int(body["clock_id"]), with_for_update=True)
    if clock is None:
        return
    facts = clocks.facts_of(clock)
    if body["name"] == "warn":
        if clock.state == "running" and clock.warned_at is None and clock.breached_at is None:
            clock.warned_at = work.now
            _note(work, clock, "warned", facts.spent(work.now))
            _in_case(work, clock, f"{KINDS[clock.name].title}: {_warned(facts.policy)}")
        return
    if clock.breached_at is not None:
        return
    over = clock.outcome == "missed" or (clock.state == "running" and facts.left(work.now) <= 0)
    if not over:  # paused, or set anew since: another timer stands for it
        return
    clock.breached_at = work.now
    _note(work, clock, "breached", facts.spent(work.now))
    log.warning("promise_missed", clock=clock.name, subject=clock.subject)
    for action in facts.policy.actions:
        _ACTIONS[action](work, settings, clock)


def _warned(policy: Policy) -> str:
    if policy.warn_s == policy.target_s:
        return f"not within the target of {_span(policy.target_s)}"
    return f"{policy.warn_percent} % spent"


def _note(work: UnitOfWork, clock: Clock, kind: str, spent_s: int) -> None:
    work.session.add(
        ClockEvent(clock_id=clock.id, at=work.now, kind=kind, text="", spent_s=spent_s)
    )


def _case(work: UnitOfWork, clock: Clock) -> Case | None:
    return work.session.get(Case, clock.case_id) if clock.case_id else None


def _in_case(work: UnitOfWork, clock: Clock, text: str) -> None:
    case = _case(work, clock)
    if case is not None:
        cases.entry(work, case, "clock", text, body={"clock_id": clock.id})


# --- actions -------------------------------------------------------------------------------------


def _alarm(work: UnitOfWork, settings: Settings, clock: Clock) -> None:
    """Staff see it where they look at the rider; late receipts also at their own place."""
    if clock.name == "bill":
        touched(work, receipt_watch.LIVE)
    _in_case(work, clock, f"{KINDS[clock.name].title}: late")
    if clock.conversation_id is not None:
        text = f"{KINDS[clock.name].title} is late: more than {_seconds(clock)}"
        marks.mark(
            work, clock.conversation_id, "clock", text, body={"clock_id": clock.id},
            key=f"clock:{clock.id}:late",
        )  # fmt: skip


def _seconds(clock: Clock) -> str:
    return _span(int(clock.policy["limit_s"]))


def _span(limit: int) -> str:
    if limit < 2 * rules.MIN:
        return f"{limit} s"
    return f"{limit // 60} min" if limit < 2 * rules.HOUR else f"{limit // 3600} h"


def _escalate(work: UnitOfWork, settings: Settings, clock: Clock) -> None:
    """Supervisors have it and are called; a rider who was promised something hears it from us."""
    case = _case(work, clock)
    _alarm(work, settings, clock)
    if case is not None:
        cases.missed_deadline(work, case, KINDS[clock.name].title)
    _tell_late(work, clock, case)

    _others(work, clock)


def _others(work: UnitOfWork, clock: Clock) -> None:
    """Whoever else has a case that somebody was sent for: the promise was theirs as well."""
    job = _job(work, clock)
    for case in job_cases.of_job(work, job) if job is not None else ():
        if case.id == clock.case_id:
            continue
        cases.missed_deadline(work, case, KINDS[clock.name].title)
        told = case.rider_id is not None and case.kind != "incident" and clock.state != "stopped"
        if told and KINDS[clock.name].promised:
            case_talk.tell(work, case, case_talk.late(clock), key=f"clock:{clock.id}:late")


def _tell_late(work: UnitOfWork, clock: Clock, case: Case | None) -> None:
    if not KINDS[clock.name].promised or clock.rider_id is None or clock.state == "stopped":
        return
    if case is not None and case.kind == "incident":
        return  # who is in danger is told nothing else
    tell_rider(work, clock.rider_id, case_talk.late(clock), key=f"clock:{clock.id}:late")


def _watch(work: UnitOfWork, settings: Settings, clock: Clock) -> None:
    """Nobody looked at what was foretold: the socket is watch-listed and supervisors are told.

    Also where somebody came too late for the clock but is not done: the visit's end takes it off.
    """
    job = _job(work, clock)
    if job is None or job.state in ("done", "cancelled"):
        return
    pile = work.session.get_one(Pile, job.pile_id)
    why = f"Nobody was done within {_seconds(clock)} after it was foretold (job {job.id})"
    sockets = [each for each in pile.evses if job.evse_id in (None, each.id)]
    new = [each.code for each in sockets if watches.put_on(work, each, job=job, why=why)]
    if not new:
        return
    text = f"WATCH: {', '.join(new)} is likely to fail and nobody has looked: job {job.id}."
    told = paging.page_people(
        work, settings, escalation.supervisors(work), key=f"clock:{clock.id}", text=text,
        path="/predictions?tab=watch",
    )  # fmt: skip
    words = "supervisors were told" if told else "no supervisor can be paged"
    work.session.add(
        JobEntry(job_id=job.id, at=work.now, kind="note", text=f"Watch-listed; {words}")
    )
    touched(work, f"job:{job.id}")


def _page(work: UnitOfWork, settings: Settings, clock: Clock) -> None:
    """Supervisors are called now: nobody spoke with somebody who waits where power was lost, or
    who reported danger."""
    case, key = _case(work, clock), f"clock:{clock.id}"
    if clock.state == "stopped" or case is None:
        return
    whom = "the rider" if case.rider_id is not None else case.contact_name or "who reported it"
    paging.page_once(
        work, settings, key=key,
        text=f"CALL BACK NOW: case {case.id}, nobody has spoken with {whom} for {_seconds(clock)}.",
        path=f"/tickets/{case.id}",
    )  # fmt: skip
    cases.entry(work, case, "clock", "Supervisors were paged", key=f"{key}:paged")


def _head(work: UnitOfWork, settings: Settings, clock: Clock) -> None:
    """Nobody has come: the regional head, who is a manager, has it and learns it now."""
    job, case = _job(work, clock), _case(work, clock)
    if clock.state == "stopped":
        return
    place, path = f"case {clock.case_id}", f"/tickets/{clock.case_id}"
    station = cases.station_of(work, case) if case is not None else None
    if job is not None:
        pile = work.session.get_one(Pile, job.pile_id)
        station = pile.station
        place, path = f"pile {pile.number}, {station.name}", f"/jobs/{job.id}"
        jobs.entry(
            work, job, "note", f"Nobody came within {_seconds(clock)}: the regional head is told"
        )
    of_job = job_cases.of_job(work, job) if job is not None else ()
    for each in {one.id: one for one in (case, *of_job) if one is not None}.values():
        cases.missed_deadline(work, each, KINDS[clock.name].title, level=2)
    paging.page_people(
        work, settings, escalation.heads(work, station), key=f"clock:{clock.id}", path=path,
        text=f"NOBODY CAME: {place}, promised within {_seconds(clock)}.",
    )  # fmt: skip


def _job(work: UnitOfWork, clock: Clock) -> Job | None:
    """The job that a clock is about."""
    kind, _, number = clock.subject.partition(":")
    return work.session.get(Job, int(number)) if kind == "job" else None


def _coupon(work: UnitOfWork, settings: Settings, clock: Clock) -> None:
    """A late answer is made good by itself, once."""
    if clock.rider_id is not None:
        compensation.for_breach(work, clock, _case(work, clock))


def _decide(work: UnitOfWork, settings: Settings, clock: Clock) -> None:
    """A bill that nobody decided on in time is decided for the rider."""
    case = _case(work, clock)
    if case is None or case.session_id is None or clock.state == "stopped":
        return
    if clock.subject != cases.subject(case.id):
        return  # a request's: its own timer decides (bot/services/disputes.py)
    compensation.decide_for_rider(work, settings, case)


def _ask_again(work: UnitOfWork, settings: Settings, clock: Clock) -> None:
    """The rider never answered whether it is solved: bot/services/case_timers.py asks again."""
    clocks.stop(work, clock.name, clock.subject, event="no answer", outcome="lapsed")


_ACTIONS: Final[Mapping[str, Callable[[UnitOfWork, Settings, Clock], None]]] = {
    "escalate": _escalate, "page": _page, "head": _head, "coupon": _coupon, "decide": _decide,
    "ask_again": _ask_again, "alarm": _alarm, "watch": _watch,
}  # fmt: skip
assert set(_ACTIONS) == set(rules.ACTIONS)
