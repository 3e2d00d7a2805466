"""The line between a simulated pile and the broker: connect again for ever, one CALL in flight."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import uuid
from typing import Final

import structlog

from devices import frames, topics
from devices.simulator.evse import iso, now
from devices.simulator.mqtt import Connection, Login
from devices.simulator.pile import Outgoing, Pile
from devices.simulator.remote import Job

log = structlog.get_logger()

ANSWER_S: Final = 5.0  # a CALL without an answer is told again after this
LATE_S: Final = 8.0
REPLIES: Final = ("ok", "lost", "late", "double")


class Line:
    """`run` serves until it is cancelled; the rest is what people and bad luck do to the line."""

    def __init__(self, pile: Pile, mqtt_url: str, *, heartbeat_s: float | None = None) -> None:
        self.pile = pile
        self.replies = "ok"
        self.late_s = LATE_S
        self.silent = False
        self._url = mqtt_url
        self._heartbeat_s = heartbeat_s
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._more = asyncio.Event()
        self._answered = asyncio.Event()
        self._connection: Connection | None = None
        self._jobs: set[asyncio.Task[None]] = set()
        pile.on_more = self._more.set
        pile.on_reboot = self._drop

    @property
    def _every_s(self) -> float:
        told = self.pile.remote.values.get("OCPPCommCtrlr.HeartbeatInterval")
        return float(told) if told else self._heartbeat_s or self.pile.heartbeat_s

    def cut(self) -> None:
        """The line breaks; the broker tells the last will."""
        self._wanted.clear()
        self._drop()

    def mute(self) -> None:
        """The line stays up but nothing gets through in either direction."""
        self.silent = True

    def restore(self) -> None:
        """The line works again."""
        if self.silent:
            self.silent = False
            self._drop()
        self._wanted.set()

    async def run(self) -> None:
        """Connect, serve, and connect again."""
        delay_s = 0.2
        while True:
            await self._wanted.wait()
            try:
                await self._serve()
                delay_s = 0.2
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                log.debug("pile_cannot_connect", pile=self.pile.spec.pile_id, error=str(error))
                delay_s = min(delay_s * 2, 5.0)
            except Exception:
                log.exception("pile_fell_over", pile=self.pile.spec.pile_id)
            # Spread out: a broker that comes back is not to be met by all at once.
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.5))  # noqa: S311 - not a secret

    async def _serve(self) -> None:
        pile_id, conn = self.pile.spec.pile_id, uuid.uuid4().hex[:16]
        will = _availability("offline", conn, self.pile.remote.firmware)
        login = Login(pile_id, self.pile.spec.secret, topics.up(pile_id, topics.CONN), will)
        connection = await Connection.open(self._url, login)
        self._connection = connection
        try:
            await connection.subscribe(topics.all_down(pile_id))
            if not self._wanted.is_set():
                return  # cut while it was being built
            fw = self.pile.remote.firmware
            connection.publish(login.will_topic, _availability("online", conn, fw), retain=True)
            self.pile.connected()
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._send(connection))
                beating = tasks.create_task(self._beat())
                async for topic, payload in connection.messages():
                    if not self.silent:
                        self._take(connection, topic, payload)
                sending.cancel()
                beating.cancel()
        except* OSError:
            pass  # the line broke while something was told; it will be told again
        finally:
            connection.cut()
            self._connection = None
            self.pile.disconnected()

    async def _send(self, connection: Connection) -> None:
        while True:
            if not self.pile.outgoing:
                self._more.clear()
                await self._more.wait()
                continue
            head = self.pile.outgoing[0]
            self._answered.clear()
            if not self.silent:
                connection.publish(topics.up(self.pile.spec.pile_id, topics.CALL), _frame(head))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_S):
                    await self._answered.wait()
            if head.action == "BootNotification" and not self.pile.booted:
                await asyncio.sleep(ANSWER_S)  # not accepted (yet): ask again
                self.pile.connected()

    async def _beat(self) -> None:
        while True:
            spread, waited_s = random.uniform(0.9, 1.1), 0.0  # noqa: S311 - not a secret
            # The boot's answer may shorten the interval meanwhile.
            while (left := self._every_s * spread - waited_s) > 0:
                await asyncio.sleep(min(1.0, left))
                waited_s += 1.0
            self.pile.heartbeat()

    def _take(self, connection: Connection, topic: str, payload: bytes) -> None:
        try:
            frame = frames.parse(payload)
        except frames.FrameError as error:
            log.warning("frame_refused", pile=self.pile.spec.pile_id, topic=topic, error=str(error))
            return
        match frame:
            case frames.Call():
                self._reply(connection, frames.write(self.pile.take(frame)))
                self._start_jobs()
                if self.pile.reset_asked:
                    self.pile.reset_asked = False
                    asyncio.get_running_loop().call_later(0.5, self._drop)
            case frames.Result() | frames.Error():
                if self.pile.answered(frame):
                    self._answered.set()

    def _start_jobs(self) -> None:
        """What takes time runs beside the frames, and goes on when the line breaks."""
        while self.pile.remote.jobs:
            task = asyncio.ensure_future(self._job(self.pile.remote.jobs.pop(0)))
            self._jobs.add(task)
            task.add_done_callback(self._jobs.discard)

    async def _job(self, job: Job) -> None:
        try:
            await job()
        except Exception:
            log.exception("remote_work_fell_over", pile=self.pile.spec.pile_id)
        self.pile.touch()

    def _reply(self, connection: Connection, raw: bytes) -> None:
        topic = topics.up(self.pile.spec.pile_id, topics.RESULT)
        if self.replies == "late":
            asyncio.get_running_loop().call_later(self.late_s, self._reply_late, topic, raw)
            return
        for _ in range({"ok": 1, "double": 2, "lost": 0}[self.replies]):
            connection.publish(topic, raw)

    def _reply_late(self, topic: str, raw: bytes) -> None:
        if self._connection is not None and not self.silent:
            with contextlib.suppress(OSError):
                self._connection.publish(topic, raw)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.cut()


def _availability(state: str, conn: str, fw: str) -> bytes:
    said = {"state": state, "conn": conn, "proto": "ocpp2.0.1", "fw": fw, "ts": iso(now())}
    return json.dumps(said).encode()


def _frame(message: Outgoing) -> bytes:
    return frames.write(frames.Call(message.message_id, message.action, message.payload))
