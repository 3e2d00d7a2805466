"""Every change reaches open consoles: written in its own transaction, never lost, never twice."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select

from bot.services import coupons
from bot.services.riders import rider_for
from bot.store.changes import settled, touched
from bot.store.database import Store
from bot.store.desk import ConsoleEvent
from bot.store.riders import Conversation
from tests.console.desk import Desk
from tests.offers import add_plan_offer, add_template
from tests.world import World


def _refs(store: Store) -> list[str]:
    with store.read() as work:
        events = select(ConsoleEvent.ref).where(settled(work.session))
        return list(work.session.scalars(events.order_by(ConsoleEvent.xact, ConsoleEvent.id)))


def test_a_change_is_told_once_a_transaction(engine: Engine) -> None:
    store = Store(engine)
    with store.begin() as work:
        rider = rider_for(work, "whatsapp", "+358401234567")
        work.session.flush()
        rider.name = "Aino"
    assert _refs(store).count(f"rider:{rider.id}") == 1
    with store.begin() as work:
        chat = work.session.scalars(select(Conversation)).one()
        chat.owner = "queue"
        work.session.flush()
        touched(work, f"conversation:{chat.id}")
    assert _refs(store).count(f"conversation:{chat.id}") == 2


def test_what_is_rolled_back_is_not_told(engine: Engine) -> None:
    store = Store(engine)
    with pytest.raises(RuntimeError), store.begin() as work:
        rider_for(work, "whatsapp", "+358401234567")
        work.session.flush()
        raise RuntimeError
    assert _refs(store) == []
    with store.begin() as work:
        touched(work, "pile:P001023")
    assert _refs(store) == ["pile:P001023"]


def test_events_of_a_late_commit_come_in_their_turn(engine: Engine) -> None:
    """On PostgreSQL a reader waits for a transaction that began before; ids alone would skip it."""
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer")
    store = Store(engine, clock=lambda: datetime.now(UTC))
    with store.begin() as slow:
        touched(slow, "pile:slow")
        with store.begin() as quick:
            touched(quick, "pile:quick")
        assert _refs(store) == []
    assert _refs(store) == ["pile:slow", "pile:quick"]


LIVE = {
    "/coupons": "coupon", "/plans": "plan", "/invoices": "invoice", "/feedback": "feedback",
    "/forecasts": "forecast", "/mentions": "mention", "/stations": "station pile",
    "/bookings/no-shows": "bookings", "/team": "staff", "/jobs/technicians": "job",
    "/tariffs": "tariff", "/promises": "clock", "/questions": "question",
    "/knowledge": "knowledge", "/reviews": "review", "/causes": "cause case",
}  # fmt: skip


def test_what_a_page_shows_hangs_on_its_changes(world: World, desk: Desk) -> None:
    """Each part is there again in what its own address gives, which is where it is taken from."""
    mia = desk.agent("manager")
    for path, refs in LIVE.items():
        page = mia.get(path).text
        found = re.search(rf'<div id="([\w-]+)" data-live="{refs}"[^>]*hx-get="([^"]+)"', page)
        assert found, path
        answer = mia.get(html.unescape(found[2]), headers={"HX-Request": "true"})
        assert answer.status_code == 200, path
        if "hx-select" in found[0] or f'hx-select="#{found[1]}"' in page:
            assert f'id="{found[1]}"' in answer.text, path


def test_coupons_and_plans_are_told_of(world: World, desk: Desk) -> None:
    mia = desk.agent("manager")
    add_template(world.store)
    add_plan_offer(world.store)
    with world.store.begin() as work:
        rider = rider_for(work, "whatsapp", "+358401234567")
    with world.store.begin() as work:
        coupons.issue(work, rider.id, "sorry", cause="x", key="x", tell=False)
    told = _refs(world.store)
    assert {"coupon", "plan", f"rider:{rider.id}", f"staff:{mia.staff_id}"} <= set(told)
    assert told.count("coupon") == 2
