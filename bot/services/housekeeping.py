"""Throwing away what is no longer needed: the retention rules."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from bot.services import login_throttle, understood
from bot.store.cases import OutageRider
from bot.store.database import Store
from bot.store.devices import PileEvent
from bot.store.diversion import Diversion
from bot.store.limits import forget_old
from bot.store.prediction import EvseDay
from bot.store.queues import Inbox, Outbox
from bot.store.riders import Media, WebLogin, WebSession
from bot.store.sensing import EvseSample, PileAlarm, SensorAlarm
from bot.store.staff import StaffSession

# Failed rows stay until staff have dealt with them.
QUEUES_KEPT = timedelta(days=30)
STAFF_SESSIONS_KEPT = timedelta(days=90)  # tells a known account from its very first login
SAMPLES_KEPT = timedelta(days=90)  # what sockets measured, by the minute
DAYS_KEPT = timedelta(days=1100)  # counters of sockets, which predictions are fitted to
PILE_EVENTS_KEPT = timedelta(days=400)  # a disputed bill is recomputed from these
ALARMS_KEPT = PILE_EVENTS_KEPT  # counted from their end


def tidy(store: Store) -> None:
    """Delete what is past its time; runs from the clock, harmless at any moment.

    Each table in a transaction of its own: on SQLite a writer holds up all others. Whatever is
    done was available before, which is what the inbox has an index for.
    """
    now = store.clock()
    queues, events = now - QUEUES_KEPT, now - PILE_EVENTS_KEPT
    for statement in (
        delete(Inbox).where(
            Inbox.state == "done", Inbox.available_at < queues, Inbox.done_at < queues
        ),
        delete(Outbox).where(Outbox.state.in_(("done", "dropped")), Outbox.done_at < queues),
        delete(OutageRider).where(OutageRider.at < queues),
        delete(Diversion).where(Diversion.at < events),
        delete(PileEvent).where(PileEvent.received_at < events),
        delete(EvseSample).where(EvseSample.minute < now - SAMPLES_KEPT),
        delete(PileAlarm).where(PileAlarm.cleared_at < now - ALARMS_KEPT),
        delete(SensorAlarm).where(SensorAlarm.cleared_at < now - ALARMS_KEPT),
        delete(EvseDay).where(EvseDay.day < (now - DAYS_KEPT).date()),
        delete(Media).where(Media.expires_at < now),
        delete(WebLogin).where(WebLogin.expires_at < now),
        delete(WebSession).where(WebSession.expires_at < now),
        delete(StaffSession).where(StaffSession.expires_at < now - STAFF_SESSIONS_KEPT),
    ):
        with store.begin() as work:
            work.session.execute(statement)
    with store.begin() as work:
        forget_old(work)
        login_throttle.tidy(work)
        understood.tidy(work)
