"""Commands to piles in the database: taking them from the outbox, sending, waiting, answering.

`devices.lifecycle` decides; this keeps its decisions in the Command rows and says what to publish.
The row is committed before the CALL goes out, so that after a crash every try is accounted for.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import exists, select

from bot.services import pile_setup, piles
from bot.settings import Settings
from bot.store import outbox
from bot.store.database import UnitOfWork
from bot.store.devices import Command
from bot.store.queues import Outbox
from bot.store.stations import Evse, Pile
from devices import actions, frames, lifecycle, topics

LANE: Final = "piles"
HOLD_S: Final = 60  # how long an unanswered command may still turn out well
DOUBT_S: Final = 10  # how long a refused second try may turn out to be running
STOP_TTL_S: Final = 300
TAKE: Final = 200  # rows a tick

_YES: Final = frozenset({"Accepted", "Scheduled", "Unlocked"})


@dataclass(frozen=True, slots=True)
class Publishing:
    """A frame to publish once the transaction is committed."""

    topic: str
    payload: bytes


class Commands:
    """The commands of all piles; holds nothing but its settings, the rows are the truth."""

    def __init__(self, settings: Settings) -> None:
        self._wait_s = {
            "answer": settings.command_timeout_s,
            "hold": HOLD_S,
            "doubt": DOUBT_S,
        }

    def is_due(self, work: UnitOfWork) -> bool:
        """Whether `tick` would find something to do: an idle gateway only reads."""
        open_effect = exists().where(
            Outbox.lane == LANE, Outbox.state == "open", Outbox.due_at <= work.now
        )
        due_command = exists().where(Command.state.in_(lifecycle.OPEN), Command.next_at <= work.now)
        return bool(work.session.scalar(select(open_effect | due_command)))

    def tick(self, work: UnitOfWork, *, connected: bool) -> list[Publishing]:
        """Serve every command whose wait is over; one CALL in flight per pile."""
        for _ in range(TAKE):
            effect = outbox.claim(work, LANE)
            if effect is None:
                break
            outbox.finish(work, effect)  # the Command row, due at once, carries it from here
        busy = set(work.session.scalars(select(Command.pile_id).where(Command.state == "sent")))
        due = work.session.scalars(
            select(Command)
            .where(Command.state.in_(lifecycle.OPEN), Command.next_at <= work.now)
            .order_by(Command.id)
            .limit(TAKE)
        ).all()
        online = _online(work, due)
        out: list[Publishing] = []
        for row in due:
            if row.state == "new":
                expired = row.expires_at <= work.now
                if not expired and (row.pile_id in busy or not connected):
                    continue
                out += self._apply(work, row, lifecycle.Due(online=row.pile_id in online))
            elif row.state == "sent" and not connected and row.expires_at > work.now:
                continue  # a try nobody can hear is no try
            else:
                out += self._apply(work, row, lifecycle.Overdue())
            if row.state == "sent":
                busy.add(row.pile_id)
            else:
                busy.discard(row.pile_id)
        return out

    def answered(
        self, work: UnitOfWork, pile_id: str, frame: frames.Result | frames.Error
    ) -> list[Publishing]:
        """A CALLRESULT or CALLERROR came from a pile; answers to nobody's CALL are ignored."""
        row = self._row(work, pile_id, actions.command_id(frame.message_id))
        if row is None:
            return []
        event, answer = _read_answer(row, frame)
        row.answered_at = row.answered_at or work.now
        row.answer = row.answer or answer
        out = self._apply(work, row, event)
        if row.kind == "get_transaction_status" and isinstance(event, lifecycle.Accepted):
            out += self._reconcile(work, row, answer)
        return out

    def started(
        self, work: UnitOfWork, pile_id: str, remote_start_id: int | None, transaction_id: str
    ) -> tuple[Command | None, list[Publishing]]:
        """A TransactionEvent told of a transaction; the start command behind it, if it is ours."""
        row = self._row(work, pile_id, remote_start_id)
        if row is None or row.kind != "start":
            return None, []
        return row, self._apply(work, row, lifecycle.Started(transaction_id))

    def connected(self, work: UnitOfWork, pile_id: str, conn: str) -> None:
        """A pile is back: ask it what became of the commands it never answered, and tell one that
        was taken out of service meanwhile to stay so."""
        out = not work.session.get_one(Pile, pile_id).in_service
        if out and not pile_setup.is_going_up(work, pile_id):  # that one is to be tested
            piles.command(
                work,
                key=f"out-of-service:{pile_id}:{conn}",
                pile_id=pile_id,
                kind="change_availability",
                body={"status": "Inoperative"},
                ttl_s=HOLD_S,
            )
        closed = select(Evse.number).where(Evse.pile_id == pile_id, ~Evse.in_service)
        for number in work.session.scalars(closed.order_by(Evse.number)):
            piles.command(
                work,
                key=f"out-of-service:{pile_id}:{number}:{conn}",
                pile_id=pile_id,
                evse_number=number,
                kind="change_availability",
                body={"status": "Inoperative"},
                ttl_s=HOLD_S,
            )
        rows = work.session.scalars(
            select(Command).where(
                Command.pile_id == pile_id,
                Command.state == "unknown",
                Command.kind.in_(("start", "stop")),
            )
        ).all()
        for row in rows:
            piles.command(
                work,
                key=f"reconcile:{row.id}:{conn}",
                pile_id=pile_id,
                kind="get_transaction_status",
                body={"transaction_id": row.body.get("transaction_id"), "about": row.id},
                ttl_s=HOLD_S,
            )

    def stop_unwanted(self, work: UnitOfWork, pile_id: str, transaction_id: str, key: str) -> None:
        """Stop a transaction nobody is to pay for: its start had been given up."""
        piles.command(
            work,
            key=f"unwanted:{pile_id}:{transaction_id}:{key}",
            pile_id=pile_id,
            kind="stop",
            body={"transaction_id": transaction_id},
            ttl_s=STOP_TTL_S,
        )

    def _row(self, work: UnitOfWork, pile_id: str, command_id: int | None) -> Command | None:
        if command_id is None or not 0 < command_id < 2**63:
            return None
        row = work.session.get(Command, command_id)
        # A pile can only answer for itself, whatever ids it puts into its frames.
        return row if row is not None and row.pile_id == pile_id else None

    def _apply(self, work: UnitOfWork, row: Command, event: lifecycle.Event) -> list[Publishing]:
        step = lifecycle.advance(_standing(work, row), event)
        if step is None:
            return []
        out: list[Publishing] = []
        if step.publish:
            try:
                out.append(_call(row))
            except (KeyError, frames.FrameError) as error:
                row.state, row.reason, row.next_at = "error", f"cannot be sent: {error}", None
                piles.report(work, row, "error", reason=row.reason)
                return []
        row.state, row.attempts = step.standing.state, step.standing.attempts
        row.late = step.standing.late
        row.reason = step.reason or row.reason
        row.next_at = work.now + timedelta(seconds=self._wait_s[step.wait]) if step.wait else None
        transaction_id = step.standing.transaction_id
        if transaction_id is not None:
            row.answer = {**(row.answer or {}), "transactionId": transaction_id}
        if step.report:
            piles.report(work, row, step.report, reason=step.reason, transaction_id=transaction_id)
        if step.stop:
            self.stop_unwanted(work, row.pile_id, step.stop, str(row.id))
        return out

    def _reconcile(
        self, work: UnitOfWork, asked: Command, answer: dict[str, Any]
    ) -> list[Publishing]:
        about = self._row(work, asked.pile_id, asked.body.get("about"))
        if about is None:
            return []
        if about.kind == "stop":
            if "ongoingIndicator" not in answer:
                return []
            happened = not answer["ongoingIndicator"]
            return self._apply(work, about, lifecycle.Reconciled(happened))
        if answer["messagesInQueue"]:
            return []  # its Started event may be among them
        return self._apply(work, about, lifecycle.Reconciled(happened=False))


def _online(work: UnitOfWork, due: Sequence[Command]) -> set[str]:
    ids = {row.pile_id for row in due if row.state == "new"}
    if not ids:
        return set()
    return set(work.session.scalars(select(Pile.id).where(Pile.id.in_(ids), Pile.online)))


def _call(row: Command) -> Publishing:
    payload = actions.payload(row)
    action = actions.ACTIONS[row.kind].message
    frames.check_request(action, payload)
    call = frames.Call(actions.message_id(row.id), action, payload)
    return Publishing(topics.down(row.pile_id, topics.CALL), frames.write(call))


def sign_of_life(pile_id: str) -> Publishing:
    """Asks a pile whether it is there. No row is kept and no answer waited for: whatever comes
    back, be it a CALLERROR, is heard like all that a pile says."""
    payload = {"requestedMessage": "Heartbeat"}
    frames.check_request("TriggerMessage", payload)
    call = frames.Call(f"alive-{uuid.uuid4().hex[:24]}", "TriggerMessage", payload)
    return Publishing(topics.down(pile_id, topics.CALL), frames.write(call))


def _standing(work: UnitOfWork, row: Command) -> lifecycle.Standing:
    action = actions.ACTIONS.get(row.kind)
    # Unknown with an answer kept: the answer was a no that is in doubt.
    refusal = row.reason if row.state == "unknown" and row.answer is not None else None
    return lifecycle.Standing(
        kind=row.kind,
        state=row.state,
        attempts=row.attempts,
        late=row.late,
        retry_safe=action is not None and action.retry_safe,
        expired=row.expires_at <= work.now,
        refusal=refusal,
        transaction_id=(row.answer or {}).get("transactionId"),
    )


def _read_answer(
    row: Command, frame: frames.Result | frames.Error
) -> tuple[lifecycle.Event, dict[str, Any]]:
    if isinstance(frame, frames.Error):
        answer = {"error": frame.code[:60], "description": frame.description[:255]}
        return lifecycle.Failed(frame.code[:60]), answer
    try:
        frames.check_response(actions.ACTIONS[row.kind].message, frame.payload)
    except (KeyError, frames.FrameError) as error:
        return lifecycle.Failed(f"bad answer: {error}"), {"error": "bad answer"}
    status = frame.payload.get("status", "Accepted")
    if status in _YES:
        return lifecycle.Accepted(frame.payload.get("transactionId")), frame.payload
    reason = frame.payload.get("statusInfo", {}).get("reasonCode") or status
    return lifecycle.Rejected(reason), frame.payload
