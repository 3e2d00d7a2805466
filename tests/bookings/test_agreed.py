"""What a booker agreed to pay with counts, whatever holds the deposit."""

from __future__ import annotations

from datetime import timedelta

from bot.services.books import audit
from tests.bookings.world import NOW, World
from tests.wallet.world import fill, stands


def test_who_agreed_to_the_wallet_is_not_charged_by_the_deposits_card(world: World) -> None:
    world.rider()
    booking = world.booked(NOW + timedelta(hours=1))  # by card
    fill(world, 1, 5000)
    world.minutes(30)
    body = world.offer()  # before the booking's time: an offer like any other
    assert body["pays"] == "wallet"
    world.minutes(28)
    session = world.says_yes(body=body)
    assert world.hold(session).method == "wallet", "as agreed"
    assert stands(world).reserved_minor == body["hold_minor"]
    assert world.booking(booking).state == "FULFILLED"
    assert world.deposit_state(booking) == "voiding"
    with world.work() as work:
        assert audit(work) == []
