"""A status that nothing confirms is unknown; staff are told once, and when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.domain.availability import Availability
from bot.errors import Refused
from bot.services import case_jobs, cases, jobs, offers, stale, stations
from bot.store.cases import Case, Outage
from bot.store.database import make_engine
from bot.store.devices import Command, PileEvent
from bot.store.jobs import Job
from bot.store.maintenance import StaleStatus
from bot.store.queues import Inbox
from bot.store.riders import Rider
from bot.store.stations import Evse, Pile
from tests.databases import with_tables
from tests.prediction.world import PILE, SETTINGS, World

MIN = timedelta(minutes=1)


@pytest.fixture
def world(sqlite_url: str) -> Iterator[World]:
    engine = with_tables(make_engine(sqlite_url))
    yield World(engine, evses=2)
    engine.dispose()


def later(world: World, minutes: int, *, heard: bool = False) -> None:
    world.now += minutes * MIN
    if heard:
        with world.work() as work:
            work.session.get_one(Pile, PILE).seen_at = world.now
    stale.keep(world.store, SETTINGS)


def state(world: World, evse_id: int = 1) -> Availability:
    with world.work() as work:
        return stations.evse_view(work, SETTINGS, work.session.get_one(Evse, evse_id)).state


def rows(world: World) -> list[StaleStatus]:
    with world.work() as work:
        return list(work.session.scalars(select(StaleStatus).order_by(StaleStatus.id)))


def tickets(world: World) -> list[Case]:
    with world.work() as work:
        return list(work.session.scalars(select(Case)))


def test_heartbeats_confirm_what_was_said(world: World) -> None:
    for _ in range(30):
        later(world, 5, heard=True)  # statuses are hours old, the pile is there
    assert rows(world) == []
    assert state(world) is Availability.FREE


def test_a_silent_pile_is_unknown_and_gets_one_ticket(world: World) -> None:
    later(world, 5)
    assert rows(world) == []  # just within the limit
    later(world, 1)
    assert [each.evse_id for each in rows(world)] == [1, 2]
    assert state(world) is Availability.NOT_CONFIRMED
    assert tickets(world) == []  # it may come back
    with world.work() as work:
        assert stale.piles_unknown(work) == 1
    for _ in range(5):
        later(world, 30)
    (ticket,) = tickets(world)
    assert "Pile 1023: it is out of contact since 20 Nov 12:00" in ticket.text
    later(world, 1, heard=True)
    assert all(each.over_at is not None for each in rows(world))
    assert state(world) is Availability.FREE
    later(world, 40)
    assert len(rows(world)) == 4  # the next time is another


def test_who_comes_back_is_known_before_the_clock_looks(world: World) -> None:
    later(world, 6)
    assert state(world) is Availability.NOT_CONFIRMED
    world.now += timedelta(seconds=5)
    with world.work() as work:
        pile = work.session.get_one(Pile, PILE)
        pile.seen_at = world.now
        assert stale.piles_unknown(work) == 0
        assert stale.since_when(work, pile) is None
    assert [each.over_at for each in rows(world)] == [None, None]  # the clock closes them
    assert state(world) is Availability.FREE
    with world.work() as work:  # but not one that started anew and keeps its statuses to itself
        work.session.get_one(Pile, PILE).booted_at = world.now
        for evse in work.session.scalars(select(Evse)):
            evse.status_at = world.now - MIN
    assert state(world) is Availability.NOT_CONFIRMED


def test_a_pile_in_an_outage_has_its_ticket_there(world: World) -> None:
    with world.work() as work:
        work.session.add(
            Outage(open_key="station:1", scope="station:1", at=world.now, piles=[PILE], told=0)
        )
    later(world, 6)
    later(world, 60)
    assert all(each.told_at is not None for each in rows(world))
    assert tickets(world) == []


def test_a_pile_out_of_service_is_unknown_without_a_ticket(world: World) -> None:
    with world.work() as work:
        work.session.get_one(Pile, PILE).in_service = False
    later(world, 6)
    later(world, 60)
    assert tickets(world) == []
    with world.work() as work:
        assert stale.piles_unknown(work) == 0


def test_a_socket_that_says_nothing_after_a_restart_is_unknown_and_asked(world: World) -> None:
    with world.work() as work:
        work.session.get_one(Pile, PILE).booted_at = world.now + MIN
        for evse in work.session.scalars(select(Evse)):
            evse.status_at = world.now
        work.session.add(
            PileEvent(
                pile_id=PILE, key="k", action="StatusNotification",
                body={"evseId": 2, "connectorStatus": "Available"}, received_at=world.now + 2 * MIN,
            )
        )  # fmt: skip  # its clock is slow: told all the same
    later(world, 4, heard=True)
    assert rows(world) == []
    later(world, 3, heard=True)
    assert [each.evse_id for each in rows(world)] == [1]
    assert state(world, 1) is Availability.NOT_CONFIRMED
    assert state(world, 2) is Availability.FREE
    world.rider(20)
    with world.work() as work:
        command = work.session.scalars(select(Command)).one()
        assert (command.kind, command.evse_number) == ("trigger", 1)
        evse, rider = work.session.get_one(Evse, 1), work.session.get_one(Rider, 20)
        with pytest.raises(Refused, match="not told me its state yet"):
            offers.refuse_evse(work, SETTINGS, evse, rider)
        evse.status_at = world.now
    later(world, 1, heard=True)
    assert state(world, 1) is Availability.FREE


def test_a_pile_that_never_came_is_not_told_of(world: World) -> None:
    with world.work() as work:
        work.session.get_one(Pile, PILE).seen_at = None
    later(world, 600)
    assert rows(world) == []


@pytest.mark.parametrize("taken", [False, True])
def test_who_was_sent_for_silence_alone_is_called_off_until_somebody_took_it(
    world: World, taken: bool
) -> None:
    for _ in range(6):
        later(world, 30)
    (ticket,) = tickets(world)
    with world.work() as work:
        case_jobs.on_wanted(work, SETTINGS, {"case_id": ticket.id})
        if taken:
            work.session.scalars(select(Job)).one().state = "accepted"
    later(world, 1, heard=True)
    with world.work() as work:
        (fact,) = work.session.scalars(select(Inbox).where(Inbox.kind == stale.KNOWN_AGAIN))
        for _ in range(2):  # a repeat changes nothing
            case_jobs.on_known_again(work, SETTINGS, fact.body)
        assert work.session.scalars(select(Job)).one().state == (
            "accepted" if taken else "cancelled"
        )
        said = [each.text for each in cases.entries(work, ticket.id)]
        assert said.count("The pile is in contact again and tells its state.") == 1
    assert state(world) is (Availability.IN_REPAIR if taken else Availability.FREE)


def test_a_job_that_a_fault_has_joined_stays(world: World) -> None:
    for _ in range(6):
        later(world, 30)
    (ticket,) = tickets(world)
    with world.work() as work:
        case_jobs.on_wanted(work, SETTINGS, {"case_id": ticket.id})
        pile = work.session.get_one(Pile, PILE)
        jobs.open_job(
            work, kind="repair", source="pile", pile=pile, evse=pile.evses[1], text="It faults",
            fault_code="GroundFault", key="fault",
        )  # fmt: skip
        case_jobs.on_known_again(work, SETTINGS, {"pile_id": PILE, "stale_id": 1})
        assert work.session.scalars(select(Job)).one().state == "open"
