"""kill -9 of broker, gateway and simulated piles in the middle of charges: nothing lost or doubled.

The broker keeps nothing here that the tests rely on; what piles have not had answered they say
again, what was committed is not done again.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.store.database import Store
from bot.store.devices import PileEvent
from devices.broker import mosquitto_path
from tests.devices import world
from tests.devices.world import Rider, eventually

PILES = [f"P{number:06d}" for number in range(1, 9)]
WITHIN_S = 60.0  # reconnects back off, and the machine may be busy


def sequences(store: Store) -> dict[tuple[str, str], list[int]]:
    """seqNo of every transaction that reached the database, by pile and transaction."""
    found = defaultdict(list)
    with store.read() as work:
        query = select(PileEvent).where(PileEvent.action == "TransactionEvent")
        for event in work.session.scalars(query.order_by(PileEvent.id)):
            transaction_id = event.body["transactionInfo"]["transactionId"]
            found[event.pile_id, transaction_id].append(event.body["seqNo"])
    return found


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
def test_charges_survive_the_death_of_everybody(kind: str, tmp_path: Path) -> None:
    mosquitto = kind == "mosquitto"
    if mosquitto and mosquitto_path() is None:
        pytest.skip("mosquitto is not installed")
    store = world.make_store(tmp_path, PILES)
    with world.broker_running(tmp_path / "broker", PILES, mosquitto=mosquitto) as broker:
        settings = world.settings_for(broker.csms_url, f"sqlite:///{tmp_path / 'test.db'}")
        with (
            world.gateway_running(settings, tmp_path) as gateway,
            world.city_running(broker, tmp_path, PILES, speed=60.0) as city,
        ):
            riders = [Rider(store, city, pile_id) for pile_id in PILES]
            for index, rider in enumerate(riders):
                rider.online_is(True)
                rider.does("plug")
                rider.pile("misbehave", replies=("ok", "late", "double", "ok")[index % 4], late_s=2)

            started = [rider.starts(ttl_s=120) for rider in riders]
            gateway.kill()
            gateway.start()
            for rider, command_id in zip(riders, started, strict=True):
                rider.hears_of(command_id, "confirmed", within_s=WITHIN_S)

            broker.restart()
            city.process.kill()
            city.process.start()
            eventually(lambda: all(len(found) > 3 for found in sequences(store).values()),
                       within_s=WITHIN_S)  # fmt: skip
            for rider in riders:
                rider.online_is(True)

            begun = [rider.events("Started")[0] for rider in riders]
            stopped = [
                rider.orders("stop", {"transaction_id": each["transaction_id"]}, ttl_s=120)
                for rider, each in zip(riders, begun, strict=True)
            ]
            broker.restart()
            gateway.kill()
            gateway.start()
            for rider in riders:
                rider.ended(within_s=WITHIN_S)
            for rider, command_id in zip(riders, stopped, strict=True):
                rider.hears_of(command_id, "accepted", within_s=WITHIN_S)

            told = sequences(store)
            assert len(told) == len(riders), "a start was carried out twice"
            for numbers in told.values():
                assert sorted(numbers) == list(range(len(numbers))), "an event is lost or doubled"
            for rider in riders:
                assert len(rider.events("Started")) == len(rider.events("Ended")) == 1
                metered = rider.ended()["readings"][-1]["wh"]
                assert metered == pytest.approx(rider.sees["meter_wh"], abs=1)
