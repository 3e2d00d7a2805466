"""What technicians note at the pile: parts, and photos of how it was and how it became.

Each can be taken back while the job is theirs and not over.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import select

from bot.domain import jobs as rules
from bot.services import audit, job_photos, jobs, technicians
from bot.services.audit import Actor
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.jobs import Job, JobEntry
from bot.store.riders import Rider

PARTS_MAX: Final = 20


def at_hand(work: UnitOfWork, staff_id: int) -> Job | None:
    """The job that a technician's photo is about: where they arrived last, else whither they go."""
    rows = select(Job).where(Job.technician_id == staff_id, Job.state.in_(("arrived", "on_way")))
    newest = (Job.state == "arrived").desc(), Job.arrived_at.desc(), Job.on_way_at.desc()
    return work.session.scalars(rows.order_by(*newest, Job.id.desc())).first()


def is_theirs(job: Job, staff_id: int) -> bool:
    """Whether they have the job in hand."""
    return job.technician_id == staff_id and job.state in rules.TAKEN


def expected(work: UnitOfWork, rider: Rider) -> bool:
    """Whether a rider is a technician with a job in hand, so that all their photos matter."""
    staff = technicians.of_rider(work, rider)
    if staff is None:
        return False
    rows = select(Job.id).where(Job.technician_id == staff.id, Job.state.in_(rules.TAKEN))
    return work.session.scalars(rows.limit(1)).first() is not None


def add_part(work: UnitOfWork, actor: Actor, job_id: int, part: str) -> JobEntry:
    """A part that was used or changed, "Fuse x2" for two of them."""
    job, part = jobs.in_hand(work, actor, job_id), rules.part_line(part)[:80]
    if not part or len(job.parts) >= PARTS_MAX or job.state != "arrived":
        raise jobs.NotPossible("Name the part after you have checked in, at most 20 of them.")
    job.parts = [*job.parts, part]
    audit.record(work, actor, "job.part", f"job:{job.id}", after={"part": part})
    touched(work, f"job:{job.id}")
    line = jobs.entry(work, job, "part", part, actor.staff_id)
    work.session.flush()
    return line


def part_back(work: UnitOfWork, actor: Actor, job_id: int, entry_id: int) -> str:
    """A part that was noted by mistake; which it was. Raises NotPossible."""
    job = jobs.in_hand(work, actor, job_id)
    line = work.session.get(JobEntry, entry_id)
    if line is None or line.job_id != job.id or line.kind != "part" or line.text not in job.parts:
        raise jobs.NotPossible("That part is not on the list any more.")
    left = list(job.parts)
    left.remove(line.text)
    job.parts, line.kind = left, "part_back"
    audit.record(work, actor, "job.part_back", f"job:{job.id}", before={"part": line.text})
    touched(work, f"job:{job.id}")
    return line.text


def add_photos(
    work: UnitOfWork,
    actor: Actor,
    job_id: int,
    media_ids: Sequence[int],
    *,
    caption: str = "",
    shows: str = "",
) -> list[JobEntry]:
    """Photos taken on the spot, or of the pile to check in with."""
    job = jobs.in_hand(work, actor, job_id)
    made = job_photos.add(work, actor, job, media_ids, caption=caption, shows=shows)
    audit.record(work, actor, "job.photo", f"job:{job.id}", after={"photos": len(made)})
    return made


def turn_photos(
    work: UnitOfWork, actor: Actor, job_id: int, entry_ids: Collection[int], shows: str
) -> int:
    """Photos of one's own job show how it was before or after; how many were changed."""
    return job_photos.turn(work, jobs.in_hand(work, actor, job_id), entry_ids, shows)


def photos_back(work: UnitOfWork, actor: Actor, job_id: int, entry_ids: Collection[int]) -> int:
    """Photos of one's own job that were kept by mistake; how many were taken back."""
    gone = job_photos.take_back(work, jobs.in_hand(work, actor, job_id), entry_ids)
    audit.record(work, actor, "job.photo_back", f"job:{job_id}", after={"photos": gone})
    return gone
