"""Jobs for technicians: offered one after another, taken once, done with cause, fix and parts.

Whoever presses first decides: each step is one conditional UPDATE. The cases behind a job hear of
every step (bot/services/job_cases.py), and so do their riders.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, update

from bot.domain import jobs as rules
from bot.errors import PilebotError
from bot.services import (
    alarms,
    audit,
    cases,
    clocks,
    job_cases,
    job_ends,
    job_photos,
    job_talk,
    repairs,
    technicians,
    watches,
)
from bot.services.audit import Actor
from bot.services.fault_words import FAULTED
from bot.settings import Settings
from bot.store import inbox
from bot.store.cases import Case
from bot.store.changes import touched
from bot.store.database import ALONE, UnitOfWork
from bot.store.jobs import Job, JobEntry
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile
from bot.store.upsert import insert

TEXT_MAX: Final = 1000
AGAIN: Final = timedelta(minutes=10)  # when nobody was there to be asked


class NotPossible(PilebotError):
    """A step that cannot be taken now; the message says why, for technicians and staff."""


class NoProof(NotPossible):
    """Nothing shows that they are there: neither a location nor a photo."""

    def __init__(self) -> None:
        super().__init__("Check in with your location or with a photo of the pile.")


class TooFar(NotPossible):
    """Their location is `metres` from the station."""

    def __init__(self, metres: int) -> None:
        super().__init__(
            f"Your location is {rules.metres(metres)} from the station. If you are there all the "
            "same, check in with a photo of the pile."
        )
        self.metres = metres


def open_job(
    work: UnitOfWork,
    *,
    kind: str,
    pile: Pile,
    evse: Evse | None = None,
    case: Case | None = None,
    fault_code: str = "",
    text: str,
    key: str,
    source: str = "staff",
    planned_at: datetime | None = None,
    dispatch_at: datetime | None = None,
) -> Job:
    """The job of an occasion, new or the one that lives already for this pile and kind.

    It is offered to technicians at `dispatch_at`, at once when that is left out.
    """
    known = work.session.scalars(select(Job).where(Job.key == key[:160])).first()
    if known is not None:
        return known
    row: dict[str, Any] = {
        "key": key[:160], "open_key": f"{kind}:{pile.id}", "kind": kind, "source": source,
        "state": "open", "pile_id": pile.id, "evse_id": evse.id if evse else None,
        "case_id": case.id if case else None, "fault_code": fault_code[:60],
        "text": text.strip()[:TEXT_MAX], "created_at": work.now, "planned_at": planned_at,
        "offers": 0, "passed": [], "round": 0, "cause": "", "fix": "", "parts": [],
    }  # fmt: skip
    while True:
        made = work.session.scalars(
            insert(work, Job)
            .values(row)
            .on_conflict_do_nothing(index_elements=["open_key"])
            .returning(Job)
        ).first()
        if made is not None:
            entry(work, made, "opened", made.text)
            touched(work, f"pile:{pile.id}", f"job:{made.id}")
            _riders_see(work, made)
            job_cases.opened(work, made, case)
            _set_timer(work, made, "dispatch", dispatch_at or work.now)
            return made
        same = select(Job).where(Job.open_key == row["open_key"]).with_for_update()
        lives = work.session.scalars(same.execution_options(populate_existing=True)).first()
        if lives is not None:  # else it came to its end at this very moment
            return _join(work, lives, row, case)


def _join(work: UnitOfWork, job: Job, row: Mapping[str, Any], case: Case | None) -> Job:
    """Another reason to go there: the job knows what it did not, and covers what it did not."""
    entry(work, job, "note", row["text"])
    if row["fault_code"] and job.fault_code in ("", FAULTED):
        job.fault_code = row["fault_code"]
    if rules.is_confirmed(row["source"]) and not rules.is_confirmed(job.source):
        job.source = row["source"]
    # A case knows the pile, not always the socket.
    unsure = row["evse_id"] is None and row["source"] in ("rider", "system")
    if job.evse_id is not None and row["evse_id"] != job.evse_id and not unsure:
        job.evse_id = None
        entry(work, job, "note", "It is about the whole pile now")
    touched(work, f"job:{job.id}", f"pile:{job.pile_id}")
    _riders_see(work, job)
    job_cases.joined(work, job, case)
    return job


def _riders_see(work: UnitOfWork, job: Job) -> None:
    """A pile under repair is offered to nobody (bot/services/repairs.py)."""
    if job.kind == "repair":
        work.session.flush()
        repairs.changed(work, job.pile_id)


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "job.timer"."""
    job = locked(work, int(body["job_id"]))
    if job.state != "open" or (job.offered_to is not None and not _offer_is_over(job, work.now)):
        return  # or somebody has been asked meanwhile, and has their time
    if job.source == "rider" and job.case_id is not None and not job_cases.of_job(work, job):
        cancel(work, None, job.id, "What was reported is settled.")
        return
    if body["name"] == "dispatch" or _offer_is_over(job, work.now):
        if job.offered_to is not None:
            _pass_on(work, job, job.offered_to, "did not answer")
        offer_next(work, settings, job)


def _offer_is_over(job: Job, now: datetime) -> bool:
    return job.offered_until is not None and job.offered_until <= now


def offer_next(work: UnitOfWork, settings: Settings, job: Job) -> None:
    """Offer an open job to the next technician; when all let it pass, the case goes up and they
    are asked again."""
    able = technicians.workers(work)
    chosen = rules.next_worker(able, job.passed)
    if chosen is None and able and job.passed:
        job.passed, job.round = [], job.round + 1
        _nobody(work, job, "Every technician let it pass")
        chosen = rules.next_worker(able, ())
    if chosen is None:
        _nobody(work, job, "No technician can be reached")
        job.offered_to = job.offered_until = None
        _set_timer(work, job, "dispatch", work.now + AGAIN)
        return
    staff = work.session.get_one(Staff, chosen)
    job.offers += 1
    job.offered_to = chosen
    job.offered_until = work.now + timedelta(seconds=settings.job_offer_s)
    entry(work, job, "offered", f"To {staff.name}")
    touched(work, f"job:{job.id}")
    job_talk.offer(work, job, staff)
    _set_timer(work, job, "offer", job.offered_until)


def _nobody(work: UnitOfWork, job: Job, why: str) -> None:
    entry(work, job, "nobody", why)
    for case in job_cases.of_job(work, job):
        cases.raise_level(work, case, why)


# --- by technicians ------------------------------------------------------------------------------


def accept(work: UnitOfWork, settings: Settings, actor: Actor, job_id: int) -> Job:
    """Take an open job; of two who do, one gets it. Raises NotPossible naming who has it."""
    job = _move(
        work, job_id, "accepted", technician_id=actor.staff_id, accepted_at=work.now,
        offered_to=None, offered_until=None,
    )  # fmt: skip
    job_cases.accepted(work, settings, actor, job)
    _note(work, actor, job, "accepted", f"Accepted by {actor.name}")
    return job


def let_pass(work: UnitOfWork, settings: Settings, actor: Actor, job_id: int) -> Job:
    """Not now: the next one is asked. Raises NotPossible when it is not offered to them."""
    job = locked(work, job_id)
    if job.state != "open" or job.offered_to != actor.staff_id:
        raise NotPossible(_told(work, job))
    _pass_on(work, job, actor.staff_id, "let it pass")
    offer_next(work, settings, job)
    return job


def _pass_on(work: UnitOfWork, job: Job, staff_id: int, how: str) -> None:
    staff = work.session.get(Staff, staff_id)
    entry(work, job, "passed", f"{staff.name if staff else 'Somebody'} {how}", staff_id)
    job.passed = [*job.passed, staff_id]
    job.offered_to = job.offered_until = None


def on_my_way(work: UnitOfWork, actor: Actor, job_id: int) -> Job:
    """They have set out."""
    job = _mine(work, actor, job_id, "on_way", on_way_at=work.now)
    _note(work, actor, job, "on_way", "On the way")
    return job


def arrive(
    work: UnitOfWork, actor: Actor, job_id: int, *, distance_m: int | None, sure: bool = False
) -> Job:
    """Check in at the pile: near it by location, else with a photo of it in the job's file.

    A location far away counts only with a photo and when they are `sure`, and is marked. Raises
    TooFar, NoProof.
    """
    far = distance_m is not None and not rules.is_near(distance_m)
    if far or distance_m is None:
        proved = job_photos.proves_arrival(work, locked(work, job_id))
        if far and not (sure and proved):
            raise TooFar(distance_m or 0)
        if not proved:
            raise NoProof
    job = _mine(work, actor, job_id, "arrived", arrived_at=work.now, arrived_m=distance_m)
    told = "by photo, without a location" if distance_m is None else _how_far(distance_m)
    _note(work, actor, job, "arrived", f"Arrived, {told}")
    job_cases.arrived(work, actor, job, told)
    return job


def _how_far(distance_m: int) -> str:
    told = f"{rules.metres(distance_m)} from the station"
    return told if rules.is_near(distance_m) else f"FAR: {told}, with a photo"


def done(
    work: UnitOfWork,
    settings: Settings,
    actor: Actor,
    job_id: int,
    *,
    cause: str,
    fix: str,
    found_wear: bool | None = None,
) -> Job:
    """What it was and what was done; the pile goes back into service and the case is solved.

    After a preventive visit `found_wear` tells whether the prediction was right.
    """
    cause, fix = cause.strip()[:TEXT_MAX], fix.strip()[:TEXT_MAX]
    if not cause or not fix:
        raise NotPossible("Say what it was and what you did.")
    if locked(work, job_id).kind != "preventive":
        found_wear = None
    elif found_wear is None:
        raise NotPossible("Say whether you found wear: predictions are judged by it.")
    job = _mine(
        work, actor, job_id, "done", done_at=work.now, cause=cause, fix=fix, open_key=None,
        found_wear=found_wear,
    )  # fmt: skip
    _note(work, actor, job, "done", f"Cause: {cause} Done: {fix}")
    job_photos.note_lacking(work, job)
    clocks.stop(work, "preventive", rules.subject(job.id), event=f"{actor.name} is done"[:80])
    if job.kind in ("preventive", "repair"):
        watches.visited(work, job)
    pile = work.session.get_one(Pile, job.pile_id)
    if job.kind == "repair" or found_wear:
        job_ends.works_again(work, actor, job, pile)
        alarms.look_again(work, pile, after=timedelta(seconds=settings.fault_settle_s))
    if (kept := job_ends.kept_out(work, job, pile)) is not None:
        entry(work, job, "note", job_ends.in_english(kept))
    job_photos.share(work, job)  # cases that joined the job after its photos
    job_cases.solved(work, settings, actor, job, cause=cause, fix=fix)
    _tell_calendar(work, job)
    return job


def _tell_calendar(work: UnitOfWork, job: Job) -> None:
    """The visit that a job is for has come to its end: bot/services/visits.py."""
    if job.kind == "visit":
        inbox.put(
            work, source="job", source_id=f"{job.id}:over", stream=f"pile:{job.pile_id}",
            kind="visit.done", body={"job_id": job.id, "state": job.state},
        )  # fmt: skip


def give_back(work: UnitOfWork, settings: Settings, actor: Actor, job_id: int) -> Job:
    """They cannot do it after all: the next one is asked at once."""
    job = _mine(work, actor, job_id, "open", technician_id=None, accepted_at=None, on_way_at=None)
    job.passed = [*job.passed, actor.staff_id]
    job_cases.given_back(work, actor, job)
    job.arrived_at = job.arrived_m = None
    _note(work, actor, job, "given_back", f"{actor.name} gave it back")
    offer_next(work, settings, job)
    return job


# --- by the desk ---------------------------------------------------------------------------------


def assign(work: UnitOfWork, settings: Settings, actor: Actor, job_id: int, staff_id: int) -> Job:
    """Ask one person rather than the next in turn."""
    job, staff = locked(work, job_id), work.session.get(Staff, staff_id)
    if job.state != "open" or staff is None or not staff.active or staff.role != "technician":
        raise NotPossible("Only an open job can be given to a technician.")
    job.offers += 1
    job.offered_to, job.offered_until = (
        staff_id, work.now + timedelta(seconds=settings.job_offer_s),
    )  # fmt: skip
    job.passed = [each for each in job.passed if each != staff_id]
    _note(work, actor, job, "offered", f"{actor.name} asks {staff.name}")
    job_talk.offer(work, job, staff)
    _set_timer(work, job, "offer", job.offered_until)
    return job


def cancel(work: UnitOfWork, actor: Actor | None, job_id: int, why: str) -> Job:
    """Nobody has to go any more; who was on it is told."""
    job = locked(work, job_id)
    before = job.technician_id or job.offered_to
    job = _move(work, job_id, "cancelled", open_key=None, offered_to=None, offered_until=None)
    entry(work, job, "cancelled", why[:TEXT_MAX], actor.staff_id if actor else None)
    touched(work, f"job:{job.id}", f"pile:{job.pile_id}")
    _riders_see(work, job)
    clocks.drop(work, rules.subject(job.id), event="the job was cancelled")
    _tell_calendar(work, job)
    if actor is not None:
        audit.record(work, actor, "job.cancelled", f"job:{job.id}", reason=why)
    staff = work.session.get(Staff, before) if before else None
    if staff is not None:
        job_talk.cancelled(work, job, staff)
    return job


def rate(work: UnitOfWork, job_id: int, rider_id: int, stars: int) -> bool:
    """The rider's stars for a visit, once; False when it is not theirs to rate."""
    job = work.session.get(Job, job_id)
    if job is None:
        return False
    case_of = select(Case.id).where(Case.rider_id == rider_id, job_cases.is_of(job))
    rated = work.session.scalars(
        update(Job)
        .where(Job.id == job_id, Job.state == "done", Job.stars.is_(None), case_of.exists())
        .values(stars=min(5, max(1, stars)))
        .returning(Job.id)
    ).first()
    if rated is None:
        return False
    job = locked(work, job_id)
    entry(work, job, "rated", f"{job.stars} of 5 stars")
    return True


# --- reading -------------------------------------------------------------------------------------


def of_technician(work: UnitOfWork, staff_id: int) -> list[Job]:
    """What somebody has in hand or is offered, oldest first."""
    rows = select(Job).where(
        (Job.technician_id == staff_id) & Job.state.in_(rules.TAKEN)
        | (Job.offered_to == staff_id) & (Job.state == "open")
    )
    return list(work.session.scalars(rows.order_by(Job.id)))


def live_of_pile(work: UnitOfWork, pile_id: str) -> list[Job]:
    """The jobs at a pile that are not over."""
    rows = select(Job).where(Job.pile_id == pile_id, Job.state.in_(rules.LIVE))
    return list(work.session.scalars(rows.order_by(Job.id)))


def entries(work: UnitOfWork, job_id: int) -> list[JobEntry]:
    """A job's file, oldest first."""
    rows = select(JobEntry).where(JobEntry.job_id == job_id).order_by(JobEntry.id)
    return list(work.session.scalars(rows))


def score(work: UnitOfWork, pile_id: str | None = None) -> tuple[int | None, int]:
    """What riders give technicians, in tenths of a star, and of how many visits."""
    stars = select(Job.stars).where(Job.stars.is_not(None))
    if pile_id is not None:
        stars = stars.where(Job.pile_id == pile_id)
    found = [each for each in work.session.scalars(stars) if each is not None]
    return rules.score_tenths(found), len(found)


def last_visit(work: UnitOfWork, pile_id: str) -> datetime | None:
    """When somebody last finished work at a pile."""
    return work.session.scalar(
        select(func.max(Job.done_at)).where(Job.pile_id == pile_id, Job.state == "done")
    )


def entry(
    work: UnitOfWork, job: Job, kind: str, text: str, staff_id: int | None = None
) -> JobEntry:
    """Add a line to a job's file."""
    line = JobEntry(job_id=job.id, at=work.now, kind=kind, text=text, staff_id=staff_id)
    work.session.add(line)
    return line


def locked(work: UnitOfWork, job_id: int) -> Job:
    """A job, nobody else's for now. Raises NotPossible: there is none."""
    job = work.session.get(Job, job_id, with_for_update=ALONE, populate_existing=True)
    if job is None:
        raise NotPossible("There is no such job.")
    return job


def _set_timer(work: UnitOfWork, job: Job, name: str, at: datetime) -> None:
    inbox.put(
        work, source="timer", source_id=f"job:{job.id}:{name}:{job.offers}",
        stream=f"job:{job.id}", kind="job.timer", body={"job_id": job.id, "name": name},
        available_at=at, coalesce=True,
    )  # fmt: skip


def _move(work: UnitOfWork, job_id: int, to: str, *conditions: Any, **values: Any) -> Job:
    """One conditional step. Raises NotPossible with what stands instead."""
    work.session.flush()
    moved = work.session.scalars(
        update(Job)
        .where(Job.id == job_id, Job.state.in_(rules.sources(to)), *conditions)
        .values(state=to, **values)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    ).first()
    job = locked(work, job_id)
    if moved is None:
        raise NotPossible(_told(work, job))
    return job


def _mine(work: UnitOfWork, actor: Actor, job_id: int, to: str, **values: Any) -> Job:
    return _move(work, job_id, to, Job.technician_id == actor.staff_id, **values)


def in_hand(work: UnitOfWork, actor: Actor, job_id: int) -> Job:
    """Their own job, taken and not over, nobody else's for now. Raises NotPossible."""
    job = locked(work, job_id)
    if job.technician_id != actor.staff_id or job.state not in rules.TAKEN:
        raise NotPossible(_told(work, job))
    return job


def _told(work: UnitOfWork, job: Job) -> str:
    """How it stands, for whoever came too late."""
    staff = work.session.get(Staff, job.technician_id) if job.technician_id else None
    state = rules.STATES[job.state].lower()
    return f"Job {job.id} is {state}{f' by {staff.name}' if staff else ''}."


def _note(work: UnitOfWork, actor: Actor, job: Job, kind: str, text: str) -> None:
    """A line in the job's file, the case's file and the audit log, told to open consoles."""
    entry(work, job, kind, text, actor.staff_id)
    audit.record(work, actor, f"job.{kind}", f"job:{job.id}", after={"state": job.state})
    touched(work, f"job:{job.id}", f"pile:{job.pile_id}")
    _riders_see(work, job)
    if kind in ("accepted", "on_way", "arrived"):
        job_cases.stepped(work, actor, job, kind, text)
