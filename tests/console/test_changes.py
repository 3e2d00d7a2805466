"""Every change reaches open consoles: written in its own transaction, never lost, never twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select

from bot.services.riders import rider_for
from bot.store.changes import settled, touched
from bot.store.database import Store
from bot.store.desk import ConsoleEvent
from bot.store.riders import Conversation


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
