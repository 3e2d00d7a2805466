"""From a batch of MQTT messages to rows: decode, validate, store once, answer after the commit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import select

from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.devices import PileEvent
from bot.store.stations import Pile
from bot.store.upsert import insert
from devices import frames, topics
from devices.answers import ANSWERS, TRANSIENT, Memory, Report, boot_answer
from devices.commands import Commands, Publishing
from devices.frames import Call, Error, FrameError, Result, Send
from devices.presence import Presence
from devices.readings import moment

log = structlog.get_logger()

_RAW_KEPT: Final = 4000  # characters of a broken message kept for whoever looks into it
_MAX_SEQ_NO: Final = 2**31
_FRAMES_OF: Final[dict[str, tuple[type, ...]]] = {
    topics.CALL: (Call,),
    topics.RESULT: (Result, Error),
    topics.SEND: (Send,),
}


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message from the pile side, as it came in."""

    topic: str
    payload: bytes
    retained: bool
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message that made sense: `frame` is None for availability ("conn")."""

    message: Message
    pile_id: str
    frame: frames.Frame | None
    key: str = ""  # of the PileEvent that a CALL is stored as


@dataclass(frozen=True, slots=True)
class Broken:
    """A message that made none: it is kept raw, acknowledged, and answered where possible."""

    message: Message
    pile_id: str
    error: FrameError


class Ingest:
    """Turns batches into rows; what it remembers between them may be lost."""

    def __init__(self, settings: Settings, commands: Commands, presence: Presence) -> None:
        self._settings = settings
        self._commands = commands
        self._presence = presence
        self._memory = Memory()

    def forget(self) -> None:
        """A batch was rolled back: what was remembered of it is not true."""
        self._memory = Memory()

    def process(self, work: UnitOfWork, batch: Sequence[Message]) -> list[Publishing]:
        """Write a batch in one transaction; returns what to publish after the commit."""
        items = [item for item in map(decode, batch) if item is not None]
        piles = self._piles(work, items)
        fresh = _store(work, items, piles)
        out: list[Publishing] = []
        for item in items:
            pile = piles.get(item.pile_id)
            if pile is None:
                out += _stranger(item, self._settings.heartbeat_s)
                continue
            out += self._serve(work, pile, item, fresh)
        return out

    def set_aside(self, work: UnitOfWork, message: Message, error: Exception) -> list[Publishing]:
        """Keep a message that made `process` fail, so that the rest can go on."""
        item = decode(message)
        if item is None:
            return []
        why = FrameError("InternalError", f"{type(error).__name__}: {error}"[:200])
        broken = Broken(message, item.pile_id, why)
        _store(work, [broken], self._piles(work, [broken]))
        return _refusal(item.pile_id, FrameError("InternalError", "could not be stored"), item)

    def _serve(
        self, work: UnitOfWork, pile: Pile, item: Decoded | Broken, fresh: set[tuple[str, str]]
    ) -> list[Publishing]:
        at, retained = item.message.received_at, item.message.retained
        if isinstance(item, Broken):
            return _refusal(item.pile_id, item.error, item)
        if item.frame is not None and not retained:
            self._presence.heard(work, pile, at)
        match item.frame:
            case Call() as call:
                new = (pile.id, item.key) in fresh
                fresh.discard((pile.id, item.key))
                return self._answer(work, pile, item, call, new=new)
            case Result() | Error() as answer:
                return self._commands.answered(work, pile.id, answer)
            case Send():
                return []  # live telemetry: that it came is all we use of it
            case None:
                payload = item.message.payload
                if self._presence.told(work, pile, payload, at, retained=retained):
                    self._commands.connected(work, pile.id, pile.conn)
                return []

    def _answer(
        self, work: UnitOfWork, pile: Pile, item: Decoded, call: Call, *, new: bool
    ) -> list[Publishing]:
        report = Report(
            work=work,
            settings=self._settings,
            commands=self._commands,
            memory=self._memory,
            pile=pile,
            payload=call.payload,
            key=item.key,
            new=new,
            received_at=item.message.received_at,
        )
        payload = ANSWERS[call.action](report)
        frames.check_response(call.action, payload)
        answer = frames.write(Result(call.message_id, payload))
        return [Publishing(topics.down(pile.id, topics.RESULT), answer), *report.out]

    @staticmethod
    def _piles(work: UnitOfWork, items: Sequence[Decoded | Broken]) -> dict[str, Pile]:
        ids = {item.pile_id for item in items}
        rows = work.session.scalars(select(Pile).where(Pile.id.in_(ids)))
        return {pile.id: pile for pile in rows}


def decode(message: Message) -> Decoded | Broken | None:
    """Parse and validate one message; None for a topic that is none of ours."""
    where = topics.parse_up(message.topic)
    if where is None:
        return None
    if where.channel == topics.CONN:
        return Decoded(message, where.pile_id, None)
    try:
        frame = frames.parse(message.payload)
        if not isinstance(frame, _FRAMES_OF[where.channel]):
            raise FrameError("RpcFrameworkError", f"wrong kind of frame for /{where.channel}")
        key = _accept(frame, message) if isinstance(frame, Call) else ""
        return Decoded(message, where.pile_id, frame, key)
    except FrameError as error:
        return Broken(message, where.pile_id, error)


def _accept(call: Call, message: Message) -> str:
    """Check a CALL against its schema; returns the key that it is stored under."""
    frames.check_request(call.action, call.payload, call.message_id)
    if call.action not in ANSWERS:
        raise FrameError("NotSupported", f"{call.action} is not for us", call.message_id)
    try:
        _check_times(call.payload)
    except FrameError as error:
        raise FrameError(error.code, error.why, call.message_id) from None
    if call.action != "TransactionEvent":
        digest = hashlib.sha256(message.payload).hexdigest()[:16]
        return f"{call.message_id}:{digest}"
    sequence = call.payload["seqNo"]
    if not 0 <= sequence < _MAX_SEQ_NO:
        why = "seqNo is out of range"
        raise FrameError("PropertyConstraintViolation", why, call.message_id)
    return f"{call.payload['transactionInfo']['transactionId']}:{sequence}"


def _check_times(payload: dict[str, Any]) -> None:
    """Schemas know how a time is written, not that there is no 30 February."""
    parts = [payload, *payload.get("eventData", []), *payload.get("meterValue", [])]
    for part in parts:
        for name in ("timestamp", "generatedAt"):
            if name in part:
                moment(part[name])


def _store(
    work: UnitOfWork, items: Sequence[Decoded | Broken], piles: dict[str, Pile]
) -> set[tuple[str, str]]:
    """Keep what known piles say; returns the (pile, key) that were not known before."""
    rows = [
        row for item in items if item.pile_id in piles and (row := _event_row(item)) is not None
    ]
    if not rows:
        return set()
    statement = (
        insert(work, PileEvent)
        .on_conflict_do_nothing(index_elements=["pile_id", "key"])
        .returning(PileEvent.pile_id, PileEvent.key)
    )
    return {(row.pile_id, row.key) for row in work.session.execute(statement, rows)}


def _event_row(item: Decoded | Broken) -> dict[str, Any] | None:
    base = {"pile_id": item.pile_id, "received_at": item.message.received_at, "device_at": None}
    if isinstance(item, Broken):
        raw = item.message.payload
        key = f"broken:{hashlib.sha256(raw).hexdigest()[:32]}"
        text = raw[:_RAW_KEPT].decode("utf-8", "backslashreplace").replace("\0", "\\0")
        body = {"raw": text, "error": str(item.error)[:500], "topic": item.message.topic}
        return {**base, "key": key, "action": "broken", "body": body}
    if not isinstance(item.frame, Call) or item.frame.action in TRANSIENT:
        return None
    return {
        **base,
        "key": item.key,
        "action": item.frame.action,
        "body": item.frame.payload,
        "device_at": _device_at(item.frame.payload),
    }


def _device_at(payload: dict[str, Any]) -> datetime | None:
    text = payload.get("timestamp", payload.get("generatedAt"))
    return moment(text) if isinstance(text, str) else None


def _stranger(item: Decoded | Broken, interval_s: int) -> list[Publishing]:
    """A pile the broker let in but the database does not know."""
    if isinstance(item, Broken) or not isinstance(item.frame, Call):
        return []
    call = item.frame
    answer: frames.Frame
    if call.action == "BootNotification":
        payload = boot_answer("Rejected", item.message.received_at, interval_s)
        answer = Result(call.message_id, payload)
    else:
        answer = Error(call.message_id, "SecurityError", "this pile is not known")
    return [Publishing(topics.down(item.pile_id, topics.RESULT), frames.write(answer))]


def _refusal(pile_id: str, error: FrameError, item: Decoded | Broken) -> list[Publishing]:
    log.warning("pile_frame_refused", pile=pile_id, error=str(error)[:300])
    message_id = error.message_id
    if message_id is None and isinstance(item, Decoded) and isinstance(item.frame, Call):
        message_id = item.frame.message_id
    if message_id is None:
        return []
    answer = frames.write(Error(message_id, error.code, error.why[:255]))
    return [Publishing(topics.down(pile_id, topics.RESULT), answer)]
