"""A bay that cannot be used: whoever booked it hears of it in time, also before the deposit is
paid or days ahead, and hears again when it works once more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.errors import Refused
from bot.services import alarms, booking_trouble, charging_facts, jobs, safety
from bot.services.audit import Actor
from bot.services.job_ends import works_again
from bot.store.bookings import Booking
from bot.store.jobs import Job
from bot.store.stations import Evse, Pile
from tests.bookings.world import NOW, SETTINGS, World

HOUR = timedelta(hours=1)


def out_of_order(world: World, *, works: bool = False) -> None:
    with world.work() as work:
        work.session.scalars(select(Pile)).one().in_service = works


def free_elsewhere(world: World) -> None:
    """Only the first socket is out of order."""
    with world.work() as work:
        work.session.get_one(Evse, 1).in_service = False


def test_a_booking_that_waits_for_its_deposit_is_given_another_bay(world: World) -> None:
    world.rider()
    booking = world.books(NOW + HOUR)
    world.status("Faulted")
    assert world.booking(booking).state == "PENDING"
    assert world.said("cannot be used now") and world.facts(booking).blocked == "fault"
    world.moves(booking, NOW + HOUR, evse_id=2)
    assert world.said("Changed:") and world.facts(booking).blocked == ""
    world.deposit(booking, "held")
    assert world.booking(booking).state == "RESERVED" and world.booking(booking).evse_id == 2
    assert world.facts(booking).blocked == ""


def test_who_pays_for_a_bay_that_broke_meanwhile_hears_it_at_once(world: World) -> None:
    world.rider()
    booking = world.books(NOW + HOUR)
    world.status("Faulted")
    world.passes(60)
    world.deposit(booking, "held")
    told = [each for each in world.heard() if "cannot be used now" in each]
    assert len(told) == 2 and world.facts(booking).blocked == "fault"
    world.minutes(75)  # nobody pays for a bay that they could not use
    assert world.booking(booking).state == "FAILED" and world.posted("taken") == 0


def test_days_ahead_it_is_told_two_hours_before(world: World) -> None:
    world.rider()
    start = NOW + timedelta(days=5)
    booking = world.books(start)
    world.deposit(booking, "saved")
    free_elsewhere(world)
    world.passes((start - NOW - 3 * HOUR).total_seconds())
    world.deposit(booking, "held")
    assert not world.said("cannot be used now")
    world.passes(3600)
    assert world.said("cannot be used now") and world.facts(booking).blocked == "out_of_service"
    world.moves(booking, start, evse_id=2)
    assert world.booking(booking).evse_id == 2 and world.booking(booking).state == "RESERVED"


def test_a_pile_that_is_put_back_brings_its_bookings_back(world: World) -> None:
    world.rider()
    booking = world.booked(NOW + HOUR)
    out_of_order(world)
    with world.work() as work:
        booking_trouble.recheck(work, SETTINGS, "P001023")
    assert world.facts(booking).blocked == "out_of_service"
    with world.work() as work:
        safety.put_back(work, work.session.scalars(select(Pile)).one())
    world.drain()
    assert world.facts(booking).blocked == "" and world.said("is free for you now")


def test_a_repaired_socket_brings_its_booking_back(world: World) -> None:
    world.rider()
    booking = world.booked(NOW + HOUR)
    free_elsewhere(world)
    with world.work() as work:
        booking_trouble.recheck(work, SETTINGS, "P001023")
    assert world.facts(booking).blocked == "out_of_service"
    with world.work() as work:
        pile = work.session.scalars(select(Pile)).one()
        job = Job(pile_id=pile.id, evse_id=1, kind="repair", state="done", created_at=work.now)
        works_again(work, Actor(1, "technician", "Teo"), job, pile)
    world.drain()
    assert world.facts(booking).blocked == "" and world.said("is free for you now")
    with world.work() as work:
        assert work.session.get_one(Booking, booking).state == "RESERVED"


def test_an_alarm_moves_whoever_booked_although_the_socket_calls_itself_available(
    world: World,
) -> None:
    world.rider()
    world.rider(2)
    booking = world.booked(NOW + HOUR)
    alarmed(world, "DOOR_OPEN")
    assert world.facts(booking).blocked == "fault" and world.said("cannot be used now")
    with pytest.raises(Refused, match="is not free"):
        world.books(NOW + 3 * HOUR, rider_id=2)
    alarmed(world, "DOOR_OPEN", over=True)
    assert world.facts(booking).blocked == "" and world.said("is free for you now")


def alarmed(world: World, code: str, *, over: bool = False) -> None:
    """An alarm of the pile at its first socket, whose status stays as it is."""
    with world.work() as work:
        evse = work.session.get_one(Evse, 1)
        assert evse.status == "Available"
        if over:
            alarms.taken_back(work, evse.pile, evse, code, at=work.now)
        else:
            alarms.raised(work, evse.pile, evse, code, source="alarm", at=work.now)
        body = {"pile_id": evse.pile_id, "evse_number": 1, "code": code, "cleared": over}
        charging_facts.on_alarm(work, SETTINGS, body)
    world.drain()


def test_a_repair_moves_whoever_booked_once_and_its_end_brings_them_back(world: World) -> None:
    world.rider()
    booking = world.booked(NOW + HOUR)
    with world.work() as work:
        pile = work.session.scalars(select(Pile)).one()
        evse = work.session.get_one(Evse, 1)
        job = jobs.open_job(work, kind="repair", pile=pile, evse=evse, text="Cable", key="k")
        job_id = job.id
    world.drain()
    assert world.facts(booking).blocked == "repair" and world.said("it is under repair")
    alarmed(world, "DOOR_OPEN")  # one reason more is no news
    alarmed(world, "DOOR_OPEN", over=True)
    assert len([each for each in world.heard() if "cannot be used now" in each]) == 1
    with world.work() as work:
        jobs.cancel(work, None, job_id, "It was another one")
    world.drain()
    assert world.facts(booking).blocked == "" and world.said("is free for you now")
