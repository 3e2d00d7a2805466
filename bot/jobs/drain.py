"""Draining the inbox: one stream at a time, network first, then one transaction a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from bot.errors import GiveUp, TryAgain
from bot.jobs import leases
from bot.store import inbox
from bot.store.database import Store, UnitOfWork
from bot.store.queues import Inbox

log = structlog.get_logger()

MAX_ATTEMPTS = 6
BACK_OFF_S = (1, 2, 5, 15, 30)


@dataclass(frozen=True, slots=True)
class Route:
    """How a kind of inbox row is served.

    `prepare` may use the network; `apply` gets what it returned and runs in the row's
    transaction. `lost` runs instead when the row is given up, to tell whom it concerns.
    """

    apply: Callable[[UnitOfWork, Inbox, Any], None]
    prepare: Callable[[Inbox], Any] | None = None
    lost: Callable[[UnitOfWork, Inbox], None] | None = None


class _TakenOver(Exception):
    """The lease ran out and another worker has the row: what this one did is rolled back."""


def drain(store: Store, routes: Mapping[str, Route], stream: str) -> int:
    """Serve every due row of a stream in order; how many were served."""
    served = 0
    row = _claim(store, stream)
    while row is not None:
        with structlog.contextvars.bound_contextvars(stream=stream, inbox_id=row.id, kind=row.kind):
            row = _serve(store, routes, row)
        served += 1
    return served


def _claim(store: Store, stream: str) -> Inbox | None:
    with store.begin() as work:
        return inbox.claim(work, stream)


def _serve(store: Store, routes: Mapping[str, Route], row: Inbox) -> Inbox | None:
    """Serve one claimed row; the next one of its stream, claimed in the same transaction."""
    if row.attempts > MAX_ATTEMPTS:
        _give_up(store, routes, row, "no worker came back from it")
        return _claim(store, row.stream)
    try:
        route = routes[row.kind]
        prepared = _prepare(store, route, row)
        with store.begin() as work:
            if not inbox.still_claimed(work, row):
                raise _TakenOver
            route.apply(work, row, prepared)
            inbox.finish(work, row)
            return inbox.claim(work, row.stream)
    except _TakenOver:
        log.warning("inbox_taken_over")
        return None
    except GiveUp as error:
        _give_up(store, routes, row, str(error))
    except TryAgain as error:
        _later(store, routes, row, str(error), error.after_s)
    except Exception as error:
        log.exception("inbox_failed", attempt=row.attempts)
        _later(store, routes, row, repr(error), None)
    return _claim(store, row.stream)


def _prepare(store: Store, route: Route, row: Inbox) -> Any:
    if route.prepare is None:
        return None
    with leases.kept(store, lambda work: inbox.renew(work, row)):
        return route.prepare(row)


def _later(
    store: Store, routes: Mapping[str, Route], row: Inbox, why: str, after_s: float | None
) -> None:
    if row.attempts >= MAX_ATTEMPTS:
        _give_up(store, routes, row, why)
        return
    pause = after_s if after_s is not None else BACK_OFF_S[min(row.attempts, 5) - 1]
    with store.begin() as work:
        if inbox.still_claimed(work, row):
            inbox.postpone(work, row, until=work.now + timedelta(seconds=pause), error=why)


def _give_up(store: Store, routes: Mapping[str, Route], row: Inbox, why: str) -> None:
    """Close the row as failed, where staff see it, and tell whom it concerns."""
    route = routes.get(row.kind)
    with store.begin() as work:
        if not inbox.still_claimed(work, row):
            return
        log.error("inbox_given_up", why=why)
        inbox.finish(work, row, state="failed", error=why)
        if route is not None and route.lost is not None:
            route.lost(work, row)
