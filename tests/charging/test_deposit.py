"""A booking's deposit becomes the first hold of the charge, or is let go for a larger one."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.money import Money
from bot.replies import Say
from bot.services import payment_results, payments
from bot.services.payment_results import Service
from bot.store.charging import Hold
from bot.store.database import make_engine
from tests.charging.world import SETTINGS, World
from tests.databases import with_tables


@pytest.fixture
def world(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> World:
    def nothing(*_: Any) -> None:
        """A booking would take note."""

    monkeypatch.setitem(payment_results.SERVICES, "booking", Service(nothing))
    engine = with_tables(make_engine(sqlite_url))
    world = World(engine)
    world.rider()
    world.rider(2)
    return world


def deposit(world: World, amount_minor: int, rider_id: int = 1) -> int:
    with world.work() as work:
        hold = payments.ask(
            work, rider_id=rider_id, subject="booking:5", purpose="deposit",
            amount=Money(amount_minor, "EUR"), title=Say("Booking"), note=Say("Deposit"),
        )  # fmt: skip
        body = {"hold_id": hold.id, "outcome": "held"}
        payment_results.on_payment_result(work, SETTINGS, body)
        return hold.id


def the(world: World, hold_id: int) -> Hold:
    with world.work() as work:
        return work.session.get_one(Hold, hold_id)


def test_a_deposit_that_is_large_enough_is_the_hold(world: World) -> None:
    hold_id = deposit(world, 3000)
    session_id = world.says_yes(deposit=hold_id)
    hold = the(world, hold_id)
    assert (hold.subject, hold.session_id, hold.purpose, hold.state) == (
        f"session:{session_id}", session_id, "hold", "held",
    )  # fmt: skip
    assert len(world.effects("payment.hold")) == 1, "nothing more is asked for"
    assert world.session(session_id).state == "starting"
    assert world.progress(session_id).hold == Money(3000, "EUR")
    world.answers("start", "accepted")
    world.reports("Started", 1000)
    world.passes(60)
    world.reports("Updated", 4000)
    world.says_stop()
    world.reports("Ended", 4000)
    assert the(world, hold_id).capture_minor == world.bill().total_minor  # type: ignore[union-attr]
    world.pays(session_id, "captured")
    assert world.session(session_id).state == "settled"


@pytest.mark.parametrize(("amount_minor", "whose"), [(100, 1), (3000, 2)])
def test_a_deposit_that_cannot_pay_is_let_go(world: World, amount_minor: int, whose: int) -> None:
    hold_id = deposit(world, amount_minor, whose)
    session_id = world.says_yes(deposit=hold_id)
    assert the(world, hold_id).state == "voiding"
    assert [each["hold_id"] for each in world.effects("payment.void")] == [hold_id]
    assert world.session(session_id).state == "holding"
    assert len(world.effects("payment.hold")) == 2


def test_a_deposit_let_go_meanwhile_pays_nothing(world: World) -> None:
    hold_id = deposit(world, 3000)
    with world.work() as work:
        payments.release(work, work.session.get_one(Hold, hold_id))
    world.says_yes(deposit=hold_id)
    assert len(world.effects("payment.hold")) == 2
