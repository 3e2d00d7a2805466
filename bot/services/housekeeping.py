"""Throwing away what is no longer needed: the retention rules."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from bot.store.database import Store
from bot.store.devices import PileEvent
from bot.store.limits import forget_old
from bot.store.queues import Inbox, Outbox
from bot.store.riders import Media, WebLogin, WebSession

# Failed rows stay until staff have dealt with them.
QUEUES_KEPT = timedelta(days=30)
PILE_EVENTS_KEPT = timedelta(days=400)  # a disputed bill is recomputed from these


def tidy(store: Store) -> None:
    """Delete what is past its time; runs from the clock, harmless at any moment."""
    with store.begin() as work:
        now = work.now
        for statement in (
            delete(Inbox).where(Inbox.state == "done", Inbox.done_at < now - QUEUES_KEPT),
            delete(Outbox).where(
                Outbox.state.in_(("done", "dropped")), Outbox.done_at < now - QUEUES_KEPT
            ),
            delete(PileEvent).where(PileEvent.received_at < now - PILE_EVENTS_KEPT),
            delete(Media).where(Media.expires_at < now),
            delete(WebLogin).where(WebLogin.expires_at < now),
            delete(WebSession).where(WebSession.expires_at < now),
        ):
            work.session.execute(statement)
        forget_old(work)
