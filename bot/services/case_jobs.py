"""A case about a fault at a known pile asks for a technician by itself, whoever reported it, and
asks again when it is taken up once more.

"job.wanted" is put by the routing of the case (bot/services/case_timers.py), so that every door is
the same. A rider's own word sends somebody to look; it takes no pile out of service
(bot/domain/jobs.py: is_confirmed), and one person's words send only so many a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from bot.domain import cases as case_rules
from bot.domain import jobs as rules
from bot.domain.masking import mask_text
from bot.services import alarms, cases, job_cases, jobs, stale
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
from bot.store.stations import Evse, Pile

_SAYS = {"rider": "Somebody reports: {text}", "system": "{text}", "staff": "{text}"}
_BY = {"pile": "system", "system": "system", "console": "staff"}  # else it is a rider's word


def on_wanted(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "job.wanted": a job for a case: the one that lives at its pile, else a new one."""
    case = work.session.get(Case, int(body["case_id"]), with_for_update=True)
    pile = work.session.get(Pile, case.pile_id) if case is not None and case.pile_id else None
    if case is None or pile is None or case.status not in case_rules.OPEN:
        return
    live = [each for each in jobs.live_of_pile(work, pile.id) if each.kind == "repair"]
    elsewhere = _of_outage(work, pile.id) if not live else None
    if elsewhere is not None:
        job_cases.tie(work, elsewhere, case)
        return
    source = _BY.get(case.source, "rider")
    if not live and not _sends(work, case, source):
        return
    jobs.open_job(
        work, kind="repair", source=source, pile=pile, evse=_socket(work, case), case=case,
        text=_SAYS[source].format(text=mask_text(case.text)), key=f"case:{case.id}",
    )  # fmt: skip


def on_taken_up(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind cases.JOB_AGAIN: a repair where the pile is known, one at a time for a pile."""
    case = work.session.get(Case, int(body["case_id"]), with_for_update=True)
    if case is None or case.kind != "fault" or case.pile_id is None:
        return
    if case.status not in case_rules.OPEN:
        return
    jobs.open_job(
        work, kind="repair", source=_BY.get(case.source, "rider"), case=case,
        pile=work.session.get_one(Pile, case.pile_id), evse=_socket(work, case),
        text=f"Case {case.id} is not solved: {mask_text(case.text)}",
        key=f"case:{case.id}:{case.rounds}",
    )  # fmt: skip


def on_known_again(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind stale.KNOWN_AGAIN: a job that silence alone was the reason for, and that nobody
    has taken yet, is called off; the ticket stays for staff to look at and close."""
    pile_id = str(body["pile_id"])
    for each in jobs.live_of_pile(work, pile_id):
        job = jobs.locked(work, each.id)
        if job.state == "open" and _is_for_silence_alone(work, job):
            jobs.cancel(work, None, job.id, "The pile is in contact again.")
            alarms.look_again(work, work.session.get_one(Pile, pile_id), after=timedelta(0))
    silence = select(Case).where(Case.pile_id == pile_id, Case.status.in_(case_rules.OPEN))
    for case in work.session.scalars(silence).all():
        if _is_of_silence(case):
            cases.entry(
                work, case, "note", "The pile is in contact again and tells its state.",
                key=f"again:{body['stale_id']}:{case.id}",
            )  # fmt: skip


def _is_for_silence_alone(work: UnitOfWork, job: Job) -> bool:
    """Nothing else has joined it: no fault, no order of staff, nobody's report."""
    behind = job_cases.of_job(work, job)
    joined = any(each.kind == "note" for each in jobs.entries(work, job.id))
    by_itself = job.source == "system" and not job.fault_code and not joined
    return by_itself and bool(behind) and all(_is_of_silence(each) for each in behind)


def _is_of_silence(case: Case) -> bool:
    return case.key.partition(":")[2].startswith(stale.TICKET)


def _sends(work: UnitOfWork, case: Case, source: str) -> bool:
    if case.code not in rules.SENT_FOR:
        return False
    if source != "rider" or _reported_today(work, case) < rules.REPORTS_A_DAY:
        return True
    cases.entry(
        work, case, "note", f"No technician is asked by itself: {rules.REPORTS_A_DAY} were sent "
        "today on this person's word. Look at it first.", key=f"case:{case.id}:job",
    )  # fmt: skip
    return False


def _reported_today(work: UnitOfWork, case: Case) -> int:
    """How many were sent out within a day because of what this person said."""
    same = Case.rider_id == case.rider_id if case.rider_id else Case.contact == case.contact
    counted = (
        select(func.count())
        .select_from(Job)
        .join(Case, Case.id == Job.case_id)
        .where(same, Job.source == "rider", Job.created_at > work.now - timedelta(days=1))
    )
    return work.session.scalar(counted) or 0


def _of_outage(work: UnitOfWork, pile_id: str) -> Job | None:
    """Somebody who is sent to the outage that a pile is part of comes to this pile as well."""
    outage = job_cases.outage_of(work, pile_id)
    if outage is None:
        return None
    tied = [int(each.ref) for each in cases.links(work, outage.id) if each.kind == "job"]
    live = select(Job).where(Job.id.in_(tied), Job.state.in_(rules.LIVE)).order_by(Job.id)
    return work.session.scalars(live).first()


def _socket(work: UnitOfWork, case: Case) -> Evse | None:
    session = work.session.get(ChargingSession, case.session_id) if case.session_id else None
    evse = work.session.get(Evse, session.evse_id) if session is not None else None
    return evse if evse is not None and evse.pile_id == case.pile_id else None
