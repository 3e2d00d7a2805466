"""A pile under repair, or one that may not work, is so everywhere: chat, sticker, console."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.repairs import TRUST
from bot.services import jobs
from bot.services.audit import Actor
from bot.store.stations import Evse, Pile
from tests.console.desk import Agent, Desk
from tests.console.sent_out import OTTO, RIDER, faulted, greeted
from tests.test_scenarios import play
from tests.world import World

CODE, NEIGHBOUR = "1023-27", "1023-16"


def sticker(world: World, code: str = CODE) -> str:
    """The page behind a pile's sticker."""
    return world.http.get(f"{world.settings.public_url}/p/{code}").text


def is_offered(world: World, code: str) -> bool:
    """Whether a rider who types the code is shown a price, from the start of the chat."""
    world.rider_says(RIDER, code)
    said = world.bot_says(RIDER, code)
    text = str(said.get("text"))
    if "Start charging?" in text:
        world.rider_says(RIDER, "no")
        return True
    assert "under repair" in text, text
    return False


def heartbeat(world: World, hours: float) -> None:
    """Time goes by at a pile that stays in touch."""
    world.ahead += timedelta(hours=hours)
    world.pile("1023").says("Heartbeat")
    for number in (1, 2):
        world.pile("1023").status(number, "Available")
    world.settle()


def test_a_live_repair_marks_its_socket_everywhere_until_it_is_done(
    world: World,
    desk: Desk,
    otto: Agent,
) -> None:
    greeted(world, OTTO, RIDER)
    world.give_card(RIDER)
    faulted(world)
    world.bot_says(OTTO, "Job 1: Repair")
    world.pile("1023").status(2, "Available")  # it flaps: well for now, and somebody is sent for
    world.rider_says(RIDER, "is 1023 free?")
    world.bot_says(RIDER, f"{NEIGHBOUR}: free", f"{CODE}: under repair")
    assert not is_offered(world, CODE)
    assert is_offered(world, NEIGHBOUR)
    assert ">Under repair<" in sticker(world) and "Under repair" not in sticker(world, NEIGHBOUR)
    agent = desk.agent("agent")
    assert "Under repair" in agent.get("/piles").text
    page = agent.get("/piles/P001023").text
    assert "Under repair" in page and "looking for somebody; riders are not offered" in page
    world.rider_taps(OTTO, "Accept")
    world.rider_says(RIDER, "is 1023 free?")
    world.bot_says(RIDER, f"{CODE}: under repair, a technician is on the way")
    assert "a technician is on the way" in sticker(world)
    with world.store.begin() as work:
        actor = Actor(otto.staff_id, "technician", "Otto Korhonen")
        jobs.on_my_way(work, actor, 1)
        jobs.arrive(work, actor, 1, distance_m=40)
        jobs.done(work, world.settings, actor, 1, cause="A loose wire", fix="Fastened")
    assert is_offered(world, CODE) and "Under repair" not in sticker(world)


def test_a_job_that_nobody_takes_does_not_close_a_pile_that_is_well_for_ever(
    world: World, desk: Desk
) -> None:
    greeted(world, RIDER)
    world.give_card(RIDER)
    faulted(world)
    world.pile("1023").status(2, "Available")
    assert not is_offered(world, CODE)
    hours = TRUST.total_seconds() / 3600
    heartbeat(world, hours - 0.1)
    assert not is_offered(world, CODE)
    heartbeat(world, 0.2)
    world.rider_says(RIDER, CODE)
    world.bot_says(RIDER, "A repair is due here, so it may not work", "Start charging?")
    page = desk.agent("agent").get("/piles/P001023").text
    assert "Well by its own word, though nobody has come to repair it" in page
    assert "A repair is due here" in sticker(world)


def test_a_job_for_the_pile_closes_all_of_it_and_one_that_is_no_repair_nothing(
    world: World, desk: Desk
) -> None:
    greeted(world, RIDER)
    world.give_card(RIDER)
    boss = desk.agent("manager")
    boss.post("/jobs/create", kind="site_care", pile="P001023", text="Sweep the leaves", key="a")
    assert is_offered(world, CODE)
    boss.post("/jobs/create", kind="repair", pile="P001023", text="Cable torn", key="b")
    assert not is_offered(world, CODE) and not is_offered(world, NEIGHBOUR)
    boss.post("/jobs/2/cancel", why="It was another pile")
    assert is_offered(world, CODE)


def test_a_socket_with_failed_starts_says_so_and_comes_last_until_a_charge_is_good(
    world: World, desk: Desk
) -> None:
    play(world, "rider has a card")
    failed(world, 1)
    world.rider_says(RIDER, NEIGHBOUR)
    said = world.bot_says(RIDER, "Start charging?")
    assert "may not work" not in str(said)  # one failure may be the vehicle's
    world.rider_says(RIDER, "no")
    failed(world, 2)
    world.rider_says(RIDER, "Kamppi")
    world.bot_says(RIDER, f"May not work: {NEIGHBOUR}")
    rows = world.bot_says(RIDER, "pick a pile here")["options"]
    assert [row["title"] for row in rows] == [CODE, NEIGHBOUR]
    assert "The last starts failed here" in sticker(world, NEIGHBOUR)
    assert "May not work" in desk.agent("agent").get("/piles").text
    assert "The last 2 starts failed" in desk.agent("agent").get("/piles/P001023").text
    world.rider_says(RIDER, NEIGHBOUR)
    world.bot_says(
        RIDER, "The last starts failed here, so it may not work; you pay nothing if it does not."
    )
    play(
        world,
        """
        rider says yes
        pile accepts the start
        pile reports socket 1 Occupied
        pile starts socket 1
        clock passes 60 s
        pile charges for 1000 Wh
        pile ends
        """,
    )
    world.pile("1023").status(1, "Available")
    assert "may not work" not in sticker(world, NEIGHBOUR)
    assert "Last good charge" in sticker(world, NEIGHBOUR)
    assert "Last good charge" not in sticker(world, CODE)  # that one has had none
    world.rider_says(RIDER, "is 1023 free?")
    said = world.bot_says(RIDER, f"Last good charge at {NEIGHBOUR}")
    assert f"Last good charge at {CODE}" not in str(said)


def failed(world: World, times: int) -> None:
    """So many starts in a row have failed at the first socket."""
    with world.store.begin() as work:
        evses = work.session.get_one(Pile, "P001023").evses
        work.session.get_one(Evse, evses[0].id).failed_starts = times
