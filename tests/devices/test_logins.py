"""A pile that comes in while the broker runs: let in by it within moments, on both brokers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.domain import pile_secret
from bot.store.stations import Pile
from devices.broker import passwords_file
from devices.broker_logins import BrokerLogins
from devices.simulator.mqtt import Connection, RefusedByBrokerError
from tests.coroutines import run
from tests.devices import world
from tests.devices.test_access import login


@pytest.mark.parametrize("mosquitto", [True, False], ids=["mosquitto", "amqtt"])
def test_a_new_secret_counts_without_a_restart(tmp_path: Path, mosquitto: bool) -> None:
    store = world.make_store(tmp_path, ["P000001"])
    with world.broker_running(tmp_path / "broker", ["P000001"], mosquitto=mosquitto) as broker:
        file = passwords_file(tmp_path / "broker")
        settings = world.settings_for(broker.csms_url, "", mqtt_passwords_file=str(file))
        logins = BrokerLogins(settings)
        with store.begin() as work:
            pile = work.session.get_one(Pile, "P000001")
            pile.secret_hash = pile_secret.hash_secret("another one")
        file.chmod(0o640)  # as an operator may have set it
        was = file.stat()
        with store.read() as work:
            assert logins.keep(work)
            now = file.stat()
            assert (now.st_mode, now.st_ino) == (was.st_mode, was.st_ino)
            assert not logins.keep(work)  # nothing has changed since

        async def gets_in(secret: str) -> bool:
            try:
                (await Connection.open(broker.pile_url, login("P000001", secret=secret))).cut()
            except (RefusedByBrokerError, asyncio.IncompleteReadError, OSError):
                return False
            return True

        async def both() -> tuple[bool, bool]:
            for _ in range(50):
                if await gets_in("another one"):
                    break
                await asyncio.sleep(0.1)
            return await gets_in("another one"), await gets_in(world.SECRET)

        assert run(both()) == (True, False)


def test_without_a_file_nothing_is_written(tmp_path: Path) -> None:
    store = world.make_store(tmp_path, ["P000001"])
    with store.read() as work:
        assert not BrokerLogins(world.settings_for("mqtt://csms:x@127.0.0.1:1", "")).keep(work)
