"""A technician's photo, kept with their job by now (bot/jobs/site_photos.py): said, mended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.domain.jobs import SHOWS
from bot.replies import Choose, Option, Replies, Say, Value
from bot.services import job_photos, job_site, jobs
from bot.store.jobs import Job, JobEntry
from handlers.job import actor_of, job_meant, technician, too_late

_SHOWN: Final = {"before": Say("before the work"), "after": Say("after the work")}
_TITLES: Final = {"before": Say("Before the work"), "after": Say("After the work")}
assert set(_SHOWN) == set(_TITLES) == set(SHOWS)


@intent("job_photo", digression=True)
def photo(turn: Turn) -> Replies:
    """With which job it is kept, as what; what could not be loaded is said, too."""
    understood = turn.heard.understanding
    found = job_meant(turn, understood.entity("job"))
    made, lost = _numbers(understood.entity("photos")), int(understood.entity("lost") or 0)
    if not made:
        return Say(
            "I could not load that, so nothing was kept with job {job}. Please send it again as a "
            "photo.",
            {"job": found.id},
        )
    entry = turn.work.session.get_one(JobEntry, made[0])
    said = _kept(found, entry.shows, len(made))
    if lost:
        said = Say(
            "{kept} Could not be loaded: {lost}. Please send what is missing again.",
            {"kept": said, "lost": lost},
        )
    return Choose(said, _options(found, made, entry.shows, understood.entity("sticker")))


def _kept(found: Job, shows: str, count: int) -> Say:
    values: dict[str, Value] = {"job": found.id, "shows": _SHOWN[shows], "n": count}
    if count == 1:
        return Say("Photo kept with job {job}: {shows}.", values)
    return Say("{n} photos kept with job {job}: {shows}.", values)


def _options(
    found: Job, made: Sequence[int], shows: str, sticker: str | None = None
) -> list[Option]:
    """It shows something else; it was a mistake; what comes next."""
    of, other = f"id={found.id}&of={'.'.join(map(str, made))}", _other(shows)
    if found.state != "arrived":
        third = Option(f"job_check_in?id={found.id}", Say("I am there"))
    elif sticker:
        third = Option(f"start_charge?pile={sticker}", Say("Test charge"))
    else:
        third = Option(f"job_part?id={found.id}", Say("Add part"))
    return [
        Option(f"job_photo_turn?{of}&to={other}", _TITLES[other]),
        Option(f"job_photo_back?{of}", Say("Take it back")),
        third,
    ]


def _other(shows: str) -> str:
    return "after" if shows == "before" else "before"


@intent("job_photo_turn")
def turn_photo(turn: Turn) -> Replies:
    """It shows how it was, or how it became: the technician knows best."""
    staff, found = technician(turn), job_meant(turn)
    made, to = _numbers(turn.value("of")), turn.value("to") or ""
    try:
        jobs.in_hand(turn.work, actor_of(staff), found.id)
        job_site.turn_photos(turn.work, actor_of(staff), found.id, made, to)
    except jobs.NotPossible:
        return too_late(turn, staff, found.id)
    kept = [each for each in job_photos.of_job(turn.work, found.id) if each.id in made]
    if not kept:
        return too_late(turn, staff, found.id)
    shows = kept[0].shows
    return Choose(_kept(found, shows, len(kept)), _options(found, made, shows))


@intent("job_photo_back")
def take_back(turn: Turn) -> Replies:
    """It was another photo than they meant: it is in no file."""
    staff, found = technician(turn), job_meant(turn)
    try:
        gone = job_site.photos_back(
            turn.work, actor_of(staff), found.id, _numbers(turn.value("of"))
        )
    except jobs.NotPossible:
        return too_late(turn, staff, found.id)
    if not gone:
        return too_late(turn, staff, found.id)
    return Say(
        "Taken back: job {job} has that photo no more. Send another when you like.",
        {"job": found.id},
    )


def _numbers(text: str | None) -> list[int]:
    return [int(each) for each in (text or "").split(".") if each.isdecimal() and len(each) < 18]
