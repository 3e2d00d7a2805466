"""One broker, gateway and city of piles for each test file; every test takes piles of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.store.database import Store
from devices.broker import mosquitto_path
from tests.devices import world
from tests.devices.world import BrokerWorld, City, Rider, eventually

PILES = [f"P{number:06d}" for number in range(1, 31)]


@pytest.fixture(scope="module", params=["mosquitto", "amqtt"])
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrokerWorld]:
    mosquitto = request.param == "mosquitto"
    if mosquitto and mosquitto_path() is None:
        pytest.skip("mosquitto is not installed")
    folder = tmp_path_factory.mktemp("broker")
    with world.broker_running(folder, PILES, mosquitto=mosquitto) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, broker: BrokerWorld) -> Path:
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="module")
def store(folder: Path) -> Store:
    return world.make_store(folder, PILES)


@pytest.fixture(scope="module")
def city(broker: BrokerWorld, store: Store, folder: Path) -> Iterator[City]:
    settings = world.settings_for(
        broker.csms_url, f"sqlite:///{folder / 'test.db'}", silent_after_s=4
    )
    with (
        world.gateway_running(settings, folder),
        world.city_running(broker, folder, PILES, heartbeat_s=1.0) as running,
    ):
        # The gateway is there once it has heard of the last pile.
        eventually(lambda: world.pile(store, PILES[-1]).online, within_s=60)
        yield running


@pytest.fixture(scope="module")
def unused_piles(broker: BrokerWorld) -> Iterator[str]:
    return iter(PILES)


@pytest.fixture
def rider(city: City, store: Store, unused_piles: Iterator[str]) -> Rider:
    """Somebody at a pile nobody used before."""
    rider = Rider(store, city, next(unused_piles))
    eventually(lambda: world.evse(store, 2, rider.pile_id).status == "Available")
    return rider
