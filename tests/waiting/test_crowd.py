"""A line under pressure: many riders at once, one offer a freed socket, in strict order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, insert, select

from bot.domain import waiting as on
from bot.errors import Refused
from bot.services import charging, site, waiting
from bot.services.fences import others_first, somebody_waits
from bot.store.charging import ChargingSession
from bot.store.devices import Command
from bot.store.riders import Conversation, Rider
from bot.store.stations import Evse, Station
from bot.store.waiting import QueueEvent, Waiter
from tests.charging.world import SETTINGS, World
from tests.databases import *  # noqa: F403 - pytest finds fixtures by their names here

CONNECTOR = "IEC_62196_T2"
RIDERS = 200


@pytest.fixture
def world(engine: Engine) -> World:
    world = World(engine, evses=3)
    with world.work() as work:
        ids = range(1, RIDERS + 4)
        rows = [{"id": n, "created_at": world.now, "name": f"Rider {n}"} for n in ids]
        work.session.execute(insert(Rider), rows)
        chats = [
            {"rider_id": n, "created_at": world.now, "dialog": {}, "status": "open"} for n in ids
        ]
        work.session.execute(insert(Conversation), chats)
    return world


def joins(world: World, rider_id: int, key: str = "") -> int:
    with world.work() as work:
        waiter = waiting.join(
            work, SETTINGS, rider=work.session.get_one(Rider, rider_id),
            station=work.session.get_one(Station, 1), connector=CONNECTOR, near=False,
            key=key or f"join-{rider_id}",
        )  # fmt: skip
        return waiter.id


def look(world: World) -> None:
    with world.work() as work:
        site.on_look(work, SETTINGS, {"station_id": 1})


def happens(world: World, waiter_id: int, event: on.Event) -> None:
    with world.work() as work:
        waiting.happen(work, SETTINGS, work.session.get_one(Waiter, waiter_id), event)


def free(world: World, *numbers: int) -> None:
    with world.work() as work:
        for evse in work.session.scalars(select(Evse)):
            evse.status = "Available" if evse.number in numbers else "Unavailable"


def line(world: World) -> list[Waiter]:
    with world.work() as work:
        return list(waiting.line(work, 1))


def together(jobs: Sequence[Callable[[], object]], workers: int = 8) -> None:
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result(60)


def test_two_hundred_riders_join_at_once_and_each_freed_socket_is_offered_once(
    world: World,
) -> None:
    free(world)
    numbers = range(1, RIDERS + 1)
    # Some tap twice: one place a rider.
    twice = [*numbers, *numbers[::8]]
    together([partial(joins, world, n, f"join-{n}-{at}") for at, n in enumerate(twice)])
    order = [each.id for each in line(world)]
    assert len(order) == RIDERS
    assert len({each.rank for each in line(world)}) == RIDERS
    free(world, 1, 2)
    together([partial(look, world) for _ in range(12)])
    held = [each for each in line(world) if each.state == "offered"]
    assert [each.id for each in held] == order[:2]
    assert {each.evse_id for each in held} == {1, 2}
    with world.work() as work:
        reserved = work.session.scalars(select(Command).where(Command.kind == "reserve")).all()
        assert sorted(each.evse_number or 0 for each in reserved) == [1, 2]
        assert [work.session.get_one(Waiter, order[2]).state] == ["waiting"]
    # Everybody who holds or waits does something at the same moment; sockets are never shared.
    jobs: list[Callable[[], object]] = [
        partial(happens, world, each, on.Leave(world.now)) for each in order[:20]
    ]
    jobs += [partial(happens, world, each, on.Accept(world.now)) for each in order[20:30]]
    jobs += [partial(look, world) for _ in range(10)]
    together(jobs)
    look(world)
    held = [each for each in line(world) if each.state in on.HOLDING]
    assert [each.id for each in held] == order[20:22]
    with world.work() as work:
        offered = work.session.scalars(
            select(QueueEvent.waiter_id).where(QueueEvent.what == "offered").order_by(QueueEvent.id)
        ).all()
    assert list(offered) == [each for each in order if each in set(offered)]  # strict order


def test_a_kept_socket_starts_for_its_rider_only(world: World) -> None:
    free(world)
    first = joins(world, 1)
    joins(world, 2)
    free(world, 1)
    look(world)
    body = world.offer(1, 1)
    with pytest.raises(Refused, match="reserved for somebody else"):
        world.offer(1, 3)
    with world.work() as work:
        assert somebody_waits(work, 1)
        assert not others_first(work, 1, 2)
        assert others_first(work, 1, 3)
    session = world.says_yes(1, 1, key="yes", body=body)
    world.charges(session)
    with world.work() as work:
        assert work.session.get_one(Waiter, first).state == "served"
        assert [each.rider_id for each in waiting.line(work, 1)] == [2]
    assert world.commands("cancel_reservation") == []


def test_who_charges_elsewhere_leaves_and_who_comes_by_is_asked_to_wait(world: World) -> None:
    free(world)
    joins(world, 1)
    mine = joins(world, 2)
    with world.work() as work:  # before anybody looked after the line
        work.session.get_one(Evse, 3).status = "Available"
        rider = work.session.get_one(Rider, 3)
        with pytest.raises(Refused, match="Others are in line") as refused:
            charging.offer(work, SETTINGS, evse=work.session.get_one(Evse, 3), rider=rider)
    assert [each.payload for each in refused.value.options] == [
        f"queue?station=1&connector={CONNECTOR}&near=1"
    ]
    happens(world, joins(world, 1), on.Leave(world.now))
    free(world, 2)
    session = world.says_yes(2, 2, key="yes")
    world.charges(session, evse=2)
    with world.work() as work:
        assert not work.session.get_one(Waiter, mine).live


def test_a_restart_keeps_every_countdown(world: World) -> None:
    free(world)
    first, second = joins(world, 1), joins(world, 2)
    free(world, 1)
    look(world)
    world.store = type(world.store)(world.store.engine, clock=lambda: world.now)  # a new process
    world.now += timedelta(seconds=899)
    world.passes(0)
    assert [each.state for each in line(world)] == ["offered", "waiting"]
    world.passes(2)
    with world.work() as work:
        assert work.session.get_one(Waiter, first).state == "snoozed"
        assert work.session.get_one(Waiter, second).state == "offered"
    world.passes(901)  # the second lets it pass too; the first is awake again
    states = {each.id: each.state for each in line(world)}
    assert states[second] == "snoozed"
    assert states[first] in ("waiting", "offered")


def test_a_faulty_socket_is_lost_and_costs_no_place(world: World) -> None:
    free(world)
    first = joins(world, 1)
    joins(world, 2)
    free(world, 1)
    look(world)
    free(world)
    look(world)
    with world.work() as work:
        waiter = work.session.get_one(Waiter, first)
        assert (waiter.state, waiter.misses, waiter.evse_id) == ("waiting", 0, None)
        assert waiting.number_of(work, waiter) == 1
    assert "cannot be used any more" in " ".join(world.heard())


def test_a_full_vehicle_is_asked_once_to_make_room(world: World) -> None:
    session = world.says_yes(1, 1, key="yes")
    world.charges(session)
    free(world)
    joins(world, 2)
    world.reports("Updated", 5000, state="SuspendedEV")
    look(world)
    look(world)
    assert sum("Others are waiting" in each for each in world.heard()) == 1
    with world.work() as work:
        assert work.session.get_one(ChargingSession, session).state == "suspended"
