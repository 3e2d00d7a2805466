"""The RQ worker process: jobs carry a stream's or lane's name, never a fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from redis import Redis
from rq import Queue, SimpleWorker

from bot.jobs import drain as draining
from bot.jobs import relay as relaying
from bot.jobs.wake import QUEUE, mark
from bot.store.database import Store


@dataclass(frozen=True, slots=True)
class Duties:
    """What this process serves; set once at start, since RQ jobs are found by import path."""

    store: Store
    redis: Redis
    routes: Mapping[str, draining.Route]
    deliveries: Mapping[str, relaying.Deliver]


_duties: list[Duties] = []


def drain(stream: str) -> None:
    """RQ job: serve an inbox stream."""
    duties = _duties[-1]
    duties.redis.delete(mark("drain", stream))
    draining.drain(duties.store, duties.routes, stream)


def relay(lane: str) -> None:
    """RQ job: deliver an outbox lane."""
    duties = _duties[-1]
    duties.redis.delete(mark("relay", lane))
    relaying.relay(duties.store, duties.deliveries, lane)


def serve(duties: Duties) -> None:
    """Work until told to stop. No forking: a job is milliseconds, and rows survive a crash.

    The three limits bound how long a worker sits deaf after Redis went away and came back.
    """
    _duties.append(duties)
    worker = SimpleWorker(
        [Queue(QUEUE, connection=duties.redis)],
        connection=duties.redis,
        maintenance_interval=10,
        job_monitoring_interval=5,
        worker_ttl=45,
    )
    worker.work(logging_level="WARNING")
