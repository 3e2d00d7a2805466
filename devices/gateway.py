"""The process between broker and database: pile events in, commands out.

paho's thread queues; this thread drains up to 500 messages, writes them in one transaction,
acknowledges, answers, and serves due commands. PUBACK and CALLRESULT come after the commit, so a
crash at any point means that something is sent again, never that it is lost.
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from bot.settings import Settings
from bot.store.database import Store
from devices import wake
from devices.broker_logins import BrokerLogins
from devices.commands import Commands, Publishing, sign_of_life
from devices.ingest import Ingest
from devices.link import Delivery, Link
from devices.presence import Presence

log = structlog.get_logger()

BATCH: Final = 500
POLL_S: Final = 0.2  # commands are found this late when nobody wakes us
QUEUE_LIMIT: Final = 50_000  # messages; beyond it a message waits for its pile to repeat it
DATABASE_RETRY_S: Final = 1.0
LOGINS_S: Final = 2.0  # a pile that was added is let in by the broker this late


class Gateway:
    """`run` serves until `stop`; `wake` (any thread) says that a command waits in the outbox."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._store = store
        self._commands = Commands(settings)
        self._presence = Presence(settings)
        self._logins = BrokerLogins(settings)
        self._ingest = Ingest(settings, self._commands, self._presence)
        self._queue: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._link = Link(settings.mqtt_url, self._enqueue, store.clock)
        self._stopping = threading.Event()
        self._listening_since: datetime | None = None
        self._next_silence_check = self._next_logins = 0.0

    @property
    def ready(self) -> bool:
        """Connected to the broker and subscribed."""
        return self._link.ready

    def wake(self) -> None:
        """Look for commands now."""
        self._queue.put(None)

    def stop(self) -> None:
        """End `run` soon; safe from a signal handler."""
        self._stopping.set()
        self._queue.put(None)

    def run(self) -> None:
        """Serve until `stop` is called."""
        self._link.start()
        try:
            while not self._stopping.is_set():
                self.serve_once()
        finally:
            self._link.stop()

    def serve_once(self) -> None:
        """One turn: what came in, the commands that are due, who is silent, who may log in."""
        batch = self._drain()
        if batch:
            self._take(batch)
        self._guarded(self._serve_commands)
        if self._link.ready:
            self._listening_since = self._listening_since or self._store.clock()
        else:
            self._listening_since = None
        if time.monotonic() >= self._next_silence_check:
            self._next_silence_check = time.monotonic() + self._presence.look_every_s
            self._guarded(self._find_silent)
        if time.monotonic() >= self._next_logins:
            self._next_logins = time.monotonic() + LOGINS_S
            self._guarded(self._keep_logins)

    def _enqueue(self, delivery: Delivery) -> None:
        if self._queue.qsize() < QUEUE_LIMIT:
            self._queue.put(delivery)

    def _drain(self) -> list[Delivery]:
        batch: list[Delivery] = []
        try:
            first = self._queue.get(timeout=POLL_S)
            if first is not None:
                batch.append(first)
            while len(batch) < BATCH:
                each = self._queue.get_nowait()
                if each is not None:
                    batch.append(each)
        except queue.Empty:
            pass
        return batch

    def _take(self, batch: Sequence[Delivery]) -> None:
        """Write a batch, however long the database is away; then acknowledge and answer."""
        while True:
            try:
                with self._store.begin() as work:
                    out = self._ingest.process(work, [each.message for each in batch])
                break
            except (OperationalError, InterfaceError) as error:
                self._ingest.forget()
                log.error("database_away_batch_waits", messages=len(batch), error=str(error.orig))
                if self._stopping.wait(DATABASE_RETRY_S):
                    return
            except Exception as error:
                self._ingest.forget()
                if len(batch) == 1:
                    log.exception("message_cannot_be_stored", topic=batch[0].message.topic)
                    out = self._set_aside(batch[0], error)
                    break
                for each in batch:  # one of them is poison: the others must not suffer
                    self._take([each])
                return
        for each in batch:
            self._link.ack(each)
        self._publish(out)

    def _set_aside(self, delivery: Delivery, error: Exception) -> list[Publishing]:
        try:
            with self._store.begin() as work:
                return self._ingest.set_aside(work, delivery.message, error)
        except Exception:
            log.exception("message_dropped", topic=delivery.message.topic)
            return []

    def _serve_commands(self) -> None:
        with self._store.read() as work:
            if not self._commands.is_due(work):
                return
        connected = self._link.ready
        with self._store.begin() as work:
            out = self._commands.tick(work, connected=connected)
        self._publish(out)

    def _find_silent(self) -> None:
        since = self._listening_since
        if since is None or self._queue.qsize() > BATCH:  # what they said waits to be read
            return
        with self._store.begin() as work:
            self._presence.find_silent(work, listening_since=since)
            quiet = self._presence.find_quiet(work, listening_since=since)
        self._publish([sign_of_life(pile_id) for pile_id in quiet])

    def _keep_logins(self) -> None:
        with self._store.read() as work:
            try:
                self._logins.keep(work)
            except OSError as error:
                log.error("broker_logins_not_written", error=str(error))

    def _publish(self, out: Sequence[Publishing]) -> None:
        for each in out:
            if not self._link.publish(each.topic, each.payload):
                log.info("not_sent_broker_away", topic=each.topic)

    def _guarded(self, serve: Callable[[], None]) -> None:
        try:
            serve()
        except (OperationalError, InterfaceError) as error:
            log.error("database_away", error=str(error.orig))
            self._stopping.wait(DATABASE_RETRY_S)


def run(settings: Settings, store: Store) -> None:
    """The `piles` process: serve until SIGTERM or SIGINT."""
    gateway = Gateway(settings, store)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: gateway.stop())
    threading.Thread(
        target=wake.listen, args=(settings.redis_url, gateway.wake), daemon=True, name="wake"
    ).start()
    gateway.run()
