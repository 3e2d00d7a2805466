"""What piles measure beside energy: kept by the minute, judged by limits, told as alarms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.domain.sensing import Limits
from bot.services import sensing
from bot.services.audit import Actor
from bot.store.charging import ChargingSession, Hold
from bot.store.desk import Incident
from bot.store.jobs import Job
from bot.store.sensing import EvseSample, PileAlarm, SensorAlarm
from bot.store.staff import Audit
from bot.store.stations import Evse, Pile, TariffVersion
from tests.console.desk import Desk, open_desk
from tests.test_scenarios import play
from tests.world import World, open_world

CHARGES = """
rider has a card
rider says 1023-27
rider says yes
pile accepts the start
pile reports socket 2 Occupied
pile starts
clock passes 60 s
pile charges for 1000 Wh
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as world:
        yield world


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    with open_desk(world) as desk:
        yield desk


def measured(world: World, number: int = 2, **values: float) -> None:
    """MeterValues of a socket: volts, amps, heat."""
    samples: list[dict[str, Any]] = [
        {"value": value, "measurand": measurand}
        for name, measurand in (("volts", "Voltage"), ("amps", "Current.Import"))
        if (value := values.get(name)) is not None
    ]
    samples = samples or [{"value": 1.0, "measurand": "Frequency"}]
    reading: dict[str, Any] = {"timestamp": world.now.isoformat(), "sampledValue": samples}
    if "heat" in values:
        reading["customData"] = {"vendorId": "pilebot", "temperatureC": values["heat"]}
    world.pile("1023").says("MeterValues", evseId=number, meterValue=[reading])


def samples(world: World, kind: str) -> list[EvseSample]:
    with world.store.read() as work:
        found = select(EvseSample).where(EvseSample.kind == kind).order_by(EvseSample.minute)
        return list(work.session.scalars(found))


def alarms(world: World) -> list[SensorAlarm]:
    with world.store.read() as work:
        return list(work.session.scalars(select(SensorAlarm).order_by(SensorAlarm.id)))


def test_a_minute_keeps_its_lowest_highest_and_last_value(world: World) -> None:
    world.ahead += timedelta(seconds=65 - world.now.second)  # early in a minute
    for volts in (231.0, 229.5, 230.25):
        measured(world, volts=volts)
    world.ahead += timedelta(minutes=1)
    measured(world, volts=228.0)
    first, second = samples(world, "voltage")
    assert (first.low, first.high) == (229_500, 231_000)
    assert (second.low, second.high, second.last) == (228_000,) * 3


def test_the_readings_of_a_charge_are_kept_too(world: World) -> None:
    play(world, CHARGES)
    measured(world, heat=41.5)
    (heat,) = samples(world, "temperature")
    assert heat.last == 41_500


def test_heat_above_the_limit_ends_the_charge_and_is_danger(world: World) -> None:
    play(world, CHARGES)
    measured(world, heat=72)
    (warned,) = alarms(world)
    assert (warned.level, warned.cleared_at) == ("warn", None)
    with world.store.read() as work:
        assert work.session.scalars(select(Incident)).first() is None
    measured(world, heat=95)
    world.settle()
    with world.store.read() as work:
        session = work.session.scalars(select(ChargingSession)).one()
        incident = work.session.scalars(select(Incident)).one()
        assert session.stop_requested_at is not None
        assert "OVER_TEMP" in incident.text and "95 °C" in incident.text
        assert not work.session.get_one(Pile, "P001023").in_service
    first, second = alarms(world)
    assert first.cleared_at is not None
    assert (second.level, second.cleared_at) == ("stop", None)


def test_too_high_a_voltage_stops_but_is_no_danger_to_people(world: World) -> None:
    measured(world, volts=280)
    world.settle()
    with world.store.read() as work:
        evse = work.session.scalars(select(Evse).where(Evse.number == 2)).one()
        assert evse.fault_code == "OVER_VOLTAGE"
        assert work.session.scalars(select(Incident)).first() is None
    world.ahead += timedelta(minutes=1)
    measured(world, volts=230)
    world.settle()
    with world.store.read() as work:
        evse = work.session.scalars(select(Evse).where(Evse.number == 2)).one()
        assert evse.fault_code is None
    assert [each.level for each in alarms(world) if each.cleared_at is None] == []


def test_periodic_events_about_temperature_count_as_well(world: World) -> None:
    event = {
        "eventId": 7,
        "timestamp": world.now.isoformat(),
        "trigger": "Periodic",
        "actualValue": "38.4",
        "eventNotificationType": "CustomMonitor",
        "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
        "variable": {"name": "Temperature"},
    }
    world.pile("1023").says(
        "NotifyEvent", generatedAt=world.now.isoformat(), seqNo=0, eventData=[event]
    )
    (heat,) = samples(world, "temperature")
    assert heat.last == 38_400


@pytest.mark.parametrize("value", ["warm", "", "1e400", "nan"])
def test_values_that_are_none_are_left_out(world: World, value: str) -> None:
    event = {
        "eventId": 7,
        "timestamp": world.now.isoformat(),
        "trigger": "Delta",
        "actualValue": value,
        "eventNotificationType": "CustomMonitor",
        "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
        "variable": {"name": "Temperature"},
    }
    world.pile("1023").says(
        "NotifyEvent", generatedAt=world.now.isoformat(), seqNo=0, eventData=[event]
    )
    assert samples(world, "temperature") == []


def test_limits_of_a_model_count_from_the_next_value_on(world: World, desk: Desk) -> None:
    otto = desk.agent("technician", "Otto")
    assert desk.agent("agent").get("/limits").status_code == 403
    answer = otto.post(
        "/limits/set", model="", kind="temperature", warn_high="40", stop_high="50",
        reason="The maker says so",
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    assert "Our own limits hold" in otto.get("/limits").text
    maria = desk.agent("manager", "Maria")
    assert "look above 40 °C, stop above 50 °C" in maria.get("/policies").text
    assert otto.post("/policies/1/approve").status_code == 403
    maria.post("/policies/1/approve")
    assert "look above 40 °C, stop above 50 °C" in otto.get("/limits").text
    measured(world, heat=45)
    assert [each.level for each in alarms(world)] == ["warn"]
    page = otto.get("/piles/P001023").text
    assert "45 °C" in page and "look at it" in page
    with world.store.read() as work:
        row = work.session.scalars(select(Audit).where(Audit.action == "pile.limits")).one()
    assert row.reason == "The maker says so"
    otto.post("/limits/reset", model="", kind="temperature", reason="x")
    maria.post("/policies/2/approve")
    assert "Our own limits hold" in otto.get("/limits").text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"warn_high": "90", "stop_high": "80"}, "must rise"),
        ({"warn_high": "x"}, "is not a number"),
        ({"warn_high": "1e99"}, "cannot be right"),
        ({}, "at least one"),
        ({"warn_high": "80", "reason": " "}, "Say why"),
        ({"warn_high": "80", "model": "Unknown"}, "no pile of this model"),
    ],
)
def test_limits_that_make_no_sense_are_refused(
    desk: Desk, fields: dict[str, str], told: str
) -> None:
    given = {"model": "", "kind": "temperature", "reason": "r", **fields}
    answer = desk.agent("manager").post("/limits/set", **given)
    assert answer.status_code == 422
    assert told in answer.text


def test_a_models_own_limits_come_before_those_of_every_model(world: World) -> None:
    with world.store.begin() as work:
        pile = work.session.get_one(Pile, "P001023")
        actor = Actor(None, "system", "")  # type: ignore[arg-type]  # nobody of the staff
        sensing.set_limits(work, actor, "", "temperature", Limits(None, 1, 2), reason="r")
        sensing.set_limits(
            work, actor, pile.model or "M", "temperature", Limits(None, 3, 4), reason="r"
        )
        pile.model = pile.model or "M"
        work.session.flush()
        found = sensing.limits_of(work, pile, pile.evses[0])
    assert found["temperature"] == Limits(None, 3, 4)
    assert found["voltage"].stop_high == 264_500


def test_a_voltage_beyond_the_limit_ends_the_charge_and_sends_somebody(world: World) -> None:
    """No danger, all the same: the rider hears why, pays for what was taken only, and a technician
    is sent; the socket is not offered."""
    with world.store.begin() as work:
        prices = work.session.scalars(select(TariffVersion)).one()
        fee = {"kind": "flat", "price": "1.00", "per": "start"}
        prices.body = {"elements": [*prices.body["elements"], fee]}
    play(world, CHARGES + "clock passes 60 s\npile charges for 4000 Wh\n")
    measured(world, volts=280)
    play(
        world,
        """
        bot says reported a fault
        bot says This is case 1
        pile accepts the stop
        pile ends with Remote
        bot says Receipt
        """,
    )
    with world.store.read() as work:
        session = work.session.scalars(select(ChargingSession)).one()
        hold = work.session.scalars(select(Hold)).one()
        assert (session.open, session.state) == (False, "settled")
        assert (
            hold.captured_minor == 150 and hold.captured_minor < hold.amount_minor
        )  # 5 kWh, no start fee
        assert work.session.scalars(select(Incident)).first() is None
    world.clock_passes(61)
    with world.store.read() as work:
        job = work.session.scalars(select(Job)).one()
        assert (job.kind, job.fault_code, job.source) == ("repair", "OVER_VOLTAGE", "pile")
        assert work.session.get_one(Evse, job.evse_id).number == 2
    play(world, "rider says 1023-27\nbot says under repair | the voltage is too high")


def test_doors_smoke_and_trips_are_rows_that_staff_can_call_over(world: World, desk: Desk) -> None:
    play(world, "pile raises DOOR_OPEN\npile raises GROUND_FAULT at socket 2\nclock passes 10 min")
    play(world, "pile takes back GROUND_FAULT at socket 2")
    otto = desk.agent("technician", "Otto")
    page = otto.get("/piles/P001023").text
    assert "Whole pile" in page and "DOOR_OPEN: the door of the housing is open" in page
    assert "GROUND_FAULT: current leaks" in page and "after 10 min" in page
    assert page.count("not yet") == 1 and "Call an alarm over" in page
    assert "Call an alarm over" not in desk.agent("agent").get("/piles/P001023").text
    with world.store.read() as work:
        door = work.session.scalars(select(PileAlarm).where(PileAlarm.evse_id.is_(None))).one()
    answer = otto.post("/piles/P001023/alarm-over", alarm=str(door.id), reason=" ")
    assert answer.status_code == 303 and "not yet" in otto.get("/piles/P001023").text
    otto.post("/piles/P001023/alarm-over", alarm=str(door.id), reason="I closed it")
    page = otto.get("/piles/P001023").text
    assert "not yet" not in page and "Call an alarm over" not in page


def test_a_voltage_that_sinks_tells_when_it_meets_its_limit(world: World, desk: Desk) -> None:
    with world.store.begin() as work:
        evse = work.session.scalars(select(Evse).where(Evse.number == 2)).one()
        for step in range(9):
            at = work.now - timedelta(minutes=10 * (8 - step))
            value = 230_000 - 1_000 * step
            work.session.add(
                EvseSample(evse_id=evse.id, kind="voltage", minute=at.replace(second=0,
                           microsecond=0), low=value, high=value, last=value, last_at=at)
            )  # fmt: skip
    page = desk.agent("technician").get("/piles/P001023").text
    assert "falls 6 V an hour, reaches 207 V about" in page
