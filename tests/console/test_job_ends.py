"""How jobs end where a repair is not the last word: danger, what staff keep out, outages."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from bot.domain.staff_actions import KINDS
from bot.services import actions, cases, incidents, jobs, outages
from bot.services.action_plans import Target
from bot.services.audit import Actor
from bot.store.cases import Case
from bot.store.jobs import Job
from bot.store.stations import Pile, Station
from tests.console.desk import Agent, Desk
from tests.console.sent_out import OTTO
from tests.world import World

PILE = "P001023"


def danger(world: World) -> None:
    """A rider reports smoke; the pile is locked out, and the desk sends somebody."""
    world.rider_says("+358401234567", "smoke comes out of 1023-27")
    world.settle()


def comes(world: World, otto: Agent) -> None:
    """Otto takes the job and is there."""
    with world.store.begin() as work:
        actor = Actor(otto.staff_id, "technician", "Otto")
        jobs.accept(work, world.settings, actor, 1)
        jobs.arrive(work, actor, 1, distance_m=9)
    world.settle()


def sent_for(world: World, agent: Agent, number: int) -> None:
    """ "Send somebody" on a ticket, as its page has the form."""
    page = agent.get(f"/tickets/{number}").text
    form = page[page.index("/jobs/create") :]
    fields = dict(re.findall(r'name="(case|pile|key)" value="([^"]*)"', form)[:3])
    made = agent.post("/jobs/create", **fields, kind="repair", text="Look at it")
    assert made.headers["location"].endswith("/jobs/1"), fields
    world.settle()


@pytest.mark.parametrize("door", ["chat", "console"])
def test_a_job_for_a_ticket_of_danger_can_be_ended_and_opens_nothing(
    world: World, desk: Desk, otto: Agent, door: str
) -> None:
    world.rider_says(OTTO, "hello")
    danger(world)
    mia = desk.agent("manager", "Mia")
    with world.store.read() as work:
        ticket = work.session.scalars(select(Case).where(Case.code == "hazard")).one().id
    sent_for(world, mia, ticket)
    comes(world, otto)
    if door == "chat":
        world.rider_says(OTTO, "jobs")
        world.rider_taps(OTTO, "Done")
        world.bot_says(OTTO, "What was it?")
        world.rider_says(OTTO, "A burnt clamp")
        world.bot_says(OTTO, "What did you do?")
        world.rider_says(OTTO, "New clamp")
        world.bot_says(OTTO, "Job 1 is done", "1023 stays out of service", "incident 1")
    else:
        done = otto.post("/jobs/1/done", cause="A burnt clamp", fix="New clamp")
        assert done.status_code == 303
        page = otto.get("/jobs/1").text
        assert "Pile 1023 stays out of service: incident 1 about it is not closed yet." in page
    with world.store.read() as work:
        assert work.session.scalars(select(Job)).one().state == "done"
        assert work.session.get_one(Case, ticket).status == "new"
        assert not work.session.get_one(Pile, PILE).in_service
        assert "Job 1 is done." in " ".join(e.text for e in cases.entries(work, ticket))


def test_a_pile_that_staff_keep_out_is_not_said_to_be_offered(
    world: World, desk: Desk, otto: Agent
) -> None:
    mia = desk.agent("manager", "Mia")
    with world.store.begin() as work:
        pile = work.session.get_one(Pile, PILE)
        actor = Actor(mia.staff_id, "manager", "Mia")
        actions.ask(
            work, world.settings, actor, KINDS["out_of_service"], Target(pile_id=PILE),
            reason="Road works", key="out",
        )  # fmt: skip
        jobs.open_job(work, kind="repair", pile=pile, text="Look", key="x")
    world.settle()
    comes(world, otto)
    otto.post("/jobs/1/done", cause="Dust", fix="Wiped")
    assert "Pile 1023 stays out of service: Mia has taken it out" in otto.get("/jobs/1").text
    with world.store.read() as work:
        assert incidents.of_pile(work, PILE) == []


def test_a_jobs_page_tells_whose_word_it_is_and_all_its_tickets(
    world: World, desk: Desk, otto: Agent
) -> None:
    for number in (1, 2):
        world.rider_says(f"+35840999000{number}", "the cable of 1023-27 is broken")
    world.settle()
    page = desk.agent("agent").get("/jobs/1").text
    assert "A rider&#39;s word" in page
    assert all(f'href="/tickets/{number}"' in page for number in (1, 2))


def test_an_outage_has_its_piles_to_send_somebody_to(world: World, desk: Desk, otto: Agent) -> None:
    with world.store.begin() as work:
        station = work.session.scalars(select(Station)).first()
        assert station is not None
        for number in (1, 2):
            work.session.add(
                Pile(id=f"P00200{number}", number=f"200{number}", station_id=station.id, kind="ac")
            )
        work.session.flush()
        for pile in work.session.scalars(select(Pile)):
            pile.online, pile.seen_at = False, work.now
        (outage,) = outages.look(work, world.settings)
        ticket = outage.case_id or 0
    mia = desk.agent("manager", "Mia")
    page = mia.get(f"/tickets/{ticket}").text
    assert re.findall(r'<option value="(P\w+)"', page) == [PILE, "P002001", "P002002"]
    made = mia.post(
        "/jobs/create", case=str(ticket), pile="P002002", key="case-1-0", kind="repair",
        text="No power at the site",
    )  # fmt: skip
    assert made.headers["location"].endswith("/jobs/1")
    world.settle()
    comes(world, otto)
    with world.store.read() as work:
        (clock,) = [each for each in cases.all_clocks(work, work.session.get_one(Case, ticket))
                    if each.subject.startswith("case:") and each.name == "on_site"]  # fmt: skip
        assert clock.outcome == "met"
