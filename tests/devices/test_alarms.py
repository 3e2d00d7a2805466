"""Alarms of piles and of our limits: who ends which, and what a socket with one means to others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.domain.alarms import ENDS, Source
from bot.services import alarms, sensing
from bot.services.audit import Actor
from bot.services.sensing import Sample, Seen
from bot.store.database import UnitOfWork
from bot.store.sensing import PileAlarm, SensorAlarm
from bot.store.staff import Audit
from bot.store.stations import Evse, Pile
from tests.devices import world
from tests.devices.test_ingest import PILE, Gate, alarm, status

Ends = Callable[[UnitOfWork, Pile, Evse], None]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(world.make_store(tmp_path, [PILE]))


def codes(gate: Gate) -> list[str | None]:
    return [world.evse(gate.store, number).fault_code for number in (1, 2)]


def raised(gate: Gate, code: str, source: Source, *, number: int | None = 1) -> None:
    """An alarm as whoever finds it raises it."""
    gate.now += timedelta(seconds=1)
    with gate.store.begin() as work:
        pile = work.session.get_one(Pile, PILE)
        evse = next((each for each in pile.evses if each.number == number), None)
        alarms.raised(work, pile, evse, code, source=source, at=work.now)


def rows(gate: Gate) -> list[tuple[str, int | None, bool]]:
    """Code, socket, and whether it stands."""
    with gate.store.read() as work:
        found = work.session.scalars(select(PileAlarm).order_by(PileAlarm.id))
        return [(each.code, each.evse_id, each.cleared_at is None) for each in found]


def test_only_the_alarm_that_is_taken_back_ends(gate: Gate) -> None:
    raised(gate, "METER_JUMP", "meter", number=2)
    gate.hears(gate.call("NotifyEvent", alarm()))
    component = {"component": {"name": "Connector"}}
    gate.hears(gate.call("NotifyEvent", alarm(cleared=True, **component)))
    assert codes(gate) == [None, "METER_JUMP"]
    assert rows(gate) == [("METER_JUMP", 2, True), ("OVER_TEMP", 1, False)]


def test_what_names_no_socket_is_about_all_until_it_is_over(gate: Gate) -> None:
    door = {"component": {"name": "AccessBarrier"}, "techCode": "DOOR_OPEN"}
    gate.hears(gate.call("NotifyEvent", alarm(**door)), gate.call("NotifyEvent", alarm(**door)))
    gate.hears(gate.call("NotifyEvent", alarm()))
    assert sorted(codes(gate), key=str) == ["DOOR_OPEN", "OVER_TEMP"]
    gate.hears(gate.call("NotifyEvent", alarm(cleared=True)))
    assert codes(gate) == ["DOOR_OPEN", "DOOR_OPEN"]
    gate.hears(gate.call("NotifyEvent", alarm(cleared=True, **door)))
    assert codes(gate) == [None, None]
    assert [code for code, _, _ in rows(gate)] == ["DOOR_OPEN", "OVER_TEMP"]  # told twice, one row


def test_an_alarm_taken_back_without_its_code_is_known_by_what_it_is_about(gate: Gate) -> None:
    gate.hears(gate.call("NotifyEvent", alarm(techCode="E77")))
    over = alarm(cleared=True)
    del over["eventData"][0]["techCode"]
    gate.hears(gate.call("NotifyEvent", over))
    assert codes(gate) == [None, None]


def test_a_socket_that_is_well_by_its_status_keeps_what_we_found_ourselves(gate: Gate) -> None:
    gate.hears(
        gate.call("NotifyEvent", alarm()), gate.call("StatusNotification", status("Faulted"))
    )
    gate.now += timedelta(minutes=2)
    gate.hears(gate.call("StatusNotification", status("Available", 1)))
    assert codes(gate) == [None, None]
    raised(gate, "METER_JUMP", "meter")
    gate.hears(gate.call("StatusNotification", status("Faulted", 1.5)))
    gate.hears(gate.call("StatusNotification", status("Available", 2)))
    assert codes(gate) == ["METER_JUMP", None]


BY: dict[str, Ends] = {
    "taken_back": lambda work, pile, evse: alarms.taken_back(work, pile, evse, "X", at=work.now),
    "well": lambda work, pile, evse: alarms.well(work, pile, evse, at=work.now),
    "inside": lambda work, pile, evse: alarms.inside(work, pile, evse, "X", at=work.now),
    "looked_at": lambda work, pile, evse: alarms.looked_at(work, pile, evse),
}


def test_who_ends_which_alarm(gate: Gate) -> None:
    """Every word against every source; each alarm has a way to its end that needs no luck."""
    for word, ends in BY.items():
        for source in ENDS["looked_at"]:
            raised(gate, "X", source)
            with gate.store.begin() as work:
                pile = work.session.get_one(Pile, PILE)
                ends(work, pile, pile.evses[0])
            over = source in ENDS[word]  # type: ignore[index]  # the words of the rule
            assert codes(gate) == [None if over else "X", None], (word, source)
            with gate.store.begin() as work:
                alarms.looked_at(work, work.session.get_one(Pile, PILE))
            assert codes(gate) == [None, None]


def test_looking_at_one_socket_says_nothing_of_the_others(gate: Gate) -> None:
    raised(gate, "SMOKE", "alarm", number=None)
    raised(gate, "OVER_POWER", "limit", number=2)
    with gate.store.begin() as work:
        pile = work.session.get_one(Pile, PILE)
        alarms.looked_at(work, pile, pile.evses[0])
    assert codes(gate) == ["SMOKE", "OVER_POWER"]


def test_staff_call_an_alarm_over_that_nothing_takes_back(gate: Gate) -> None:
    raised(gate, "METER_JUMP", "meter")
    with gate.store.begin() as work:
        actor = Actor(None, "system", "")  # type: ignore[arg-type]  # nobody of the staff
        (found,) = [each for each, _ in alarms.newest(work, work.session.get_one(Pile, PILE))]
        assert not alarms.call_over(work, actor, "P999999", found.id, reason="another pile's")
        assert alarms.call_over(work, actor, PILE, found.id, reason="Register read")
        assert not alarms.call_over(work, actor, PILE, found.id, reason="again")
    assert codes(gate) == [None, None]
    with gate.store.read() as work:
        told = work.session.scalars(select(Audit).where(Audit.action == "pile.alarm_over")).one()
    assert told.reason == "Register read"


# -- our own limits ----------------------------------------------------------------------------


def measured(gate: Gate, volts: int, seen: Seen | None = None) -> None:
    """A voltage at socket 1, a minute later; the gateway may have started anew meanwhile."""
    gate.now += timedelta(minutes=1)
    with gate.store.begin() as work:
        pile = work.session.get_one(Pile, PILE)
        sample = Sample("voltage", volts * 1000, work.now)
        sensing.note(work, seen or Seen(), pile, pile.evses[0], [sample])


def told(gate: Gate) -> list[tuple[str, bool]]:
    return [(each["code"], each["cleared"]) for each in world.told(gate.store, "pile.alarm")]


def test_a_repair_ends_a_limits_alarm_so_that_the_next_one_is_heard(gate: Gate) -> None:
    measured(gate, 280)
    measured(gate, 281)
    assert (told(gate), codes(gate)) == ([("OVER_VOLTAGE", False)], ["OVER_VOLTAGE", None])
    with gate.store.begin() as work:  # and no value was inside meanwhile
        alarms.looked_at(work, work.session.get_one(Pile, PILE))
    assert codes(gate) == [None, None]
    measured(gate, 282)
    assert (told(gate), codes(gate)) == ([("OVER_VOLTAGE", False)] * 2, ["OVER_VOLTAGE", None])
    measured(gate, 230)
    assert told(gate)[2:] == [("OVER_VOLTAGE", True)] and codes(gate) == [None, None]


def test_a_stop_that_stands_while_nobody_heeds_it_is_told_again_once(gate: Gate) -> None:
    measured(gate, 280)
    with gate.store.begin() as work:  # as rows were before alarms had any of their own
        work.session.get_one(Pile, PILE).evses[0].fault_code = None
    measured(gate, 280)
    measured(gate, 280)
    assert told(gate) == [("OVER_VOLTAGE", False)] * 2
    with gate.store.read() as work:
        assert len(work.session.scalars(select(SensorAlarm)).all()) == 1
