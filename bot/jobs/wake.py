"""Waking workers through Redis: a hint that work is waiting, never the work itself.

Whatever gets lost here costs seconds: the clock finds due rows in the database and wakes again.
"""

from __future__ import annotations

import structlog
from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue

from bot.store.database import UnitOfWork

log = structlog.get_logger()

QUEUE = "pilebot"
MARK_S = 5  # what a job costs that dies with its worker between the queue and its first line
PILES_CHANNEL = "pilebot:piles"  # the pile gateway listens here for commands to send


def connect(url: str, *, patient: bool = False) -> Redis:
    """A client; `patient` ones (workers) ride out a restart of Redis, others fail at once."""
    if not patient:
        return Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    # RQ's scheduler and workers do not survive a Redis restart without an explicit retry.
    return Redis.from_url(
        url,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=2), 40),
        health_check_interval=30,
    )


class Waker:
    """Called after each commit; says in the log once that Redis went away and once that it came."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queue = Queue(QUEUE, connection=redis)
        self._away = False

    def after_commit(self, work: UnitOfWork) -> None:
        """Wake whoever serves what this unit of work wrote."""
        self.wake(work.wake_streams, work.wake_lanes)

    def wake(self, streams: set[str], lanes: set[str]) -> None:
        """Ask for these inbox streams to be drained and these outbox lanes to be relayed."""
        try:
            for stream in streams:
                self._enqueue("bot.jobs.worker.drain", stream)
            for lane in lanes:
                if lane == "piles":
                    self._redis.publish(PILES_CHANNEL, "1")
                else:
                    self._enqueue("bot.jobs.worker.relay", lane)
        except (RedisError, OSError) as error:
            if not self._away:
                log.warning("redis_away", error=str(error))
            self._away = True
        else:
            if self._away:
                log.info("redis_back")
            self._away = False

    def _enqueue(self, function: str, argument: str) -> None:
        """Unless the same job waits already: under load a stream is woken far more often than
        it can be served. The mark goes when the job begins, or by itself when it got lost."""
        if self._redis.set(mark(function, argument), "1", nx=True, ex=MARK_S):
            self._queue.enqueue(function, argument, result_ttl=0, failure_ttl=3600)


def mark(function: str, argument: str) -> str:
    """The Redis key that says a job waits in the queue."""
    return f"pilebot:waiting:{function.rpartition('.')[2]}:{argument}"
