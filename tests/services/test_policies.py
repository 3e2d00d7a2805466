"""A rule changes when a second person says yes, from its moment on, and nobody decides twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from bot.domain.sensing import Limits
from bot.services import clocks, policies
from bot.services.audit import Actor
from bot.services.policies import NotPossible
from bot.store.cases import ClockPolicy, PolicyChange
from bot.store.database import make_engine
from bot.store.queues import Inbox
from bot.store.sensing import SensorLimit
from bot.store.staff import Audit, Staff
from tests.charging.world import SETTINGS, World
from tests.databases import with_tables

MARIA, ROOT, TEO = (Actor(1, "manager", "Maria"), Actor(2, "finance", "Root"),
                    Actor(3, "technician", "Teo"))  # fmt: skip


@pytest.fixture
def world(sqlite_url: str) -> Iterator[World]:
    engine = with_tables(make_engine(sqlite_url))
    yield staffed(engine)
    engine.dispose()


def staffed(engine: Engine) -> World:
    made = World(engine)
    with made.work() as work:
        for who in (MARIA, ROOT, TEO):
            work.session.add(
                Staff(
                    id=who.staff_id, login=who.name, name=who.name, role=who.role,
                    created_at=made.now,
                )
            )  # fmt: skip
    return made


def faster(world: World, *, at: datetime | None = None, key: str = "k", limit_s: int = 600) -> int:
    with world.work() as work:
        return policies.propose_clock(
            work, MARIA, "fault_response", limit_s=limit_s, counting="calendar",
            valid_from=at or world.now, reason="A second crew", key=key,
        ).id  # fmt: skip


def limit(world: World) -> int:
    with world.store.read() as work:
        return clocks.policy(work, "fault_response").limit_s


def later(world: World) -> None:
    """Timers of changes whose moment has come."""
    with world.work() as work:
        due = select(Inbox).where(
            Inbox.kind == "policy.timer", Inbox.state == "open", Inbox.available_at <= world.now
        )
        for row in work.session.scalars(due):
            row.state = "done"
            policies.on_timer(work, SETTINGS, row.body)


def test_nobody_approves_their_own_and_of_two_one_decides(engine: Engine) -> None:
    world = staffed(engine)
    number = faster(world)
    assert faster(world) == number  # the form twice
    with pytest.raises(NotPossible, match="waits already"):
        faster(world, key="k2", limit_s=700)
    with pytest.raises(NotPossible, match="Somebody else"), world.work() as work:
        policies.approve(work, MARIA, number)
    assert limit(world) == 1800

    def decide(who: Actor) -> bool:
        try:
            with world.work() as work:
                policies.approve(work, who, number)
            return True
        except NotPossible as error:
            assert "decided on it already" in str(error)
            return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(decide, (ROOT, TEO))) == [False, True]
    assert limit(world) == 600
    with world.store.read() as work:
        assert [each.version for each in work.session.scalars(select(ClockPolicy))] == [2]
        said = work.session.scalars(select(Audit.action).order_by(Audit.id)).all()
        assert said == ["policy.proposed", "policy.approved", "clock_policy"]


def test_a_promise_changes_at_its_moment_and_not_before_the_yes(world: World) -> None:
    ahead = world.now + timedelta(days=7)
    number = faster(world, at=ahead)
    with world.work() as work:
        policies.approve(work, ROOT, number)
    soon = faster(world, at=world.now + timedelta(hours=1), key="k2", limit_s=900)
    world.now += timedelta(hours=2)  # it waited for the second person
    with world.work() as work:
        row = policies.approve(work, ROOT, soon)
        assert row.valid_from == world.now
    assert limit(world) == 900
    world.now = ahead - timedelta(seconds=1)
    assert limit(world) == 900
    world.now = ahead
    assert limit(world) == 600


def test_limits_change_at_their_moment_and_back(world: World) -> None:
    wanted = Limits(None, 60_000, 80_000)
    with world.work() as work:
        row = policies.propose_limits(
            work, TEO, "Katu", "temperature", wanted, valid_from=world.now + timedelta(days=1),
            reason="The maker says so", key="k",
        )  # fmt: skip
        number = row.id
        policies.approve(work, MARIA, number)
    later(world)
    assert stop_at(world) is None
    with pytest.raises(NotPossible, match="waits already"):
        back(world, "k2")  # what is yet to count is not what it would be held against
    world.now += timedelta(days=1)
    later(world)
    assert stop_at(world) == 80_000
    number = back(world, "k3")
    with world.work() as work:
        policies.approve(work, ROOT, number)
    assert stop_at(world) is None


def back(world: World, key: str) -> int:
    with world.work() as work:
        return policies.propose_limits(
            work, MARIA, "Katu", "temperature", None if key != "k2" else Limits(None, 1, 2),
            valid_from=world.now, reason="Wrong model", key=key,
        ).id  # fmt: skip


def stop_at(world: World) -> int | None:
    with world.store.read() as work:
        row = work.session.get(SensorLimit, ("Katu", "temperature"))
        return row.stop_high if row else None


def test_what_is_turned_down_changes_nothing(world: World) -> None:
    number = faster(world)
    with pytest.raises(NotPossible, match="say why"), world.work() as work:
        policies.reject(work, ROOT, number, reason=" ")
    with pytest.raises(NotPossible, match="your own"), world.work() as work:
        policies.reject(work, MARIA, number, reason="x")
    with pytest.raises(NotPossible, match="Only who proposed"), world.work() as work:
        policies.withdraw(work, ROOT, number, reason="x")
    with world.work() as work:
        policies.reject(work, ROOT, number, reason="Not enough people")
    again = faster(world, key="k2")
    with world.work() as work:
        policies.withdraw(work, MARIA, again, reason="Mistyped")
    assert limit(world) == 1800
    with world.store.read() as work:
        states = work.session.scalars(select(PolicyChange.state).order_by(PolicyChange.id)).all()
    assert states == ["rejected", "withdrawn"]


@pytest.mark.parametrize(
    ("days", "limit_s", "why"),
    [(-1, 600, "from now on"), (401, 600, "from now on"), (0, 1800, "counts already")],
)
def test_changes_that_cannot_be(world: World, days: int, limit_s: int, why: str) -> None:
    with pytest.raises(NotPossible, match=why):
        faster(world, at=world.now + timedelta(days=days), limit_s=limit_s)
