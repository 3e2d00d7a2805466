"""Reservations, plans and top-ups among a rider's orders, page by page."""

from __future__ import annotations

from datetime import timedelta

from bot.services import bookings, order_kinds, orders
from bot.services.order_kinds import COMPLETED, REFUNDED, RESERVED, RUNNING, Purchase, Reservation
from bot.services.orders import AnyOrder, Place, read_place
from bot.store.bookings import Booking
from tests.bookings.world import NOW, World
from tests.wallet.world import answers, top_up

START = NOW + timedelta(hours=2)


def listed(world: World, limit: int = 9, rider_id: int = 1) -> list[AnyOrder]:
    """All pages, each begun where the one before ended, as a button names it."""
    found: list[AnyOrder] = []
    before: Place | None = None
    for _ in range(20):
        with world.work() as work:
            page, more = orders.orders(work, rider_id, before=before, limit=limit)
        assert len(page) <= limit
        found += page
        if more is None:
            return found
        before = read_place(str(more))
        assert before == more
    raise AssertionError("the pages never end")


def reservations(world: World) -> list[Reservation]:
    return [each for each in listed(world) if isinstance(each, Reservation)]


def test_a_reservation_from_booked_to_what_was_kept_and_given_back(world: World) -> None:
    world.rider()
    booking = world.booked(START)
    (order,) = reservations(world)
    assert (order.group, order.seconds, order.facts.state) == (RESERVED, 3600, "RESERVED")
    assert order.deposit.amount_minor > 0 and order.kept.amount_minor == 0
    assert order.price is not None and order.price.per == "kwh"
    world.minutes(125)
    assert reservations(world)[0].group == RESERVED  # in its grace
    world.minutes(6)
    world.deposit(booking, "captured")
    (order,) = reservations(world)
    assert (order.group, order.facts.state) == (COMPLETED, "NO_SHOW")
    assert order.kept.amount_minor == order.facts.terms.fee_minor > 0
    with world.work() as work:
        row = work.session.get_one(Booking, booking)
        assert bookings.forgive(work, row, by="staff:1", reason="blocked", key="f")
    (order,) = reservations(world)
    assert (order.group, order.refunded) == (REFUNDED, order.kept)


def test_cancelled_in_time_costs_nothing_and_a_charge_tells_of_its_booking(world: World) -> None:
    world.rider()
    world.cancels(world.booked(START))
    (order,) = reservations(world)
    assert (order.group, order.kept.amount_minor, order.facts.live) == (COMPLETED, 0, False)
    world.booked(START + timedelta(hours=3), key="second")
    world.minutes(299)
    session = world.says_yes(key="yes")
    charge, cancelled = listed(world)
    assert isinstance(charge, orders.Order)
    assert (charge.session_id, charge.group) == (session, RUNNING)
    assert isinstance(cancelled, Reservation) and cancelled.booking_id == order.booking_id


def test_pages_hold_every_order_once_also_those_of_one_moment(world: World) -> None:
    world.rider()
    for number in range(5):  # time stands still: all of one moment
        answers(world, top_up(world, 1000, key=f"t{number}"), "captured")
    top_up(world, 2000, key="open")
    failed = top_up(world, 3000, key="failed")
    answers(world, failed, "failed")
    world.cancels(world.booked(START))
    world.booked(START, key="again")
    every = listed(world)
    assert len(every) == 8  # six top-ups, two reservations
    assert isinstance(every[0], Reservation) and every[0].facts.live
    for limit in (2, 3, 4):
        assert listed(world, limit) == every
    bought = [each for each in every if isinstance(each, Purchase)]
    assert [each.group for each in bought].count(RUNNING) == 1
    kept_aside = every[0].deposit.amount_minor  # the wallet holds the second deposit
    cash = {each.cash_now.amount_minor for each in bought if each.cash_now}
    assert cash == {5000 - kept_aside}


def test_nobody_sees_an_order_of_somebody_else(world: World) -> None:
    world.rider(1), world.rider(2)
    booking = world.booked(START)
    paid = int(top_up(world, 1000).partition(":")[2])
    assert listed(world, rider_id=2) == []
    with world.work() as work:
        assert order_kinds.own_reservation(work, 1, booking) is not None
        assert order_kinds.own_top_up(work, 1, paid) is not None
        assert order_kinds.own_reservation(work, 2, booking) is None
        assert order_kinds.own_top_up(work, 2, paid) is None
        assert order_kinds.own_plan(work, 1, 99) is None


def test_a_button_of_no_place_begins_at_the_newest() -> None:
    for raw in ("", "12", "1.2", "1.2.x", "-1.2.3", "1.2.3.4", "9" * 30 + ".1.1"):
        assert read_place(raw) is None
