"""A site's cap is kept by what piles are told and take; the simulated pile obeys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bot.services import charging_facts, site
from bot.store.database import make_engine
from bot.store.stations import Evse, Station
from bot.store.tables import Base
from bot.store.waiting import PowerShare
from devices.simulator.evse import Evse as SimulatedEvse
from devices.simulator.evse import Payload
from devices.simulator.spec import EvseSpec
from tests.charging.world import SETTINGS, World


@pytest.fixture
def world() -> World:
    engine = make_engine("sqlite://")
    Base.metadata.create_all(engine)
    return World(engine)


def cap(world: World, watts: int | None) -> None:
    with world.work() as work:
        work.session.get_one(Station, 1).power_cap_w = watts
    look(world)


def look(world: World) -> None:
    with world.work() as work:
        site.on_look(work, SETTINGS, {"station_id": 1})


def shares(world: World) -> dict[int, tuple[int, int | None]]:
    with world.work() as work:
        rows = work.session.scalars(select(PowerShare).order_by(PowerShare.session_id))
        return {each.session_id: (each.limit_w, each.taken_w) for each in rows}


def limits(world: World) -> list[tuple[int, int]]:
    return [(each.evse_number or 0, each.body["limit_w"]) for each in world.commands("set_profile")]


def begin(world: World, number: int) -> int:
    world.rider(number)
    session = world.says_yes(number, number, key=f"yes-{number}")
    look(world)
    return session


def test_two_share_the_cap_and_the_newcomer_waits_for_what_the_first_gives_up(world: World) -> None:
    cap(world, 12_000)
    first = begin(world, 1)
    assert limits(world) == [(1, 11_000)]
    world.answers("set_profile", "accepted")
    world.charges(first)
    second = begin(world, 2)
    # The newcomer is told to wait, the first to give up; the rest follows when it has.
    assert limits(world)[1:] == [(1, 6_000), (2, 0)] or limits(world)[1:] == [(2, 0), (1, 6_000)]
    for kind in world.commands("set_profile")[1:]:
        _accepts(world, kind.id)
    assert limits(world)[3:] == [(2, 6_000)]
    _accepts(world, world.commands("set_profile")[-1].id)
    assert shares(world) == {first: (6_000, 6_000), second: (6_000, 6_000)}
    assert sum("share the power" in each for each in world.heard()) == 1  # only who was charging
    # The first leaves: the second gets what there is.
    world.says_stop(first)
    world.reports("Ended", 3000, reason="Remote")
    look(world)
    assert limits(world)[-1] == (2, 11_000)
    _accepts(world, world.commands("set_profile")[-1].id)
    assert shares(world) == {second: (11_000, 11_000)}


def _accepts(world: World, command_id: int) -> None:

    with world.work() as work:
        body = {"command_id": command_id, "outcome": "accepted", "reason": None}
        charging_facts.on_command_result(work, SETTINGS, body)
    world.drain()


def test_a_pile_without_limits_counts_whole_and_no_cap_gives_back(world: World) -> None:
    first = begin(world, 1)
    world.charges(first)
    assert shares(world) == {}
    cap(world, 6_000)
    assert limits(world) == [(1, 6_000)]
    world.answers("set_profile", "rejected", reason="NotSupported")
    assert shares(world) == {first: (11_000, None)}
    assert limits(world) == [(1, 6_000)]  # it is not asked again and again
    cap(world, None)
    assert shares(world)[first][0] == 11_000


def test_a_pile_that_does_not_answer_is_told_again(world: World) -> None:
    cap(world, 6_000)
    first = begin(world, 1)
    world.charges(first)
    world.answers("set_profile", "timeout")
    assert len(limits(world)) == 1
    world.passes(61)
    assert limits(world) == [(1, 6_000), (1, 6_000)]


def test_the_simulated_pile_obeys_and_its_meter_shows_it() -> None:
    told: list[tuple[str, Payload]] = []
    now = datetime(2026, 11, 20, 10, tzinfo=UTC)
    evse = SimulatedEvse(
        EvseSpec(1, "ac", 22_000), lambda action, body: told.append((action, body))
    )
    evse.limit_w = 6_000.0
    evse.plug(now, {})
    evse.begin(now, {"idToken": {"idToken": "rider:1"}, "remoteStartId": 1}, 180)
    for minute in range(10):
        evse.tick(now + timedelta(minutes=minute), 60)
        assert evse.power_w <= 6_000
    assert 900 < evse.register_wh <= 1_000
    evse.limit_w = 0.0
    before = evse.register_wh
    evse.tick(now + timedelta(minutes=11), 60)
    assert evse.register_wh == before
    assert told[-1][1]["transactionInfo"]["chargingState"] == "SuspendedEVSE"


def test_a_charge_that_is_given_no_power_does_not_end_for_want_of_it(world: World) -> None:
    cap(world, 12_000)
    first = begin(world, 1)
    world.answers("set_profile", "rejected", reason="NotSupported")  # all it can draw is its own
    world.charges(first)
    second = begin(world, 2)
    _accepts(world, world.commands("set_profile")[-1].id)
    world.pays(second, "held")
    world.answers("start", "accepted")
    world.status("Occupied", 2)
    world.reports("Started", 1000, tx="T2", evse=2, state="SuspendedEVSE")
    look(world)
    for _ in range(30):
        world.passes(60)
    assert shares(world)[second] == (0, 0) and world.session(second).state == "starting"
    assert sum("begins a little later" in each for each in world.heard()) == 1
    # The first leaves: the second has the whole time to begin, and ends only when that is over.
    world.says_stop(first)
    world.reports("Ended", 3000, reason="Remote")
    look(world)
    _accepts(world, world.commands("set_profile")[-1].id)
    assert shares(world)[second] == (11_000, 11_000)
    world.passes(240)
    assert world.session(second).state == "starting"
    world.reports("Updated", 2000, tx="T2", evse=2)
    assert world.session(second).state == "charging"


def test_without_energy_though_power_is_given_again_it_ends(world: World) -> None:
    cap(world, 12_000)
    only = begin(world, 1)
    world.pays(only, "held")
    world.answers("start", "accepted")
    world.status("Occupied", 1)
    world.reports("Started", 1000, state="SuspendedEVSE")
    with world.work() as work:
        row = work.session.scalars(select(PowerShare)).one()
        row.limit_w, row.taken_w = 0, 0
    world.passes(900)
    assert world.session(only).state == "starting"
    with world.work() as work:
        row = work.session.scalars(select(PowerShare)).one()
        row.limit_w, row.taken_w = 11_000, 11_000
    for _ in range(20):
        world.passes(60)
    assert not world.session(only).open


def test_a_socket_draws_no_more_than_its_wiring_allows(world: World) -> None:
    with world.work() as work:
        work.session.get_one(Evse, 1).power_cap_w = 7_000
    first = begin(world, 1)
    assert limits(world) == [(1, 7_000)]
    world.answers("set_profile", "accepted")
    world.charges(first)
    look(world)
    assert limits(world) == [(1, 7_000)]  # told once
    assert not any("share the power" in each for each in world.heard())  # it is as it always is
    with world.work() as work:
        work.session.get_one(Evse, 1).power_cap_w = None
    look(world)
    assert limits(world)[-1] == (1, 11_000)


def test_a_sites_cap_and_a_sockets_hold_together(world: World) -> None:
    with world.work() as work:
        work.session.get_one(Evse, 1).power_cap_w = 5_000
    cap(world, 12_000)
    first, second = begin(world, 1), begin(world, 2)
    for _ in range(3):
        for each in world.commands("set_profile"):
            _accepts(world, each.id)
        look(world)
    assert shares(world) == {first: (5_000, 5_000), second: (7_000, 7_000)}
