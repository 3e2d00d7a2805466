"""The clock: finds due and forgotten work in the database and wakes whoever serves it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread

import structlog

from bot.errors import TryAgain
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
    """Tick until stopped. Several clocks may run: everything they do can be done twice.

    Chores have a thread of their own: one that waits for a provider must not hold up the ticks.
    """
    Thread(target=_do_chores, args=(chores, stop), daemon=True, name="chores").start()
    while not stop.is_set():
        started = time.monotonic()
        try:
            tick(store, waker)
        except Exception:
            log.exception("tick_failed")  # the next one tries again
        stop.wait(max(0.0, TICK_S - (time.monotonic() - started)))


def _do_chores(chores: Sequence[Chore], stop: Event) -> None:
    due = {chore.name: 0.0 for chore in chores}
    while not stop.wait(1.0):
        for chore in chores:
            if time.monotonic() < due[chore.name]:
                continue
            due[chore.name] = time.monotonic() + chore.every.total_seconds()
            try:
                chore.run()
            except TryAgain as error:
                log.warning("chore_waits", chore=chore.name, why=str(error))
            except Exception:
                log.exception("chore_failed", chore=chore.name)
