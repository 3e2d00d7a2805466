"""Photos of a job: how it was and how it became, in the job's own file and in that of its case.

The case's file is what the rider's answer, the ticket and its export are made of.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select, update

from bot.domain import jobs as rules
from bot.services import cases, job_cases
from bot.services.audit import Actor
from bot.services.incidents import EVIDENCE_KEPT
from bot.store.cases import CaseEntry
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.jobs import Job, JobEntry
from bot.store.riders import Media

CAPTION_MAX: Final = 300
WANTED: Final = ("site_care",)  # kinds whose work is proved by a photo of before and one of after


def add(
    work: UnitOfWork,
    actor: Actor,
    job: Job,
    media_ids: Sequence[int],
    *,
    caption: str = "",
    shows: str = "",
) -> list[JobEntry]:
    """Keep photos that came together. What they show is reckoned where `shows` is empty."""
    shows = shows if shows in rules.SHOWS else next_shows(work, job)
    text = _text(shows, " ".join(caption.split())[:CAPTION_MAX])
    made = []
    for media_id in media_ids:
        media = work.session.get_one(Media, media_id)
        media.expires_at = max(media.expires_at, work.now + EVIDENCE_KEPT)
        made.append(
            JobEntry(
                job_id=job.id, at=work.now, kind="photo", staff_id=actor.staff_id, text=text,
                media_id=media_id, shows=shows,
            )
        )  # fmt: skip
    work.session.add_all(made)
    work.session.flush()
    share(work, job)
    touched(work, f"job:{job.id}")
    return made


def next_shows(work: UnitOfWork, job: Job) -> str:
    """What a photo that comes now most likely shows."""
    first = _first_on_site(work, job)
    return rules.shows(job.state, parts=len(job.parts), first_at=first, now=work.now)


def _text(shows: str, caption: str) -> str:
    return f"{rules.SHOWS[shows]}: {caption}" if caption else rules.SHOWS[shows]


def _first_on_site(work: UnitOfWork, job: Job) -> datetime | None:
    if job.arrived_at is None:
        return None
    rows = select(JobEntry.at).where(
        JobEntry.job_id == job.id, JobEntry.kind == "photo", JobEntry.at >= job.arrived_at
    )
    return work.session.scalars(rows.order_by(JobEntry.id)).first()


def of_job(work: UnitOfWork, job_id: int) -> list[JobEntry]:
    """The photos that count, oldest first."""
    rows = select(JobEntry).where(JobEntry.job_id == job_id, JobEntry.kind == "photo")
    return list(work.session.scalars(rows.order_by(JobEntry.id)))


def proves_arrival(work: UnitOfWork, job: Job) -> bool:
    """Whether whoever has the job has sent a photo since they took it."""
    return any(
        each.staff_id == job.technician_id and job.accepted_at and each.at >= job.accepted_at
        for each in of_job(work, job.id)
    )


def lacking(work: UnitOfWork, job: Job) -> tuple[str, ...]:
    """Which photos a job should have before it is done, and has not: "before", "after"."""
    if job.kind not in WANTED:
        return ()
    shown = {each.shows for each in of_job(work, job.id)}
    return tuple(each for each in rules.SHOWS if each not in shown)


def note_lacking(work: UnitOfWork, job: Job) -> None:
    """A job that ends without the photos it should have says so in its file, and its cases'."""
    missing = " and ".join(lacking(work, job))
    if not missing:
        return
    text = f"No photo from {missing} the work"
    work.session.add(JobEntry(job_id=job.id, at=work.now, kind="note", text=text))
    for case in job_cases.of_job(work, job):
        cases.entry(work, case, "note", f"Job {job.id}: {text}")


def share(work: UnitOfWork, job: Job) -> None:
    """What the job's cases have not of these photos yet joins their files."""
    for case in job_cases.of_job(work, job):
        for each in of_job(work, job.id):
            if each.media_id is None:
                continue
            taken_by = Actor(each.staff_id, "technician") if each.staff_id else None
            cases.entry(
                work, case, "photo", each.text, actor=taken_by, media_id=each.media_id,
                body={"job_id": job.id, "shows": each.shows}, key=f"{_key(each.id)}:{case.id}",
            )  # fmt: skip


def _key(entry_id: int) -> str:
    return f"job-photo:{entry_id}"


def turn(work: UnitOfWork, job: Job, entry_ids: Collection[int], shows: str) -> int:
    """These photos show something else than was reckoned; how many were changed."""
    changed = 0
    for each in of_job(work, job.id):
        if each.id not in entry_ids or each.shows == shows or shows not in rules.SHOWS:
            continue
        caption = each.text.partition(": ")[2]
        each.shows, each.text = shows, _text(shows, caption)
        for line in _in_case(work, each.id):
            line.text, line.body = each.text, {**line.body, "shows": shows}
        changed += 1
    touched(work, f"job:{job.id}")
    return changed


def take_back(work: UnitOfWork, job: Job, entry_ids: Collection[int]) -> int:
    """These photos were a mistake: they are not kept, in no file; how many there were."""
    rows = update(JobEntry).where(
        JobEntry.job_id == job.id, JobEntry.id.in_(entry_ids), JobEntry.kind == "photo"
    )
    gone = work.session.execute(
        rows.values(kind="photo_back", text="A photo was taken back")
        .returning(JobEntry.id, JobEntry.media_id)
        .execution_options(synchronize_session=False)
    ).all()
    for entry_id, media_id in gone:
        work.session.execute(
            update(JobEntry).where(JobEntry.id == entry_id).values(media_id=None)
        )  # fmt: skip
        for line in _in_case(work, entry_id):
            line.kind, line.text, line.media_id = "note", "A photo was taken back", None
        media = work.session.get(Media, media_id) if media_id is not None else None
        if media is not None:
            media.expires_at = work.now
    touched(work, f"job:{job.id}")
    return len(gone)


def _in_case(work: UnitOfWork, entry_id: int) -> Sequence[CaseEntry]:
    rows = select(CaseEntry).where(CaseEntry.key.startswith(f"{_key(entry_id)}:"))
    return work.session.scalars(rows).all()
