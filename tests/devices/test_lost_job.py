"""A job that dies with its worker is asked for again before a rider gives up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.demo import redis_server
from bot.jobs import wake
from tests.devices.world import Process, eventually


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    process = Process(redis_server.command(tmp_path / "r"))
    process.start()
    eventually((tmp_path / "r" / "redis.sock").exists)
    yield redis_server.url(tmp_path / "r")
    process.stop()


def test_a_job_lost_between_the_queue_and_its_first_line_holds_nobody_up(url: str) -> None:
    """A worker takes a job off the queue some milliseconds before the job itself begins and
    removes its mark; killed in between, only the mark's own end lets the clock ask again."""
    redis = wake.connect(url)
    waker = wake.Waker(redis)

    def waiting() -> bool:
        waker.wake({"rider:7"}, set())
        return bool(redis.llen(f"rq:queue:{wake.QUEUE}"))

    eventually(waiting)
    redis.delete(f"rq:queue:{wake.QUEUE}")  # taken by a worker that is killed at once
    assert not waiting(), "the mark stands for a job that nobody has"
    left_ms = redis.pttl(wake.mark("bot.jobs.worker.drain", "rider:7"))
    assert isinstance(left_ms, int)
    assert 0 < left_ms <= 5_000
