"""The maintenance calendar in the console: planned, moved, undone, cancelled; riders see it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from bot.services import visit_plans
from bot.store.maintenance import Visit
from bot.store.stations import Evse, Pile
from tests.console.desk import Desk
from tests.world import World

RIDER = "+358401234567"


def visits_of(world: World) -> list[Visit]:
    with world.store.read() as work:
        return list(work.session.scalars(select(Visit).order_by(Visit.id)))


def test_a_visit_is_planned_moved_undone_and_cancelled(world: World, desk: Desk) -> None:
    mari = desk.agent("manager", "Mari")
    assert "Nothing planned" in mari.get("/visits").text
    day = (world.now + timedelta(days=3)).date()
    form = {"day": day.isoformat(), "hour": "10:00", "length": "60"}
    answer = mari.post("/visits/plan", pile="1023", what="Yearly inspection", key="k", **form)
    assert answer.headers["location"].endswith("/visits/1")
    mari.post("/visits/plan", pile="1023", what="Yearly inspection", key="k", **form)
    (visit,) = visits_of(world)  # the same form twice
    shown = mari.get("/visits").text
    assert "10:00–11:00" in shown
    assert "Yearly inspection" in shown
    assert f"{day:%a %-d %b}" in mari.get("/visits?tab=weeks").text
    for wrong, why in (({"pile": "9999"}, "no pile"), ({"day": "soon"}, "Give the day"),
                       ({"hour": "ten"}, "Give the time"), ({"length": "x"}, "whole number"),
                       ({"what": " "}, "what is to be done")):  # fmt: skip
        mari.post("/visits/plan", **{"pile": "1023", "what": "x", **form, **wrong})
        assert why in mari.get("/visits").text
    mari.post("/visits/1/move", **{**form, "hour": "14:00"})
    assert "moved from" in mari.get("/visits").text
    mari.post("/visits/1/undo")
    assert visits_of(world)[0].starts_at == visit.starts_at
    mari.post("/visits/1/cancel", reason="no parts")
    assert "Cancelled" in mari.get("/visits?tab=over").text
    mari.post("/visits/1/undo")
    assert visits_of(world)[0].state == "planned"
    page = mari.get("/piles/P001023").text
    assert "Next visit" in page
    assert "10:00–11:00" in page
    agent = desk.agent("agent")
    assert "Yearly" in agent.get("/visits/1").text
    assert agent.post("/visits/1/cancel", reason="x").status_code == 403


def test_riders_read_of_it_and_of_who_looks_after_the_pile(world: World, desk: Desk) -> None:
    mari = desk.agent("manager", "Mari")
    day = (world.now + timedelta(days=2)).date()
    mari.post(
        "/visits/plan", pile="1023", what="Check", day=day.isoformat(), hour="10:00", length="60"
    )
    with world.store.begin() as work:
        work.session.scalars(select(Evse)).first().last_good_at = world.now  # type: ignore[union-attr]
    world.rider_says(RIDER, "hello")
    world.bot_says(RIDER, "")
    world.rider_says(RIDER, "is 1023 free?")
    world.bot_says(RIDER, "Pile 1023", "Maintenance:", "Last good charge")
    page = world.http.get(f"{world.settings.public_url}/p/1023-16").text
    assert "Maintenance:" in page
    assert "Condition" in page


def test_a_plan_puts_visits_into_the_calendar(world: World, desk: Desk) -> None:
    otto = desk.agent("technician", "Otto")
    wrong = {"model": "", "what": "Plugs", "hour": "09:30", "length": "45"}
    otto.post("/visits/plans", every_days="", every_cycles="", **wrong)
    assert "after how many" in otto.get("/visits?tab=plans").text
    otto.post("/visits/plans", every_days="14", every_cycles="2000", **wrong)
    page = otto.get("/visits?tab=plans").text
    assert "every 14 days, or every 2000 charges" in page
    visit_plans.keep(world.store, world.settings)
    assert "09:30–10:15" in otto.get("/visits").text
    otto.post("/visits/plans/1/end")
    assert "No plans yet" in otto.get("/visits?tab=plans").text
    assert visits_of(world)[0].state == "cancelled"


def test_a_pile_shows_as_out_of_service_while_it_is_looked_after(world: World, desk: Desk) -> None:
    mari = desk.agent("manager", "Mari")
    with world.store.begin() as work:
        pile = work.session.get_one(Pile, "P001023")
        work.session.add(
            Visit(
                key="v", pile_id=pile.id, state="waiting", what="Check", made_by=mari.staff_id,
                made_at=work.now, starts_at=work.now, ends_at=work.now + timedelta(hours=1),
            )
        )  # fmt: skip
    assert "Out of service" in mari.get("/piles").text
