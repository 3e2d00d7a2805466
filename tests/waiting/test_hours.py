"""Hours: forecasts with their outcomes, quieter ones, and the word before a busy one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.services import earliest, hours, stations, usual
from bot.store.charging import ChargingSession
from bot.store.database import make_engine
from bot.store.riders import Conversation
from bot.store.stations import Evse, Station
from bot.store.tables import Base
from bot.store.waiting import FreeEstimate, Habit, HourForecast
from tests.charging.world import SETTINGS, World


@pytest.fixture
def world() -> World:
    engine = make_engine("sqlite://")
    Base.metadata.create_all(engine)
    return World(engine)


def past(world: World, days: int, *, hour: int = 0, evses: int = 3, rider: int = 1) -> None:
    """Every day at the same hour, for an hour, at so many sockets."""
    with world.work() as work:
        for back in range(1, days + 1):
            for evse in range(1, evses + 1):
                at = world.now - timedelta(days=back) + timedelta(hours=hour)
                work.session.add(
                    ChargingSession(
                        key=f"{back}-{hour}-{evse}", rider_id=rider, evse_id=evse, state="settled",
                        facts={}, tariff={}, open=False, created_at=at, started_at=at,
                        ended_at=at + timedelta(hours=1), meter_start_wh=0, meter_wh=9000,
                    )
                )  # fmt: skip


def test_a_forecast_is_kept_with_what_came_true(world: World) -> None:
    world.rider()
    past(world, 20, hour=3, evses=2)
    hours.keep_books(world.store)
    hours.keep_books(world.store)
    with world.work() as work:
        rows = work.session.scalars(select(HourForecast).order_by(HourForecast.hour_at)).all()
        assert len(rows) == 24
        assert [each.expected for each in rows[:4]] == [0, 0, 667, 0]
        assert rows[2].days == 14  # the weekdays among twenty days
    world.now += timedelta(hours=5)
    hours.keep_books(world.store)
    with world.work() as work:
        rows = work.session.scalars(select(HourForecast).order_by(HourForecast.hour_at)).all()
        assert [each.actual for each in rows[:4]] == [0, 0, 0, 0]
        assert rows[4].actual is None


def test_a_busy_station_names_its_next_quiet_hour(world: World) -> None:
    world.rider()
    past(world, 12)
    with world.work() as work:
        view = stations.view(work, SETTINGS, work.session.get_one(Station, 1))
        assert hours.quieter_at(work, view) is None  # everything is free
        for evse in work.session.scalars(select(Evse)):
            evse.status = "Faulted"
        view = stations.view(work, SETTINGS, work.session.get_one(Station, 1))
        assert hours.quieter_at(work, view) == world.now + timedelta(hours=1)


def test_an_estimate_is_told_once_and_held_against_what_came_true(world: World) -> None:
    for number in (1, 2, 3):
        world.rider(number)
        world.charges(
            world.says_yes(number, number, key=f"y{number}"), tx=f"T{number}", evse=number
        )
        world.status("Occupied", number)
    with world.work() as work:
        view = stations.view(work, SETTINGS, work.session.get_one(Station, 1))
        assert earliest.full_connectors(view) == ["IEC_62196_T2"]
        for _ in range(3):
            seen = earliest.earliest(work, SETTINGS, view, "IEC_62196_T2")
        assert seen is not None
        assert seen.exact.minutes is None  # nothing was checked yet: nothing is claimed
        (kept,) = work.session.scalars(select(FreeEstimate)).all()
        assert kept.estimate_at == seen.at
    world.passes(600)
    world.reports("Ended", 9000, tx="T2", evse=2, reason="EVDisconnected")
    world.status("Available", 2)
    with world.work() as work:
        (kept,) = work.session.scalars(select(FreeEstimate)).all()
        assert kept.actual_at == world.now
        assert kept.error_s == int((world.now - kept.estimate_at).total_seconds())


def test_a_word_before_a_busy_usual_hour_and_no_second_one(world: World) -> None:
    world.rider()
    past(world, 12, hour=1, evses=1)
    usual.warn_all(world.store, SETTINGS)
    with world.work() as work:
        usual.set_warn(work, 1, warn=True)
        work.session.scalars(select(Conversation)).one().last_whatsapp_at = world.now
        for evse in work.session.scalars(select(Evse)):
            evse.status = "Unavailable"
    usual.warn_all(world.store, SETTINGS)
    usual.warn_all(world.store, SETTINGS)
    said = [each for each in world.heard() if "You often charge" in each]
    assert len(said) == 1
    with world.work() as work:
        assert len(work.session.get_one(Habit, 1).warned) == 1


def test_a_day_after_it_is_told_by_the_template_or_not_promised(world: World) -> None:
    world.rider()
    past(world, 12, hour=1, evses=1)
    with world.work() as work:
        usual.set_warn(work, 1, warn=True)
        chat = work.session.scalars(select(Conversation)).one()
        chat.last_channel, chat.last_whatsapp_at = "whatsapp", world.now - timedelta(days=2)
        for evse in work.session.scalars(select(Evse)):
            evse.status = "Unavailable"
    usual.warn_all(world.store, SETTINGS)
    assert not world.heard()
    usual.warn_all(world.store, replace(SETTINGS, twilio_templates="notice:en=HX1"))
    assert "You often charge" in world.heard()[0]
