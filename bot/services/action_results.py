"""What became of what staff asked for: answers of piles and of the payment provider."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from bot.domain.money import Money
from bot.domain.session import SessionFacts
from bot.domain.staff_actions import KINDS, plain
from bot.replies import Say, Value
from bot.services import alarms, disputes, marks, refund_words, site_news
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store import inbox
from bot.store.charging import ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.devices import Command
from bot.store.stations import Evse, Pile

REPORT_WITHIN: Final = timedelta(minutes=10)  # a pile that said yes shows it within this
_RESTARTS: Final = ("soft_restart", "hard_restart")
_SERVICE: Final = {"out_of_service": False, "in_service": True}
_SOCKET: Final = {"socket_out": False, "socket_in": True}
_WHY: Final = {
    "rejected": "The pile refused", "error": "The pile answered with an error",
    "timeout": "The pile did not answer", "expired": "The pile could not be told in time",
    "offline": "The pile is out of contact",
}  # fmt: skip


def finish(work: UnitOfWork, action: StaffAction, state: str, outcome: str) -> None:
    """An action came to its end, "done" or "failed"; the conversation gets a line."""
    if action.state == state:
        return
    action.state, action.outcome = state, outcome
    if action.conversation_id is not None:
        label = KINDS[action.kind].label
        marks.mark(
            work, action.conversation_id, "action",
            f"{label}: {'done' if state == 'done' else 'failed'}. {outcome}",
            body={"action_id": action.id, "state": state}, key=f"action:{action.id}:{state}",
        )  # fmt: skip


def command_answered(work: UnitOfWork, command: Command, body: Mapping[str, Any]) -> None:
    """Inbox kind "command.result": the pile took an order of staff, or did not."""
    action = _of_command(work, command)
    if action is None or action.kind == "stop":  # a stop ends with its transaction
        return
    outcome = str(body["outcome"])
    if outcome == "unknown":
        action.outcome = "The pile has not answered yet"
    elif outcome == "accepted":
        _accepted(work, action, scheduled=(command.answer or {}).get("status") == "Scheduled")
    elif outcome in _WHY:
        _refused(work, action, outcome, str(body.get("reason") or ""))


def _accepted(work: UnitOfWork, action: StaffAction, *, scheduled: bool) -> None:
    if action.state == "done":  # its effect was heard before its answer
        return
    action.state = "running"  # also after a time-out: the answer came late
    if action.kind == "unlock":
        finish(work, action, "done", "The connector is unlocked.")
        return
    action.outcome = "Accepted, waiting for a charge to end" if scheduled else "Accepted"
    pile = work.session.get_one(Pile, action.pile_id)
    if action.kind in _SERVICE or action.kind in _SOCKET:
        _serves(work, action, pile)
    elif action.kind in _RESTARTS and pile.booted_at and pile.booted_at >= action.asked_at:
        finish(work, action, "done", "The pile has restarted.")
    if action.state == "running" and not scheduled:
        _look_later(work, action)


def _serves(work: UnitOfWork, action: StaffAction, pile: Pile) -> None:
    """The pile has said yes: from now on it, or one socket, is offered or is not."""
    if action.kind in _SERVICE:
        pile.in_service = _SERVICE[action.kind]
        pile.out_action_id = None if pile.in_service else action.id
        evse = None
    else:
        evse = work.session.get_one(Evse, int(action.body["evse_id"]))
        evse.in_service = _SOCKET[action.kind]
    # The calendar puts back by itself (bot/services/visits.py), also where nobody came.
    by_calendar = ":visit:" in action.key
    if action.kind in ("in_service", "socket_in") and not by_calendar:
        alarms.looked_at(work, pile, evse)
    site_news.changed(work, pile.station_id)
    work.session.flush()
    pile_reported(work, pile.id)


def _refused(work: UnitOfWork, action: StaffAction, outcome: str, reason: str) -> None:
    told = _WHY[outcome] + (f" ({reason})." if reason and outcome in {"rejected", "error"} else ".")
    if action.kind in {"out_of_service", "socket_out"}:
        if outcome in {"offline", "expired"}:  # told at its next greeting: devices/commands.py
            action.outcome = f"{told} Riders are not offered it; it is told when it is back."
            return
        told += " Riders are not offered it all the same."
    finish(work, action, "failed", told)


def stop_failed(work: UnitOfWork, session: ChargingSession, reason: str, *, final: bool) -> None:
    """A try to stop came to nothing; `final`: no other follows by itself."""
    for action in _running(work, StaffAction.session_id == session.id, "stop"):
        why = reason or "no answer"
        if final:
            told = f"The pile does not stop ({why}). Go there, or switch it off."
            finish(work, action, "failed", told)
        else:
            action.outcome = f"The pile did not stop yet ({why}); it is told again"


def booted(work: UnitOfWork, pile_id: str) -> None:
    """A pile has started up; devices/answers.py hears it."""
    for action in _running(work, StaffAction.pile_id == pile_id, *_RESTARTS):
        command = work.session.get(Command, action.command_id)
        if command is not None and command.state != "new":
            finish(work, action, "done", "The pile has restarted.")


def pile_reported(work: UnitOfWork, pile_id: str) -> None:
    """A connector's state changed: what was to go out of service, or into it, may have."""
    running = _running(work, StaffAction.pile_id == pile_id, *_SERVICE, *_SOCKET)
    if not running:
        return
    rows = select(Evse.id, Evse.status).where(Evse.pile_id == pile_id)
    told = dict(work.session.execute(rows).all())
    for action in running:
        command = work.session.get(Command, action.command_id)
        heard = command is not None and command.state == "accepted"
        one = action.kind in _SOCKET
        statuses = {told.get(int(action.body["evse_id"]), "")} if one else set(told.values())
        out = action.kind in {"out_of_service", "socket_out"}
        if out and statuses <= {"Unavailable", "Faulted"}:
            what = "The connector is" if one else "All connectors are"
            finish(work, action, "done", f"{what} out of service.")
        elif not out and heard and "Unavailable" not in statuses:
            what = "The connector is" if one else "The connectors are"
            finish(work, action, "done", f"{what} in service.")


def refund_settled(work: UnitOfWork, refund: Refund, *, reason: str = "") -> None:
    """The payment provider has given the money back, or has not."""
    action = work.session.scalars(
        select(StaffAction).where(StaffAction.refund_id == refund.id)
    ).first()
    if action is None:
        return
    amount = Money(refund.amount_minor, refund.currency)
    if refund.state == "failed":
        why = f"The payment provider refused it ({reason or 'no reason given'})."
        finish(work, action, "failed", why)
        disputes.action_ended(work, action)
        return
    if refund.state != "done" or action.state == "done":
        return
    finish(work, action, "done", f"{plain(amount)} is on its way.")
    request = disputes.action_ended(work, action)
    why_ = Say("Our team has decided so.")
    if action.kind == "waive_idle":
        why_ = Say("The fee for staying plugged in is waived.")
    if request is not None:
        values: dict[str, Value] = {
            "code": disputes.code(request), "text": request.explanation,
        }  # fmt: skip
        why_ = Say("Your request {code} is granted: “{text}”", values)
    hold = work.session.get_one(Hold, refund.hold_id)
    said = refund_words.told(work, refund, why_)
    tell_rider(work, hold.rider_id, said, key=f"refund:{refund.id}:told")


def session_moved(
    work: UnitOfWork, session: ChargingSession, before: SessionFacts, now: SessionFacts
) -> None:
    """A session lived through something: what staff wanted of it may have come true, or not."""
    if before.owed and not now.owed:
        _finish_all(work, session, "stop", "done", "The pile has stopped.", also="failed")
    if now.started_at is not None and before.started_at is None:
        _finish_all(work, session, "start", "done", "Energy flows.")
    if now.state == before.state and now.hold == before.hold:
        return
    if now.state in {"releasing", "void", "failed"} and now.started_at is None:
        _finish_all(work, session, "start", "failed", "The charge did not start.")
    elif now.state == "settled":
        _finish_all(work, session, "payment_link", "done", "Paid.")
    elif now.state == "debt" and now.hold in {"failed", "expired", "void", "held"}:
        _finish_all(work, session, "payment_link", "failed", "The payment did not come.")
    elif now.state == "debt" and now.hold == "waiting":
        for action in _running(work, StaffAction.session_id == session.id, "payment_link"):
            action.outcome = "The rider has the link to the payment page"


def _finish_all(
    work: UnitOfWork,
    session: ChargingSession,
    kind: str,
    state: str,
    outcome: str,
    also: str = "running",
) -> None:
    """`also`: actions in this state are taken up again, for a pile may obey late."""
    for action in _running(work, StaffAction.session_id == session.id, kind, also=also):
        finish(work, action, state, outcome)


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "action.timer": what a pile accepted should show by now."""
    action = work.session.get(StaffAction, int(body["action_id"]))
    if action is not None and action.state == "running":
        finish(work, action, "failed", "The pile said yes, but shows no sign of having done it.")


def _look_later(work: UnitOfWork, action: StaffAction) -> None:
    inbox.put(
        work,
        source="timer",
        source_id=f"action:{action.id}",
        stream=f"pile:{action.pile_id}",
        kind="action.timer",
        body={"action_id": action.id},
        available_at=work.now + REPORT_WITHIN,
    )


def _of_command(work: UnitOfWork, command: Command) -> StaffAction | None:
    known = select(StaffAction).where(StaffAction.command_id == command.id)
    return work.session.scalars(known).first()


def _running(work: UnitOfWork, where: Any, *kinds: str, also: str = "running") -> list[StaffAction]:
    statement = select(StaffAction).where(
        where, StaffAction.state.in_(("running", also)), StaffAction.kind.in_(kinds)
    )
    return list(work.session.scalars(statement.order_by(StaffAction.id)))
