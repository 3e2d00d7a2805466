"""Test charges of staff: no rider, no price; a socket passes when energy has flowed and stopped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from bot.errors import PilebotError
from bot.services import audit, piles
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store import inbox
from bot.store.changes import touched
from bot.store.charging import ChargingSession
from bot.store.database import ALONE, UnitOfWork
from bot.store.devices import Command
from bot.store.pile_setup import SocketTest
from bot.store.stations import Evse

TIMER: Final = "socket_test.timer"
WITHIN: Final = timedelta(minutes=3)  # to plug in, and for the first energy to be metered
FORGOTTEN: Final = timedelta(minutes=6)  # after a start, and a stop that nothing came of
ENOUGH_WH: Final = 1
_TTL_S: Final = 60
_LIVE: Final = ("starting", "running", "stopping")
_NO: Final[Mapping[str, str]] = {
    "rejected": "The pile refused", "error": "The pile answered with an error",
    "timeout": "The pile did not answer", "expired": "The pile could not be told in time",
    "offline": "The pile is out of contact",
}  # fmt: skip


class NotPossible(PilebotError):
    """A socket cannot be tested now; the message says why, for staff."""


def start(work: UnitOfWork, actor: Actor, evse: Evse) -> SocketTest:
    """Order a test charge; while one runs it is returned. The caller checks that no rider may come
    to this pile. Raises NotPossible: out of contact, a fault, a charge."""
    work.session.get_one(Evse, evse.id, with_for_update=ALONE)
    running = _running(work, evse.id)
    if running is not None and work.now - running.asked_at < FORGOTTEN:
        return running
    if running is not None:  # the pile has lost it, by a restart in the middle
        _over(work, running, "It was never heard to end.")
    if not evse.pile.online:
        raise NotPossible("The pile is not connected, so it cannot be told to start.")
    if evse.status in ("Faulted", "Unavailable"):
        raise NotPossible(f"Socket {evse.number} says {evse.status}. Clear that first.")
    charge = select(ChargingSession.id).where(
        ChargingSession.evse_id == evse.id, ChargingSession.open
    )
    if work.session.scalars(charge).first() is not None:
        raise NotPossible(f"Somebody charges at socket {evse.number}.")
    test = SocketTest(
        evse_id=evse.id, state="starting", asked_by=actor.staff_id, asked_at=work.now, energy_wh=0
    )
    work.session.add(test)
    work.session.flush()
    test.command_id = piles.command(
        work, key=f"test-start:{test.id}", pile_id=evse.pile_id, kind="start",
        evse_number=evse.number, body={"id_token": f"test:{test.id}"}, ttl_s=_TTL_S,
    ).id  # fmt: skip
    inbox.put(
        work, source="timer", source_id=f"socket_test:{test.id}", stream=f"pile:{evse.pile_id}",
        kind=TIMER, body={"test_id": test.id}, available_at=work.now + WITHIN,
    )  # fmt: skip
    audit.record(work, actor, "socket_test", f"evse:{evse.id}", after={"test": test.id})
    touched(work, f"pile:{evse.pile_id}")
    return test


def _running(work: UnitOfWork, evse_id: int) -> SocketTest | None:
    live = select(SocketTest).where(SocketTest.evse_id == evse_id, SocketTest.state.in_(_LIVE))
    return work.session.scalars(live).first()


def latest(work: UnitOfWork, evse_id: int) -> SocketTest | None:
    """The newest test of a socket."""
    rows = select(SocketTest).where(SocketTest.evse_id == evse_id).order_by(SocketTest.id.desc())
    return work.session.scalars(rows.limit(1)).first()


def heard(work: UnitOfWork, body: Mapping[str, Any]) -> bool:
    """Whether a transaction that no rider's session has (TransactionFact) is a test's; what it
    tells is taken."""
    test = _of(work, body)
    if test is None:
        return False
    test.transaction_id = str(body["transaction_id"])
    registers = [int(each["wh"]) for each in body["readings"]]
    if registers and test.start_wh is None:
        test.start_wh = registers[0]
    if registers and test.start_wh is not None:
        test.energy_wh = max(test.energy_wh, max(registers) - test.start_wh)
    if body["event"] == "Ended":
        reason = body.get("stopped_reason") or "no reason"
        passed = test.energy_wh >= ENOUGH_WH
        _over(work, test, "" if passed else test.why or f"It ended without energy: {reason}.")
    elif test.state == "starting":
        test.state = "running"
    if test.state == "running" and test.energy_wh >= ENOUGH_WH:
        _stop(work, test)
    touched(work, f"pile:{body['pile_id']}")
    return True


def _of(work: UnitOfWork, body: Mapping[str, Any]) -> SocketTest | None:
    by_order = select(SocketTest).where(SocketTest.command_id == (body.get("remote_start_id") or 0))
    by_id = (
        select(SocketTest)
        .where(SocketTest.transaction_id == str(body["transaction_id"]))
        .order_by(SocketTest.id.desc())
    )
    for query in (by_order, by_id):
        found = query.join(Evse, Evse.id == SocketTest.evse_id).where(
            Evse.pile_id == body["pile_id"]
        )
        test = work.session.scalars(found).first()
        if test is not None:
            return test
    return None


def answered(work: UnitOfWork, command: Command, body: Mapping[str, Any]) -> None:
    """Inbox kind "command.result": the pile took the start or the stop of a test, or did not."""
    kind, _, number = command.key.partition(":")
    outcome = str(body["outcome"])
    if kind not in ("test-start", "test-stop") or outcome not in _NO:
        return
    test = work.session.get_one(SocketTest, int(number))
    reason = str(body.get("reason") or "")
    why = _NO[outcome] + (f": {reason}." if reason else ".")
    if kind == "test-start" and test.state == "starting":
        _over(work, test, why)
    elif kind == "test-stop" and test.state == "stopping":
        test.why = f"{why} Press stop at the pile or unplug."
    touched(work, f"pile:{command.pile_id}")


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "socket_test.timer": no energy came in time."""
    test = work.session.get_one(SocketTest, int(body["test_id"]))
    if test.state == "starting":
        _over(work, test, "Nothing was plugged in within 3 minutes.")
    elif test.state == "running":
        test.why = "No energy flowed within 3 minutes."
        _stop(work, test)
    touched(work, f"pile:{work.session.get_one(Evse, test.evse_id).pile_id}")


def _stop(work: UnitOfWork, test: SocketTest) -> None:
    test.state = "stopping"
    evse = work.session.get_one(Evse, test.evse_id)
    piles.command(
        work, key=f"test-stop:{test.id}", pile_id=evse.pile_id, kind="stop",
        evse_number=evse.number, body={"transaction_id": test.transaction_id}, ttl_s=_TTL_S,
    )  # fmt: skip


def _over(work: UnitOfWork, test: SocketTest, why: str) -> None:
    """A test is over: passed without a reason, else failed. A late word changes nothing."""
    if test.state in _LIVE:
        test.state = "failed" if why else "passed"
        test.why, test.over_at = why, work.now
