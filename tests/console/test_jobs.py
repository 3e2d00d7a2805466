"""A fault sends a technician: asked in their own chat, one after another, taken once, done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import select

from bot.services import jobs
from bot.services.audit import Actor
from bot.services.jobs import NotPossible
from bot.store.cases import Case
from bot.store.jobs import Job
from bot.store.stations import Pile
from tests.console.desk import Agent, Desk
from tests.console.sent_out import LIISA, OTTO, RIDER, clock, faulted, greeted, job
from tests.test_scenarios import play
from tests.world import KAMPPI, World


def test_a_fault_that_stays_is_offered_taken_and_repaired_in_the_chat(
    world: World, desk: Desk, otto: Agent
) -> None:
    greeted(world, OTTO)
    faulted(world)
    world.bot_says(
        OTTO, "Job 1: Repair at 1023-27, Kamppi", "Fault code: Faulted: out of order",
        "google.com/maps",
    )  # fmt: skip
    assert clock(world, "fault_response").state == "running"
    world.rider_taps(OTTO, "Accept")
    world.bot_says(OTTO, "Job 1 is yours")
    assert clock(world, "fault_response").outcome == "met"
    assert clock(world, "on_site").state == "running"
    world.rider_taps(OTTO, "On my way")
    world.bot_says(OTTO, "on the way")
    world.rider_taps(OTTO, "I am there")
    world.bot_says(OTTO, "Share your location to check in")
    world.rider_shares(OTTO, 61.0, 25.0)
    world.bot_says(OTTO, "Are you there all the same? Then send a photo")
    world.rider_taps(OTTO, "Try again")
    world.bot_says(OTTO, "Share your location")
    with world.store.read() as work:
        station = work.session.get_one(Pile, "P001023").station
        lat, lng = station.lat, station.lng
    world.rider_shares(OTTO, lat + 0.001, lng)
    world.bot_says(OTTO, "on site")
    assert clock(world, "on_site").outcome == "met"
    world.rider_taps(OTTO, "Done")
    world.bot_says(OTTO, "What was it?")
    world.rider_says(OTTO, "stop button was stuck, the contactor is welded")
    world.bot_says(OTTO, "What did you do?")
    world.pile("1023").status(2, "Available")
    world.rider_says(OTTO, "New contactor 63 A")
    world.bot_says(OTTO, "Job 1 is done", "1023 is offered to riders again")
    found = job(world)
    assert (found.state, found.fix, found.arrived_m) == ("done", "New contactor 63 A", 111)
    with world.store.read() as work:
        assert work.session.scalars(select(Case)).one().status == "done"


def test_the_piles_own_code_reaches_job_chat_and_pages_whenever_it_comes(
    world: World, desk: Desk, otto: Agent
) -> None:
    greeted(world, OTTO)
    with world.store.begin() as work:
        work.session.get_one(Pile, "P001023").model = "Katu 2×22"
    faulted(world)
    world.bot_says(OTTO, "Faulted: out of order")
    world.pile("1023").says(
        "StatusNotification", timestamp=world.now.isoformat(), connectorStatus="Faulted",
        evseId=2, connectorId=1, customData={"vendorId": "x", "vendorErrorCode": "E21"},
    )  # fmt: skip
    world.pile("1023").status(2, "Available")
    alarm = {
        "eventId": 1, "timestamp": world.now.isoformat(), "trigger": "Alerting",
        "actualValue": "true", "eventNotificationType": "HardWiredMonitor", "techCode": "E21",
        "component": {"name": "Connector", "evse": {"id": 2}}, "variable": {"name": "Problem"},
    }  # fmt: skip
    world.pile("1023").says(
        "NotifyEvent", generatedAt=world.now.isoformat(), seqNo=0, eventData=[alarm]
    )
    world.clock_passes(61)
    assert job(world).fault_code == "E21"
    world.rider_taps(OTTO, "Accept")
    world.bot_says(OTTO, "Job 1 is yours", "E21: one phase is missing")
    for path in ("/jobs", "/jobs/1", "/piles/P001023"):
        assert "E21: one phase is missing" in desk.agent("manager").get(path).text


def test_who_does_not_answer_is_followed_by_the_next_and_one_gets_it(
    world: World, desk: Desk, otto: Agent, liisa: Agent
) -> None:
    greeted(world, OTTO, LIISA)
    faulted(world)
    world.bot_says(OTTO, "Can you take it?")
    world.clock_passes(601)
    world.settle()
    world.bot_says(LIISA, "Can you take it?")
    world.rider_taps(LIISA, "Accept")
    world.bot_says(LIISA, "Job 1 is yours")
    world.rider_taps(OTTO, "Accept")
    world.bot_says(OTTO, "not possible any more")
    world.bot_says(OTTO, "with somebody else")
    assert job(world).technician_id == liisa.staff_id


def test_when_all_let_it_pass_a_supervisor_hears_of_it_and_they_are_asked_again(
    world: World, desk: Desk, otto: Agent
) -> None:
    greeted(world, OTTO)
    faulted(world)
    world.bot_says(OTTO, "Can you take it?")
    world.rider_taps(OTTO, "Not now")
    world.settle()
    found = job(world)
    assert (found.round, found.offered_to, found.offers) == (1, otto.staff_id, 2)
    with world.store.read() as work:
        case = work.session.scalars(select(Case)).one()
    assert case.level == 1
    assert "let it pass" in case.level_reason


def test_with_no_technician_at_all_the_job_waits_and_says_so(world: World, desk: Desk) -> None:
    faulted(world)
    assert job(world).offered_to is None
    page = desk.agent("manager").get("/jobs/1").text
    assert "No technician can be reached" in page
    assert "There is no technician yet" in page


def test_a_fault_that_goes_away_at_once_calls_nobody_until_it_comes_back_and_back(
    world: World,
) -> None:
    for times in range(3):
        world.pile("1023").status(2, "Faulted")
        world.clock_passes(5)
        world.pile("1023").status(2, "Available")
        world.settle()
        world.clock_passes(61)
        world.settle()
        with world.store.read() as work:
            assert len(work.session.scalars(select(Job)).all()) == (1 if times == 2 else 0)
    assert "3 times within a day" in job(world).text


def test_a_pile_has_one_repair_at_a_time(world: World, otto: Agent) -> None:
    faulted(world, 1)
    faulted(world, 2)
    with world.store.read() as work:
        assert len(work.session.scalars(select(Job)).all()) == 1


def test_a_rider_hears_of_each_step_and_gives_stars(world: World, desk: Desk, otto: Agent) -> None:
    play(
        world,
        """
        rider has a card
        rider says 1023-27
        rider says yes
        pile accepts the start
        pile reports socket 2 Occupied
        pile starts
        clock passes 60 s
        pile charges for 1000 Wh
        """,
    )
    faulted(world)
    world.bot_says(RIDER, "case 1")
    for do in ("accept", "way", "here"):
        assert otto.post("/jobs/1/step", do=do, **KAMPPI).status_code == 303
    done = otto.post("/jobs/1/done", cause="Loose wire", fix="Tightened it")
    assert done.status_code == 303
    world.settle()
    world.bot_says(RIDER, "a technician has taken on pile 1023")
    world.bot_says(RIDER, "is on the way")
    world.bot_says(RIDER, "is at pile 1023 now")
    world.bot_says(RIDER, "How was the repair by Otto?")
    world.rider_taps(RIDER, "4 of 5 stars")
    world.bot_says(RIDER, "Thank you: 4 of 5 stars.")
    world.rider_taps(RIDER, "1 of 5 stars")
    world.bot_says(RIDER, "rated already")
    assert job(world).stars == 4
    assert "4.0 of 1 rated visit" in otto.get("/jobs?over=1").text


def test_parts_and_photos_are_kept_with_the_job(world: World, otto: Agent) -> None:
    faulted(world)
    for do in ("accept", "here"):
        otto.post("/jobs/1/step", do=do, **KAMPPI)
    picture = ("p.png", b"\x89PNG\r\n\x1a\n" + bytes(40), "image/png")
    otto.post("/jobs/1/add", part="Contactor 63 A", files={"photo": picture})
    otto.post("/jobs/1/add", part="", files={"photo": ("x.svg", b"<svg/>", "image/svg+xml")})
    page = otto.get("/jobs/1").text
    assert "Contactor 63 A" in page
    assert "Only pictures" in page
    assert otto.get("/jobs/1/photos/1").status_code == 404
    with world.store.read() as work:
        (photo,) = [each for each in jobs.entries(work, 1) if each.media_id]
    shown = otto.get(f"/jobs/1/photos/{photo.id}")
    assert shown.headers["content-type"] == "image/png"


def test_a_job_can_be_sent_for_a_ticket_and_cancelled(
    world: World, desk: Desk, otto: Agent
) -> None:
    greeted(world, OTTO)
    anna, mia = desk.agent("agent", "Anna"), desk.agent("manager", "Mia")
    made = anna.post("/jobs/create", pile="P001023", text="Posters and dirt", kind="site_care")
    assert made.headers["location"].endswith("/jobs/1")
    world.settle()
    world.bot_says(OTTO, "Site care at 1023", "Posters and dirt")
    assert anna.post("/jobs/1/cancel", why="x").status_code == 403
    mia.post("/jobs/1/cancel", why="")
    assert job(world).state == "open"
    mia.post("/jobs/1/cancel", why="Was done already")
    world.settle()
    world.bot_says(OTTO, "Job 1 is cancelled")
    assert job(world).state == "cancelled"
    empty = anna.post("/jobs/create", pile="P999999", text="x")
    assert empty.headers["location"].endswith("/jobs")


def test_the_desk_can_ask_one_person(world: World, desk: Desk, otto: Agent, liisa: Agent) -> None:
    faulted(world)
    assert job(world).offered_to == otto.staff_id
    mia = desk.agent("manager", "Mia")
    mia.post("/jobs/1/assign", to=str(liisa.staff_id))
    assert job(world).offered_to == liisa.staff_id
    mia.post("/jobs/1/assign", to="99999")
    assert job(world).offered_to == liisa.staff_id
    liisa.post("/jobs/1/step", do="accept")
    liisa.post("/jobs/1/step", do="back")
    world.settle()
    assert job(world).offered_to == otto.staff_id


def test_jobs_are_only_for_technicians(world: World) -> None:
    world.rider_says(RIDER, "jobs")
    world.bot_says(RIDER, "only for technicians")
    world.rider_says(RIDER, "job 1")
    world.bot_says(RIDER, "only for technicians")


def test_of_many_who_accept_at_once_one_gets_it(world: World, desk: Desk, otto: Agent) -> None:
    people = [desk.agent("technician", f"T{n}").staff_id for n in range(6)]
    faulted(world)

    def accept(staff_id: int) -> bool:
        try:
            with world.store.begin() as work:
                jobs.accept(work, world.settings, Actor(staff_id, "technician", "T"), 1)
        except NotPossible:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(accept, people)) == 1


def test_a_technicians_list_shows_what_is_theirs(world: World, desk: Desk, otto: Agent) -> None:
    greeted(world, OTTO)
    world.rider_says(OTTO, "jobs")
    world.bot_says(OTTO, "You have no jobs")
    faulted(world)
    world.bot_says(OTTO, "Can you take it?")
    world.rider_says(OTTO, "my jobs")
    world.bot_says(OTTO, "Job 1", "Can you take it?")
    assert otto.get("/jobs/count").text == "1"
    world.ahead += timedelta(seconds=1)


def test_an_alarm_of_the_whole_pile_that_stays_calls_somebody_out(
    world: World, desk: Desk, otto: Agent
) -> None:
    greeted(world, OTTO)
    now = world.now.isoformat()
    event = {
        "eventId": 1, "timestamp": now, "trigger": "Alerting", "actualValue": "true",
        "eventNotificationType": "HardWiredMonitor", "techCode": "DOOR_OPEN",
        "component": {"name": "AccessBarrier"}, "variable": {"name": "Problem"},
    }  # fmt: skip
    world.pile("1023").says("NotifyEvent", generatedAt=now, seqNo=0, eventData=[event])
    world.settle()
    world.clock_passes(61)
    world.settle()
    world.bot_says(OTTO, "Fault code: DOOR_OPEN")
    assert (job(world).fault_code, job(world).evse_id) == ("DOOR_OPEN", None)
