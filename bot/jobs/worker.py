"""The RQ worker process: jobs carry a stream's or lane's name, never a fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event, Thread
from typing import Final

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker

from bot.jobs import drain as draining
from bot.jobs import relay as relaying
from bot.jobs.wake import QUEUE, mark
from bot.store import inbox, outbox
from bot.store.database import Store

log = structlog.get_logger()

LOOK_S: Final = 0.5


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


class Standby:
    """Serves from the database alone while Redis is away: a word of danger, a stop and a page must
    not wait for it. Rows are claimed with a lease as ever, so nothing is served twice."""

    def __init__(self, duties: Duties, probe: Redis) -> None:
        self._duties, self._probe = duties, probe
        self._away = False

    def run(self, stop: Event) -> None:
        """Look every so often until told to stop."""
        while not stop.wait(LOOK_S):
            try:
                if self._redis_is_away():
                    self.turn()
            except Exception:
                log.exception("standby_failed")  # the next turn tries again

    def turn(self) -> None:
        """Serve whatever is due now."""
        store = self._duties.store
        with store.read() as work:
            streams = list(inbox.due_streams(work))
            lanes = [each for each in outbox.due_lanes(work) if each != "piles"]
        for stream in streams:
            draining.drain(store, self._duties.routes, stream)
        for lane in lanes:
            relaying.relay(store, self._duties.deliveries, lane)

    def _redis_is_away(self) -> bool:
        try:
            self._probe.ping()
            away = False
        except (RedisError, OSError):
            away = True
        if away != self._away:
            log.warning("standby_begins" if away else "standby_ends")
        self._away = away
        return away


def serve(duties: Duties, probe: Redis) -> None:
    """Work until told to stop. No forking: a job is milliseconds, and rows survive a crash.

    The three limits bound how long a worker sits deaf after Redis went away and came back; `probe`
    is an impatient client, by which `Standby` sees that it is away.
    """
    _duties.append(duties)
    stop = Event()
    Thread(target=Standby(duties, probe).run, args=(stop,), daemon=True, name="standby").start()
    worker = SimpleWorker(
        [Queue(QUEUE, connection=duties.redis)],
        connection=duties.redis,
        maintenance_interval=10,
        job_monitoring_interval=5,
        worker_ttl=45,
    )
    try:
        worker.work(logging_level="WARNING")
    finally:
        stop.set()
