"""A booking from the yes to its end: deposit, countdown, pile, charge, trouble."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from bot.errors import Refused
from bot.services import booked, booking_trouble, bookings, charging, stations
from bot.services.offers import make_offer
from bot.store.bookings import Booking, BookingChange, BookingRules
from bot.store.charging import Hold
from bot.store.database import UnitOfWork
from bot.store.riders import Rider
from bot.store.stations import Evse, Pile
from tests.bookings import world as worlds
from tests.bookings.world import MIN, NOW, SETTINGS, World

START = NOW + timedelta(hours=2)


def test_booked_kept_by_the_pile_and_charged_with_the_deposit(world: World) -> None:
    world.rider()
    booking = world.booked(START)
    assert world.said("Booked:") and world.booking(booking).state == "RESERVED"
    world.minutes(116)
    assert world.said("In half an hour") and world.said("In ten minutes")
    (reserve,) = world.commands("reserve")
    assert reserve.body["id_token"] == "rider:1" and reserve.evse_number == 1
    world.answers("reserve", "accepted")
    assert world.facts(booking).pile == "kept"
    world.status("Reserved")
    world.minutes(4)
    assert world.said("has begun")
    session = world.says_yes(key="yes")
    hold = world.hold(session)
    assert (hold.state, hold.subject, hold.purpose) == ("held", f"session:{session}", "hold")
    assert world.booking(booking).state == "FULFILLED"
    assert len(world.effects("payment.hold")) == 1  # the deposit, and no second hold
    world.charges_after_adoption(session)
    world.says_stop(session)
    world.reports("Ended", 3000, state="EVConnected", reason="Remote")
    assert world.session(session).state == "billing"
    assert world.cells() == 0 and world.facts(booking).ended_at is not None
    assert world.posted("held") == world.posted("applied") == hold.amount_minor


def test_only_the_booker_can_start_in_the_slot(world: World) -> None:
    world.rider(1), world.rider(2)
    world.booked(START)
    with world.work() as work:
        evse = work.session.get_one(Evse, 1)
        other = work.session.get_one(Rider, 2)
        offer = make_offer(work, SETTINGS, evse=evse, rider=other)
        assert any("Booked by somebody else" in line.text for line in offer.lines)
        assert stations.evse_view(work, SETTINGS, evse).free_until == START
    world.passes(100 * 60)
    body = world.offer(1, 2)
    world.passes(15 * 60)
    with pytest.raises(Refused, match="reserved for somebody else"):
        world.says_yes(1, 2, key="other", body=body)
    with pytest.raises(Refused, match="reserved for somebody else"):
        world.offer(1, 2)
    world.offer(1, 1)
    world.status("Reserved")
    world.offer(1, 1)
    world.passes(20 * 60)  # nobody came: anybody's again
    world.status("Available")
    world.offer(1, 2)


def test_nobody_comes_and_the_fee_is_taken_and_given_back_by_staff(world: World) -> None:
    world.rider()
    freed: list[int] = []

    def note(work: UnitOfWork, evse_id: int, at: datetime) -> None:
        freed.append(evse_id)

    booked.when_freed(note)
    try:
        booking = world.booked(START)
        world.minutes(129)
        assert [world.said(part) for part in ("has begun", "goes to somebody else")] == [True, True]
        assert world.booking(booking).state == "RESERVED"
        world.minutes(1)
    finally:
        booked._WHEN_FREED.remove(note)
    assert world.booking(booking).state == "NO_SHOW" and freed == [1] and world.cells() == 0
    assert world.effects("payment.capture") and world.deposit_state(booking) == "capturing"
    world.deposit(booking, "captured")
    assert world.balance("no_show_fees") == -500 and world.posted("taken") == 500
    assert world.posted("held") == world.posted("taken", "returned")
    with world.work() as work:
        row = work.session.get_one(Booking, booking)
        assert bookings.appeal(work, row, key="a") and not bookings.appeal(work, row, key="b")
        assert bookings.forgive(work, row, by="staff:1", reason="blocked", key="f")
        assert not bookings.forgive(work, row, by="staff:1", reason="again", key="g")
    assert len(world.effects("payment.refund")) == 1 and world.said("you get")


def test_cancelled_in_time_and_too_late(world: World) -> None:
    world.rider()
    first = world.booked(START)
    world.cancels(first)
    world.deposit(first, "void")
    assert world.posted("returned") == world.posted("held") and world.cells() == 0
    second = world.booked(START, key="again")
    world.passes(110 * 60)
    world.cancels(second, key="late")
    assert world.deposit_state(second) == "capturing" and world.said("of the deposit is taken")
    with pytest.raises(Refused, match="cancelled already"):
        world.cancels(second, key="twice")


def test_a_charge_that_runs_on_is_never_cut_off(world: World) -> None:
    world.rider(1), world.rider(2)
    session = world.says_yes(1, 2, key="other")
    world.charges(session)
    booking = world.booked(NOW + timedelta(hours=1))
    world.minutes(46)
    assert world.said("Please be done by then") and world.session(session).state == "charging"
    world.minutes(15)
    assert world.session(session).state == "charging" and world.facts(booking).blocked == "busy"
    assert world.said("Shall I move your booking?")
    world.moves(booking, world.now.replace(second=0), evse_id=2, key="tap")
    assert world.booking(booking).evse_id == 2 and not world.facts(booking).blocked
    world.offer(2, 1)


def test_the_bay_gets_free_after_all_or_costs_nothing(world: World) -> None:
    world.rider(1), world.rider(2)
    session = world.says_yes(1, 2, key="other")
    world.charges(session)
    booking = world.booked(NOW + timedelta(hours=1))
    world.minutes(66)
    world.says_stop(session)
    world.reports("Ended", 3000, state="EVConnected", reason="Remote")
    assert world.said("is free for you now")
    world.minutes(9)
    assert world.booking(booking).state == "RESERVED"
    world.minutes(3)
    assert world.booking(booking).state == "NO_SHOW"


def test_a_fault_moves_the_booker_or_returns_the_deposit(world: World) -> None:
    world.rider()
    booking = world.booked(NOW + timedelta(hours=1))
    with world.work() as work:
        work.session.get_one(Evse, 1).fault_code = "GroundFault"
    world.status("Faulted")
    assert world.facts(booking).blocked == "fault" and world.said("it reports a fault")
    world.minutes(71)
    assert world.booking(booking).state == "FAILED"
    world.deposit(booking, "void")
    assert world.posted("returned") == world.posted("held")


def test_a_pile_that_goes_is_said_at_the_start_and_rehome_is_for_all(world: World) -> None:
    world.rider(1), world.rider(2)
    first = world.booked(NOW + timedelta(hours=1))
    second = world.booked(NOW + timedelta(hours=1), evse_id=2, rider_id=2)
    with world.work() as work:
        told = booking_trouble.rehome(work, pile_id="P001023", reason="fault")
        assert {each.id for each in told} == {first, second}
        pile = work.session.get_one(Pile, "P001023")
        pile.in_service = False
        booking_trouble.recheck(work, SETTINGS, "P001023")
    assert world.facts(first).blocked == "out_of_service"


def test_one_booking_a_rider_and_three_times_not_there(world: World) -> None:
    world.rider()
    world.booked(START)
    with pytest.raises(Refused, match="booking already"):
        world.proposes(START + timedelta(hours=3), evse_id=2)
    for number in range(3):
        if number:
            world.booked(world.now + timedelta(hours=2), key=f"n{number}")
        world.passes(125 * 60)
        world.passes(10 * 60)
    with pytest.raises(Refused, match="did not come to"):
        world.proposes(world.now + timedelta(hours=1))
    world.passes(7 * 86_400)
    world.proposes(world.now + timedelta(hours=1))


def test_a_taken_slot_names_other_times_and_another_bay(world: World) -> None:
    world.rider(1), world.rider(2)
    world.booked(START)
    with pytest.raises(Refused) as no:
        world.proposes(START + 30 * MIN, rider_id=2)
    assert len(no.value.options) == 3
    world.proposes(START + 60 * MIN, rider_id=2)
    world.proposes(START - 60 * MIN, rider_id=2)


def test_far_ahead_a_card_is_saved_and_the_hold_comes_the_day_before(world: World) -> None:
    world.rider()
    start = NOW + timedelta(days=6)
    booking = world.books(start)
    with world.work() as work:
        assert world.hold_of(work, booking).purpose == "card"
    world.deposit(booking, "saved")
    assert world.booking(booking).state == "RESERVED"
    world.passes(5 * 86_400 + 60)
    with world.work() as work:
        assert world.hold_of(work, booking).purpose == "deposit"
    world.deposit(booking, "failed", reason="card_declined")
    assert world.booking(booking).state == "FAILED" and world.cells() == 0
    assert world.said("could not be held")


def test_a_change_keeps_the_price_and_is_written_down(world: World) -> None:
    world.rider()
    booking = world.booked(START)
    world.moves(booking, START + timedelta(hours=1), length=90, key="m1")
    world.moves(booking, START + timedelta(hours=5), key="m1")  # the same tap again
    assert world.booking(booking).starts_at == START + timedelta(hours=1) and world.cells() == 18
    world.passes(170 * 60)
    with world.work() as work:
        row = work.session.get_one(Booking, booking)
        assert bookings.move_cost(row, START + timedelta(hours=9), work.now).amount_minor == 500
    world.moves(booking, START + timedelta(hours=9), key="m2")
    world.deposit_of(booking, 1, "captured")
    world.deposit(booking, "held")
    assert world.facts(booking).asked == 2 and world.facts(booking).deposit == "held"
    with world.work() as work:
        rows = work.session.scalars(select(BookingChange).order_by(BookingChange.id)).all()
        assert [row.what for row in rows] == ["booked", "moved", "moved"]
    world.cancels(booking)
    world.deposit(booking, "void")
    assert world.posted("held") == world.posted("taken", "returned")


def test_longer_while_charging(world: World) -> None:
    world.rider(1), world.rider(2)
    booking = world.booked(START)
    world.passes(120 * 60)
    world.says_yes()
    with world.work() as work:
        row = work.session.get_one(Booking, booking)
        bookings.extend(work, SETTINGS, row, ends_at=START + timedelta(hours=2), key="more")
    assert world.booking(booking).ends_at == START + timedelta(hours=2)
    with pytest.raises(Refused):
        world.proposes(START + 90 * MIN, rider_id=2)


def test_a_pile_that_cannot_reserve_is_fenced_all_the_same(world: World) -> None:
    world.rider(1), world.rider(2)
    booking = world.booked(START)
    world.passes(116 * 60)
    world.answers("reserve", "error", reason="NotImplemented")
    assert world.facts(booking).pile == "refused"
    with pytest.raises(Refused, match="reserved for somebody else"):
        world.offer(1, 2)
    world.cancels(booking, by="staff:1")
    assert not world.commands("cancel_reservation")


def test_a_cancelled_booking_frees_the_pile_and_a_late_word_of_it_is_nothing(world: World) -> None:
    world.rider()
    booking = world.booked(START)
    world.passes(116 * 60)
    world.answers("reserve", "accepted")
    (reserve,) = world.commands("reserve")
    world.cancels(booking, by="staff:1")
    (free,) = world.commands("cancel_reservation")
    assert free.body == {"reservation_id": reserve.id}
    with world.work() as work:
        body = {"pile_id": "P001023", "reservation_id": reserve.id, "status": "Removed"}
        worlds.SERVED["pile.reservation"](work, SETTINGS, body)
    assert world.booking(booking).state == "CANCELED"


def test_a_station_has_its_own_rules(world: World) -> None:
    world.rider()
    with world.work() as work:
        work.session.add(
            BookingRules(station_id=1, body={"ahead_s": 3600, "fee_major": "0"}, changed_at=NOW)
        )
    with pytest.raises(Refused, match="at most"):
        world.proposes(START)
    booking = world.books(NOW + 30 * MIN)
    assert world.booking(booking).state == "RESERVED" and not world.effects("payment.hold")
    with world.work() as work:
        assert work.session.scalars(select(Hold)).first() is None
    assert replace(world.facts(booking).terms, version="").deposit_minor == 0
    assert charging.open_session is not None


def test_a_deposit_that_is_too_small_for_the_bay_is_returned(world: World) -> None:
    world.rider()
    booking = world.booked(START)
    with world.work() as work:
        world.hold_of(work, booking).amount_minor = 100
    world.passes(120 * 60)
    session = world.says_yes()
    assert world.hold(session).state == "creating" and world.facts(booking).deposit == "releasing"
