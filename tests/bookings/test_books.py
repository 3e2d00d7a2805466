"""The books balance whatever becomes of a booking's deposit."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.services import bookings, payment_results
from bot.services.books import audit
from bot.store.bookings import Booking
from bot.store.charging import LedgerEntry, Refund
from tests.bookings.world import NOW, SETTINGS, World

START = NOW + timedelta(hours=2)


def faults(world: World) -> list[str]:
    with world.work() as work:
        return audit(work)


def test_a_deposit_that_is_held_and_comes_back(world: World) -> None:
    world.rider()
    booking = world.books(START)
    assert faults(world) == []
    world.deposit(booking, "held")
    assert faults(world) == []
    world.cancels(booking)
    assert world.deposit_state(booking) == "voiding" and faults(world) == []
    world.deposit(booking, "void")
    assert faults(world) == [] and world.balance("deposits") == 0


def test_a_fee_that_is_taken_and_given_back(world: World) -> None:
    world.rider()
    booking = world.booked(START)
    world.minutes(131)
    assert world.booking(booking).state == "NO_SHOW"
    world.deposit(booking, "captured")
    assert world.balance("no_show_fees") < 0 and faults(world) == []
    with world.work() as work:
        row = work.session.get_one(Booking, booking)
        bookings.forgive(work, row, by="staff:1", reason="The bay was blocked", key="forgive")
        refund = work.session.scalars(select(Refund)).one()
        body = {"hold_id": refund.hold_id, "refund_id": refund.id, "outcome": "refunded"}
        payment_results.on_payment_result(work, SETTINGS, body)
    assert faults(world) == []


def test_a_deposit_that_pays_for_the_charge(world: World) -> None:
    world.rider()
    world.booked(START)
    world.minutes(120)
    session = world.says_yes()
    assert faults(world) == []
    world.charges_after_adoption(session)
    world.says_stop(session)
    world.reports("Ended", 3000, reason="Remote")
    assert faults(world) == []
    world.pays(session, "captured")
    assert world.session(session).state == "settled" and faults(world) == []


@pytest.mark.parametrize("account", ["deposits", "no_show_fees"])
def test_a_wrong_posting_is_found(world: World, account: str) -> None:
    world.rider()
    world.booked(START)
    with world.work() as work:
        for each, amount in ((account, 7), ("revenue", -7)):
            work.session.add(
                LedgerEntry(
                    source="x", kind="x", account=each, amount_minor=amount, currency="EUR",
                    at=work.now,
                )
            )  # fmt: skip
    assert any(each.startswith(("deposits:", "fees for")) for each in faults(world))
