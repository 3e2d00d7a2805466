"""A random sample of finished work is scored by somebody else and answered by whose it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from bot.domain.reviews import SHEET_1, SHEET_ORDERS, draw
from bot.services import case_timers, case_work, disputes, reviews, weeks
from bot.services.audit import Actor
from bot.services.reviews import NotPossible
from bot.store.charging import ChargingSession
from bot.store.database import Store
from bot.store.quality import QualityRun, Review
from bot.store.staff import Staff
from tests.console.desk import Agent, Desk
from tests.console.journey import charge
from tests.console.test_offers import request_of
from tests.test_scenarios import play
from tests.world import World

RIDER = "+358401234567"
ALL_GOOD = {f"score-{each.key}": "3" for each in SHEET_1}


def worked(world: World, desk: Desk, anna: Agent) -> None:
    """Anna resolves a conversation and closes a case; the bot has a rider to itself."""
    play(world, "other says hello\nrider says agent\nbot says person")
    chat = desk.conversation(RIDER)
    assert anna.post(f"/conversations/{chat.id}/claim").status_code == 303
    epoch = str(desk.conversation(RIDER).epoch)
    opened = anna.post(
        f"/conversations/{chat.id}/ticket", code="staff", text="Rude answer", key="k"
    )
    number = int(opened.headers["location"].rsplit("/", 1)[1])
    actor = Actor(anna.staff_id, "agent", "Anna")
    with world.store.begin() as work:
        case_work.assign(work, world.settings, actor, number, owner_id=anna.staff_id)
        case_work.solve(work, world.settings, actor, number, cause="a", fix="b", result="c")
        case_timers.close(work, case_work.locked(work, number), "consent")
    assert anna.post(f"/conversations/{chat.id}/resolve", epoch=epoch).status_code == 303


def drawn(world: World) -> list[Review]:
    """The sample of this week, as though it were over."""
    with world.store.begin() as work:
        week = weeks.monday(work.now, world.settings.desk_tz)
        assert weeks.begun(work, reviews.KIND, week)
        reviews.draw(work, world.settings, week, seed="abc")
    with world.store.read() as work:
        return list(work.session.scalars(select(Review).order_by(Review.kind)))


def test_the_clock_draws_of_a_week_that_is_over_and_once(world: World, desk: Desk) -> None:
    worked(world, desk, desk.agent("agent", "Anna"))
    reviews.keep(world.store, world.settings)  # of the week before: nothing
    world.ahead += timedelta(days=7)
    for _ in range(2):
        reviews.keep(world.store, world.settings)
    with world.store.read() as work:
        found = work.session.scalars(select(Review)).all()
    assert sorted(each.kind for each in found) == ["bot", "case", "chat"]


def test_work_is_drawn_scored_read_and_answered(world: World, desk: Desk) -> None:
    anna, mia = desk.agent("agent", "Anna"), desk.agent("manager", "Mia")
    worked(world, desk, anna)
    bots, case, chat = drawn(world)
    assert [each.kind for each in (bots, case, chat)] == ["bot", "case", "chat"]
    assert (case.staff_id, chat.staff_id, bots.staff_id) == (anna.staff_id, anna.staff_id, None)
    assert (case.topic, case.team, chat.team) == ("staff", "support", "support")
    assert "Solved by the front line" in mia.get(f"/tickets/{case.case_id}").text
    with world.store.read() as work:
        body = work.session.scalars(select(QualityRun.body)).one()
    again = draw({name: each["ids"] for name, each in body["strata"].items()}, body["seed"],
                 percent=body["percent"], least=body["least"], most=body["most"])  # fmt: skip
    assert again == {name: each["drawn"] for name, each in body["strata"].items()}

    assert mia.get("/reviews/count").text == "3"
    assert anna.get("/reviews/count").text == ""
    assert anna.get(f"/reviews/{chat.id}").status_code == 404  # not before it is scored
    scored = mia.post(f"/reviews/{chat.id}/score", sheet="1", comment="Kind.", **ALL_GOOD)
    assert scored.status_code == 303
    assert "75.0 %" in mia.get("/reviews").text
    assert anna.get("/reviews/count").text == "1"
    page = anna.get(f"/reviews/{chat.id}").text
    assert "Kind." in page and "75.0 %" in page
    assert anna.post(f"/reviews/{chat.id}/answer", text="Thank you!").status_code == 303
    assert "Thank you!" in mia.get(f"/reviews/{chat.id}").text
    assert anna.get("/reviews/count").text == ""
    assert anna.get(f"/reviews/{bots.id}").status_code == 404
    lacking = mia.post(f"/reviews/{bots.id}/score", sheet="1", comment="x")
    assert lacking.status_code == 303
    assert "Give a score for each" in mia.get("/reviews").text


def test_a_new_sheet_counts_from_then_on(world: World, desk: Desk) -> None:
    anna, mia = desk.agent("agent", "Anna"), desk.agent("manager", "Mia")
    worked(world, desk, anna)
    bots, case, _ = drawn(world)
    mia.post(f"/reviews/{bots.id}/score", sheet="1", **ALL_GOOD)
    form = {"title": ["Right", "Kind"], "weight": ["30", "10"]}
    assert mia.post("/reviews/sheet", seen="1", reason="Shorter", **form).status_code == 303
    mia.post("/reviews/sheet", seen="1", reason="Too late", **form)
    assert "changed the sheet meanwhile" in mia.get("/reviews/sheet").text
    mia.post(f"/reviews/{case.id}/score", sheet="2", **{"score-c0": "4", "score-c1": "na"})
    with world.store.read() as work:
        old, new = (work.session.get_one(Review, each.id) for each in (bots, case))
        assert (old.sheet, old.total, new.sheet, new.total) == (1, 750, 2, 1000)
    assert "Right" in mia.get(f"/reviews/{case.id}").text
    assert "Friendly" in mia.get(f"/reviews/{bots.id}").text


def test_nobody_reviews_themselves_and_each_is_scored_once(engine: Engine) -> None:
    store = Store(engine)
    scores = {each.key: 4 for each in SHEET_1}
    with store.begin() as work:
        for number in (1, 2, 3):
            work.session.add(
                Staff(id=number, login=str(number), name="x", role="manager", created_at=work.now)
            )
        work.session.flush()
        work.session.add(
            Review(
                id=1, week=work.now.date(), kind="case", ref=1, staff_id=1, team="support",
                ended_at=work.now, drawn_at=work.now,
            )
        )  # fmt: skip

    def score(who: int) -> str:
        try:
            with store.begin() as work:
                reviews.score(work, Actor(who, "manager"), 1, scores, sheet_version=1, comment="")
        except NotPossible:
            return "told"
        return "scored"

    assert score(1) == "told"
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(score, (2, 3))) == ["scored", "told"]
    with store.begin() as work, pytest.raises(NotPossible, match="not about you"):
        reviews.seen(work, Actor(2, "manager"), 1)


def test_what_was_decided_about_orders_is_drawn_and_has_a_sheet_of_its_own(
    world: World, desk: Desk
) -> None:
    fia, mia, anna = desk.agent("finance", "Fia"), desk.agent("manager", "Mia"), desk.agent("agent")
    given = request_of(world, charge(world))
    fia.post(f"/disputes/{given.id}/grant", key="k", amount="1,00", explanation="Wrong price")
    world.settle()
    with world.store.begin() as work:
        found = disputes.look(work, work.session.get_one(ChargingSession, given.session_id))
        assert found is not None
        other = disputes.open_request(
            work, world.settings, found, "twice", text="Slow, call +358401234567"
        )
        actor = Actor(fia.staff_id, "finance", "Fia")
        disputes.decline(work, actor, other, explanation="As agreed")
    rows = {each.kind: each for each in drawn(world)}
    order, declined = rows["order"], rows["dispute"]
    assert (order.staff_id, order.team, order.topic) == (fia.staff_id, "finance", "refund")
    assert declined.topic == "declined"
    page = mia.get(f"/reviews/{order.id}").text
    assert "Score sheet of orders" in page and "Wrong price" in page and "1.00 EUR" in page
    assert "Fia, orders" in mia.get("/reviews").text
    said = mia.get(f"/reviews/{declined.id}").text
    assert "Slow, call +358 ••• 67" in said and "As agreed" in said
    mia.post(f"/reviews/{order.id}/score", sheet="1", **ALL_GOOD)
    assert "There is no such sheet." in mia.get("/reviews").text
    scores = {f"score-{each.key}": "4" for each in SHEET_ORDERS}
    mia.post(f"/reviews/{order.id}/score", sheet="0", comment="Well done", **scores)
    assert "100.0 %" in mia.get("/reviews").text
    read = fia.get(f"/reviews/{order.id}").text
    assert "Well done" in read and "sheet of orders" in read
    assert anna.get(f"/reviews/{order.id}").status_code == 404
