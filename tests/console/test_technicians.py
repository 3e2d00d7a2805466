"""Technicians on the spot: check-in, photos of before and after, parts; in their chat and on the
console."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from sqlalchemy import select

from bot.services import job_photos, jobs
from bot.store import inbox
from bot.store.cases import Case, CaseEntry, Clock
from bot.store.desk import Incident
from bot.store.jobs import Job
from bot.store.queues import Inbox
from bot.store.riders import Message
from bot.store.stations import Pile
from tests.console.desk import Agent, Desk
from tests.console.sent_out import OTTO, RIDER, faulted, greeted, job
from tests.world import KAMPPI, World

LAT, LNG = KAMPPI.values()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def picture(name: str = "p.png") -> tuple[str, bytes, str]:
    return name, PNG, "image/png"


def shown(world: World) -> list[str]:
    """What the photos of the job show."""
    with world.store.read() as work:
        return [each.shows for each in job_photos.of_job(work, 1)]


def clock_state(world: World, name: str) -> str:
    with world.store.read() as work:
        return work.session.scalars(select(Clock).where(Clock.name == name)).one().state


@pytest.fixture
def at_work(world: World, desk: Desk, otto: Agent) -> Agent:
    """Otto is at the pile of a rider's case, checked in by the console."""
    greeted(world, OTTO)
    world.rider_says(RIDER, "the screen of 1023 is broken")
    world.bot_says(RIDER, "case 1")
    desk.agent("agent").post("/jobs/create", pile="P001023", text="Screen", case="1")
    world.settle()
    world.bot_says(OTTO, "Can you take it?")
    for do in ("accept", "here"):
        assert otto.post("/jobs/1/step", do=do, **KAMPPI).status_code == 303
    return otto


def test_a_repair_in_the_chat_keeps_parts_and_photos(
    world: World, desk: Desk, at_work: Agent
) -> None:
    world.rider_sends_pictures(OTTO, "red", "maroon", words="burnt pins")
    world.bot_says(OTTO, "Photo kept with job 1: before the work.")
    world.bot_says(OTTO, "Photo kept with job 1: before the work.")
    world.rider_taps(OTTO, "Add part")
    world.bot_says(OTTO, "Which part, and how many?")
    world.rider_says(OTTO, "Fuse 10 A x2")
    world.bot_says(OTTO, "Noted with job 1: 2 × Fuse 10 A.")
    world.rider_says(OTTO, "part: contactor 63 A")
    world.bot_says(OTTO, "Noted with job 1: contactor 63 A.", "Parts: 2 × Fuse 10 A, contactor")
    world.rider_taps(OTTO, "Take it back")
    world.bot_says(OTTO, "Taken back: contactor 63 A.")
    world.rider_taps(OTTO, "Done")
    world.bot_says(OTTO, "What was it?")
    world.rider_sends_pictures(OTTO, "green")  # it works again: asked on after the photo
    world.bot_says(OTTO, "Photo kept with job 1: after the work.")
    world.bot_says(OTTO, "What was it?")
    world.rider_says(OTTO, "the pins were loose")
    world.bot_says(OTTO, "What did you do?")
    world.rider_says(OTTO, "new pins")
    world.bot_says(OTTO, "Job 1 is done; pile 1023 is offered to riders again.")
    assert job(world).parts == ["2 × Fuse 10 A"]
    assert shown(world) == ["before", "before", "after"]
    # The rider sees how it looks now, once; the case's export has all three.
    world.bot_says(RIDER, "How it looks now.")
    archive = zipfile.ZipFile(io.BytesIO(desk.agent("manager").post("/tickets/1/export").content))
    told = json.loads(archive.read("case.json"))
    photos = [(each["text"], each["by"]) for each in told["file"] if each["photo"]]
    assert photos == [
        ("Before: burnt pins", "Otto Korhonen"), ("Before", "Otto Korhonen"),
        ("After", "Otto Korhonen"),
    ]  # fmt: skip
    assert len([name for name in archive.namelist() if name.startswith("photos/")]) == 3


def test_a_photo_is_turned_and_taken_back(world: World, at_work: Agent) -> None:
    world.rider_sends_pictures(OTTO, "red")
    world.bot_says(OTTO, "before the work")
    world.rider_taps(OTTO, "After the work")
    world.bot_says(OTTO, "Photo kept with job 1: after the work.")
    with world.store.read() as work:
        lines = select(CaseEntry).where(CaseEntry.kind == "photo")
        assert [each.text for each in work.session.scalars(lines)] == ["After"]
    world.rider_taps(OTTO, "Take it back")
    world.bot_says(OTTO, "Taken back")
    world.rider_taps(OTTO, "Take it back")
    world.bot_says(OTTO, "not possible any more")
    assert shown(world) == []
    with world.store.read() as work:
        assert [e.media_id for e in work.session.scalars(select(CaseEntry)) if e.media_id] == []
        assert [e.media_id for e in jobs.entries(work, 1) if e.media_id] == []


def test_several_photos_of_one_message_are_all_kept(world: World, at_work: Agent) -> None:
    """Not only the three that riders' photos are looked at of; what is gone is said."""
    world.rider_sends_pictures(OTTO, "red")
    world.bot_says(OTTO, "Photo kept")
    with world.store.begin() as work:
        row = work.session.scalars(
            select(Inbox).where(Inbox.kind == "whatsapp.message").order_by(Inbox.id.desc())
        ).first()
        assert row is not None
        url, stream, body = row.body["MediaUrl0"], row.stream, dict(row.body)
        urls = [url] * 5 + [url + "0"]
        body |= {"NumMedia": "6", "MessageSid": "MMsix"}
        for number, each in enumerate(urls):
            body |= {f"MediaUrl{number}": each, f"MediaContentType{number}": "image/jpeg"}
        inbox.put(
            work, source="whatsapp", source_id="MMsix", stream=stream, kind=row.kind, body=body
        )
    world.settle()
    world.bot_says(OTTO, "5 photos kept with job 1: before the work.", "Could not be loaded: 1.")
    assert len(shown(world)) == 6


def test_a_sticker_in_a_photo_of_the_work_starts_no_charge(world: World, at_work: Agent) -> None:
    world.rider_sends_photo(OTTO, "1023-27")
    world.bot_says(OTTO, "Photo kept with job 1", "[Test charge]")
    assert shown(world) == ["before"]


def test_without_a_location_a_photo_checks_in(
    world: World,
    desk: Desk,
    otto: Agent,
) -> None:
    greeted(world, OTTO)
    faulted(world)
    world.rider_taps(OTTO, "Accept")
    world.bot_says(OTTO, "is yours")
    otto.post("/jobs/1/step", do="here")
    assert "Check in with your location or with a photo" in otto.get("/jobs/1").text
    world.rider_says(OTTO, "job 1")
    world.rider_taps(OTTO, "I am there")
    world.bot_says(OTTO, "Share your location to check in", "or send a photo of the pile")
    assert (job(world).state, clock_state(world, "on_site")) == ("accepted", "running")
    world.rider_sends_pictures(OTTO, "red")
    world.bot_says(OTTO, "Job 1, on site")
    assert (job(world).state, job(world).arrived_m) == ("arrived", None)
    assert clock_state(world, "on_site") == "stopped"
    assert shown(world) == ["before"]
    assert "by photo" in desk.agent("manager").get("/jobs/1").text


def test_a_location_far_away_counts_with_a_photo_and_is_marked(
    world: World,
    desk: Desk,
    otto: Agent,
) -> None:
    greeted(world, OTTO)
    faulted(world)
    world.rider_taps(OTTO, "Accept")
    world.rider_taps(OTTO, "I am there")
    world.bot_says(OTTO, "Share your location")
    world.rider_shares(OTTO, LAT + 0.02, LNG)
    world.bot_says(OTTO, "That is 2.2 km from the station", "[Try again]")
    assert job(world).state == "accepted"
    world.rider_sends_pictures(OTTO, "red")
    world.bot_says(OTTO, "Job 1, on site")
    assert job(world).arrived_m == 2224
    page = desk.agent("manager").get("/jobs/1").text
    assert "2.2 km away" in page


def test_the_console_asks_before_it_takes_a_location_far_away(
    world: World,
    otto: Agent,
) -> None:
    faulted(world)
    otto.post("/jobs/1/step", do="accept")
    asked = otto.post(
        "/jobs/1/step", do="here", lat=LAT + 0.02, lng=LNG, files={"photo": picture()}
    )
    assert asked.headers["location"].endswith("/jobs/1?far=2224")
    page = otto.get(asked.headers["location"]).text
    assert "2.2 km from the station" in page
    assert (job(world).state, shown(world)) == ("accepted", ["before"])
    otto.post("/jobs/1/step", do="here", far="2224", sure="yes")
    assert (job(world).state, job(world).arrived_m) == ("arrived", 2224)


def test_on_the_console_photos_are_turned_and_parts_taken_back(
    world: World, at_work: Agent
) -> None:
    at_work.post("/jobs/1/add", part="Fuse x2", files=[("photo", picture()), ("photo", picture())])
    assert (job(world).parts, shown(world)) == (["2 × Fuse"], ["before", "before"])
    with world.store.read() as work:
        part, first, second = [
            each.id for each in jobs.entries(work, 1) if each.kind in ("part", "photo")
        ][-3:]
        kinds = {each.id: each.kind for each in jobs.entries(work, 1)}
    photos = [each for each in (part, first, second) if kinds[each] == "photo"]
    (noted,) = [each for each in (part, first, second) if kinds[each] == "part"]
    at_work.post("/jobs/1/mend", do="after", entry=str(photos[0]))
    at_work.post("/jobs/1/mend", do="photo_back", entry=str(photos[1]))
    at_work.post("/jobs/1/mend", do="part_back", entry=str(noted))
    assert (job(world).parts, shown(world)) == ([], ["after"])
    at_work.post("/jobs/1/mend", do="part_back", entry=str(noted))
    assert "not on the list any more" in at_work.get("/jobs/1").text


def test_site_care_wants_a_photo_from_before_and_one_from_after(
    world: World,
    desk: Desk,
    otto: Agent,
) -> None:
    greeted(world, OTTO)
    desk.agent("agent").post("/jobs/create", pile="P001023", text="Posters", kind="site_care")
    world.settle()
    for do in ("accept", "here"):
        otto.post("/jobs/1/step", do=do, **KAMPPI)
    world.rider_says(OTTO, "job 1")
    world.rider_taps(OTTO, "Done")
    world.bot_says(OTTO, "A photo from before and one from after the work are wanted")
    world.rider_sends_pictures(OTTO, "grey")
    world.bot_says(OTTO, "before the work")
    world.bot_says(OTTO, "A photo from after the work is wanted")
    otto.post("/jobs/1/done", cause="Posters", fix="Cleaned")
    assert "A photo from after the work is wanted" in otto.get("/jobs/1").text
    world.rider_sends_pictures(OTTO, "white")
    world.bot_says(OTTO, "after the work")
    world.bot_says(OTTO, "What was it?")
    world.rider_says(OTTO, "posters")
    world.bot_says(OTTO, "What did you do?")
    world.rider_says(OTTO, "cleaned")
    world.bot_says(OTTO, "Thank you. Job 1 is done.")
    assert shown(world) == ["before", "after"]


def test_what_is_said_at_the_end_is_so(world: World, otto: Agent) -> None:
    """A socket that still reports a fault is offered to nobody."""
    faulted(world)
    for do in ("accept", "here"):
        otto.post("/jobs/1/step", do=do, **KAMPPI)
    otto.post("/jobs/1/done", cause="Unknown", fix="Looked at it")
    page = otto.get("/jobs/1").text
    assert "1023-27 still reports a fault" in page
    assert "offered to riders again" not in page


def test_a_rider_reads_one_line_when_a_technician_accepts(
    world: World,
    desk: Desk,
    otto: Agent,
) -> None:
    world.rider_says(RIDER, "the screen of 1023 is broken")
    world.bot_says(RIDER, "case 1")
    desk.agent("agent").post("/jobs/create", pile="P001023", text="Screen", case="1")
    world.settle()
    with world.store.read() as work:
        before = len(work.session.scalars(select(Message).where(Message.author != "rider")).all())
    otto.post("/jobs/1/step", do="accept")
    world.settle()
    world.bot_says(RIDER, "Case 1: a technician has taken on pile 1023")
    with world.store.read() as work:
        after = len(work.session.scalars(select(Message).where(Message.author != "rider")).all())
        assert work.session.scalars(select(Case)).one().status == "assigned"
    assert after - before == 1


def test_photos_of_nobodys_job_are_what_they_were(world: World, otto: Agent) -> None:
    """A technician without a job, and riders, are still read to as riders."""
    world.rider_sends_pictures(OTTO, "red")
    world.bot_says(OTTO, "cannot read a code")
    with world.store.read() as work:
        assert work.session.scalars(select(Job)).all() == []
        assert work.session.get_one(Pile, "P001023").in_service


@pytest.fixture
def asked_what(world: World, desk: Desk, otto: Agent) -> None:
    """Otto is on the spot, and the bot asks what it was."""
    greeted(world, OTTO)
    with world.store.begin() as work:
        pile = work.session.scalars(select(Pile)).first()
        assert pile is not None
        jobs.open_job(work, kind="repair", pile=pile, text="Look", key="x")
    world.settle()
    for do in ("accept", "here"):
        otto.post("/jobs/1/step", do=do, **KAMPPI)
    world.rider_says(OTTO, "job 1")
    world.rider_taps(OTTO, "Done")
    world.bot_says(OTTO, "What was it?")


@pytest.mark.usefixtures("asked_what")
def test_what_was_burnt_is_a_finding_and_one_tap_makes_it_danger(world: World) -> None:
    world.rider_says(OTTO, "Water in the plug, smoke came out of it")
    world.bot_says(OTTO, "kept as what you found", "danger at 1023 now")
    world.bot_says(OTTO, "What did you do?")
    with world.store.read() as work:
        assert work.session.scalars(select(Incident)).all() == []
    world.rider_taps(OTTO, "Yes, danger")
    with world.store.read() as work:
        (incident,) = work.session.scalars(select(Incident))
        assert incident.pile_id == "P001023"


@pytest.mark.usefixtures("asked_what")
def test_a_word_for_stopping_by_the_way_is_a_finding_and_stop_is_stop(world: World) -> None:
    world.rider_says(OTTO, "the stop button was stuck")
    world.bot_says(OTTO, "What did you do?")
    world.rider_says(OTTO, "stop")
    world.bot_says(OTTO, "I have dropped that")


@pytest.mark.usefixtures("asked_what")
def test_a_photo_of_what_was_burnt_is_kept_with_the_job(world: World) -> None:
    world.rider_sends_pictures(OTTO, "black", words="burnt, smoke came out of it")
    world.bot_says(OTTO, "kept as what you found")
    assert len(shown(world)) == 1


@pytest.mark.usefixtures("asked_what")
def test_the_sticker_after_danger_switches_that_pile_off(world: World) -> None:
    world.rider_says(OTTO, "cancel")
    world.rider_says(OTTO, "there is smoke")
    world.bot_says(OTTO, "Send its code or a photo")
    world.rider_sends_photo(OTTO, "1023-16")
    with world.store.read() as work:
        assert not work.session.get_one(Pile, "P001023").in_service
