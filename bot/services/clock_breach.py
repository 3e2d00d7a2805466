"""What follows when a clock warns or ends: staff see it, a supervisor gets it, riders are repaid.

Inbox kind "clock.timer". A rider is never left to find out: who was promised something and did not
get it is told so, with what we do about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from bot.domain import clocks as rules
from bot.domain.clocks import KINDS
from bot.services import (
    case_talk,
    cases,
    clocks,
    compensation,
    job_cases,
    jobs,
    marks,
    paging,
)
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store.cases import Case, Clock, ClockEvent
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
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
            _in_case(work, clock, f"{KINDS[clock.name].title}: {facts.policy.warn_percent} % spent")
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
    """Staff see it where they look at the rider."""
    _in_case(work, clock, f"{KINDS[clock.name].title}: late")
    if clock.conversation_id is not None:
        text = f"{KINDS[clock.name].title} is late: more than {_seconds(clock)}"
        marks.mark(
            work, clock.conversation_id, "clock", text, body={"clock_id": clock.id},
            key=f"clock:{clock.id}:late",
        )  # fmt: skip


def _seconds(clock: Clock) -> str:
    limit = int(clock.policy["limit_s"])
    if limit < 2 * rules.MIN:
        return f"{limit} s"
    return f"{limit // 60} min" if limit < 2 * rules.HOUR else f"{limit // 3600} h"


def _escalate(work: UnitOfWork, settings: Settings, clock: Clock) -> None:
    """A supervisor has it, and a rider who was promised something is told."""
    case, title = _case(work, clock), KINDS[clock.name].title
    _alarm(work, settings, clock)
    if case is not None:
        cases.missed_deadline(work, case, title)
    if KINDS[clock.name].promised and clock.rider_id is not None and clock.state != "stopped":
        if case is not None and case.kind == "incident":
            return  # who is in danger is told nothing else

        tell_rider(work, clock.rider_id, case_talk.late(clock), key=f"clock:{clock.id}:late")
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
    """Nobody has come: the head of the region, who is a manager, learns it now."""
    job = _job(work, clock)
    if clock.state == "stopped":
        return
    place, path = f"case {clock.case_id}", f"/tickets/{clock.case_id}"
    if job is not None:
        pile = work.session.get_one(Pile, job.pile_id)
        place, path = f"pile {pile.number}, {pile.station.name}", f"/jobs/{job.id}"
        jobs.entry(work, job, "note", f"Nobody came within {_seconds(clock)}: managers are told")
    paging.page_once(
        work, settings, key=f"clock:{clock.id}", path=path, managers_only=True,
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
    "ask_again": _ask_again,
}  # fmt: skip
assert set(_ACTIONS) == set(rules.ACTIONS)
