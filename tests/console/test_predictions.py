"""Predictions in the console, and a preventive visit in a technician's chat."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from bot.services import prediction
from bot.store.jobs import Job
from bot.store.prediction import EvseDay
from tests.console.desk import Agent, Desk
from tests.console.sent_out import OTTO
from tests.world import KAMPPI, World


def foretold(world: World) -> None:
    """Socket 2 fails at every second start."""
    with world.store.begin() as work:
        for number in range(3):
            day = (world.now - timedelta(days=number)).date()
            work.session.add(EvseDay(evse_id=2, day=day, cycles=2, failed_starts=2))
    prediction.run(world.store, world.settings)
    world.settle()


def test_a_preventive_visit_in_the_chat_tells_whether_there_was_wear(
    world: World, desk: Desk, otto: Agent
) -> None:
    world.rider_says(OTTO, "hello")
    world.bot_says(OTTO, "")
    page = otto.get("/predictions").text
    assert "Nothing is about to fail" in page
    assert page.count("too few yet") == 2
    foretold(world)
    world.bot_says(OTTO, "Preventive visit at 1023-27", "6 of 12 starts failed within 7 days")
    page = otto.get("/predictions").text
    assert "6 of 12 starts failed" in page
    assert "Looking for somebody" in page
    world.rider_taps(OTTO, "Accept")
    world.rider_taps(OTTO, "I am there")
    world.bot_says(OTTO, "Share your location")
    world.rider_shares(OTTO, *KAMPPI.values())
    world.bot_says(OTTO, "on site", "[Found wear]", "[Nothing found]")
    world.rider_taps(OTTO, "Nothing found")
    world.bot_says(OTTO, "What did you check?")
    world.rider_says(OTTO, "plug, cable, contactor")
    world.bot_says(OTTO, "Job 1 is done")
    with world.store.read() as work:
        job = work.session.scalars(select(Job)).one()
    assert (job.cause, job.fix, job.found_wear) == (
        "Nothing found", "plug, cable, contactor", False,
    )  # fmt: skip
    world.ahead += timedelta(days=15)
    prediction.run(world.store, world.settings)
    page = desk.agent("manager").get("/predictions?tab=over").text
    assert "False alarm" in page
    assert "1 false alarm<" in page


def test_wear_found_in_the_console_is_a_hit_and_shows_at_the_technician(
    world: World, desk: Desk, otto: Agent
) -> None:
    foretold(world)
    assert "6 of 12 starts failed" in otto.get("/predictions?tab=watch").text
    for do in ("accept", "here"):
        otto.post("/jobs/1/step", do=do, **KAMPPI)
    otto.post("/jobs/1/done", cause="burnt pins", fix="new plug")
    assert "whether you found wear" in otto.get("/jobs/1").text
    otto.post("/jobs/1/done", cause="burnt pins", fix="new plug", wear="yes")
    prediction.run(world.store, world.settings)
    page = otto.get("/predictions?tab=over").text
    assert "Wear found: burnt pins" in page
    assert "1 hit," in page
    with world.store.begin() as work:
        work.session.scalars(select(Job)).one().stars = 5
    page = otto.get("/jobs/technicians").text
    assert "5.0" in page
    assert "Otto Korhonen" in page


def test_what_nobody_visited_in_time_is_watched(world: World, desk: Desk, otto: Agent) -> None:
    foretold(world)
    assert otto.get("/predictions/count").text == ""
    world.clock_passes(86_400)
    otto = desk.agent("technician", "Tess")  # a day later
    assert otto.get("/predictions/count").text == "1"
    shown = otto.get("/predictions?tab=watch").text
    assert "On the watch-list" in shown
    assert "Nobody was done within 24 h after it was foretold (job 1)" in shown
    pile = otto.get("/piles/P001023").text
    assert "Watched" in pile and "Nobody was done within 24 h" in pile
    assert (
        desk.agent("agent").post("/predictions/watch/end", watch="1", reason="x").status_code == 403
    )
    assert otto.post("/predictions/watch/end", watch="1", reason=" ").status_code == 303
    assert "Say why" in otto.get("/predictions?tab=watch").text
    otto.post("/predictions/watch/end", watch="1", reason="The socket is new")
    otto.post("/predictions/watch/end", watch="1", reason="Again")
    shown = otto.get("/predictions?tab=watch").text
    assert "not on the list any more" in shown and "On the watch-list" not in shown
