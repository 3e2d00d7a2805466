"""Reports and commands on SQLite and PostgreSQL alike, and a database that goes away."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, func, select

from bot.store.database import Store
from bot.store.devices import PileEvent
from devices import actions, frames, topics
from devices.broker import mosquitto_path
from devices.gateway import Gateway
from devices.simulator.mqtt import Connection, Login
from tests.coroutines import run
from tests.databases import database_url, engine, postgres_server, postgres_url, sqlite_url
from tests.devices import test_ingest as said
from tests.devices import world
from tests.devices.test_ingest import PILE, Gate

__all__ = ["database_url", "engine", "postgres_server", "postgres_url", "sqlite_url"]


@pytest.fixture
def gate(engine: Engine) -> Gate:
    return Gate(world.furnish(Store(engine), [PILE, "P000002"]))


def test_a_charge_is_stored_alike(gate: Gate) -> None:
    gate.hears(gate.conn("online", "a"), gate.call("BootNotification", said.boot()))
    gate.hears(gate.call("StatusNotification", said.status("Occupied")))
    command_id = world.start(gate.store)
    with gate.store.begin() as work:
        [call] = gate.commands.tick(work, connected=True)
    assert frames.parse(call.payload).message_id == actions.message_id(command_id)
    accepted = [3, actions.message_id(command_id), {"status": "Accepted", "transactionId": "tx-1"}]
    info = {"remoteStartId": command_id, "chargingState": "Charging"}
    events = [
        gate.call("TransactionEvent", said.event("Started", 0, said.sample(10), info=info,
                                                 **said.EVSE)),
        *(gate.call("TransactionEvent", said.event("Updated", seq, said.sample(10 * seq),
                                                   info=info)) for seq in range(1, 6)),
        gate.call("TransactionEvent", said.event("Ended", 6, said.sample(60), info=info)),
    ]  # fmt: skip
    gate.hears(gate.message(accepted, "result"), *events)
    gate.hears(*events, gate.message(b"\xff\x00", "call"))
    assert world.outcomes(gate.store, command_id) == ["accepted", "confirmed"]
    told = [(each["event"], each["seq"], each["evse_number"]) for each in world.events(gate.store)]
    assert sorted(told) == [("Ended", 6, 1), ("Started", 0, 1), ("Updated", 5, 1)]
    kept = [each.action for each in gate.raw_events()]
    assert kept.count("TransactionEvent") == 7
    assert kept.count("broken") == 1


def test_a_retry_and_a_timeout_are_stored_alike(gate: Gate) -> None:
    world.put_online(gate.store, PILE)
    command_id = world.start(gate.store)
    for _ in range(4):
        with gate.store.begin() as work:
            gate.commands.tick(work, connected=True)
        gate.now = world.command(gate.store, command_id).next_at or gate.now
    assert world.command(gate.store, command_id).attempts == 3
    assert world.outcomes(gate.store, command_id) == ["unknown"]
    with gate.store.begin() as work:
        gate.commands.tick(work, connected=True)
    assert world.outcomes(gate.store, command_id) == ["unknown", "timeout"]


@pytest.fixture
def locked_out(tmp_path: Path) -> Iterator[tuple[Store, sqlite3.Connection]]:
    """A store that gives up on a locked database at once, and who may lock it."""
    store = world.make_store(tmp_path, [PILE])
    store.engine.dispose()
    event.listen(
        store.engine, "connect", lambda raw, _record: raw.execute("PRAGMA busy_timeout=50")
    )
    blocker = sqlite3.connect(tmp_path / "test.db", isolation_level=None, check_same_thread=False)
    yield store, blocker
    blocker.close()
    store.engine.dispose()


def test_what_comes_while_the_database_is_away_is_kept(
    locked_out: tuple[Store, sqlite3.Connection], tmp_path: Path
) -> None:
    store, blocker = locked_out
    boot = frames.Call("p-1", "BootNotification", said.boot())

    async def tell(url: str) -> bytes:
        pile = await Connection.open(
            url, Login(PILE, world.SECRET, topics.up(PILE, topics.CONN), b"x")
        )
        await pile.subscribe(topics.all_down(PILE))
        pile.publish(topics.up(PILE, topics.CALL), frames.write(boot))
        await asyncio.sleep(1.0)
        blocker.execute("ROLLBACK")
        async with asyncio.timeout(30):
            async for _topic, payload in pile.messages():
                pile.cut()
                return payload
        raise AssertionError("no answer")

    with world.broker_running(
        tmp_path / "broker", [PILE], mosquitto=mosquitto_path() is not None
    ) as broker:
        settings = world.settings_for(broker.csms_url, "sqlite://")
        gateway = Gateway(settings, store)
        serving = threading.Thread(target=gateway.run)
        serving.start()
        try:
            world.eventually(lambda: gateway.ready)
            blocker.execute("BEGIN IMMEDIATE")
            blocked_at = time.monotonic()
            answer = run(tell(broker.pile_url))
        finally:
            gateway.stop()
            serving.join(10)
    assert b'"Accepted"' in answer
    assert time.monotonic() - blocked_at > 1
    with store.read() as work:
        assert work.session.scalar(select(func.count()).select_from(PileEvent)) == 1
