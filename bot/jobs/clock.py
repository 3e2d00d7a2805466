"""The clock: finds due and forgotten work in the database and wakes whoever serves it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event

import structlog

from bot.jobs.wake import Waker
from bot.store import inbox, outbox
from bot.store.database import Store

log = structlog.get_logger()

TICK_S = 0.5


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do every so often; must be harmless when done twice."""

    name: str
    every: timedelta
    run: Callable[[], object]


def tick(store: Store, waker: Waker) -> None:
    """Wake every stream and lane with due work that nobody serves."""
    with store.read() as work:
        streams = set(inbox.due_streams(work))
        lanes = set(outbox.due_lanes(work))
    waker.wake(streams, lanes)


def run(store: Store, waker: Waker, chores: Sequence[Chore], stop: Event) -> None:
    """Tick until stopped. Several clocks may run: everything they do can be done twice."""
    done: dict[str, datetime] = {}
    while not stop.is_set():
        started = time.monotonic()
        try:
            tick(store, waker)
            for chore in chores:
                now = store.clock()
                if now - done.get(chore.name, datetime.min.replace(tzinfo=now.tzinfo)) >= (
                    chore.every
                ):
                    done[chore.name] = now
                    chore.run()
        except Exception:
            log.exception("clock_failed")  # the next tick tries again
        stop.wait(max(0.0, TICK_S - (time.monotonic() - started)))
