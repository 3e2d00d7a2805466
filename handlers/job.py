"""A technician's own chat: jobs offered, taken, on the way, there, done; and riders' stars."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import CHOICE, Findings
from bot.dialog.turn import Instead, Turn
from bot.domain import jobs as rules
from bot.errors import Refused
from bot.replies import (
    Amount,
    Choose,
    Option,
    Replies,
    Reply,
    Say,
    Value,
    Written,
    as_sequence,
)
from bot.services import job_photos, job_talk, jobs, technicians
from bot.services.audit import Actor
from bot.services.stations import distance_m
from bot.store.jobs import Job
from bot.store.staff import Staff
from bot.store.stations import Pile

PHOTO: Final = "photo"
NOTHING: Final = "Nothing found"  # kept in the file, in the language of staff
_MANY = (
    "jobs", "my jobs", "mis trabajos", "trabajos", "meus trabalhos", "trabalhos", "我的任务",
    "任务", "mes interventions", "interventions", "meine einsätze", "einsätze",
)  # fmt: skip


@intent("my_jobs", words=_MANY)
def my_jobs(turn: Turn) -> Replies:
    """What a technician has in hand or is offered; a tap shows one."""
    staff = technician(turn)
    found = jobs.of_technician(turn.work, staff.id)
    if not found:
        return Say("You have no jobs. New ones come into this chat by themselves.")
    if len(found) == 1:
        return card(turn, staff, found[0])
    return Choose(
        Say("Your jobs: {number}. Tap one.", {"number": len(found)}),
        [
            Option(f"job?id={each.id}", Say("Job {job}", {"job": each.id}), _place(turn, each))
            for each in found[:10]
        ],
        list_button=Say("Choose"),
    )


@intent("job", patterns=(r"(?:job|trabajo|trabalho|任务|intervention|einsatz)\s*#?\d{1,9}",))
def job(turn: Turn) -> Replies | Instead:
    """One step of a job, by button; without one, how it stands."""
    staff, found = technician(turn), job_meant(turn)
    try:
        said = _step(turn, actor_of(staff), found, turn.value("do"))
    except jobs.NoProof:
        return Instead("job_check_in")
    except jobs.NotPossible:
        return too_late(turn, staff, found.id)
    return said or card(turn, staff, jobs.locked(turn.work, found.id))


def _step(turn: Turn, actor: Actor, found: Job, do: str | None) -> Say | None:
    """Raises jobs.NotPossible."""
    match do:
        case "accept":
            jobs.accept(turn.work, turn.settings, actor, found.id)
        case "pass":
            jobs.let_pass(turn.work, turn.settings, actor, found.id)
            return Say("All right, somebody else is asked.")
        case "way":
            jobs.on_my_way(turn.work, actor, found.id)
        case "here":
            jobs.arrive(turn.work, actor, found.id, distance_m=None)  # by the photo they sent
        case "back":
            jobs.give_back(turn.work, turn.settings, actor, found.id)
            return Say("Job {job} is given back; somebody else is asked.", {"job": found.id})
        case _:
            pass
    return None


def _near(turn: Turn, values: Mapping[str, Any]) -> Replies:
    technician(turn)
    found = job_meant(turn, values["id"])
    prompt = Say(
        "Share your location to check in for job {job} (attach, then Location), or send a photo "
        "of the pile.",
        {"job": found.id},
    )
    if not job_photos.proves_arrival(turn.work, found):
        return prompt
    return Choose(prompt, [Option(f"job?do=here&id={found.id}", Say("Without location"))])


def _sure(turn: Turn, values: Mapping[str, Any]) -> Replies | None:
    """A location far away counts with a photo only; with one, nothing is left to ask."""
    far = _distance(turn, job_meant(turn, values["id"]), values["here"])
    if far is None or rules.is_near(far):
        return None
    return Choose(
        Say(
            "That is {distance} from the station. Are you there all the same? Then send a photo "
            "of the pile: it is kept with your check-in.",
            {"distance": Amount(far, "m")},
        ),
        [Option(f"job_check_in?id={values['id']}", Say("Try again"))],
    )


class _Here:
    """A shared location, as "lat,lng"; or "photo", which is kept with the job by now."""

    def __init__(self, *, places: bool) -> None:
        self.places = places

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """Only when asked: a location is a search otherwise."""
        if not asked or not self.claims(turn):
            return None
        place = turn.heard.place
        return f"{place[0]:.6f},{place[1]:.6f}" if place is not None else PHOTO

    def claims(self, turn: Turn) -> bool:
        """The whole message is an answer, although it may be a search or a photo like others."""
        photo = bool(turn.heard.understanding.entity("photos"))
        return photo or (self.places and turn.heard.place is not None)

    def dump(self, value: str) -> str:
        """As it is."""
        return value

    def load(self, turn: Turn, raw: str) -> str | None:
        """As it is."""
        return raw


@wish
class CheckIn:
    """The job, and where the technician stands."""

    id: str = ask("Which job?", CHOICE)
    here: str = ask(_near, _Here(places=True))
    sure: str | None = ask(_sure, _Here(places=False))


@intent("job_check_in")
def check_in(turn: Turn, want: CheckIn) -> Replies:
    """Near the station, or with a photo, the clock of the way stops."""
    staff, found = technician(turn), job_meant(turn, want.id)
    far = _distance(turn, found, want.here)
    try:
        found = jobs.arrive(
            turn.work, actor_of(staff), found.id, distance_m=far, sure=want.sure == PHOTO
        )
    except jobs.NotPossible:
        return too_late(turn, staff, found.id)
    return card(turn, staff, found)


def _distance(turn: Turn, found: Job, here: str) -> int | None:
    """Metres between a shared location and the station; None for a photo."""
    if here == PHOTO:
        return None
    station = turn.work.session.get_one(Pile, found.pile_id).station
    lat, lng = (float(each) for each in here.split(","))
    return distance_m(lat, lng, station.lat, station.lng)


def _photos(turn: Turn, values: Mapping[str, Any]) -> Replies | None:
    """Some kinds of work are proved by photos; a question only while one is lacking."""
    found = job_meant(turn, values["id"])
    lacking = job_photos.lacking(turn.work, found)
    if not lacking:
        return None
    words: dict[tuple[str, ...], Say] = {
        ("before",): Say("A photo from before the work is wanted, and there is none yet."),
        ("after",): Say("A photo from after the work is wanted, and there is none yet."),
    }
    both = Say("A photo from before and one from after the work are wanted, and there is none yet.")
    return Choose(
        Say("{lacking} Send it now, or finish without.", {"lacking": words.get(lacking, both)}),
        [Option("=without", Say("Finish without"))],
    )


def _ask_fix(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    return [*_danger_now(turn, slots["id"]), Say("What did you do?")]


def _danger_now(turn: Turn, number: str) -> list[Reply]:
    """What was burnt or wet is told in words of danger: it is no alarm, but may be one."""
    if turn.heard.understanding.engine != "safety":
        return []
    pile = turn.work.session.get_one(Pile, job_meant(turn, number).pile_id)
    return [
        Choose(
            Say(
                "That is kept as what you found. If there is danger at {pile} now, tap here: I "
                "switch it off and call people.",
                {"pile": pile.number},
            ),
            [Option(f"safety_emergency?pile={pile.number}", Say("Yes, danger"))],
        )
    ]


@wish
class Finish:
    """What it was, what was done, and what for."""

    id: str = ask("Which job?", CHOICE)
    photos: str | None = ask(_photos, CHOICE)
    cause: str = ask("What was it? Please describe the cause in a few words.", Findings(500))
    fix: str = ask(_ask_fix, Findings(500))
    wear: str | None = maybe(CHOICE)  # of a preventive visit: there was something to prevent


@intent("job_done")
def finish(turn: Turn, want: Finish) -> Replies:
    """The pile goes back into service, and the rider hears of it."""
    wear = True if want.wear == "yes" else None
    return _done(turn, want.id, cause=want.cause, fix=want.fix, found_wear=wear)


@wish
class Nothing:
    """A preventive visit that found nothing, and what was looked at."""

    id: str = ask("Which job?", CHOICE)
    checked: str = ask("What did you check?", Findings(500))


@intent("job_nothing")
def nothing(turn: Turn, want: Nothing) -> Replies:
    """There was nothing to prevent: the prediction learns it."""
    return _done(turn, want.id, cause=NOTHING, fix=want.checked, found_wear=False)


def _done(turn: Turn, number: str, *, cause: str, fix: str, found_wear: bool | None) -> Replies:
    staff, found = technician(turn), job_meant(turn, number)
    try:
        found = jobs.done(
            turn.work, turn.settings, actor_of(staff), found.id, cause=cause, fix=fix,
            found_wear=found_wear,
        )  # fmt: skip
    except jobs.NotPossible:
        said = card(turn, staff, jobs.locked(turn.work, found.id))
        return [*_danger_now(turn, number), *as_sequence(said)]
    return [*_danger_now(turn, number), job_talk.done(turn.work, found)]


@intent("rate_visit")
def rate_visit(turn: Turn) -> Replies:
    """A rider's stars for the visit that ended their case."""
    number, stars = turn.value("id") or "", turn.value("stars") or ""
    good = number.isdecimal() and len(number) < 18 and stars in ("1", "2", "3", "4", "5")
    if not good or not jobs.rate(turn.work, int(number), turn.rider.id, int(stars)):
        return Say("That visit was rated already.")
    return Say("Thank you: {n} of 5 stars.", {"n": int(stars)})


def too_late(turn: Turn, staff: Staff, job_id: int) -> Replies:
    """What was tapped cannot be done any more; how the job stands instead."""
    said = Say("That is not possible any more. This is how it stands:")
    return [said, card(turn, staff, jobs.locked(turn.work, job_id))]


def card(turn: Turn, staff: Staff, found: Job) -> Reply:
    """A job with what can be done next."""
    about = job_talk.about(turn.work, found)
    values: dict[str, Value] = {"job": found.id, "about": about}
    if found.state == "open" and found.offered_to == staff.id:
        return Choose(
            Say("Job {job}: {about}\nCan you take it?", values),
            [
                Option(f"job?do=accept&id={found.id}", Say("Accept")),
                Option(f"job?do=pass&id={found.id}", Say("Not now")),
            ],
        )
    if found.technician_id != staff.id:
        return Say("Job {job} is with somebody else.", values)
    check_in_ = Option(f"job_check_in?id={found.id}", Say("I am there"))
    back = Option(f"job?do=back&id={found.id}", Say("Give it back"))
    match found.state:
        case "accepted":
            way = Option(f"job?do=way&id={found.id}", Say("On my way"))
            return Choose(Say("Job {job} is yours: {about}", values), [way, check_in_, back])
        case "on_way":
            return Choose(Say("Job {job}, on the way: {about}", values), [check_in_, back])
        case "arrived":
            part = Option(f"job_part?id={found.id}", Say("Add part"))
            values["hint"] = parts_of(found) or Say("Photos that you send here are kept with it.")
            said = Say("Job {job}, on site: {about}\n{hint}", values)
            return Choose(said, [*ends(found), part, back])
        case "done":
            return Say("Job {job} is done.", values)
        case _:
            return Say("Job {job} is cancelled: nobody has to go there any more.", values)


def parts_of(found: Job) -> Say | None:
    """The parts noted so far; None while there are none."""
    if not found.parts:
        return None
    return Say("Parts: {parts}", {"parts": Written(", ".join(map(str, found.parts)))})


def ends(found: Job) -> list[Option]:
    """How a job on site can end: a preventive one also tells whether there was a reason for it."""
    if found.kind != "preventive":
        return [Option(f"job_done?id={found.id}", Say("Done"))]
    return [
        Option(f"job_done?id={found.id}&wear=yes", Say("Found wear")),
        Option(f"job_nothing?id={found.id}", Say("Nothing found")),
    ]


def _place(turn: Turn, found: Job) -> Say:
    pile = turn.work.session.get_one(Pile, found.pile_id)
    return Say("{pile}, {station}", {"pile": pile.number, "station": pile.station.name})


def actor_of(staff: Staff) -> Actor:
    """Somebody of the staff, as services know them."""
    return Actor(staff.id, staff.role, staff.name)


def technician(turn: Turn) -> Staff:
    """Raises Refused for everybody who is none."""
    staff = technicians.of_rider(turn.work, turn.rider)
    if staff is None:
        raise Refused("That is only for technicians of this network.")
    return staff


def job_meant(turn: Turn, number: str | None = None) -> Job:
    """The job that a button or the message names. Raises Refused."""
    said = re.search(r"\d+", turn.heard.text)
    number = number or turn.value("id") or (said[0] if said else "")
    found = turn.work.session.get(Job, int(number)) if number.isdecimal() else None
    if found is None:
        raise Refused("I know no such job. Write JOBS to see yours.")
    return found
