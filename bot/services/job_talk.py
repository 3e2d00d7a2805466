"""What technicians are told in their own chat, and what riders are asked after a visit."""

from __future__ import annotations

from bot.domain.jobs import KINDS
from bot.replies import N_, Choose, Option, Say, Value, Written
from bot.services import fault_words, job_ends, technicians
from bot.services.fault_words import FAULTED
from bot.services.outbound import tell_rider
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile

_KINDS = {
    "repair": Say(N_("Repair")), "preventive": Say(N_("Preventive visit")),
    "site_care": Say(N_("Site care")), "visit": Say(N_("Planned visit")),
}  # fmt: skip
assert set(_KINDS) == set(KINDS)


def offer(work: UnitOfWork, job: Job, staff: Staff) -> None:
    """Job, fault code and place, with two buttons."""
    rider_id = technicians.chat_of(work, staff)
    if rider_id is None:
        return
    text = Say("Job {job}: {about}\nCan you take it?", {"job": job.id, "about": about(work, job)})
    options = [
        Option(f"job?do=accept&id={job.id}", Say("Accept")),
        Option(f"job?do=pass&id={job.id}", Say("Not now")),
    ]
    key = f"job:{job.id}:offer:{job.offers}"
    tell_rider(work, rider_id, Choose(text, options), key=key)


def cancelled(work: UnitOfWork, job: Job, staff: Staff) -> None:
    """Nobody has to go any more."""
    rider_id = technicians.chat_of(work, staff)
    if rider_id is not None:
        text = Say("Job {job} is cancelled: nobody has to go there any more.", {"job": job.id})
        tell_rider(work, rider_id, text, key=f"job:{job.id}:cancelled")


def about(work: UnitOfWork, job: Job) -> Say:
    """What it is and where."""
    pile = work.session.get_one(Pile, job.pile_id)
    evse = work.session.get(Evse, job.evse_id) if job.evse_id else None
    station = pile.station
    values: dict[str, Value] = {
        "kind": _KINDS[job.kind], "place": evse.code if evse else pile.number,
        "station": station.name, "address": station.address,
        "code": fault_words.told(pile.model, job.fault_code), "text": Written(job.text or "–"),
        "url": f"https://www.google.com/maps/dir/?api=1&destination={station.lat},{station.lng}",
    }  # fmt: skip
    return Say(
        "{kind} at {place}, {station}, {address}\nFault code: {code}\n{text}\nWay there: {url}",
        values,
    )


def done(work: UnitOfWork, job: Job) -> Say:
    """A job is done, and what is so at its pile now: not every pile is offered to riders again."""
    pile = work.session.get_one(Pile, job.pile_id)
    values: dict[str, Value] = {"job": job.id, "pile": pile.number}
    if (kept := job_ends.kept_out(work, job, pile)) is not None:
        return Say("Thank you. Job {job} is done. {kept}", {**values, "kept": kept})
    if job.kind != "repair" and not job.found_wear:
        return Say("Thank you. Job {job} is done.", values)
    mine = [each for each in pile.evses if job.evse_id in (None, each.id)]
    if bad := [each.code for each in mine if each.status == FAULTED]:
        values["sockets"] = ", ".join(bad)
        return Say(
            "Thank you. Job {job} is done, but {sockets} still reports a fault: no rider is sent "
            "there until that is over.",
            values,
        )
    return Say("Thank you. Job {job} is done; pile {pile} is offered to riders again.", values)


def ask_stars(job: Job, name: str) -> Choose:
    """Asked once, after the visit that ended a rider's case."""
    first = Written(name.split()[0] if name.split() else name)
    return Choose(
        Say("How was the repair by {name}? Your stars show on the pile's card.", {"name": first}),
        [
            Option(f"rate_visit?id={job.id}&stars={stars}", Say("{n} of 5 stars", {"n": stars}))
            for stars in (5, 4, 3, 2, 1)
        ],
        list_button=Say("Choose"),
    )
