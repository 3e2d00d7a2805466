"""Two hundred piles connect at once, are all heard, and answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.store.stations import Evse, Pile
from devices.broker import mosquitto_path
from tests.devices import world
from tests.devices.world import eventually

PILES = [f"P{number:06d}" for number in range(1, 201)]
WITHIN_S = 120.0


@pytest.mark.timeout(300)
def test_two_hundred_piles(tmp_path: Path) -> None:
    store = world.make_store(tmp_path, PILES)

    def count(column: object, *wanted: object) -> int:
        with store.read() as work:
            return work.session.scalar(select(func.count()).where(column, *wanted)) or 0  # type: ignore[arg-type]  # a helper for any column

    with world.broker_running(
        tmp_path / "broker", PILES, mosquitto=mosquitto_path() is not None
    ) as broker:
        settings = world.settings_for(broker.csms_url, f"sqlite:///{tmp_path / 'test.db'}",
                                      command_timeout_s=5)  # fmt: skip
        with (
            world.gateway_running(settings, tmp_path),
            world.city_running(broker, tmp_path, PILES, meter_every_s=5.0),
        ):
            eventually(lambda: count(Pile.online.is_(True)) == len(PILES), within_s=WITHIN_S)
            eventually(lambda: count(Evse.status == "Available") == 2 * len(PILES),
                       within_s=WITHIN_S)  # fmt: skip
            asked = [
                world.ask(store, "start", {"id_token": "rider:7"}, pile_id=pile_id, key=pile_id)
                for pile_id in PILES
            ]

            def confirmed() -> bool:
                done = {each["command_id"] for each in world.told(store, "command.result")
                        if each["outcome"] == "confirmed"}  # fmt: skip
                return done == set(asked)

            eventually(confirmed, within_s=WITHIN_S)
