"""Credits of staff and pay-outs by hand: within limits, once, seen in the rider's panel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.services import payouts, wallet
from bot.services.books import audit
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.riders import Rider
from bot.store.staff import Audit
from tests.console.desk import Desk
from tests.console.journey import PHONE, charge, taken_over
from tests.console.test_actions import action, order
from tests.world import World, open_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as world:
        world.settings = replace(world.settings, refund_limits="agent:5,finance:50,manager:50")
        yield world


def rider_of(work: UnitOfWork) -> Rider:
    return work.session.scalars(select(Rider).order_by(Rider.id)).one()


def stands(world: World) -> wallet.Balance:
    with world.store.read() as work:
        return wallet.balance(work, rider_of(work).id, "EUR")


def test_credits_stay_within_limits_and_a_second_person_decides_above(
    world: World, desk: Desk
) -> None:
    charge(world)
    anna = desk.agent("agent", "Anna")
    chat = taken_over(world, PHONE, anna.staff_id)
    assert "You alone today, up to" in anna.get(f"/actions/credit?conversation={chat}").text
    assert order(anna, "credit", conversation=chat, amount="3").status_code == 409  # as what?
    for _ in range(2):  # the same form twice
        given = order(anna, "credit", conversation=chat, amount="3", template=1)
        assert given.status_code == 303
    world.bot_says(PHONE, "€3.00 of bonus into your wallet")
    assert stands(world) == wallet.Balance(0, 300, 0, "EUR")
    assert "At most" in order(
        anna, "credit", "k2", conversation=chat, amount="900", template=2
    ).text.replace("given back", "")
    order(anna, "credit", "k3", conversation=chat, amount="4", template=2)  # 3 and 4 are above 5
    assert action(world).state == "waiting"
    assert stands(world).cash_minor == 0
    fia = desk.agent("finance", "Fia")
    page = fia.get(f"/approvals/{action(world).id}").text
    assert "Credit the wallet: 4.00 EUR" in page
    fia.post(f"/approvals/{action(world).id}/approve")
    world.bot_says(PHONE, "€4.00 into your wallet as cash")
    assert stands(world) == wallet.Balance(400, 300, 0, "EUR")
    panel = anna.get(f"/conversations/{chat}").text
    for shown in ("4.00 EUR", "3.00 EUR", "From us", "Credit the wallet"):
        assert shown in panel
    with world.store.read() as work:
        kinds = work.session.scalars(select(Audit.action).order_by(Audit.id)).all()
        assert kinds == ["action.credit", "action.credit", "action.approved"]
        assert audit(work) == []


def test_what_no_card_takes_back_is_sent_by_hand_once(world: World, desk: Desk) -> None:
    charge(world)
    maria = desk.agent("manager", "Maria")
    chat = taken_over(world, PHONE, maria.staff_id)
    order(maria, "credit", conversation=chat, amount="20", template=2)
    assert order(maria, "payout-sent", "k2", conversation=chat).status_code == 409
    with world.store.begin() as work:
        money = wallet.balance(work, rider_of(work).id, "EUR").cash
        payouts.start(work, rider_of(work), money, key="yes")
    assert stands(world).cash_minor == 0
    assert "To be paid out by hand" in maria.get(f"/conversations/{chat}").text
    with world.store.read() as work:
        assert audit(work) == []
    order(maria, "payout-sent", "k3", conversation=chat)
    order(maria, "payout-sent", "k3", conversation=chat)
    world.bot_says(PHONE, "€20.00 of your wallet has been sent to you")
    with world.store.read() as work:
        done = select(StaffAction.state).where(StaffAction.kind == "payout_sent")
        assert work.session.scalars(done).all() == ["done"]
        assert audit(work) == []
