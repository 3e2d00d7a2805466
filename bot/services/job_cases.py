"""The cases behind a job: every open one about its pile hears of each step, not only the first.

A case is tied to a job by a link; of an outage the jobs at all its piles are. Cases of danger and
outages are a manager's to end: work on the spot is a line in their file, and riders in danger are
told nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, or_, select

from bot.domain import cases as case_rules
from bot.domain import jobs as rules
from bot.replies import Moment, Say
from bot.services import case_money, case_talk, case_work, cases, clocks, job_talk, wording
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store.cases import Case, CaseLink, Clock, Outage
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
from bot.store.staff import Staff
from bot.store.stations import Pile

RESPONSE: Final = "fault_response"
ON_SITE: Final = "on_site"
_TIMED: Final = ("repair", "site_care")  # somebody is promised on the spot for these


def of_job(work: UnitOfWork, job: Job) -> Sequence[Case]:
    """The cases that people still work on and that a job is for, in the order of their locks; one
    that turned out to be about money is for nobody on the spot, unless staff sent them for it."""
    sent_for = job.case_id if job.source == "staff" else None
    apt = or_(Case.kind.in_(("fault", "incident")), Case.id == sent_for)
    rows = select(Case).where(Case.status.in_(case_rules.OPEN), is_of(job), apt)
    return work.session.scalars(rows.order_by(Case.id)).all()


def is_of(job: Job) -> Any:
    """The condition that a case is one of a job's."""
    tied = select(CaseLink.case_id).where(CaseLink.kind == "job", CaseLink.ref == str(job.id))
    return or_(Case.id == job.case_id, Case.id.in_(tied))


def _is_grave(case: Case) -> bool:
    """A manager's to end."""
    return case_rules.is_grave(case.kind, case.code)


def _words_locked(work: UnitOfWork, case: Case) -> bool:
    """Whether a rider would read words that nobody approved while danger is open."""
    return case.rider_id is not None and wording.lock_of_case(work, case) is not None


def numbers(work: UnitOfWork, job: Job) -> Sequence[int]:
    """All cases that a job is or was for."""
    return work.session.scalars(select(Case.id).where(is_of(job)).order_by(Case.id)).all()


# --- what belongs together -----------------------------------------------------------------------


def opened(work: UnitOfWork, job: Job, case: Case | None) -> None:
    """A new job: its cases are tied to it, and the promise that somebody comes begins."""
    if job.kind in _TIMED:
        clocks.start(work, ON_SITE, rules.subject(job.id), at=job.created_at, team="technical")
    joined(work, job, case)


def joined(work: UnitOfWork, job: Job, case: Case | None) -> None:
    """A job has another case, or is about more of the pile: what it is for is tied to it."""
    found = [case] if case is not None else []
    if job.kind == "repair":
        found += [each for each in cases.open_of_pile(work, job.pile_id) if _fits(work, job, each)]
    outage = outage_of(work, job.pile_id)
    for each in [*found, *([outage] if outage is not None else [])]:
        tie(work, job, each)


def tie(work: UnitOfWork, job: Job, case: Case) -> None:
    """Tie a case to a job, once; where a technician has it in hand, that counts for the case."""
    if not cases.link(work, case, "job", str(job.id), quiet=True):
        return
    cases.entry(work, case, "linked", f"Job {job.id}: {rules.KINDS[job.kind]}")
    job.case_id = job.case_id or case.id
    _is_promised_to(work, job, case)
    if job.state in rules.TAKEN and not _is_grave(case):
        clocks.stop(work, RESPONSE, cases.subject(case.id), event=f"job {job.id} is taken")
        if case.owner_id is None:
            case.owner_id = job.technician_id
            case.status = "assigned" if case.status == "new" else case.status
        _tell_step(work, job, case, job.state)


def _is_promised_to(work: UnitOfWork, job: Job, case: Case) -> None:
    """Whose promise it is that somebody comes: the first rider's who has a case there."""
    for clock in clocks.of_subject(work, rules.subject(job.id)):
        news = clock.case_id is None or case.rider_id is not None
        if clock.name == ON_SITE and clock.state != "stopped" and not clock.rider_id and news:
            clock.case_id, clock.rider_id = case.id, case.rider_id
            clock.conversation_id = case.conversation_id


def _fits(work: UnitOfWork, job: Job, case: Case) -> bool:
    """A fault of the pile; a job for one socket has nothing to do with a charge at another."""
    if case.kind != "fault" or case.status not in case_rules.OPEN:
        return False
    if job.evse_id is None or case.session_id is None:
        return True
    return work.session.get_one(ChargingSession, case.session_id).evse_id == job.evse_id


def outage_of(work: UnitOfWork, pile_id: str) -> Case | None:
    """The case of the outage that a pile is part of now."""
    running = select(Outage.case_id, Outage.piles).where(Outage.open_key.is_not(None))
    for case_id, pile_ids in work.session.execute(running).all():
        if case_id is not None and pile_id in pile_ids:
            return work.session.get_one(Case, case_id)
    return None


def places(work: UnitOfWork, case: Case) -> list[tuple[str, str]]:
    """The piles that somebody can be sent to for a case: its own, or those of its outage."""
    of_outage = select(Outage.piles).where(Outage.case_id == case.id)
    ids = [case.pile_id] if case.pile_id else work.session.scalars(of_outage).first() or []
    rows = select(Pile).where(Pile.id.in_(ids)).order_by(Pile.number)
    return [(each.id, f"{each.number}, {each.station.name}") for each in work.session.scalars(rows)]


# --- steps ---------------------------------------------------------------------------------------


def accepted(work: UnitOfWork, settings: Settings, actor: Actor, job: Job) -> None:
    """A technician has it: who waited for that waits no longer, and nobody's case is taken away."""
    for case in of_job(work, job):
        if _is_grave(case):
            continue
        owner = work.session.get(Staff, case.owner_id) if case.owner_id else None
        owner_id = owner.id if owner is not None and owner.active else actor.staff_id
        case_work.assign(
            work, settings, actor, case.id, owner_id=owner_id, team=_team(work, case), quiet=True
        )
        event = f"accepted by {actor.name}"[:80]
        clocks.stop(work, RESPONSE, cases.subject(case.id), event=event)


def _team(work: UnitOfWork, case: Case) -> str:
    """Technical, unless facts are lacking for that: then it stays where it is."""
    return case.team if cases.missing(work, case) else "technical"


def arrived(work: UnitOfWork, actor: Actor, job: Job, told: str) -> None:
    """Somebody is there: for a case, and for an outage as soon as it is the first pile of it."""
    event = f"{actor.name} arrived, {told}"[:80]
    clocks.stop(work, ON_SITE, rules.subject(job.id), event=event)
    for case in of_job(work, job):
        if case.code == "outage":
            clocks.stop(work, ON_SITE, cases.subject(case.id), event=event)


def solved(
    work: UnitOfWork, settings: Settings, actor: Actor, job: Job, *, cause: str, fix: str
) -> None:
    """Its cases are solved; what only a manager may end gets a line. One rider rates the visit."""
    pile, asked = work.session.get_one(Pile, job.pile_id), False
    for case in of_job(work, job):
        money_first = bool(case_money.undecided(work, case.id))
        if _is_grave(case) or _words_locked(work, case) or money_first:
            told = f"Job {job.id} is done. Cause: {cause} Done: {fix}"
            cases.entry(work, case, "note", told, actor=actor)
            continue
        case_work.solve(
            work, settings, actor, case.id, cause=cause, fix=fix, result_code=job.kind,
            result=case_talk.RESULTS[job.kind].text.format(pile=pile.number),
        )  # fmt: skip
        if case.rider_id is not None and not asked:
            case_talk.tell(work, case, job_talk.ask_stars(job, actor.name), key=f"job:{job.id}:ask")
            asked = True


def given_back(work: UnitOfWork, actor: Actor, job: Job) -> None:
    """Nobody has it again: the promise begins anew, and its riders hear that another is asked."""
    if job.arrived_at is not None and job.kind in _TIMED:
        _again(work, ON_SITE, rules.subject(job.id), team="technical")
    for case in of_job(work, job):
        cases.entry(work, case, "note", f"Job {job.id}: {actor.name} gave it back", actor=actor)
        _is_promised_to(work, job, case)
        if _is_grave(case):
            continue
        if case.owner_id == actor.staff_id:
            case.owner_id = None
            case.status = "new" if case.status == "assigned" else case.status
        if RESPONSE in case_rules.clocks_of(case.kind, case.code):
            _again(
                work, RESPONSE, cases.subject(case.id), case_id=case.id, rider_id=case.rider_id,
                conversation_id=case.conversation_id, team=case.team,
            )  # fmt: skip
        _tell_step(work, job, case, "given_back")


def _again(work: UnitOfWork, name: str, about: str, **more: Any) -> None:
    """Another round of a promise that was kept for nothing."""
    rounds = select(func.count()).where(Clock.name == name, Clock.subject == about)
    count = work.session.scalar(rounds) or 0
    clocks.start(work, name, about, at=work.now, round_=count + 1, **more)


def stepped(work: UnitOfWork, actor: Actor, job: Job, kind: str, text: str) -> None:
    """A step of the technician in the files of its cases, and for their riders."""
    for case in of_job(work, job):
        cases.entry(work, case, "note", f"Job {job.id}: {text}", actor=actor)
        if not _is_grave(case):
            _tell_step(work, job, case, kind)


def _tell_step(work: UnitOfWork, job: Job, case: Case, kind: str) -> None:
    key = f"job:{job.id}:{kind}:{work.now.isoformat(timespec='seconds')}"
    case_talk.tell_all(work, case, _progress(work, job, case, kind), key=key)


def _progress(work: UnitOfWork, job: Job, case: Case, kind: str) -> Say:
    pile = work.session.get_one(Pile, job.pile_id)
    values: dict[str, Any] = {
        "pile": pile.number, "at": Moment(work.now, pile.station.tz), "case": case.id,
    }  # fmt: skip
    match kind:
        case "accepted":
            return Say("Case {case}: a technician has taken on pile {pile} (as of {at}).", values)
        case "on_way":
            return Say(
                "Case {case}: the technician is on the way to pile {pile} (as of {at}).", values
            )
        case "arrived":
            return Say("Case {case}: the technician is at pile {pile} now (as of {at}).", values)
        case _:
            return Say(
                "Case {case}: the technician cannot come to pile {pile}; another one is asked now "
                "(as of {at}).",
                values,
            )
