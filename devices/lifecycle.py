"""The life of a command to a pile as a pure function: standing × event → step.

    new --Due--> sent --Accepted--> accepted --Started--> confirmed (start only)
     |            |  \\--Rejected--> rejected      \\--Failed--> error
     |            |--Overdue, may repeat--> sent again, same ids
     |            \\--Overdue--> unknown --any answer--> accepted | rejected | error | confirmed
     |                            \\--Overdue--> timeout --later answer--> late, and undone
     \\--expired or pile offline--> expired

The bot is told every outcome. `late` says that a failure had been told before: whatever a start
still did then is stopped again, at nobody's cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

MAX_ATTEMPTS: Final = 3

OPEN: Final = frozenset({"new", "sent", "unknown"})  # something is still waited for
FAILED: Final = frozenset({"rejected", "error", "timeout", "expired"})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a command stands; `refusal` is a no that is in doubt (see `_refused`)."""

    kind: str
    state: str = "new"
    attempts: int = 0
    late: bool = False
    retry_safe: bool = True
    expired: bool = False  # expires_at has passed
    refusal: str | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A new command has its turn: no other CALL is in flight to its pile."""

    online: bool


@dataclass(frozen=True, slots=True)
class Overdue:
    """The current wait (for an answer, or in doubt) is over."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """CALLRESULT that says yes."""

    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """CALLRESULT that says no."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """CALLERROR, or a CALLRESULT that breaks the schema."""

    reason: str


@dataclass(frozen=True, slots=True)
class Started:
    """A TransactionEvent carries our remoteStartId."""

    transaction_id: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """GetTransactionStatus told whether an unanswered command was carried out."""

    happened: bool


Event = Due | Overdue | Accepted | Rejected | Failed | Started | Reconciled


@dataclass(frozen=True, slots=True)
class Step:
    """What an event leads to: the new standing and what is to be done."""

    standing: Standing
    publish: bool = False  # send the CALL
    wait: str | None = None  # "answer", "hold" or "doubt": until when the state may last
    report: str | None = None  # outcome to tell the bot
    reason: str | None = None
    stop: str | None = None  # transaction to stop again


def advance(now: Standing, event: Event) -> Step | None:
    """The step that `event` leads to; None when it changes nothing (a repeat, an old story)."""
    match event:
        case Due(online):
            return _due(now, online) if now.state == "new" else None
        case Overdue():
            return _overdue(now)
        case Accepted(transaction_id):
            return _accepted(now, transaction_id)
        case Rejected(reason):
            return _refused(now, "rejected", reason)
        case Failed(reason):
            return _refused(now, "error", reason)
        case Started(transaction_id):
            return _started(now, transaction_id)
        case Reconciled(happened):
            return _reconciled(now, happened)


def _due(now: Standing, online: bool) -> Step:
    if now.expired:
        return _fail(now, "expired", "expired before it could be sent")
    if not online:
        return Step(replace(now, state="expired"), report="offline", reason="pile is offline")
    return _send(now)


def _send(now: Standing) -> Step:
    sent = replace(now, state="sent", attempts=now.attempts + 1, refusal=None)
    return Step(sent, publish=True, wait="answer")


def _overdue(now: Standing) -> Step | None:
    if now.state == "sent":
        if now.retry_safe and now.attempts < MAX_ATTEMPTS and not now.expired:
            return _send(now)
        why = f"no answer to {now.attempts} tries"
        return Step(replace(now, state="unknown"), wait="hold", report="unknown", reason=why)
    if now.state == "unknown":
        if now.refusal is not None:
            return _fail(now, "rejected", now.refusal)
        return _fail(now, "timeout", "no answer in time")
    return None


def _accepted(now: Standing, transaction_id: str | None) -> Step | None:
    if now.state in {"new", "accepted", "confirmed"}:
        return None
    late = now.late or now.state in FAILED
    accepted = replace(
        now, state="accepted", late=late, refusal=None, transaction_id=transaction_id
    )
    stop = transaction_id if late and now.kind == "start" else None
    return Step(accepted, report="accepted", stop=stop)


def _refused(now: Standing, state: str, reason: str) -> Step | None:
    if now.state not in {"sent", "unknown"}:
        return None
    if now.kind == "start" and now.attempts > 1:
        # A pile that forgets message ids rejects the second try because the first one runs:
        # its Started event, not this answer, is the truth. Give it a moment.
        doubt = replace(now, state="unknown", refusal=reason)
        told = None if now.state == "unknown" else "unknown"
        return Step(doubt, wait="doubt", report=told, reason=reason)
    return _fail(now, state, reason)


def _started(now: Standing, transaction_id: str) -> Step | None:
    if now.kind != "start" or now.state == "new":
        return None
    if now.state == "confirmed":
        # The same order carried out twice: the second transaction is nobody's.
        twice = now.transaction_id != transaction_id
        return Step(now, stop=transaction_id) if twice else None
    late = now.late or now.state in FAILED
    confirmed = replace(
        now, state="confirmed", late=late, refusal=None, transaction_id=transaction_id
    )
    return Step(confirmed, report="confirmed", stop=transaction_id if late else None)


def _reconciled(now: Standing, happened: bool) -> Step | None:
    if now.state != "unknown":
        return None
    if happened:
        return Step(replace(now, state="accepted", refusal=None), report="accepted")
    if now.retry_safe and not now.expired:
        return _send(now)
    return _fail(now, "timeout", "the pile did not carry it out")


def _fail(now: Standing, state: str, reason: str) -> Step:
    return Step(replace(now, state=state, refusal=None), report=state, reason=reason)
