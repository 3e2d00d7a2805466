"""A case gets its root cause, a cause its actions, and an action its effect in cases a week."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.domain.causes import in_order
from bot.services import case_intake, causes, weeks
from bot.services.audit import Actor
from bot.services.causes import NotPossible
from bot.store.cases import Case
from bot.store.quality import CaseCause, CauseAction
from tests.console.desk import Agent, Desk
from tests.test_scenarios import play
from tests.world import World

RIDER = "+358401234567"


def actor(agent: Agent, role: str = "manager") -> Actor:
    return Actor(agent.staff_id, role)


def numbers(world: World) -> dict[str, int]:
    with world.store.read() as work:
        return {node.path: node.cause.id for node in in_order(causes.tree(work))}


def cases_in(world: World, desk: Desk, cause_id: int, by: Actor, *weeks_ago: int) -> list[int]:
    """Cases of this cause that came in so many weeks ago."""
    chat = desk.conversation(RIDER)
    made = []
    with world.store.begin() as work:
        for number, ago in enumerate(weeks_ago):
            case = case_intake.by_staff(
                work, chat, code="staff", text=f"No {number}", key=f"{cause_id}-{ago}-{number}"
            )
            case.open_key = None  # each of them a case of its own
            case.created_at = work.now - ago * weeks.WEEK
            work.session.flush()
            causes.give(work, by, case, cause_id)
            made.append(case.id)
    return made


def test_from_a_tickets_cause_to_the_effect_of_what_was_done(world: World, desk: Desk) -> None:
    mia, teo = desk.agent("manager", "Mia"), desk.agent("technician", "Teo")
    play(world, "rider says hello")
    assert "Begin with the usual ones" in mia.get("/causes").text
    assert mia.post("/causes/usual").status_code == 303
    ids = numbers(world)
    cable, hardware = ids["Hardware › Cable or plug worn"], ids["Hardware"]
    cases_in(world, desk, cable, actor(mia), *[number for number in range(3, 11) for _ in "ab"])
    cases_in(world, desk, hardware, actor(mia), 1, 2)
    assert ">18<" in mia.get("/causes").text  # the cases below a cause are its own, too
    due = (world.now + timedelta(days=3)).date().isoformat()
    form = {"text": "Order better cables", "owner": str(teo.staff_id), "due": due}
    assert mia.post(f"/causes/{hardware}/actions", **form).status_code == 303
    with world.store.read() as work:
        action = work.session.scalars(select(CauseAction)).one()
    assert desk.agent("technician").post(f"/causes/actions/{action.id}/done").status_code == 303
    assert "open" in mia.get(f"/causes/{hardware}").text
    with world.store.read() as work:
        assert work.session.scalars(select(CauseAction)).one().done_at is None  # not theirs
    assert teo.post(f"/causes/actions/{action.id}/done").status_code == 303
    assert "too early to tell" in mia.get("/causes").text
    with world.store.begin() as work:  # as though it had been done a while ago
        row = work.session.get_one(CauseAction, action.id)
        row.done_at = work.now - 3 * weeks.WEEK
    page = mia.get(f"/causes/{hardware}").text
    assert "in 8 weeks before, 1.0 in 2 after" in page
    assert "weeks-chart" in page


def test_a_tickets_root_cause_is_set_changed_and_taken_back(world: World, desk: Desk) -> None:
    mia, anna = desk.agent("manager"), desk.agent("agent", "Anna")
    play(world, "rider says hello")
    mia.post("/causes/usual")
    ids = numbers(world)
    (case_id,) = cases_in(world, desk, ids["Site"], actor(mia), 0)
    answer = anna.post(f"/tickets/{case_id}/root-cause", root_cause=str(ids["Price and bill"]))
    assert answer.status_code == 303
    page = anna.get(f"/tickets/{case_id}").text
    assert "Root cause: Price and bill" in page
    anna.post(f"/tickets/{case_id}/root-cause", root_cause="999")
    assert "There is no such cause" in anna.get("/causes").text
    anna.post(f"/tickets/{case_id}/root-cause", root_cause="")
    with world.store.read() as work:
        assert work.session.get(CaseCause, case_id) is None
        assert work.session.get_one(Case, case_id).cause == ""  # the words to the rider are others


def test_the_tree_is_kept_by_managers_and_stays_a_tree(world: World, desk: Desk) -> None:
    mia = desk.agent("manager")
    mia.post("/causes/usual")
    ids = numbers(world)
    hardware, cable = ids["Hardware"], ids["Hardware › Cable or plug worn"]
    mia.post("/causes", id=str(hardware), title="Hardware", parent=str(cable))
    assert "cannot stand there" in mia.get("/causes").text
    mia.post("/causes", title="contactor", parent=str(hardware))
    assert "There is one of that name" in mia.get("/causes").text
    mia.post("/causes", id=str(cable), title="Cable", parent="", retired="yes")
    assert "Cable" in numbers(world)
    with world.store.begin() as work:
        assert cable not in {node.cause.id for node in causes.choices(work)}
        with pytest.raises(NotPossible, match="already"):
            causes.start(work, actor(mia))
    assert desk.agent("agent").post("/causes", title="x").status_code == 403
