"""Photos that a technician sends from a job: kept with it, whatever else they could mean."""

from __future__ import annotations

from dataclasses import replace

from bot.dialog.turn import Heard
from bot.gateways.media import new_file, store_file
from bot.gateways.qr import sniff
from bot.jobs.hearing import URGENT, Prepared
from bot.services import job_photos, job_site, technicians
from bot.services.audit import Actor
from bot.services.incidents import EVIDENCE_KEPT
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
from bot.store.riders import Conversation, Rider
from bot.store.staff import Staff
from bot.understanding import Entity, Understanding

INTENT = "job_photo"
# Questions about a job that a photo may come to: its number is among what was answered.
_ASKED = frozenset({"job_check_in", "job_done", "job_nothing", "job_part"})
_ENDS = frozenset({"job_done", "job_nothing"})  # the work is over: such a photo shows the result


def kept(
    work: UnitOfWork, rider: Rider, conversation: Conversation, prepared: Prepared, heard: Heard
) -> Heard:
    """What was heard, as what became of its photos where they belong to a job."""
    photos, dialog = prepared.incoming.photos, conversation.dialog or {}
    urgent = heard.understanding.intent in URGENT  # a finding is kept with its photos all the same
    if not photos or heard.payload is not None or (urgent and dialog.get("intent") not in _ENDS):
        return heard
    staff = technicians.of_rider(work, rider)
    job = _job(work, staff, dialog) if staff is not None else None
    code = heard.understanding.entity("pile_code")
    elsewhere = bool(dialog.get("asking")) and dialog["intent"] not in _ASKED
    if staff is None or job is None or (code and elsewhere):  # the sticker answers that question
        return heard
    files = [
        store_file(work, new_file(data, kind, "photo.jpg"), kept_for=EVIDENCE_KEPT)
        for data in prepared.pictures
        if (kind := sniff(data)) is not None
    ]
    work.session.flush()
    made = job_site.add_photos(
        work, Actor(staff.id, staff.role, staff.name), job.id, [each.id for each in files],
        caption=heard.text, shows=_shows(work, job, dialog),
    )  # fmt: skip
    if urgent:
        return heard
    entities = [
        Entity("job", str(job.id)),
        Entity("photos", ".".join(str(each.id) for each in made)),
        Entity("lost", str(len(photos) - len(files))),
        *([Entity("sticker", code)] if code else []),
    ]
    meant = Understanding(INTENT, 1.0, tuple(entities), lang=heard.understanding.lang)
    return replace(heard, understanding=meant)


def _shows(work: UnitOfWork, job: Job, dialog: dict[str, object]) -> str:
    """What the open question tells of a photo; "" where it tells nothing."""
    if dialog.get("intent") not in _ENDS:
        return ""
    lacking = job_photos.lacking(work, job)
    if dialog.get("asking") == "photos":
        return lacking[0] if len(lacking) == 1 else ""
    return "after"


def _job(work: UnitOfWork, staff: Staff, dialog: dict[str, object]) -> Job | None:
    """The job that an open question is about, else the one at hand."""
    slots = dialog.get("slots") if dialog.get("intent") in _ASKED else None
    number = str(slots.get("id", "")) if isinstance(slots, dict) else ""
    job = work.session.get(Job, int(number)) if number.isdecimal() else None
    if job is not None and job_site.is_theirs(job, staff.id):
        return job
    return job_site.at_hand(work, staff.id)
