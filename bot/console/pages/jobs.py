"""Technicians' jobs: who is asked, who is on it, what was done; on a phone as well."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final

from flask import Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select

from bot.console.addresses import inside
from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.uploads import IMAGES, NotAPicture, kept_photos
from bot.domain.jobs import KINDS, LIVE, SHOWS, SOURCES, STATES, is_near, metres
from bot.gateways.translate import say
from bot.services import (
    fault_words,
    job_cases,
    job_photos,
    job_site,
    job_talk,
    jobs,
    reach,
    technicians,
)
from bot.services.audit import Actor
from bot.services.stations import distance_m
from bot.store.cases import Case
from bot.store.database import UnitOfWork
from bot.store.jobs import Job, JobEntry
from bot.store.riders import Media
from bot.store.staff import Staff
from bot.store.stations import Pile

_SHOWN: Final = 200
TONES: Final = {
    "open": "warn", "accepted": "info", "on_way": "info", "arrived": "accent", "done": "good",
    "cancelled": "neutral",
}  # fmt: skip
Act = Callable[[UnitOfWork], str]


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /jobs /jobs/count /jobs/<id> and what is done with one."""
    _add_pages(routes, console)
    _add_steps(routes, console)
    _add_desk_actions(routes, console)


def _add_pages(routes: Routes, console: Console) -> None:
    @routes.page("/jobs", right="job.read")
    def page() -> Any:
        over = request.args.get("over") == "1"
        with console.store.read() as work:
            states = ("done", "cancelled") if over else LIVE
            query = select(Job).where(Job.state.in_(states)).order_by(Job.id.desc()).limit(_SHOWN)
            values: dict[str, Any] = {
                "rows": [_row(work, each) for each in work.session.scalars(query)],
                "over": over, "score": jobs.score(work), "states": STATES, "tones": TONES,
            }  # fmt: skip
        if console.wants_fragment():
            return render_template("console/jobs_list.html", **values)
        return console.page("jobs", **values)

    @routes.page("/jobs/count", right="job.read")
    def count() -> Any:
        """What waits for this person, or for anybody."""
        me = console.me()
        with console.store.read() as work:
            if me.role == "technician":
                return str(len(jobs.of_technician(work, me.staff_id)) or "")
            found = select(func.count()).where(Job.state == "open")
            return str(work.session.scalar(found) or "")

    @routes.page("/jobs/technicians", right="job.read")
    def technicians_() -> Any:
        with console.store.read() as work:
            rows = technicians.scores(work)
        return console.page("jobs_technicians", rows=rows, days=technicians.SHOWN.days)

    @routes.page("/jobs/<int:job_id>", right="job.read")
    def one(job_id: int) -> Any:
        me = console.me()
        with console.store.read() as work:
            job = _found(work, job_id)
            values = {
                **_row(work, job), "lines": _lines(work, job), "states": STATES, "tones": TONES,
                "mine": job.technician_id == me.staff_id, "asked": job.offered_to == me.staff_id,
                "people": _technicians(work), "live": job.state in LIVE, "shows": SHOWS,
                "parts": _parts(work, job), "next_shows": job_photos.next_shows(work, job),
                "photos": job_photos.of_job(work, job.id),
                "lacking": job_photos.lacking(work, job), "far": _far(), "metres": metres,
                "is_near": is_near, "proved": job_photos.proves_arrival(work, job),
                "sent_by": SOURCES[job.source], "tickets": job_cases.numbers(work, job),
            }  # fmt: skip
        return console.page("job_live" if console.wants_fragment() else "job", **values)

    @routes.page("/jobs/<int:job_id>/photos/<int:entry_id>", right="job.read")
    def photo(job_id: int, entry_id: int) -> Any:
        with console.store.read() as work:
            entry = work.session.get(JobEntry, entry_id)
            if entry is None or entry.job_id != job_id or entry.media_id is None:
                abort(404)
            media = work.session.get(Media, entry.media_id)
            if media is None or media.content_type not in IMAGES:
                abort(404)
            answer = Response(media.data, mimetype=media.content_type)
        answer.headers["Cache-Control"] = "private, max-age=300"
        return answer


def _add_steps(routes: Routes, console: Console) -> None:
    """What the technician does."""

    @routes.action("/jobs/<int:job_id>/step", right="job.work")
    def step(job_id: int) -> Any:
        do = request.form.get("do", "")
        if do == "here":
            return _check_in(console, job_id)
        return _do(console, job_id, lambda work: _step(console, work, job_id, do))

    @routes.action("/jobs/<int:job_id>/done", right="job.work")
    def done(job_id: int) -> Any:
        cause, fix = request.form.get("cause", ""), request.form.get("fix", "")
        wear = {"yes": True, "no": False}.get(request.form.get("wear", ""))

        def photos(work: UnitOfWork) -> str:
            if kept := kept_photos(work):
                job_site.add_photos(work, _me(console), job_id, kept, shows="after")
            return ""

        def act(work: UnitOfWork) -> str:
            _want_photos(work, job_id)
            job = jobs.done(
                work, console.settings, _me(console), job_id, cause=cause, fix=fix, found_wear=wear
            )
            return say("en", job_talk.done(work, job))

        return _do(console, job_id, photos, act)  # the photos stay, whatever the rest lacks

    @routes.action("/jobs/<int:job_id>/add", right="job.work")
    def add(job_id: int) -> Any:
        """A part, photos, or both."""

        def act(work: UnitOfWork) -> str:
            part, photos = request.form.get("part", ""), kept_photos(work)
            if photos:
                shows = request.form.get("shows", "")
                job_site.add_photos(work, _me(console), job_id, photos, shows=shows)
            if part.strip() or not photos:
                job_site.add_part(work, _me(console), job_id, part)
            return "Added."

        return _do(console, job_id, act)

    @routes.action("/jobs/<int:job_id>/mend", right="job.work")
    def mend(job_id: int) -> Any:
        """What was noted is taken back, or a photo shows something else."""
        do, entry = request.form.get("do", ""), request.form.get("entry", "")
        number = int(entry) if _is_id(entry) else 0

        def act(work: UnitOfWork) -> str:
            if do == "part_back":
                return f"Taken back: {job_site.part_back(work, _me(console), job_id, number)}."
            if do == "photo_back":
                gone = job_site.photos_back(work, _me(console), job_id, [number])
                return "The photo is taken back." if gone else "That photo is gone already."
            job_site.turn_photos(work, _me(console), job_id, [number], do)
            return "Noted."

        return _do(console, job_id, act)


def _check_in(console: Console, job_id: int) -> Any:
    """By location, by photos, or both. Photos are kept also where the location is too far away:
    then the page asks whether they are sure."""
    far: int | None = None
    try:
        with console.store.begin() as work:
            job, photos = _found(work, job_id), kept_photos(work)
            if photos:
                job_site.add_photos(work, _me(console), job_id, photos)
            try:
                jobs.arrive(
                    work, _me(console), job_id, distance_m=_distance(work, job),
                    sure=request.form.get("sure") == "yes",
                )  # fmt: skip
            except jobs.TooFar as why:
                far = why.metres
        flash("Checked in." if far is None else str(jobs.TooFar(far)), "bad" if far else "good")
    except (jobs.NotPossible, NotAPicture) as why:
        flash(str(why), "bad")
    return redirect(url_for("console.jobs_one", job_id=job_id, far=far), 303)


def _distance(work: UnitOfWork, job: Job) -> int | None:
    """Metres from the station by the form's location, or as it was told before; None: neither."""
    station = work.session.get_one(Pile, job.pile_id).station
    try:
        lat, lng = float(request.form["lat"]), float(request.form["lng"])
    except (KeyError, ValueError):
        told = request.form.get("far", "")
        return int(told) if _is_id(told) else None
    if not (abs(lat) <= 90 and abs(lng) <= 180):
        return None
    return distance_m(lat, lng, station.lat, station.lng)


def _want_photos(work: UnitOfWork, job_id: int) -> None:
    """Some kinds of work are proved by photos, unless somebody says that there are none."""
    lacking = job_photos.lacking(work, jobs.locked(work, job_id))
    if lacking and request.form.get("without") != "yes":
        raise jobs.NotPossible(
            f"A photo from {' and one from '.join(lacking)} the work is wanted. Add it, or tick "
            "that there is none."
        )


def _step(console: Console, work: UnitOfWork, job_id: int, do: str) -> str:
    actor = _me(console)
    match do:
        case "accept":
            jobs.accept(work, console.settings, actor, job_id)
        case "pass":
            jobs.let_pass(work, console.settings, actor, job_id)
            return "Somebody else is asked."
        case "way":
            jobs.on_my_way(work, actor, job_id)
        case "back":
            jobs.give_back(work, console.settings, actor, job_id)
            return "Given back; somebody else is asked."
        case _:
            return "Nothing was done."
    return "Noted."


def _ticket(work: UnitOfWork, actor: Actor, case_id: str) -> Case | None:
    """The ticket that somebody is sent for, as far as this person may read it."""
    if not case_id:
        return None
    if not _is_id(case_id) or not reach.may_read_case(work, actor, int(case_id)):
        abort(404)
    return work.session.get_one(Case, int(case_id))


def _add_desk_actions(routes: Routes, console: Console) -> None:
    @routes.action("/jobs/create", right="job.open")
    def create() -> Any:
        """Send somebody to a pile, for a ticket or without one."""
        form, case_id = request.form, request.form.get("case", "")
        kind, text = form.get("kind", "repair"), form.get("text", "").strip()
        key = f"staff:{form.get('key') or secrets.token_hex(8)}"
        with console.store.begin() as work:
            pile = work.session.get(Pile, form.get("pile", "")[:48])
            case = _ticket(work, _me(console), case_id)
            if pile is None or kind not in KINDS or not text:
                flash("Say which pile it is about and what is to be done there.", "bad")
                back = inside(form.get("back", ""), request.host)
                return redirect(back or url_for("console.jobs_page"), 303)
            number = jobs.open_job(
                work, kind=kind, pile=pile, case=case, text=text, key=f"{key}:{pile.id}"
            ).id
        flash("A technician is asked.", "good")
        return redirect(url_for("console.jobs_one", job_id=number), 303)

    @routes.action("/jobs/<int:job_id>/assign", right="job.assign")
    def assign(job_id: int) -> Any:
        to = request.form.get("to", "")

        def act(work: UnitOfWork) -> str:
            staff_id = int(to) if _is_id(to) else 0
            jobs.assign(work, console.settings, _me(console), job_id, staff_id)
            return "They are asked."

        return _do(console, job_id, act)

    @routes.action("/jobs/<int:job_id>/cancel", right="job.assign")
    def cancel(job_id: int) -> Any:
        why = request.form.get("why", "").strip()

        def act(work: UnitOfWork) -> str:
            if not why:
                raise jobs.NotPossible("Say why nobody has to go there any more.")
            jobs.cancel(work, _me(console), job_id, why)
            return "Cancelled."

        return _do(console, job_id, act)


def _me(console: Console) -> Actor:
    return console.me().actor()


def _do(console: Console, job_id: int, *acts: Act) -> Any:
    """Each in a transaction of its own; what the last one tells is shown."""
    told = ""
    try:
        for act in acts:
            with console.store.begin() as work:
                _found(work, job_id)
                told = act(work)
        flash(told, "good")
    except (jobs.NotPossible, NotAPicture) as why:
        flash(str(why), "bad")
    return redirect(url_for("console.jobs_one", job_id=job_id), 303)


def _found(work: UnitOfWork, job_id: int) -> Job:
    job = work.session.get(Job, job_id)
    return job if job is not None else abort(404)


def _row(work: UnitOfWork, job: Job) -> dict[str, Any]:
    pile = work.session.get_one(Pile, job.pile_id)
    staff = work.session.get(Staff, job.technician_id or job.offered_to or 0)
    return {
        "job": job, "pile": pile, "station": pile.station, "kind": KINDS[job.kind],
        "who": staff.name if staff else "",
        "fault": fault_words.in_english(pile.model, job.fault_code),
    }  # fmt: skip


def _lines(work: UnitOfWork, job: Job) -> list[tuple[JobEntry, str]]:
    names = {row.id: row.name for row in work.session.execute(select(Staff.id, Staff.name))}
    return [(each, names.get(each.staff_id or 0, "")) for each in jobs.entries(work, job.id)]


def _parts(work: UnitOfWork, job: Job) -> list[JobEntry]:
    return [each for each in jobs.entries(work, job.id) if each.kind == "part"]


def _far() -> int | None:
    """How far away they were when they tried to check in just now."""
    far = request.args.get("far", "")
    return int(far) if _is_id(far) else None


def _technicians(work: UnitOfWork) -> list[tuple[int, str]]:
    able = select(Staff).where(Staff.active, Staff.role == "technician").order_by(Staff.name)
    return [(each.id, each.name) for each in work.session.scalars(able)]


def _is_id(text: str) -> bool:
    return text.isdecimal() and len(text) < 18
