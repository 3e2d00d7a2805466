"""Many at once: one session per EVSE, one hold per yes, one capture per session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import Engine, func, select

from bot.errors import Refused
from bot.services import charging_facts
from bot.store.charging import Bill, ChargingSession, Hold
from tests.charging.world import SETTINGS, World


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def together(jobs: Sequence[Callable[[], object]]) -> list[object]:
    """Run all jobs at the same moment; their results, a Refused in place of one refused."""
    barrier = Barrier(len(jobs))

    def run(job: Callable[[], object]) -> object:
        barrier.wait(30)
        try:
            return job()
        except Refused as error:
            return error

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def count(world: World, table: type) -> int:
    with world.work() as work:
        return work.session.scalar(select(func.count()).select_from(table)) or 0


def test_twenty_riders_at_one_evse(world: World) -> None:
    bodies = {rider: world.offer(1, world.rider(rider)) for rider in range(1, 21)}
    results = together(
        [
            partial(world.says_yes, 1, rider, key=f"yes-{rider}", body=body)
            for rider, body in bodies.items()
        ]
    )
    winners = [each for each in results if isinstance(each, int)]
    losers = [each for each in results if isinstance(each, Refused)]
    assert (len(winners), len(losers)) == (1, 19)
    assert all("hint" in each.values for each in losers)
    assert count(world, ChargingSession) == count(world, Hold) == 1


def test_one_yes_said_five_times(world: World) -> None:
    body = world.offer(1, world.rider())
    results = together([lambda: world.says_yes(key="yes", body=body) for _ in range(5)])
    assert len(set(map(str, results))) == 1
    session = results[0]
    assert isinstance(session, int)
    assert len(world.effects("payment.hold")) == 1
    together([lambda: world.pays(session, "held") for _ in range(5)])
    assert len(world.commands("start")) == 1


def test_one_rider_at_two_evses(world: World) -> None:
    world.rider()
    bodies = {evse: world.offer(evse) for evse in (1, 2, 3)}
    results = together(
        [
            partial(world.says_yes, evse, key=f"yes-{evse}", body=body)
            for evse, body in bodies.items()
        ]
    )
    assert sum(isinstance(each, int) for each in results) == 1


def test_stop_from_chat_pile_and_clock_at_once(world: World) -> None:
    world.rider()
    session = world.says_yes()
    world.charges(session)
    world.now = world.session(session).created_at + timedelta(seconds=43_300)

    def clock() -> None:
        with world.work() as work:
            charging_facts.on_timer(work, SETTINGS, {"session_id": session, "name": "max"})

    together(
        [
            partial(world.says_stop, session, key="chat"),
            partial(world.says_stop, session, by="staff", key="console"),
            partial(world.reports, "Ended", 2000, reason="Local"),
            clock,
        ]
    )
    world.passes(21)
    assert len(world.effects("payment.capture")) == 1
    assert count(world, Bill) == 1


def test_bills_are_numbered_without_a_gap(world: World) -> None:
    sessions = []
    for number in (1, 2, 3):
        world.rider(number)
        sessions.append(world.says_yes(number, number, key=f"yes-{number}"))
        world.charges(sessions[-1], tx=f"T{number}", evse=number)
    together([partial(world.says_stop, each, key=f"stop-{each}") for each in sessions])
    ends = [partial(world.reports, "Ended", 2000, tx=f"T{n}", evse=n) for n in (1, 2, 3)]
    together(ends)
    with world.work() as work:
        numbers = sorted(work.session.scalars(select(Bill.number)))
    assert numbers == ["R-000001", "R-000002", "R-000003"]
