"""Putting a pile up in the console: its login shown once, test charges over OCPP, then live."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from bot.domain import pile_secret
from bot.store.charging import ChargingSession
from bot.store.pile_setup import SocketTest
from bot.store.stations import Pile, Station, Tariff
from tests.console.desk import Agent, Desk
from tests.console.journey import charging
from tests.world import SimplePile, World

RIDER = "+358409990031"
FORM = {
    "station": "1", "number": "1042", "kind": "ac", "model": "Box 2", "sockets": "2",
    "connector_type": "IEC_62196_T2", "max_kw": "11",
}  # fmt: skip


STATION = {
    "name": "Otaniemi", "address": "Otakaari 1", "lat": "60.1866", "lng": "24.8277",
    "tz": "Europe/Helsinki", "country": "FI", "currency": "EUR", "tax_percent": "25,5",
}  # fmt: skip


def put_up(world: World, tina: Agent, **changes: str) -> str:
    """The secret of pile 1042, as the page shows it."""
    with world.store.read() as work:
        name = work.session.scalars(select(Tariff)).all()[0].name
    page = tina.post("/piles/add", **{**FORM, "tariff": name, **changes})
    assert page.status_code == 200, page.text
    assert page.headers["Cache-Control"] == "no-store"
    found = re.search(r'id="secret">([^<]+)<', page.text)
    assert found
    return found[1]


def connected(world: World) -> SimplePile:
    pile = world.pile("1042")
    pile.goes("online")
    pile.status(1, "Available")
    pile.status(2, "Available")
    return pile


def passes(world: World, tina: Agent, pile: SimplePile, socket: int) -> None:
    """The technician plugs in and tests a socket; energy flows, the pile is told to stop."""
    assert tina.post("/piles/P001042/test", socket=str(socket)).status_code == 303
    asked = pile.answers("RequestStartTransaction", status="Accepted")
    assert asked["evseId"] == socket
    pile.status(socket, "Occupied")
    pile.transaction_event(socket, "Started", chargingState="Charging")
    pile.meter_wh += 7
    pile.transaction_event(socket, "Updated", chargingState="Charging")
    pile.answers("RequestStopTransaction", status="Accepted")
    pile.transaction_event(socket, "Ended", stoppedReason="Remote")
    world.settle()


def test_a_pile_goes_live_in_minutes(world: World, desk: Desk) -> None:
    tina = desk.agent("technician")
    assert '<option value="IEC_62196_T2" selected>Type 2' in tina.get("/piles/new?station=1").text
    secret = put_up(world, tina)
    with world.store.read() as work:
        row = work.session.get_one(Pile, "P001042")
        assert pile_secret.matches(secret, row.secret_hash)
        assert [each.max_power_w for each in row.evses] == [11_000, 11_000]
    assert secret not in tina.get("/piles/P001042/setup").text
    assert "not heard yet" in tina.get("/piles/P001042/setup").text
    pile = connected(world)
    world.settle()
    assert pile.asked == []  # a pile that is to be tested is not told to be out of service
    world.give_card(RIDER)
    world.rider_says(RIDER, "1042")
    assert "Yes, start" not in world.transcript(RIDER)  # nobody starts before it is live
    passes(world, tina, pile, 1)
    shown = tina.get("/piles/P001042/setup").text
    assert "passed: 7 Wh" in shown
    assert "socket 2 has not passed a test" in shown
    passes(world, tina, pile, 2)
    assert "Ready" in tina.get("/piles/P001042/setup").text
    tina.post("/piles/P001042/live")
    assert "Live since" in tina.get("/piles/P001042/setup").text
    with world.store.read() as work:
        assert work.session.scalars(select(ChargingSession)).all() == []  # a test is no charge
    world.rider_says(RIDER, f"start {row.evses[0].code}")
    world.rider_taps(RIDER, "Yes, start")
    pile.next_request("RequestStartTransaction")


def test_what_is_not_ready_goes_live_for_a_reason_only(world: World, desk: Desk) -> None:
    tina = desk.agent("technician")
    put_up(world, tina)
    tina.post("/piles/P001042/live", reason="the boss wants it")
    assert "Live since" not in tina.get("/piles/P001042/setup").text  # never heard of
    connected(world)
    tina.post("/piles/P001042/live")
    assert "Live since" not in tina.get("/piles/P001042/setup").text
    tina.post("/piles/P001042/live", reason="No car at hand, tested by the maker")
    assert "tested by the maker" in tina.get("/piles/P001042/setup").text
    tina.post("/piles/P001042/test", socket="1")  # riders may come: no more tests
    with world.store.read() as work:
        assert work.session.scalars(select(SocketTest)).all() == []


@pytest.mark.parametrize(
    ("story", "told"),
    [
        ("refused", "The pile refused: NoEVSE"),
        ("nobody plugs in", "Nothing was plugged in within 3 minutes."),
        ("no energy", "No energy flowed within 3 minutes."),
        ("ends at once", "It ended without energy: GroundFault."),
    ],
)
def test_a_socket_that_fails_says_why(world: World, desk: Desk, story: str, told: str) -> None:
    tina = desk.agent("technician")
    put_up(world, tina)
    pile = connected(world)
    tina.post("/piles/P001042/test", socket="1")
    if story == "refused":
        pile.answers(
            "RequestStartTransaction", status="Rejected", statusInfo={"reasonCode": "NoEVSE"}
        )
    else:
        pile.answers("RequestStartTransaction", status="Accepted")
    if story == "nobody plugs in":
        world.clock_passes(200)
    elif story != "refused":
        pile.transaction_event(1, "Started", chargingState="EVConnected")
    if story == "no energy":
        world.clock_passes(200)
        pile.answers("RequestStopTransaction", status="Accepted")
        pile.transaction_event(1, "Ended", stoppedReason="Remote")
    elif story == "ends at once":
        pile.transaction_event(1, "Ended", stoppedReason="GroundFault")
    world.settle()
    shown = tina.get("/piles/P001042/setup").text
    assert "failed" in shown
    assert told in shown
    assert "Test again" in shown


def test_a_new_station_is_a_managers(world: World, desk: Desk) -> None:
    station = {"station": "new", **STATION}
    refused = desk.agent("technician").post("/piles/add", **{**FORM, **station})
    assert refused.status_code == 422
    assert "Only managers" in refused.text
    put_up(world, desk.agent("manager"), **station)
    with world.store.read() as work:
        made = work.session.scalars(select(Station).where(Station.name == "Otaniemi")).one()
        assert (made.tax_percent, [each.number for each in made.piles]) == ("25.5", ["1042"])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"number": "1023"}, "There is a pile 1023 already"),
        ({"number": "12"}, "4 to 6 digits"),
        ({"sockets": "0"}, "1 to 40 sockets"),
        ({"sockets": "two"}, "are numbers"),
        ({"max_kw": "2000"}, "between 0 and 1000 kW"),
        ({"max_kw": "NaN"}, "are numbers"),
        ({"tariff": "none such"}, "no tariff"),
        ({"station": "999"}, "Choose the station"),
        ({"kind": "steam"}, "unknown kind"),
        ({"station": "new", "lat": "nan"}, "Latitude lies within"),
        ({"station": "new", "lng": "inf"}, "Latitude lies within"),
        ({"station": "new", "tax_percent": "NaN"}, "Tax lies between"),
        ({"station": "new", "country": "Finland"}, "2 capital letters"),
        ({"station": "new", "name": "Kamppi"}, "a station of this name already"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_lost(
    world: World, desk: Desk, changes: dict[str, str], told: str
) -> None:
    form = {**FORM, **STATION, "tariff": "AC", **changes}
    page = desk.agent("manager").post("/piles/add", **form)
    assert page.status_code == 422
    assert told.casefold() in page.text.casefold()
    with world.store.read() as work:
        assert work.session.get(Pile, "P001042") is None


def test_a_lost_secret_is_replaced(world: World, desk: Desk) -> None:
    tina = desk.agent("technician")
    first = put_up(world, tina)
    page = tina.post("/piles/P001042/secret").text
    second = re.search(r'id="secret">([^<]+)<', page)
    assert second
    with world.store.read() as work:
        hashed = work.session.get_one(Pile, "P001042").secret_hash
    assert pile_secret.matches(second[1], hashed)
    assert not pile_secret.matches(first, hashed)


def test_a_live_pile_gets_a_new_secret_for_a_reason_and_never_in_a_charge(
    world: World, desk: Desk
) -> None:
    tina = desk.agent("technician")
    with world.store.read() as work:
        before = work.session.get_one(Pile, "P001023").secret_hash
    assert tina.post("/piles/P001023/secret").status_code == 303
    assert "say why" in tina.get("/piles/P001023/setup").text
    charging(world, RIDER)
    assert tina.post("/piles/P001023/secret", reason="It was stolen").status_code == 303
    assert "Somebody charges there" in tina.get("/piles/P001023/setup").text
    with world.store.read() as work:
        assert work.session.get_one(Pile, "P001023").secret_hash == before


def test_a_test_whose_pile_forgot_it_can_be_made_again(world: World, desk: Desk) -> None:
    tina = desk.agent("technician")
    put_up(world, tina)
    pile = connected(world)
    tina.post("/piles/P001042/test", socket="1")
    pile.answers("RequestStartTransaction", status="Accepted")
    pile.transaction_event(1, "Started", chargingState="EVConnected")
    world.clock_passes(200)
    pile.answers("RequestStopTransaction", status="Rejected")  # it has started anew since
    assert "Test again" in tina.get("/piles/P001042/setup").text
    world.clock_passes(200)
    tina.post("/piles/P001042/test", socket="1")
    with world.store.read() as work:
        states = [
            each.state for each in work.session.scalars(select(SocketTest).order_by(SocketTest.id))
        ]
    assert states == ["failed", "starting"]
