"""A worker process for test_breaches.py: serves what is due in the inbox by the worker's routes.

`python -m tests.services.clock_process URL NOW` stops for good at the end of a clock's breach, its
transaction still open, and says so, to be killed there.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import app
from bot.jobs.drain import Route, drain
from bot.store import inbox
from bot.store.database import Store, make_engine
from bot.store.queues import Inbox
from tests.charging.world import SETTINGS


class NoChat:
    """Nobody writes here: only facts and timers are served."""

    def __init__(self) -> None:
        self.hearing = self

    def routes(self) -> dict[str, Route]:
        return {}

    def fetch(self, url: str) -> bytes:
        raise NotImplementedError(url)


def serve(store: Store, routes: dict[str, Route]) -> None:
    """Drain every stream that is due, until none is."""
    while True:
        with store.read() as work:
            streams = list(inbox.due_streams(work))
        if not streams:
            return
        for stream in streams:
            drain(store, routes, stream)


def routes_of(store: Store) -> dict[str, Route]:
    """Those of the worker."""
    return app.make_routes(SETTINGS, store, NoChat())  # type: ignore[arg-type]


def main(url: str, now: str) -> None:
    """Serve until a clock breaches."""
    at = datetime.fromisoformat(now)
    store = Store(make_engine(url), clock=lambda: at)
    routes = routes_of(store)
    real = routes["clock.timer"]

    def hang(work: Any, row: Inbox, prepared: Any) -> None:
        real.apply(work, row, prepared)
        work.session.flush()
        sys.stdout.write("done, not committed\n")
        sys.stdout.flush()
        time.sleep(60)

    serve(store, {**routes, "clock.timer": replace(real, apply=hang)})


if __name__ == "__main__":
    main(*sys.argv[1:])
