"""Renews the lease of a row while the network is waited for, so that leases can be short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import structlog

from bot.store.database import Store, UnitOfWork

log = structlog.get_logger()

RENEW_S = 3.0  # a lease (10 s) outlives two renewals that fail


@contextmanager
def kept(
    store: Store, renew: Callable[[UnitOfWork], bool], every_s: float = RENEW_S
) -> Iterator[None]:
    """Call `renew` now and then until the block ends or it answers False (somebody else has it).

    After the block nothing is renewed any more: the lease is the one the row then shows.
    """
    done = Event()

    def keep() -> None:
        held = True
        while held and not done.wait(every_s):
            try:
                with store.begin() as work:
                    held = renew(work)
            except Exception:
                log.exception("lease_not_renewed")  # the next one may be

    keeper = Thread(target=keep, daemon=True, name="lease")
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()
