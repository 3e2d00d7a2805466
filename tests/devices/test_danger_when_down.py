"""Danger while Redis, the broker and Rasa are down: words, page and orders do not wait for them.

Real parts: the processes of worker, clock and gateway, Redis, the broker, a pile over MQTT; Twilio
and Stripe as stand-ins over HTTP.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.demo import ready, redis_server
from bot.settings import Settings
from bot.store.charging import ChargingSession
from bot.store.devices import Command
from bot.store.stations import Pile
from devices.broker import mosquitto_path
from tests.devices import world as piles
from tests.devices.world import Process, eventually
from tests.world import World, open_world

RIDER, ON_CALL, PILE = "+358401234567", "+358401110001", "P001023"


@contextmanager
def redis_running(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(redis_server.command(folder), stdout=subprocess.DEVNULL)
    is_ready = ready.redis_server(redis_server.url(folder))
    try:
        eventually(lambda: is_ready(process.pid))
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def running(name: str, settings: Settings) -> Iterator[None]:
    env = {name.upper(): str(value) for name, value in asdict(settings).items()}
    process = Process([sys.executable, "app.py", name], env=env)
    process.start()
    try:
        yield
    finally:
        process.kill()


def says(world: World, phone: str, text: str) -> None:
    """From the phone to the webhook; whoever serves it is the worker, never this process."""
    url = f"{world.twilio_url}/demo/phones/{phone}/messages"
    world.http.post(url, json={"text": text}).raise_for_status()


def hears(world: World, phone: str, *parts: str, within_s: float = 120) -> float:
    """Seconds until a phone got a message with all parts."""
    began = time.monotonic()

    def got() -> bool:
        said = [str(each.get("text", "")) for each in world.bot_said(phone)]
        return any(all(part in text for part in parts) for text in said)

    eventually(got, within_s=within_s)
    return time.monotonic() - began


def orders(world: World) -> dict[str, str]:
    """The stop and the lock-out that the word of danger ordered, and how they stand; a pile that
    comes back may be told both again, and refuses to stop what it has stopped."""
    with world.store.read() as work:
        kinds = ("stop", "change_availability")
        ordered = select(Command).where(Command.kind.in_(kinds)).order_by(Command.id.desc())
        rows = work.session.scalars(ordered)
        return {each.kind: each.state for each in rows}


@pytest.mark.timeout(300)
def test_a_word_of_danger_waits_for_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        enter = stack.enter_context
        broker = enter(
            piles.broker_running(tmp_path / "b", [PILE], mosquitto=mosquitto_path() is not None)
        )
        redis = enter(redis_running(tmp_path / "r"))
        world = enter(
            open_world(
                tmp_path, mqtt_url=broker.csms_url, redis_url=redis_server.url(tmp_path / "r"),
                page_on_call=f"whatsapp:{ON_CALL}", nlu_url="http://127.0.0.1:9",
            )
        )  # fmt: skip
        with world.store.begin() as work:
            work.session.get_one(Pile, PILE).secret_hash = piles.HASH
        enter(running("worker", world.settings))
        enter(running("clock", world.settings))
        enter(piles.gateway_running(world.settings, tmp_path))
        city = enter(piles.city_running(broker, tmp_path, [PILE]))
        for phone in (RIDER, ON_CALL):
            says(world, phone, "hello")
            hears(world, phone, "")
        world.give_card(RIDER)
        city.call("POST", f"/piles/{PILE}/evses/1/plug", {})
        says(world, RIDER, "1023-16")
        hears(world, RIDER, "Start charging?")
        says(world, RIDER, "yes")
        hears(world, RIDER, "Charging has started")

        redis.kill()
        redis.wait()
        broker.process.kill()
        says(world, RIDER, "help, smoke!!")
        assert hears(world, RIDER, "Move away now", within_s=20) < 20
        hears(world, RIDER, "switched off for your safety", "You pay only")
        hears(world, ON_CALL, "DANGER at pile 1023")
        assert orders(world).keys() == {"stop", "change_availability"}
        assert city.at(PILE)["transaction_id"] is not None, "it cannot have heard of it yet"

        broker.start()
        eventually(lambda: city.at(PILE)["transaction_id"] is None, within_s=60)
        eventually(lambda: set(orders(world).values()) == {"accepted"}, within_s=60)
        hears(world, RIDER, "Receipt R-")
        with world.store.read() as work:
            assert not work.session.scalars(select(ChargingSession)).one().open
            assert not work.session.get_one(Pile, PILE).in_service
