"""Relaying the outbox: claim an effect with a lease, deliver it, mark it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog

from bot.errors import GiveUp, TryAgain
from bot.jobs import leases
from bot.store import outbox
from bot.store.database import Store
from bot.store.queues import Outbox

log = structlog.get_logger()

MAX_ATTEMPTS = 12
BACK_OFF_S = (0.5, 1, 2, 5, 10, 20, 30, 60)
# A provider that is away is waited for: a receipt is worth having the next morning too.
PATIENCE = timedelta(hours=24)
# Then the worker looks after its other jobs (a rider's "stop"), and the clock calls it back.
TURN_S = 2.0

# Delivers (kind, key, body) outside any transaction; returns the state to close the row with.
Deliver = Callable[[str, Mapping[str, Any]], str]


def relay(
    store: Store, deliveries: Mapping[str, Deliver], lane: str, *, turn_s: float = TURN_S
) -> int:
    """Deliver due effects of a lane, oldest of each stream first; how many were closed.

    Nothing is begun after `turn_s`: while a provider hangs, each effect takes its whole time-out.
    """
    ends = time.monotonic() + turn_s
    closed = 0
    while time.monotonic() < ends:
        with store.begin() as work:
            row = outbox.claim(work, lane)
        if row is None:
            break
        with structlog.contextvars.bound_contextvars(
            stream=row.stream, outbox_id=row.id, kind=row.kind
        ):
            closed += _deliver(store, deliveries, row)
    return closed


def _deliver(store: Store, deliveries: Mapping[str, Deliver], row: Outbox) -> int:
    """1 when the row was closed, 0 when it waits for another try."""
    try:
        with leases.kept(store, lambda work: outbox.renew(work, row)):
            state, error = deliveries[row.kind](row.key, row.body), None
    except GiveUp as given_up:
        log.error("outbox_given_up", why=str(given_up))
        state, error = "failed", str(given_up)
    except Exception as failed:
        if not isinstance(failed, TryAgain):
            log.exception("outbox_failed", attempt=row.attempts)
        waits = isinstance(failed, TryAgain) and store.clock() - row.created_at < PATIENCE
        if waits or row.attempts < MAX_ATTEMPTS:
            _later(store, row, failed)
            return 0
        state, error = "failed", repr(failed)
    with store.begin() as work:
        outbox.finish(work, row, state=state, error=error)
    return 1


def _later(store: Store, row: Outbox, error: Exception) -> None:
    pause = BACK_OFF_S[min(row.attempts, len(BACK_OFF_S)) - 1]
    if isinstance(error, TryAgain) and error.after_s is not None:
        pause = max(pause, error.after_s)
    with store.begin() as work:
        outbox.postpone(work, row, until=work.now + timedelta(seconds=pause), error=str(error))
