"""Planned visits: nobody books their time, bookers are moved, piles go out of service and back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from bot.errors import Refused
from bot.services import (
    action_results,
    alarms,
    booked,
    bookings,
    charging,
    jobs,
    offers,
    stations,
    visit_plans,
    visits,
    wear_news,
)
from bot.services.audit import Actor
from bot.services.visits import NotPossible
from bot.store.bookings import Booking
from bot.store.cases import Case
from bot.store.database import make_engine
from bot.store.desk import StaffAction
from bot.store.jobs import Job
from bot.store.maintenance import Visit
from bot.store.prediction import EvseDay
from bot.store.queues import Inbox
from bot.store.riders import Rider
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile
from tests.bookings.world import MIN, SERVED, SETTINGS, World
from tests.databases import with_tables

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PILE = "P001023"
SERVED_HERE: dict[str, Any] = {
    visits.TIMER: visits.on_timer, "visit.done": visits.on_done, "job.timer": jobs.on_timer,
    "command.result": wear_news.on_command_result, "action.timer": action_results.on_timer,
}  # fmt: skip


class Calendar(World):
    """A world with a manager, a technician, and visits."""

    def __init__(self, engine: Engine, *, evses: int = 3) -> None:
        super().__init__(engine, evses=evses)
        with self.work() as work:
            for number, role in enumerate(("manager", "technician"), start=1):
                work.session.add(
                    Staff(
                        id=number, login=f"{role}@x", name=role.title(), role=role,
                        created_at=self.now, page_address=f"whatsapp:+35840000000{number}",
                    )
                )  # fmt: skip
        self.mari, self.otto = Actor(1, "manager", "Mari"), Actor(2, "technician", "Otto")
        self.rider()

    def drain(self) -> None:
        served = {**SERVED, **SERVED_HERE}
        while True:
            with self.work() as work:
                row = work.session.scalars(
                    select(Inbox)
                    .where(
                        Inbox.state == "open", Inbox.available_at <= self.now,
                        Inbox.kind.in_(served),
                    )
                    .order_by(Inbox.id)
                    .limit(1)
                ).first()  # fmt: skip
                if row is None:
                    return
                row.state = "done"
                work.session.flush()
                served[row.kind](work, SETTINGS, row.body)

    def plans(self, start: datetime, *, minutes: int = 60, key: str = "v") -> int:
        with self.work() as work:
            pile = work.session.get_one(Pile, PILE)
            visit_id = visits.plan(
                work, SETTINGS, self.mari, pile, start, start + minutes * MIN, what="Check plugs",
                key=key,
            ).id  # fmt: skip
        self.drain()
        return visit_id

    def visit(self, visit_id: int = 1) -> Visit:
        with self.work() as work:
            return work.session.get_one(Visit, visit_id)

    def pile(self) -> Pile:
        with self.work() as work:
            return work.session.get_one(Pile, PILE)

    def states(self) -> list[tuple[str, str]]:
        """What staff's actions came to."""
        with self.work() as work:
            rows = work.session.scalars(select(StaffAction).order_by(StaffAction.id))
            return [(row.kind, row.reason) for row in rows]

    def refused(self, start: datetime, **more: Any) -> str:
        with pytest.raises(Refused) as why:
            self.proposes(start, **more)
        return why.value.text

    def does_the_job(self) -> None:
        with self.work() as work:
            job_id = self.visit().job_id
            assert job_id is not None
            jobs.accept(work, SETTINGS, self.otto, job_id)
            jobs.arrive(work, self.otto, job_id, distance_m=5)
        self.drain()

    def is_done(self) -> None:
        with self.work() as work:
            job_id = self.visit().job_id
            assert job_id is not None
            jobs.done(work, SETTINGS, self.otto, job_id, cause="yearly", fix="all checked")
        self.drain()


@pytest.fixture
def world(sqlite_url: str) -> Iterator[Calendar]:
    engine = with_tables(make_engine(sqlite_url))
    yield Calendar(engine)
    engine.dispose()


def test_nobody_books_the_time_of_a_visit(world: Calendar) -> None:
    start = world.now + DAY
    world.plans(start)
    assert "Maintenance is planned" in world.refused(start + 30 * MIN)
    with pytest.raises(Refused) as why:
        world.proposes(start)
    assert [each.payload.split("start=")[1][:16] for each in why.value.options] == [
        f"{start + HOUR:%Y-%m-%dT%H:%M}", f"{start + 2 * HOUR:%Y-%m-%dT%H:%M}",
    ]  # fmt: skip
    assert world.proposes(start + HOUR)
    assert world.proposes(start - HOUR)


def test_bookers_are_told_ahead_and_may_come_back(world: Calendar) -> None:
    start = world.now + DAY
    booking = world.booked(start)
    visit_id = world.plans(start + 30 * MIN)
    assert world.said("in the time you booked")
    facts = world.facts(booking)
    assert (facts.state, facts.blocked) == ("RESERVED", "maintenance")
    with world.work() as work:
        cost = bookings.cancel_cost(work.session.get_one(Booking, booking), start - 5 * MIN)
    assert cost.amount_minor == 0
    with world.work() as work:
        visits.move(work, SETTINGS, world.mari, visit_id, start + 5 * HOUR, start + 6 * HOUR)
    assert world.facts(booking).blocked == ""
    assert world.said("your booking for")
    with world.work() as work:
        visits.undo(work, SETTINGS, world.mari, visit_id)
    assert world.facts(booking).blocked == "maintenance"
    with world.work() as work:
        visits.cancel(work, SETTINGS, world.mari, visit_id, reason="no parts")
        with pytest.raises(NotPossible, match="not ahead"):
            visits.move(work, SETTINGS, world.mari, visit_id, start, start + HOUR)
    assert world.facts(booking).blocked == ""
    with world.work() as work:
        visits.undo(work, SETTINGS, world.mari, visit_id)
    assert (world.visit().state, world.visit().starts_at) == ("planned", start + 30 * MIN)
    with world.work() as work, pytest.raises(NotPossible, match="nothing to undo"):
        visits.undo(work, SETTINGS, world.mari, visit_id)


def test_a_booking_that_waits_for_its_deposit_hears_of_it_too(world: Calendar) -> None:
    start = world.now + DAY
    booking = world.books(start)
    world.plans(start)
    assert world.said("in the time you booked")
    world.deposit(booking, "held")
    assert world.facts(booking).blocked == "maintenance"


def test_out_of_service_for_its_time_and_back_when_it_is_done(world: Calendar) -> None:
    start = world.now + 25 * HOUR
    world.plans(start)
    assert world.visit().job_id is None
    world.passes(3600)  # a day ahead a technician is asked
    with world.work() as work:
        job = work.session.scalars(select(Job)).one()
    assert (job.kind, job.planned_at) == ("visit", start)
    world.passes(24 * 3600)
    assert world.visit().state == "on"
    assert not world.pile().in_service
    world.answers("change_availability", "accepted")
    assert world.states() == [("out_of_service", "Maintenance: Check plugs")]
    world.does_the_job()
    world.passes(3600)  # longer than planned: goes on
    assert (world.visit().state, world.visit().ends_at) == ("on", start + 75 * MIN)
    world.is_done()
    assert world.visit().state == "done"
    assert world.states()[-1][0] == "in_service"
    assert not world.pile().in_service  # not before the pile has said yes
    world.answers("change_availability", "accepted")
    assert world.pile().in_service
    world.passes(700)
    assert not world.visit().took_out
    with world.work() as work:
        assert visits.last_of(work, PILE) is not None


def test_a_visit_never_ends_a_charge_and_no_new_one_begins(world: Calendar) -> None:
    session = world.says_yes()
    world.charges(session)
    world.plans(world.now + 10 * MIN)
    world.passes(600)
    assert world.visit().state == "waiting"
    assert world.said("please finish soon")
    assert world.session(session).open
    assert world.pile().in_service
    world.rider(20)
    with world.work() as work, pytest.raises(Refused, match="being looked after"):
        rider = work.session.get_one(Rider, 20)
        charging.offer(work, SETTINGS, evse=work.session.get_one(Evse, 2), rider=rider)
    world.passes(60)
    world.passes(60)
    assert sum("please finish soon" in each for each in world.heard()) == 1
    world.says_stop(session)
    world.answers("stop", "accepted")
    world.reports("Ended", 3000, reason="Remote")
    world.passes(60)
    assert world.visit().state == "on"
    assert not world.pile().in_service


def test_nobody_came(world: Calendar) -> None:
    world.plans(world.now + DAY)
    world.passes(24 * 3600)
    world.answers("change_availability", "accepted")
    world.passes(3600)
    assert world.visit().state == "missed"
    with world.work() as work:
        assert work.session.scalars(select(Job)).one().state == "cancelled"
        case = work.session.scalars(select(Case)).one()  # whoever planned it hears of it
        assert (case.code, case.status, case.pile_id) == ("visit_missed", "assigned", PILE)
        assert case.owner_id == work.session.scalars(select(Visit.made_by)).one()
        assert "Nobody came to the visit at pile 1023" in case.text
    with world.work() as work:
        evse = work.session.get_one(Evse, 1)
        alarms.raised(work, evse.pile, evse, "METER_JUMP", source="meter", at=work.now)
    world.answers("change_availability", "accepted")
    assert world.pile().in_service
    with world.work() as work:  # and so nobody has looked at what was wrong there
        assert work.session.get_one(Evse, 1).fault_code == "METER_JUMP"


def test_a_pile_out_of_contact_is_put_back_when_it_is_there(world: Calendar) -> None:
    world.plans(world.now + DAY)
    world.passes(24 * 3600)
    world.answers("change_availability", "accepted")
    with world.work() as work:
        work.session.get_one(Pile, PILE).online = False
    world.passes(3600)
    assert world.states() == [("out_of_service", "Maintenance: Check plugs")]
    with world.work() as work:
        work.session.get_one(Pile, PILE).online = True
    world.passes(60)
    assert world.states()[-1][0] == "in_service"


def test_a_pile_that_was_out_of_service_stays_so(world: Calendar) -> None:
    with world.work() as work:
        work.session.get_one(Pile, PILE).in_service = False
    world.plans(world.now + DAY)
    world.passes(24 * 3600)
    world.does_the_job()
    world.is_done()
    assert (world.visit().state, world.states()) == ("done", [])
    assert not world.pile().in_service


def test_a_job_that_is_cancelled_takes_the_visit_with_it(world: Calendar) -> None:
    world.plans(world.now + DAY)
    with world.work() as work:
        jobs.cancel(work, world.mari, 1, "not needed")
    world.drain()
    assert world.visit().state == "cancelled"
    world.passes(25 * 3600)
    assert world.states() == []


def test_a_moved_visit_asks_anew_and_begins_at_its_new_time_only(world: Calendar) -> None:
    start = world.now + DAY
    visit_id = world.plans(start)
    with world.work() as work:
        jobs.accept(work, SETTINGS, world.otto, 1)
        visits.move(work, SETTINGS, world.mari, visit_id, start + DAY, start + DAY + HOUR)
    with world.work() as work:
        assert work.session.get_one(Job, 1).state == "cancelled"
    world.passes(24 * 3600)
    assert world.visit().state == "planned"
    assert world.visit().job_id == 2
    world.passes(24 * 3600)
    assert world.visit().state == "on"


def test_two_visits_at_once_and_nonsense_are_refused(world: Calendar) -> None:
    start = world.now + DAY
    assert world.plans(start) == world.plans(start)  # the same form twice
    with pytest.raises(NotPossible, match="Another visit"):
        world.plans(start + 30 * MIN, key="w")
    with pytest.raises(NotPossible, match="over already"):
        world.plans(world.now - HOUR, key="x")
    assert world.plans(start + HOUR, key="y")


def test_riders_see_it_where_it_matters(world: Calendar) -> None:
    start = world.now + 3 * HOUR
    world.plans(start)
    with world.work() as work:
        evse, rider = work.session.get_one(Evse, 1), work.session.get_one(Rider, 1)
        offer = offers.make_offer(work, SETTINGS, evse=evse, rider=rider)
        assert "Maintenance is planned here" in offer.lines[-1].text
    world.passes(3 * 3600)
    with world.work() as work:
        view = stations.evse_view(work, SETTINGS, work.session.get_one(Evse, 1))
    assert view.state.value == "out_of_service"


# --- plans


def _plan(world: Calendar, **changed: Any) -> int:
    wanted: dict[str, Any] = {"model": "", "what": "Yearly", "every_days": 30, "every_cycles": None,
              "minute": 600, "length_min": 60}  # fmt: skip
    with world.work() as work:
        return visit_plans.make(work, world.mari, visit_plans.Wanted(**wanted | changed)).id


def test_a_plan_fills_the_calendar_at_the_stations_own_hour(world: Calendar) -> None:
    _plan(world)
    for _ in range(2):
        visit_plans.keep(world.store, SETTINGS)
    visit = world.visit()
    assert (visit.starts_at.date() - world.now.date()).days == 30
    assert visit.starts_at.hour == 8  # 10:00 in Helsinki's winter
    world.now = visit.starts_at - HOUR
    world.drain()
    world.passes(3600)
    world.answers("change_availability", "accepted")
    world.does_the_job()
    world.is_done()
    visit_plans.keep(world.store, SETTINGS)
    assert (world.visit(2).starts_at - visit.starts_at).days == 30


def test_charges_make_a_visit_due(world: Calendar) -> None:
    _plan(world, every_days=None, every_cycles=100)
    with world.work() as work:
        for evse_id, number in ((1, 60), (2, 70)):
            for days in (1, 2):
                day = (world.now + days * DAY).date()
                work.session.add(EvseDay(evse_id=evse_id, day=day, cycles=number // 2))
    world.now += 3 * DAY
    visit_plans.keep(world.store, SETTINGS)
    with world.work() as work:
        assert work.session.scalar(select(func.count()).select_from(Visit)) == 0
        work.session.add(EvseDay(evse_id=2, day=world.now.date(), cycles=30))
    visit_plans.keep(world.store, SETTINGS)
    assert (world.visit().starts_at.date() - world.now.date()).days == 3


def test_a_plan_that_ends_takes_its_visits_along(world: Calendar) -> None:
    plan_id = _plan(world)
    visit_plans.keep(world.store, SETTINGS)
    with world.work() as work:
        visit_plans.end(work, SETTINGS, world.mari, plan_id)
    visit_plans.keep(world.store, SETTINGS)
    assert world.visit().state == "cancelled"
    with world.work() as work:
        assert work.session.scalar(select(func.count()).select_from(Visit)) == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"what": " "}, "what is to be done"), ({"every_days": None}, "after how many"),
        ({"every_days": 1}, "Between a week"), ({"every_cycles": 1}, "Between 10"),
        ({"length_min": 5}, "15 minutes"), ({"minute": 1440}, "15 minutes"),
    ],
)  # fmt: skip
def test_plans_that_make_no_sense(world: Calendar, changed: dict[str, Any], why: str) -> None:
    with pytest.raises(NotPossible, match=why):
        _plan(world, **changed)


# --- races


def test_of_a_booking_and_a_visit_at_once_the_booker_is_never_forgotten(engine: Engine) -> None:
    """Either the booking is refused, or it stands and its rider is offered another bay."""
    world = Calendar(engine)
    start = world.now + 2 * DAY
    bodies = {}
    for evse_id in (1, 2, 3):
        rider_id = evse_id if evse_id == 1 else world.rider(evse_id)
        bodies[evse_id] = world.proposes(start, evse_id=evse_id, rider_id=rider_id)

    def book(evse_id: int) -> bool:
        try:
            with world.store.begin() as work:
                rider = work.session.get_one(Rider, evse_id)
                bookings.book(work, SETTINGS, rider=rider, body=bodies[evse_id], key=f"b{evse_id}")
        except Refused:
            return False
        return True

    def put(_: int) -> bool:
        with world.store.begin() as work:
            pile = work.session.get_one(Pile, PILE)
            visits.plan(
                work, SETTINGS, world.mari, pile, start, start + HOUR, what="Check", key="v"
            )
        return True

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(book, each) for each in (1, 2)]
        waiting += [pool.submit(put, 0), pool.submit(book, 3)]
        outcomes = [each.result() for each in waiting]
    assert outcomes[2]
    for number, won in zip((1, 2, 3), (outcomes[0], outcomes[1], outcomes[3]), strict=True):
        with world.work() as work:
            row = work.session.scalars(select(Booking).where(Booking.key == f"b{number}")).first()
        assert (row is not None) == won
        if row is not None:
            world.deposit(row.id, "held")
    with world.work() as work:
        for row in work.session.scalars(select(Booking)):
            assert booked.facts_of(row).blocked == "maintenance"


def test_a_technician_on_the_way_is_waited_for(world: Calendar) -> None:
    start = world.now + DAY
    world.plans(start)
    world.passes(24 * 3600)
    world.answers("change_availability", "accepted")
    with world.work() as work:
        jobs.accept(work, SETTINGS, world.otto, 1)
        jobs.on_my_way(work, world.otto, 1)
    world.passes(3600)
    assert (world.visit().state, world.visit().ends_at) == ("on", start + 75 * MIN)
    with world.work() as work:
        jobs.give_back(work, SETTINGS, world.otto, 1)
    world.passes(900)
    assert world.visit().state == "missed"
