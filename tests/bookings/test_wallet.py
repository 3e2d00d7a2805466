"""Deposits in the rider's wallet: reserved, used for the charge, taken or free again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.errors import Refused
from bot.services import bookings, payment_results, wallet
from bot.services.books import audit
from bot.store.bookings import Booking
from tests.bookings import world as worlds
from tests.bookings.world import NOW, World
from tests.wallet.world import fill, stands

START = NOW + timedelta(hours=2)


@pytest.fixture(autouse=True)
def paid(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a wallet answers comes by the inbox."""
    served = {**worlds.SERVED, "payment.result": payment_results.on_payment_result}
    monkeypatch.setattr(worlds, "SERVED", served)


def books(world: World, start: datetime = START, **more: Any) -> int:
    booking = world.books(start, **more)
    world.drain()
    return booking


def right(world: World) -> None:
    with world.work() as work:
        assert audit(work) == []


def test_reserved_in_the_wallet_and_used_for_the_charge_in_one_step(world: World) -> None:
    world.rider()
    fill(world, 1, 5000)
    booking = books(world)
    with world.work() as work:
        hold = world.hold_of(work, booking)
        assert (hold.method, hold.state) == ("wallet", "held")
        amount = hold.amount_minor
    assert not world.effects("payment.hold")
    assert world.booking(booking).state == "RESERVED" and world.said("reserved in your wallet")
    assert stands(world).reserved_minor == amount
    right(world)
    world.passes(120 * 60)
    session = world.says_yes()
    hold = world.hold(session)
    assert (hold.state, hold.purpose, hold.method) == ("held", "hold", "wallet")
    assert stands(world).reserved_minor == amount  # the very same money
    right(world)
    world.charges_after_adoption(session)
    world.says_stop(session)
    world.reports("Ended", 3000, state="EVConnected", reason="Remote")
    taken = world.hold(session).captured_minor
    assert taken and stands(world).available.amount_minor == 5000 - taken
    assert world.posted("held") == world.posted("applied") == amount
    right(world)


def test_nobody_comes_and_the_fee_goes_out_of_the_wallet_and_back_into_it(world: World) -> None:
    world.rider()
    fill(world, 1, 5000)
    booking = books(world)
    world.minutes(130)
    assert world.booking(booking).state == "NO_SHOW"
    assert stands(world).available.amount_minor == 4500 and stands(world).reserved_minor == 0
    assert world.balance("no_show_fees") == -500 and world.posted("taken") == 500
    assert world.posted("held") == world.posted("taken", "returned")
    right(world)
    with world.work() as work:
        row = work.session.get_one(Booking, booking)
        assert bookings.forgive(work, row, by="staff:1", reason="blocked", key="f")
    world.drain()
    assert stands(world).available.amount_minor == 5000 and world.said("back into your wallet")
    right(world)


def test_cancelled_in_time_it_is_free_again_and_far_ahead_it_needs_no_card(world: World) -> None:
    world.rider()
    fill(world, 1, 5000)
    booking = books(world, NOW + timedelta(days=6))
    assert world.booking(booking).state == "RESERVED" and stands(world).reserved_minor
    world.cancels(booking)
    assert stands(world).available.amount_minor == 5000 and world.said("free in your wallet again")
    assert world.posted("returned") == world.posted("held") > 0
    right(world)


def test_a_deposit_too_small_is_released_and_reserved_anew_at_the_yes(world: World) -> None:
    world.rider()
    fill(world, 1, 1800)
    body = world.proposes(START)
    needed = body["terms"]["deposit_minor"]
    assert 1000 < needed <= 1800  # 8.00 are free while the deposit is reserved
    booking = books(world, body={**body, "terms": {**body["terms"], "deposit_minor": 1000}})
    world.passes(120 * 60)
    session = world.says_yes()
    hold = world.hold(session)
    assert (hold.method, hold.state, hold.amount_minor) == ("wallet", "held", needed)
    assert stands(world).reserved_minor == needed
    world.drain()
    assert world.deposit_state(booking) == "void" and world.posted("returned") == 1000
    right(world)


def test_a_wallet_that_was_spent_meanwhile_books_nothing(world: World) -> None:
    world.rider()
    fill(world, 1, 1800)
    body = world.proposes(START)
    with world.work() as work:
        wallet.draw(work, 1, 500, source="payout:9", account=wallet.PREPAID)
    with pytest.raises(Refused, match="does not cover"):
        world.books(START, body=body)
    assert world.cells() == 0 and world.proposes(START)["terms"]["pays"] == "card"
