"""A pile nobody here wrote: PyPI `ocpp`'s own ChargePoint, over MQTT through a small adapter."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import aiomqtt
import pytest
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result, datatypes, enums

from bot.store.database import Store
from devices import topics
from tests.coroutines import run
from tests.devices import world
from tests.devices.world import BrokerWorld, City

PILE = "P000030"  # simulated too, but taken off the line here


class Adapter:
    """The websocket that `ocpp` expects, over two topics: a CALL goes one way, answers another."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client

    async def send(self, frame: str) -> None:
        channel = topics.CALL if frame.lstrip().startswith("[2") else topics.RESULT
        await self.client.publish(topics.up(PILE, channel), frame, qos=1)

    async def recv(self) -> str:
        message = await anext(aiter(self.client.messages))
        assert isinstance(message.payload, bytes)
        return message.payload.decode()


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class ForeignPile(ChargePoint):  # type: ignore[misc]  # ocpp ships no types
    """A charge point as its authors document it: handlers by decorator, answers by dataclass."""

    def __init__(self, adapter: Adapter) -> None:
        super().__init__(PILE, adapter)
        self.started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.stopped: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @on("RequestStartTransaction")  # type: ignore[untyped-decorator]  # ocpp ships no types
    def begin(self, id_token: Any, remote_start_id: int, **_: Any) -> Any:
        self.started.set_result(remote_start_id)
        return call_result.RequestStartTransaction(status="Accepted", transaction_id="foreign-1")

    @on("RequestStopTransaction")  # type: ignore[untyped-decorator]  # ocpp ships no types
    def end(self, transaction_id: str, **_: Any) -> Any:
        self.stopped.set_result(transaction_id)
        return call_result.RequestStopTransaction(status="Accepted")

    async def tells(self, kind: str, trigger: str, seq_no: int, wh: float, **info: Any) -> Any:
        energy = datatypes.SampledValueType(
            value=wh, measurand=enums.MeasurandEnumType.energy_active_import_register
        )
        return await self.call(
            call.TransactionEvent(
                event_type=kind,
                timestamp=now(),
                trigger_reason=trigger,
                seq_no=seq_no,
                transaction_info=datatypes.TransactionType(transaction_id="foreign-1", **info),
                evse=datatypes.EVSEType(id=1, connector_id=1),
                meter_value=[datatypes.MeterValueType(timestamp=now(), sampled_value=[energy])],
            )
        )


async def until(check: Any) -> None:
    await asyncio.to_thread(world.eventually, check)


async def charge(pile: ForeignPile, store: Store) -> None:
    booted = await pile.call(
        call.BootNotification(
            charging_station={"model": "M1", "vendor_name": "Elsewhere"}, reason="PowerUp"
        )
    )
    assert (booted.status, booted.interval) == ("Accepted", 60)
    await pile.call(
        call.StatusNotification(
            timestamp=now(), connector_status="Occupied", evse_id=1, connector_id=1
        )
    )
    assert (await pile.call(call.Heartbeat())).current_time
    assert world.evse(store, 1, PILE).status == "Occupied"

    command_id = world.start(store, pile_id=PILE)
    assert await asyncio.wait_for(pile.started, 10) == command_id
    await pile.tells("Started", "RemoteStart", 0, 1000, remote_start_id=command_id)
    await until(lambda: "confirmed" in world.outcomes(store, command_id))
    await pile.tells("Updated", "MeterValuePeriodic", 1, 1500, charging_state="Charging")

    stop_id = world.ask(store, "stop", {"transaction_id": "foreign-1"}, pile_id=PILE)
    assert await asyncio.wait_for(pile.stopped, 10) == "foreign-1"
    await pile.tells("Ended", "RemoteStop", 2, 2345.6, stopped_reason="Remote")
    await until(lambda: world.outcomes(store, stop_id) == ["accepted"])
    [ended] = world.events(store, "Ended", PILE)
    assert (ended["readings"][0]["wh"], ended["stopped_reason"]) == (2346, "Remote")


@pytest.mark.timeout(60)
def test_a_whole_charge(broker: BrokerWorld, city: City, store: Store) -> None:
    city.call("POST", f"/piles/{PILE}/offline", {})
    world.eventually(lambda: not city.call("GET", f"/piles/{PILE}")["online"])

    async def connect_and_charge() -> None:
        async with aiomqtt.Client(
            "127.0.0.1", broker.port, identifier=PILE, username=PILE, password=world.SECRET
        ) as client:
            await client.subscribe(topics.all_down(PILE), qos=1)
            pile = ForeignPile(Adapter(client))
            listening = asyncio.create_task(pile.start())
            try:
                await charge(pile, store)
            finally:
                listening.cancel()

    run(connect_and_charge())
