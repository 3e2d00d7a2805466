"""A whole charge over a real broker: gateway, simulated pile and database in their processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.store.database import Store
from devices.broker import mosquitto_path
from tests.devices import world
from tests.devices.world import BrokerWorld, City, eventually

PILES = ["P000001", "P000002"]


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerWorld]:
    mosquitto = request.param == "mosquitto"
    if mosquitto and mosquitto_path() is None:
        pytest.skip("mosquitto is not installed")
    with world.broker_running(tmp_path / "broker", PILES, mosquitto=mosquitto) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return world.make_store(tmp_path, PILES)


@pytest.fixture
def city(broker: BrokerWorld, store: Store, tmp_path: Path) -> Iterator[City]:
    settings = world.settings_for(broker.csms_url, f"sqlite:///{tmp_path / 'test.db'}")
    with (
        world.gateway_running(settings, tmp_path),
        world.city_running(broker, tmp_path, PILES) as running,
    ):
        eventually(lambda: world.pile(store).online and world.evse(store).status)
        yield running


def test_a_charge_from_the_start_to_the_stop(store: Store, city: City) -> None:
    city.post("/evses/1/plug")
    eventually(lambda: world.evse(store).status == "Occupied")

    started = world.start(store)
    eventually(lambda: "confirmed" in world.outcomes(store, started))
    [begun] = world.events(store, "Started")
    assert begun["remote_start_id"] == started
    assert begun["id_token"] == "rider:7"
    eventually(lambda: any(each["power_w"] for each in world.events(store, "Updated")))

    stopped = world.ask(store, "stop", {"transaction_id": begun["transaction_id"]})
    eventually(lambda: "accepted" in world.outcomes(store, stopped))
    [ended] = eventually(lambda: world.events(store, "Ended"))
    assert ended["stopped_reason"] == "Remote"
    assert ended["readings"][-1]["wh"] > begun["readings"][0]["wh"]
    assert ended["readings"][-1]["wh"] == city.evse()["meter_wh"]

    city.post("/evses/1/unplug")
    eventually(lambda: world.evse(store).status == "Available")
