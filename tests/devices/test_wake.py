"""A commit of the bot wakes the gateway through a real Redis, also after that had died."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.demo import redis_server
from bot.jobs import wake as bot_wake
from devices import wake
from tests.devices import world
from tests.devices.world import Process, eventually


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Process]:
    process = Process(redis_server.command(tmp_path / "r"))
    process.start()
    yield process
    process.stop()


def test_a_commit_wakes_the_gateway_also_after_redis_died(redis: Process, tmp_path: Path) -> None:
    url = redis_server.url(tmp_path / "r")
    woken = threading.Event()
    threading.Thread(target=wake.listen, args=(url, woken.set), daemon=True).start()
    store = world.make_store(tmp_path, ["P000001"])
    store.on_commit = bot_wake.Waker(bot_wake.connect(url)).after_commit
    world.put_online(store, "P000001")

    def wakes() -> bool:
        world.start(store)
        return woken.wait(0.2)

    eventually(wakes)
    redis.kill()
    redis.start()
    woken.clear()
    eventually(wakes)
