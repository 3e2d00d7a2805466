"""The session state machine: a pure, total function from facts and an event to facts and commands.

    holding ──held──► starting ──meter moves──► charging ◄──flow──► suspended
       │                 │                          └──────┬───────────┘
       │ refused         │ stop, no energy,                │ stop said by anybody, limit, fault
       ▼                 │ plug or start timeout           ▼
     failed              │                             stopping ──(ended by the pile: no stopping)
                         ▼                                 │ ended, or the pile is silent
                     releasing ◄── nothing delivered, ─────┤
                         │         or too small            ▼
                         ▼                              billing ──captured──► settled
                       void                                └──failed──► debt ──► settled

The hold has its own life beside it: none → placing → (waiting) → held → capturing → captured, or
voiding → void; failed and expired are the provider's doing. Money leaves only from "held".

Success of a start is the meter moving. A stop freezes the bill at the moment it was said and is
owed to the pile until the transaction ended, in every state. Whatever does not concern the state
it meets (late, repeated, foreign) changes nothing, except that a transaction that is nobody's is
stopped and money that is nobody's is released.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from bot.domain import session_events as on
from bot.domain import session_money as money
from bot.domain.holds import NEAR_PERCENT
from bot.domain.session import DELIVERING, SessionFacts, add_reading, close_span
from bot.domain.session_step import Step
from bot.domain.usage import Reading, Span

MAX_STARTS: Final = 2
MAX_STOPS: Final = 8  # in a row; a pile that comes back is told again all the same
RETRY_S: Final = 5  # before a rejected start is tried again

# A start refused for these is refused for good (statusInfo.reasonCode, and our own).
HOPELESS: Final = frozenset({"Occupied", "Faulted", "Unavailable", "Reserved", "InvalidEvse"})

# OCPP stoppedReason values that are the installation's doing, not the rider's.
FAULT_REASONS: Final = frozenset(
    {"EmergencyStop", "GroundFault", "ImmediateReset", "OvercurrentFault", "PowerLoss",
     "PowerQuality", "Reboot", "Other"}
)  # fmt: skip


def advance(facts: SessionFacts, event: on.Event) -> tuple[SessionFacts, tuple[on.Command, ...]]:
    """The facts after an event and what it calls for, in order. Total: never raises."""
    step = Step(facts, event.at)
    _HANDLERS[type(event)](step, event)
    return step.now, tuple(step.commands)


# --- starting


def _start_accepted(step: Step, event: on.StartAccepted) -> None:
    now = step.now
    if now.state != "starting" or event.attempt != now.attempt:
        if event.transaction_id not in {None, now.transaction_id}:
            step.abandon(str(event.transaction_id))
        return
    if now.accepted:
        return
    step.set(accepted=True)
    if now.transaction_id is None:
        step.set(transaction_id=event.transaction_id)
    if not now.running:
        step.expect_energy()


def _start_rejected(step: Step, event: on.StartRejected) -> None:
    now = step.now
    if now.state != "starting" or event.attempt != now.attempt or now.running:
        return
    if now.attempt < MAX_STARTS and event.reason not in HOPELESS:
        step.cancel("accept", "plug", "energy")
        step.timer("retry", RETRY_S)
    else:
        step.fail_start("rejected" if event.reason not in HOPELESS else event.reason)


def _start_unknown(step: Step, event: on.StartUnknown) -> None:
    if step.now.state == "starting" and event.attempt == step.now.attempt:
        step.tell_once("start_slow")


def _start_timeout(step: Step, event: on.StartTimeout) -> None:
    now = step.now
    current = now.state == "starting" and event.attempt == now.attempt
    if current and not (now.accepted or now.running):
        _again_or_fail(step, "no_answer")


def _start_offline(step: Step, event: on.StartOffline) -> None:
    now = step.now
    if now.state == "starting" and event.attempt == now.attempt and not now.running:
        step.fail_start("offline")


def _again_or_fail(step: Step, why: str) -> None:
    """One more start with a command of its own, else the end of it."""
    if step.now.attempt >= MAX_STARTS:
        step.fail_start(why)
        return
    if step.now.transaction_id is not None:
        step.abandon(step.now.transaction_id)
    step.cancel("accept", "plug", "energy", "retry")
    step.set(transaction_id=None, running=False, readings=(), flow="", flow_at=None)
    step.tell_once("start_again")
    step.send_start()


def _plugged(step: Step, event: on.Plugged) -> None:
    if step.now.plugged_at is None and step.now.state in {"holding", "starting"}:
        step.set(plugged_at=event.at)
        if step.now.state == "starting":
            step.expect_energy()


def _unplugged(step: Step, _event: on.Unplugged) -> None:
    if step.now.plugged_at is not None and step.now.state in {"holding", "starting"}:
        step.set(plugged_at=None)
        if step.now.state == "starting":
            step.cancel("energy", "no_energy")
            step.expect_energy()


def _ours(step: Step, transaction_id: str) -> bool:
    """Whether a report is about this session's transaction; a first one in "starting" is adopted,
    one that is nobody's is stopped."""
    now = step.now
    if transaction_id in now.abandoned:
        return False
    if now.state == "starting" and not now.running:
        if now.transaction_id not in {None, transaction_id}:
            step.abandon(str(now.transaction_id))
        step.set(transaction_id=transaction_id, running=True)
        step.expect_energy()
        return True
    return transaction_id == now.transaction_id


def _transaction_started(step: Step, event: on.TransactionStarted) -> None:
    if not _ours(step, event.transaction_id) and event.transaction_id not in step.now.abandoned:
        step.abandon(event.transaction_id)


def _meter_read(step: Step, event: on.MeterRead) -> None:
    if _ours(step, event.transaction_id) and _take(step, event.reading):
        _check_hold(step)


def _take(step: Step, reading: Reading) -> bool:
    """Keep a reading that still counts; True when energy is being delivered."""
    before = step.now.readings
    if step.now.state not in {"starting", *DELIVERING}:
        return False
    step.now = add_reading(step.now, reading)
    if step.now.state == "starting" and step.now.energy_wh() > 0:
        _energy_flows(step, before[-1].at)
    return step.now.state in DELIVERING and step.now.readings is not before


def _energy_flows(step: Step, since: datetime) -> None:
    """The meter moved after `since`: the start is a success."""
    if step.now.flow in {"ev", "evse", "connected"} and step.now.flow_at is not None:
        since = max(since, step.now.flow_at)
    step.cancel("accept", "retry", "plug", "energy", "no_energy")
    step.set(state="charging", flow="charging", flow_at=since, started_at=since)
    step.timer("max", step.now.terms.limits.max_session_s)
    step.tell_once("started")


def _check_hold(step: Step) -> None:
    terms, cost = step.now.terms, step.now.cost_minor(step.now.readings[-1].at)
    if cost >= terms.stop_minor:
        step.stop("hold_limit")
    elif cost * 100 >= terms.hold_minor * NEAR_PERCENT:
        step.tell_once("hold_near")


def _flow_changed(step: Step, event: on.FlowChanged) -> None:
    if not _ours(step, event.transaction_id):
        return
    if step.now.state == "starting":
        withheld = event.flow == "evse" and step.now.flow != "evse"
        step.set(flow=event.flow, flow_at=event.device_at)
        if event.flow:
            _plugged(step, on.Plugged(event.at))
        if withheld and step.now.plugged_at is not None:  # it says so itself
            step.timer("energy", step.now.terms.limits.start_timeout_s / 2)
        return
    if step.now.state not in DELIVERING or event.flow in {"", step.now.flow}:
        return
    since = step.now.flow_at or event.device_at
    if event.device_at < since:
        return  # an old story: device time decides
    step.now = close_span(step.now, event.device_at)
    step.set(flow=event.flow, flow_at=event.device_at)
    if event.flow in {"charging", "evse"}:  # neither is the vehicle's choice
        step.set(state="charging" if event.flow == "charging" else "suspended", idle_at=None)
        step.end_idle()
        if event.flow == "evse":
            step.tell_once("paused")
        return
    step.set(state="suspended")
    if step.now.idle_at is None:
        step.set(idle_at=event.device_at)
        step.await_idle(told="full" not in step.now.told)
    step.tell_once("full")


# --- ending


def _stop_requested(step: Step, event: on.StopRequested) -> None:
    match step.now.state:
        case "holding" | "starting":
            if step.now.transaction_id is not None and not step.now.ended:
                step.abandon(step.now.transaction_id)
            step.set(stop_by=event.by, stop_at=event.at, ended_at=event.at)
            if event.by == "safety":
                step.tell_once("danger")
            else:
                step.tell_once("start_cancelled")
            step.release()
        case "charging" | "suspended":
            step.stop(event.by)
        case "stopping" if event.by != "safety":
            step.tell("already_stopping")
        case _ if event.by != "safety":  # nobody asked
            step.tell("already_stopped")
        case _:
            pass


def _stop_accepted(step: Step, event: on.StopAccepted) -> None:
    """The pile took it; only the transaction's end settles what is owed."""


def _stop_failed(step: Step, event: on.StopFailed) -> None:
    for owed in step.now.owed:
        if owed.transaction_id != event.transaction_id:
            continue
        if owed.tries < MAX_STOPS:
            step.timer("stop_retry", min(300, 5 * 2**owed.tries))
        else:
            step.do(on.MarkSuspect())


def _transaction_ended(step: Step, event: on.TransactionEnded) -> None:
    left = tuple(each for each in step.now.owed if each.transaction_id != event.transaction_id)
    if len(left) < len(step.now.owed):
        step.set(owed=left)
        if not left:
            step.cancel("stop_retry")
    if not _ours(step, event.transaction_id) or step.now.ended:
        return
    for reading in event.readings:
        _take(step, reading)
    step.set(ended=True)
    _lower(step, event.readings)
    match step.now.state:
        case "starting":
            step.fail_start("ended", suspect=event.reason in FAULT_REASONS)
        case "charging" | "suspended":
            step.now = close_span(step.now, event.device_at)
            step.set(ended_at=event.device_at, stop_by="pile")
            if event.reason in FAULT_REASONS:
                step.set(fault=True, stop_by="fault", idle_runs=False)
                step.do(on.MarkSuspect())
                step.tell_once("fault", code=event.reason)
            else:
                step.end_idle()
                step.tell_once("ended", reason=event.reason)
            step.settle()
        case "stopping":
            step.settle()
        case "billing" | "settled" | "debt":  # billed while the pile was away
            _reconcile(step)
        case _:
            pass


def _lower(step: Step, final: Sequence[Reading]) -> None:
    """The pile's final register: a lower one than known so far lowers what is billed."""
    known = step.now.readings
    if final and known and known[0].wh <= (wh := final[-1].wh) < known[-1].wh:
        step.set(readings=tuple(replace(each, wh=min(each.wh, wh)) for each in known))


def _reconcile(step: Step) -> None:
    """A lower register after the bill: the bill stays, what is too much is credited."""
    too_much = (step.now.bill_minor or 0) - step.now.bill().gross_minor
    if too_much <= step.now.refund_minor:
        return
    step.do(on.Credit(too_much - step.now.refund_minor))
    step.set(refund_minor=too_much)
    if step.now.hold == "captured":
        step.give_back()
    elif step.now.due_minor < step.now.terms.smallest_minor and step.now.hold != "capturing":
        step.forgive()


def _pile_offline(step: Step, _event: on.PileOffline) -> None:
    if step.now.offline_at is None and step.now.is_open:
        step.set(offline_at=step.at)
        if step.now.state in DELIVERING:
            step.timer("offline", step.now.terms.limits.offline_wait_s)
            step.stick("offline")
            step.tell_once("offline")


def _pile_online(step: Step, _event: on.PileOnline) -> None:
    if step.now.offline_at is not None:
        step.set(offline_at=None)
        step.cancel("offline")
        step.unstick("offline")
        if step.now.state in DELIVERING:
            step.tell_once("back")
    if step.now.owed:
        step.owe_stops_again()


def _unlock_failed(step: Step, _event: on.UnlockFailed) -> None:
    if step.now.state in DELIVERING:
        step.stick("unlock")


def _unlocked(step: Step, _event: on.Unlocked) -> None:
    if step.now.state in DELIVERING:
        step.unstick("unlock")


def _waiting(step: Step, event: on.Waiting) -> None:
    since = step.now.waited_at
    if not step.now.is_open or event.somebody == (since is not None):
        return
    if since is None:
        step.set(waited_at=step.at)
    else:
        step.set(waited=(*step.now.waited, Span(since, step.at)), waited_at=None)
    if step.now.terms.tariff.idle_if_waited:
        if not event.somebody:
            step.end_idle()
        step.await_idle()


def _fault(step: Step, event: on.Fault) -> None:
    match step.now.state:
        case "holding" | "starting":
            step.fail_start("faulted")
        case "charging" | "suspended":
            step.set(fault=True)
            step.do(on.MarkSuspect())
            step.tell_once("fault", code=event.code)
            step.stop("fault")
        case _:
            pass


def _not_me(step: Step, _event: on.NotMe) -> None:
    match step.now.state:
        case "holding" | "starting":
            _stop_requested(step, on.StopRequested(step.at, "rider"))
        case "charging" | "suspended" | "stopping":
            if step.now.transaction_id is not None and not step.now.ended:
                step.abandon(step.now.transaction_id)
            step.set(stop_by="not_me", stop_at=step.now.stop_at or step.at, ended_at=step.at)
            step.tell_once("not_me_stopped")
            step.release()
        case _:
            step.tell_once("not_me_noted")


# --- time


def _timer_fired(step: Step, event: on.TimerFired) -> None:
    due = step.now.timers.get(event.name)
    if due is None or due > event.at:
        return  # taken back or moved meanwhile
    step.set(timers={name: at for name, at in step.now.timers.items() if name != event.name})
    if event.name in {"energy", "no_energy"} and (event.withheld or step.now.withheld):
        _power_withheld(step, event)
        return
    _TIMERS.get(event.name, _nothing)(step)


def _power_withheld(step: Step, event: on.TimerFired) -> None:
    """No energy comes because we give none: that is no fault of pile or vehicle. When power comes
    back, the whole time to begin is theirs again."""
    step.set(withheld=event.withheld)
    if step.now.state == "starting":
        step.timer(event.name, step.now.terms.limits.no_energy_s)


def _nothing(_step: Step) -> None:
    """A timer of an older version: no longer known, harmless."""


def _hold_overdue(step: Step) -> None:
    if step.now.state == "holding":
        step.set(ended_at=step.at)
        step.tell_once("pay_timeout")
        step.release()


def _check_due(step: Step) -> None:
    if step.now.hold == "waiting":
        step.set(checks=step.now.checks + 1)
        step.do(on.CheckHold(step.now.checks))
        step.timer("check", money.CHECK_S)


def _accept_overdue(step: Step) -> None:
    if step.now.state == "starting" and not (step.now.accepted or step.now.running):
        _again_or_fail(step, "no_answer")


def _retry_due(step: Step) -> None:
    if step.now.state == "starting" and not step.now.running:
        _again_or_fail(step, "rejected")


def _plug_overdue(step: Step) -> None:
    if step.now.state == "starting":
        step.fail_start("plug_in", suspect=False)


def _energy_overdue(step: Step) -> None:
    if step.now.state != "starting":
        return
    if step.now.running and step.now.flow in {"ev", "evse", "connected"}:
        if step.now.flow == "evse":
            step.tell_once("withheld")
        else:
            step.tell_once("waiting_for_vehicle")
        since = step.now.plugged_at or step.at
        step.timer("no_energy", step.now.terms.limits.no_energy_s, since)
    else:
        _again_or_fail(step, "no_energy")


def _no_energy_overdue(step: Step) -> None:
    if step.now.state == "starting" and step.now.flow == "evse":
        step.fail_start("withheld")
    elif step.now.state == "starting":
        step.fail_start("vehicle", suspect=False)


def _limit_reached(step: Step) -> None:
    if step.now.state in DELIVERING:
        step.stop("limit")


def _expiry_near(step: Step) -> None:
    money.hold_runs_out(step, on.HoldRunsOut(step.at))


def _stop_overdue(step: Step) -> None:
    if step.now.state == "stopping":
        step.settle()


def _stop_again(step: Step) -> None:
    if step.now.owed:
        step.owe_stops_again()


def _still_offline(step: Step) -> None:
    """The pile did not come back: end at its last word, energy only."""
    if step.now.state not in DELIVERING or step.now.offline_at is None:
        return
    last = step.now.readings[-1].at
    step.now = close_span(step.now, last)
    step.set(fault=True, stop_by="offline", stop_at=last, ended_at=last)
    step.tell_once("ended_offline")
    if step.now.transaction_id is not None:
        step.owe_stop(step.now.transaction_id)
    step.settle()


def _idle_warning(step: Step) -> None:
    if step.now.state == "suspended" and step.now.idle_from is not None:
        step.tell("idle_warning")


def _idle_start(step: Step) -> None:
    if step.now.state == "suspended" and step.now.idle_from is not None:
        step.set(idle_runs=True)
        step.tell("idle_start")


def _capture_due(step: Step) -> None:
    if step.now.state == "billing" and step.now.hold == "held":
        step.capture()


_TIMERS: Final[dict[str, Callable[[Step], None]]] = {
    "hold": _hold_overdue, "check": _check_due, "accept": _accept_overdue, "retry": _retry_due,
    "plug": _plug_overdue, "energy": _energy_overdue, "no_energy": _no_energy_overdue,
    "max": _limit_reached, "expiry": _expiry_near, "stop": _stop_overdue,
    "stop_retry": _stop_again, "offline": _still_offline, "idle_warning": _idle_warning,
    "idle_start": _idle_start, "capture": _capture_due,
}  # fmt: skip

_HANDLERS: Final[dict[type[on.Event], Callable[[Step, Any], None]]] = {
    on.Yes: money.yes,
    on.HoldPlaced: money.hold_placed,
    on.HoldAdopted: money.hold_adopted,
    on.HoldNeedsRider: money.hold_needs_rider,
    on.HoldFailed: money.hold_failed,
    on.HoldExpired: money.hold_expired,
    on.StartAccepted: _start_accepted,
    on.StartRejected: _start_rejected,
    on.StartUnknown: _start_unknown,
    on.StartTimeout: _start_timeout,
    on.StartOffline: _start_offline,
    on.Plugged: _plugged,
    on.Unplugged: _unplugged,
    on.TransactionStarted: _transaction_started,
    on.MeterRead: _meter_read,
    on.FlowChanged: _flow_changed,
    on.TransactionEnded: _transaction_ended,
    on.StopRequested: _stop_requested,
    on.StopAccepted: _stop_accepted,
    on.StopFailed: _stop_failed,
    on.PileOffline: _pile_offline,
    on.PileOnline: _pile_online,
    on.Fault: _fault,
    on.UnlockFailed: _unlock_failed,
    on.Unlocked: _unlocked,
    on.Waiting: _waiting,
    on.Corrected: money.corrected,
    on.TimerFired: _timer_fired,
    on.Captured: money.captured,
    on.CaptureFailed: money.capture_failed,
    on.HoldRunsOut: money.hold_runs_out,
    on.Voided: money.voided,
    on.NotMe: _not_me,
    on.Collect: money.collect,
}

TIMERS: Final = tuple(_TIMERS)
EVENTS: Final = tuple(_HANDLERS)
