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
from datetime import datetime, timedelta
from typing import Any, Final

from bot.domain.holds import NEAR_PERCENT
from bot.domain.pricing import Reading
from bot.domain.session import (
    DELIVERING,
    CancelTimer,
    Capture,
    Captured,
    CaptureFailed,
    CheckHold,
    Command,
    Event,
    Fault,
    FlowChanged,
    HoldExpired,
    HoldFailed,
    HoldNeedsRider,
    HoldPlaced,
    HoldRunsOut,
    MakeBill,
    MarkSuspect,
    MeterRead,
    NotMe,
    Owed,
    PileOffline,
    PileOnline,
    PlaceHold,
    Plugged,
    Refund,
    SendStart,
    SendStop,
    SessionFacts,
    SetTimer,
    StartAccepted,
    StartOffline,
    StartRejected,
    StartTimeout,
    StartUnknown,
    StopAccepted,
    StopFailed,
    StopRequested,
    Tell,
    TimerFired,
    TransactionEnded,
    TransactionStarted,
    Unplugged,
    Void,
    Voided,
    Yes,
    add_reading,
    close_span,
)  # fmt: skip

MAX_STARTS: Final = 2
MAX_STOPS: Final = 8  # in a row; a pile that comes back is told again all the same
MAX_CAPTURES: Final = 3
RETRY_S: Final = 5  # before a rejected start is tried again
CHECK_S: Final = 30  # between looks at a hold that waits for the rider
CAPTURE_MARGIN: Final = timedelta(hours=12)  # before a hold expires by itself
IDLE_WARNING_S: Final = 300  # before the idle fee begins

PEOPLE: Final = frozenset({"rider", "staff", "safety"})  # who may say stop

# A start refused for these is refused for good (statusInfo.reasonCode, and our own).
HOPELESS: Final = frozenset({"Occupied", "Faulted", "Unavailable", "Reserved", "InvalidEvse"})

# OCPP stoppedReason values that are the installation's doing, not the rider's.
FAULT_REASONS: Final = frozenset(
    {"EmergencyStop", "GroundFault", "ImmediateReset", "OvercurrentFault", "PowerLoss",
     "PowerQuality", "Reboot", "Other"}
)  # fmt: skip


def advance(facts: SessionFacts, event: Event) -> tuple[SessionFacts, tuple[Command, ...]]:
    """The facts after an event and what it calls for, in order. Total: never raises."""
    step = _Step(facts, event.at)
    _HANDLERS[type(event)](step, event)
    return step.now, tuple(step.commands)


class _Step:
    """Facts on their way through one event, and the commands gathered."""

    def __init__(self, facts: SessionFacts, at: datetime) -> None:
        self.now = facts
        self.at = at
        self.commands: list[Command] = []

    def set(self, **changes: Any) -> None:
        self.now = replace(self.now, **changes)

    def do(self, command: Command) -> None:
        self.commands.append(command)

    def tell(self, notice: str, **values: str) -> None:
        self.set(tells=self.now.tells + 1)
        self.do(Tell(notice, self.now.tells, values))

    def tell_once(self, notice: str, **values: str) -> None:
        if notice not in self.now.told:
            self.set(told=(*self.now.told, notice))
            self.tell(notice, **values)

    def timer(self, name: str, seconds: float, since: datetime | None = None) -> None:
        due = max((since or self.at) + timedelta(seconds=seconds), self.at)
        self.set(timers={**self.now.timers, name: due})
        self.do(SetTimer(name, due))

    def cancel(self, *names: str) -> None:
        for name in names:
            if name in self.now.timers:
                left = {key: due for key, due in self.now.timers.items() if key != name}
                self.set(timers=left)
                self.do(CancelTimer(name))

    def cancel_all(self) -> None:
        """All but the stop that is owed to a pile and the capture that is owed to us."""
        self.cancel(*(name for name in self.now.timers if name not in {"stop_retry", "capture"}))

    # --- money

    def void(self) -> None:
        self.set(hold="voiding", voids=self.now.voids + 1)
        self.do(Void(self.now.voids))

    def release(self) -> None:
        """Nothing is to be paid: end in "void", or wait for the provider to say so."""
        self.cancel_all()
        if self.now.hold in {"placing", "waiting", "held"}:
            self.set(state="releasing")
            self.void()
        elif self.now.hold == "voiding":
            self.set(state="releasing")
        else:
            self.set(state="void")

    def settle(self) -> None:
        """Bill what was delivered: take the money, or release it when there is nothing to take."""
        self.cancel_all()
        bill = self.now.bill()
        if self.now.energy_wh() <= 0:
            self.tell_once("nothing_delivered")
            self.release()
            return
        self.set(bill_minor=bill.gross_minor)
        self.do(MakeBill())
        self.tell_once("receipt")
        if bill.gross_minor == 0:
            self.release()
        elif self.now.hold == "held":
            self.set(state="billing")
            self.capture()
        else:
            self.owe()

    def capture(self) -> None:
        number = self.now.captures + 1
        self.set(hold="capturing", captures=number)
        self.do(Capture(self.now.bill_minor or 0, number))

    def owe(self) -> None:
        self.cancel("capture")
        self.set(state="debt")
        self.tell_once("debt")

    def give_back(self) -> None:
        self.do(Refund(self.now.refund_minor, "meter"))
        self.tell("refund", amount_minor=str(self.now.refund_minor))

    # --- the pile

    def send_start(self) -> None:
        number = self.now.attempt + 1
        self.set(attempt=number, accepted=False)
        self.do(SendStart(number))
        self.timer("accept", self.now.terms.limits.start_timeout_s)

    def owe_stop(self, transaction_id: str) -> None:
        """A transaction must end: command it, and keep that in mind until the pile confirms."""
        if any(each.transaction_id == transaction_id for each in self.now.owed):
            return
        self.set(owed=(*self.now.owed, Owed(transaction_id)))
        self.do(SendStop(transaction_id, 1))

    def owe_stops_again(self) -> None:
        again = tuple(Owed(each.transaction_id, each.tries + 1) for each in self.now.owed)
        self.set(owed=again)
        for each in again:
            self.do(SendStop(each.transaction_id, each.tries))

    def abandon(self, transaction_id: str) -> None:
        """A transaction is nobody's: stop it, bill nothing of it."""
        if transaction_id not in self.now.abandoned:
            self.set(abandoned=(*self.now.abandoned, transaction_id))
            self.owe_stop(transaction_id)

    def fail_start(self, why: str, *, suspect: bool = True) -> None:
        """The start came to nothing: release the money, say why, offer the next step."""
        if self.now.transaction_id is not None and not self.now.ended:
            self.abandon(self.now.transaction_id)
        self.set(ended_at=self.at)
        if suspect:
            self.do(MarkSuspect())
        self.tell_once("start_failed", why=why)
        self.release()

    def stop(self, by: str) -> None:
        """End a delivering session: the bill is frozen now, the pile is told."""
        self.now = close_span(self.now, self.at)
        self.cancel_all()
        self.set(state="stopping", stop_by=by, stop_at=self.at, ended_at=self.at)
        if self.now.transaction_id is not None:
            self.owe_stop(self.now.transaction_id)
        if self.now.offline_at is not None:
            self.tell("stop_offline")
            self.settle()
        else:
            if by != "fault":  # told already
                self.tell("stopping" if by in PEOPLE else "stopped", by=by)
            self.timer("stop", self.now.terms.limits.stop_wait_s)

    def expect_energy(self) -> None:
        """The pile took the start: what comes next is a cable, or energy."""
        limits = self.now.terms.limits
        if not (self.now.accepted or self.now.running):
            return
        self.cancel("accept", "retry")
        if self.now.plugged_at is None:
            if "plug" not in self.now.timers:
                self.timer("plug", limits.plug_in_timeout_s)
                self.tell_once("plug_in")
            return
        self.cancel("plug")
        # A pile that says nothing is asked again early; one that charges may have a meter interval
        # as long as the whole time-out.
        halves = 3 if self.now.running else 1
        self.timer("energy", limits.start_timeout_s * halves / 2)


# --- the rider and the money


def _yes(step: _Step, _event: Yes) -> None:
    if step.now.state == "holding" and step.now.hold == "none":
        step.set(hold="placing")
        step.do(PlaceHold(step.now.terms.hold_minor))
        step.timer("hold", step.now.terms.limits.pay_timeout_s)


def _hold_placed(step: _Step, event: HoldPlaced) -> None:
    if step.now.hold in {"void", "failed", "expired"}:  # paid after all: nobody wants it any more
        if step.now.state in {"void", "failed", "releasing"}:
            step.void()
        return
    if step.now.hold not in {"placing", "waiting"}:
        return
    step.set(hold="held")
    if step.now.state != "holding":
        step.release()
        return
    step.cancel("hold", "check")
    if event.capture_before is not None:
        step.timer("expiry", 0, max(event.capture_before - CAPTURE_MARGIN, step.at))
    step.set(state="starting")
    step.tell_once("held")
    step.send_start()


def _hold_needs_rider(step: _Step, event: HoldNeedsRider) -> None:
    if step.now.state == "holding" and step.now.hold in {"placing", "waiting"}:
        if step.now.hold == "placing":
            step.timer("hold", step.now.terms.limits.pay_timeout_s)
            step.timer("check", CHECK_S)
        step.set(hold="waiting")
        step.tell_once("pay", url=event.url)


def _hold_failed(step: _Step, event: HoldFailed) -> None:
    if step.now.hold not in {"placing", "waiting", "voiding"}:
        return
    step.set(hold="failed")
    if step.now.state == "holding":
        step.cancel_all()
        step.set(state="failed", ended_at=step.at)
        step.tell_once("hold_failed", reason=event.reason)
    elif step.now.state == "releasing":
        step.release()


def _hold_gone(step: _Step, state_of_hold: str) -> None:
    """The provider no longer holds anything, without our asking."""
    step.set(hold=state_of_hold)
    match step.now.state:
        case "holding":
            step.cancel_all()
            step.set(state="failed", ended_at=step.at)
            step.tell_once("hold_expired")
        case "starting":
            step.fail_start("hold_expired", suspect=False)
        case "charging" | "suspended":
            step.stop("hold_expired")
        case "billing":
            step.owe()
        case "releasing":
            step.release()
        case _:
            pass


def _hold_expired(step: _Step, _event: HoldExpired) -> None:
    if step.now.hold in {"placing", "waiting", "held", "capturing", "voiding"}:
        _hold_gone(step, "expired")


def _hold_runs_out(step: _Step, _event: HoldRunsOut) -> None:
    if step.now.state in DELIVERING:
        step.stop("hold_expired")


def _voided(step: _Step, _event: Voided) -> None:
    if step.now.hold == "capturing":  # too little for the provider to take: waived
        step.cancel("capture")
        step.set(state="void", hold="void")
        step.tell_once("waived")
    elif step.now.hold in {"placing", "waiting", "held", "voiding"}:
        _hold_gone(step, "void")


def _captured(step: _Step, _event: Captured) -> None:
    if step.now.state not in {"billing", "debt"} or step.now.hold == "captured":
        return
    step.cancel_all()
    step.cancel("capture")
    step.set(state="settled", hold="captured")
    if step.now.refund_minor:
        step.give_back()


def _capture_failed(step: _Step, _event: CaptureFailed) -> None:
    if step.now.state != "billing" or step.now.hold != "capturing":
        return
    step.set(hold="held")
    if step.now.captures < MAX_CAPTURES:
        step.timer("capture", 60 * 5 ** (step.now.captures - 1))
    else:
        step.owe()


def _not_me(step: _Step, _event: NotMe) -> None:
    match step.now.state:
        case "holding" | "starting":
            _stop_requested(step, StopRequested(step.at, "rider"))
        case "charging" | "suspended" | "stopping":
            if step.now.transaction_id is not None and not step.now.ended:
                step.abandon(step.now.transaction_id)
            step.set(stop_by="not_me", stop_at=step.now.stop_at or step.at, ended_at=step.at)
            step.tell_once("not_me_stopped")
            step.release()
        case _:
            step.tell_once("not_me_noted")


# --- starting


def _start_accepted(step: _Step, event: StartAccepted) -> None:
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


def _start_rejected(step: _Step, event: StartRejected) -> None:
    now = step.now
    if now.state != "starting" or event.attempt != now.attempt or now.running:
        return
    if now.attempt < MAX_STARTS and event.reason not in HOPELESS:
        step.cancel("accept", "plug", "energy")
        step.timer("retry", RETRY_S)
    else:
        step.fail_start("rejected" if event.reason not in HOPELESS else event.reason)


def _start_unknown(step: _Step, event: StartUnknown) -> None:
    if step.now.state == "starting" and event.attempt == step.now.attempt:
        step.tell_once("start_slow")


def _start_timeout(step: _Step, event: StartTimeout) -> None:
    now = step.now
    current = now.state == "starting" and event.attempt == now.attempt
    if current and not (now.accepted or now.running):
        _again_or_fail(step, "no_answer")


def _start_offline(step: _Step, event: StartOffline) -> None:
    now = step.now
    if now.state == "starting" and event.attempt == now.attempt and not now.running:
        step.fail_start("offline")


def _again_or_fail(step: _Step, why: str) -> None:
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


def _plugged(step: _Step, event: Plugged) -> None:
    if step.now.plugged_at is None and step.now.state in {"holding", "starting"}:
        step.set(plugged_at=event.at)
        if step.now.state == "starting":
            step.expect_energy()


def _unplugged(step: _Step, _event: Unplugged) -> None:
    if step.now.plugged_at is not None and step.now.state in {"holding", "starting"}:
        step.set(plugged_at=None)
        if step.now.state == "starting":
            step.cancel("energy", "no_energy")
            step.expect_energy()


def _ours(step: _Step, transaction_id: str) -> bool:
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


def _transaction_started(step: _Step, event: TransactionStarted) -> None:
    if not _ours(step, event.transaction_id) and event.transaction_id not in step.now.abandoned:
        step.abandon(event.transaction_id)


def _meter_read(step: _Step, event: MeterRead) -> None:
    if _ours(step, event.transaction_id) and _take(step, event.reading):
        _check_hold(step)


def _take(step: _Step, reading: Reading) -> bool:
    """Keep a reading that still counts; True when energy is being delivered."""
    before = step.now.readings
    if step.now.state not in {"starting", *DELIVERING}:
        return False
    step.now = add_reading(step.now, reading)
    if step.now.state == "starting" and step.now.energy_wh() > 0:
        _energy_flows(step, before[-1].at)
    return step.now.state in DELIVERING and step.now.readings is not before


def _energy_flows(step: _Step, since: datetime) -> None:
    """The meter moved after `since`: the start is a success."""
    if step.now.flow in {"ev", "evse", "connected"} and step.now.flow_at is not None:
        since = max(since, step.now.flow_at)
    step.cancel("accept", "retry", "plug", "energy", "no_energy")
    step.set(state="charging", flow="charging", flow_at=since, started_at=since)
    step.timer("max", step.now.terms.limits.max_session_s)
    step.tell_once("started")


def _check_hold(step: _Step) -> None:
    terms, cost = step.now.terms, step.now.cost_minor(step.now.readings[-1].at)
    if cost >= terms.stop_minor:
        step.stop("hold_limit")
    elif cost * 100 >= terms.hold_minor * NEAR_PERCENT:
        step.tell_once("hold_near")


def _flow_changed(step: _Step, event: FlowChanged) -> None:
    if not _ours(step, event.transaction_id):
        return
    if step.now.state == "starting":
        step.set(flow=event.flow, flow_at=event.device_at)
        if event.flow:
            _plugged(step, Plugged(event.at))
        return
    if step.now.state not in DELIVERING or event.flow in {"", step.now.flow}:
        return
    since = step.now.flow_at or event.device_at
    if event.device_at < since:
        return  # an old story: device time decides
    step.now = close_span(step.now, event.device_at)
    step.set(flow=event.flow, flow_at=event.device_at)
    step.cancel("idle_warning", "idle_start")
    if event.flow == "charging":
        step.set(state="charging")
        return
    step.set(state="suspended")
    if event.flow == "evse":
        step.tell_once("paused")
        return
    step.tell_once("full")
    idle = step.now.terms.tariff.element("idle", step.at)
    if idle is not None and idle.price:
        grace = step.now.terms.tariff.idle_grace_s
        if grace > IDLE_WARNING_S:
            step.timer("idle_warning", grace - IDLE_WARNING_S, event.device_at)
        step.timer("idle_start", grace, event.device_at)


# --- ending


def _stop_requested(step: _Step, event: StopRequested) -> None:
    match step.now.state:
        case "holding" | "starting":
            if step.now.transaction_id is not None and not step.now.ended:
                step.abandon(step.now.transaction_id)
            step.set(stop_by=event.by, stop_at=event.at, ended_at=event.at)
            step.tell_once("start_cancelled")
            step.release()
        case "charging" | "suspended":
            step.stop(event.by)
        case "stopping":
            step.tell("already_stopping")
        case _:
            step.tell("already_stopped")


def _stop_accepted(step: _Step, event: StopAccepted) -> None:
    """The pile took it; only the transaction's end settles what is owed."""


def _stop_failed(step: _Step, event: StopFailed) -> None:
    for owed in step.now.owed:
        if owed.transaction_id != event.transaction_id:
            continue
        if owed.tries < MAX_STOPS:
            step.timer("stop_retry", min(300, 5 * 2**owed.tries))
        else:
            step.do(MarkSuspect())


def _transaction_ended(step: _Step, event: TransactionEnded) -> None:
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
                step.set(fault=True, stop_by="fault")
                step.do(MarkSuspect())
                step.tell_once("fault", code=event.reason)
            else:
                step.tell_once("ended", reason=event.reason)
            step.settle()
        case "stopping":
            step.settle()
        case "billing" | "settled" | "debt":  # billed while the pile was away
            _reconcile(step)
        case _:
            pass


def _lower(step: _Step, final: Sequence[Reading]) -> None:
    """The pile's final register: a lower one than known so far lowers what is billed."""
    known = step.now.readings
    if final and known and known[0].wh <= (wh := final[-1].wh) < known[-1].wh:
        step.set(readings=tuple(replace(each, wh=min(each.wh, wh)) for each in known))


def _reconcile(step: _Step) -> None:
    too_much = (step.now.bill_minor or 0) - step.now.bill().gross_minor
    if too_much > 0:
        step.set(refund_minor=too_much)
        if step.now.hold == "captured":
            step.give_back()


def _pile_offline(step: _Step, _event: PileOffline) -> None:
    if step.now.offline_at is None and step.now.is_open:
        step.set(offline_at=step.at)
        if step.now.state in DELIVERING:
            step.timer("offline", step.now.terms.limits.offline_wait_s)
            step.tell_once("offline")


def _pile_online(step: _Step, _event: PileOnline) -> None:
    if step.now.offline_at is not None:
        step.set(offline_at=None)
        step.cancel("offline")
        if step.now.state in DELIVERING:
            step.tell_once("back")
    if step.now.owed:
        step.owe_stops_again()


def _fault(step: _Step, event: Fault) -> None:
    match step.now.state:
        case "holding" | "starting":
            step.fail_start("faulted")
        case "charging" | "suspended":
            step.set(fault=True)
            step.do(MarkSuspect())
            step.tell_once("fault", code=event.code)
            step.stop("fault")
        case _:
            pass


# --- time


def _timer_fired(step: _Step, event: TimerFired) -> None:
    due = step.now.timers.get(event.name)
    if due is None or due > event.at:
        return  # taken back or moved meanwhile
    step.set(timers={name: at for name, at in step.now.timers.items() if name != event.name})
    _TIMERS.get(event.name, _nothing)(step)


def _nothing(_step: _Step) -> None:
    """A timer of an older version: no longer known, harmless."""


def _hold_overdue(step: _Step) -> None:
    if step.now.state == "holding":
        step.set(ended_at=step.at)
        step.tell_once("pay_timeout")
        step.release()


def _check_due(step: _Step) -> None:
    if step.now.hold == "waiting":
        step.set(checks=step.now.checks + 1)
        step.do(CheckHold(step.now.checks))
        step.timer("check", CHECK_S)


def _accept_overdue(step: _Step) -> None:
    if step.now.state == "starting" and not (step.now.accepted or step.now.running):
        _again_or_fail(step, "no_answer")


def _retry_due(step: _Step) -> None:
    if step.now.state == "starting" and not step.now.running:
        _again_or_fail(step, "rejected")


def _plug_overdue(step: _Step) -> None:
    if step.now.state == "starting":
        step.fail_start("plug_in", suspect=False)


def _energy_overdue(step: _Step) -> None:
    if step.now.state != "starting":
        return
    if step.now.running and step.now.flow in {"ev", "evse", "connected"}:
        step.tell_once("waiting_for_vehicle")
        since = step.now.plugged_at or step.at
        step.timer("no_energy", step.now.terms.limits.no_energy_s, since)
    else:
        _again_or_fail(step, "no_energy")


def _no_energy_overdue(step: _Step) -> None:
    if step.now.state == "starting":
        step.fail_start("vehicle", suspect=False)


def _limit_reached(step: _Step) -> None:
    if step.now.state in DELIVERING:
        step.stop("limit")


def _expiry_near(step: _Step) -> None:
    _hold_runs_out(step, HoldRunsOut(step.at))


def _stop_overdue(step: _Step) -> None:
    if step.now.state == "stopping":
        step.settle()


def _stop_again(step: _Step) -> None:
    if step.now.owed:
        step.owe_stops_again()


def _still_offline(step: _Step) -> None:
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


def _idle_warning(step: _Step) -> None:
    if step.now.state == "suspended":
        step.tell_once("idle_warning")


def _idle_start(step: _Step) -> None:
    if step.now.state == "suspended":
        step.tell_once("idle_start")


def _capture_due(step: _Step) -> None:
    if step.now.state == "billing" and step.now.hold == "held":
        step.capture()


_TIMERS: Final[dict[str, Callable[[_Step], None]]] = {
    "hold": _hold_overdue, "check": _check_due, "accept": _accept_overdue, "retry": _retry_due,
    "plug": _plug_overdue, "energy": _energy_overdue, "no_energy": _no_energy_overdue,
    "max": _limit_reached, "expiry": _expiry_near, "stop": _stop_overdue,
    "stop_retry": _stop_again, "offline": _still_offline, "idle_warning": _idle_warning,
    "idle_start": _idle_start, "capture": _capture_due,
}  # fmt: skip

_HANDLERS: Final[dict[type[Event], Callable[[_Step, Any], None]]] = {
    Yes: _yes, HoldPlaced: _hold_placed, HoldNeedsRider: _hold_needs_rider,
    HoldFailed: _hold_failed, HoldExpired: _hold_expired, StartAccepted: _start_accepted,
    StartRejected: _start_rejected, StartUnknown: _start_unknown, StartTimeout: _start_timeout,
    StartOffline: _start_offline, Plugged: _plugged, Unplugged: _unplugged,
    TransactionStarted: _transaction_started, MeterRead: _meter_read,
    FlowChanged: _flow_changed, TransactionEnded: _transaction_ended,
    StopRequested: _stop_requested, StopAccepted: _stop_accepted, StopFailed: _stop_failed,
    PileOffline: _pile_offline, PileOnline: _pile_online, Fault: _fault,
    TimerFired: _timer_fired, Captured: _captured, CaptureFailed: _capture_failed,
    HoldRunsOut: _hold_runs_out, Voided: _voided, NotMe: _not_me,
}  # fmt: skip

TIMERS: Final = tuple(_TIMERS)
EVENTS: Final = tuple(_HANDLERS)
