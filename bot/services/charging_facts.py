"""What sessions hear of: piles, orders to piles, payments and timers, as rows of the inbox."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from bot.domain import session_events as on
from bot.domain.pricing import Reading
from bot.domain.session import Flow, load_facts
from bot.domain.session_events import Event
from bot.domain.tariffs import load_tariff
from bot.domain.usage import is_believable
from bot.services import (
    action_results,
    alarms,
    booking_news,
    booking_trouble,
    entitlements,
    incidents,
    money_watch,
    outages,
    pile_results,
    power,
    receipt_watch,
    repairs,
    session_effects,
    site_news,
    socket_tests,
    waiting,
)
from bot.services import session_changes as changes
from bot.services.pile_facts import AlarmFact
from bot.settings import Settings
from bot.store import inbox
from bot.store.charging import ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.devices import Command
from bot.store.stations import Evse

log = structlog.get_logger(__name__)

METER_JUMP: Final = "METER_JUMP"


def on_transaction(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "pile.transaction" (bot/services/pile_facts.py: TransactionFact)."""
    transaction_id = str(body["transaction_id"])
    session = changes.of_transaction(work, body, transaction_id)
    if session is None:
        if socket_tests.heard(work, body):
            return
        log.info("transaction_not_ours", pile_id=body["pile_id"], transaction_id=transaction_id)
        return
    changes.lock(work, session)
    at = changes.device_time(body["at"], session, work.now)
    readings = [
        Reading(changes.device_time(each["at"], session, work.now), int(each["wh"]), each.get("ma"))
        for each in body["readings"]
    ]
    readings = _believed(work, settings, session, readings)
    flow = _FLOWS.get(body.get("charging_state") or "")
    events: list[Event] = []
    heard_at = datetime.fromisoformat(body["heard_at"]) if "heard_at" in body else work.now
    if body["event"] == "Ended":
        reason = body.get("stopped_reason") or ""
        end = on.TransactionEnded(work.now, transaction_id, at, reason, tuple(readings))
        events.append(end)
    else:
        if body["event"] == "Started":
            events.append(on.TransactionStarted(work.now, transaction_id))
        events += [on.MeterRead(work.now, transaction_id, reading) for reading in readings]
        if flow is not None:
            events.append(on.FlowChanged(work.now, transaction_id, flow, at))
    changes.happen(work, session, events, heard_at=heard_at, settings=settings)
    if body["event"] == "Ended":
        receipt_watch.heard(work, session.id, heard_at)
        incidents.charge_ended(work, session)
    if body.get("power_w") is not None:
        session.power_w = int(body["power_w"])


def _believed(
    work: UnitOfWork, settings: Settings, session: ChargingSession, readings: list[Reading]
) -> list[Reading]:
    """The readings up to a register that jumps; from there on the meter is out of order, which is
    an alarm like any that the pile raises itself."""
    facts = load_facts(session.facts, load_tariff(session.tariff))
    evse = work.session.get_one(Evse, session.evse_id)
    last = facts.readings[-1] if facts.readings else None
    for place, new in enumerate(readings):
        fits = last is None or is_believable(
            last, new, power_w=evse.max_power_w, pace=settings.meter_pace
        )
        if not fits:
            if facts.is_open:
                meter_out_of_order(work, evse, session.id, new.at)
            return readings[:place]
        last = new
    return readings


def meter_out_of_order(work: UnitOfWork, evse: Evse, session_id: int, at: datetime) -> None:
    """Raise the alarm of a meter that nobody can believe, once a charge."""
    alarms.raised(work, evse.pile, evse, METER_JUMP, source="meter", at=at)
    body: AlarmFact = {
        "pile_id": evse.pile_id, "evse_number": evse.number, "transaction_id": None,
        "code": METER_JUMP, "value": "", "cleared": False, "at": at.isoformat(),
    }  # fmt: skip
    inbox.put(
        work, source="meter", source_id=f"{evse.id}:{session_id}",
        stream=f"pile:{evse.pile_id}", kind="pile.alarm", body=dict(body),
    )  # fmt: skip


_FLOWS: Final[Mapping[str, Flow]] = {
    "Charging": "charging",
    "EVConnected": "connected",
    "SuspendedEV": "ev",
    "SuspendedEVSE": "evse",
    "Idle": "",
}


def on_command_result(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "command.result" (bot/services/piles.py: report)."""
    command = work.session.get(Command, body["command_id"])
    if command is None:
        return
    action_results.command_answered(work, command, body)
    pile_results.command_answered(work, command, body)
    socket_tests.answered(work, command, body)
    incidents.command_answered(work, command, body)
    booking_news.command_answered(work, command, body)
    if command.kind == "unlock":
        _unlock_result(work, command, body)
    if command.kind == "set_profile":
        power.answered(work, command, body)
    if command.kind == "reserve":
        waiting.reservation_answered(work, settings, command, body)
    if command.session_id is None:
        return
    session = work.session.get(ChargingSession, command.session_id)
    if session is None:
        return
    if command.kind == "start":
        attempt = int(command.key.rsplit(":", 1)[1])
        changes.happen(work, session, _start_events(work.now, attempt, body), settings=settings)
    elif command.kind == "stop":
        transaction_id = str(command.body["transaction_id"])
        if body["outcome"] == "accepted":
            changes.happen(work, session, [on.StopAccepted(work.now, transaction_id)])
        elif body["outcome"] in {"rejected", "error", "timeout", "expired", "offline"}:
            reason = str(body.get("reason") or "")
            changes.happen(work, session, [on.StopFailed(work.now, transaction_id, reason)])
            again = any(name == "stop_retry" for name in session.facts["timers"])
            action_results.stop_failed(work, session, reason, final=not again)


def _unlock_result(work: UnitOfWork, command: Command, body: Mapping[str, Any]) -> None:
    """A cable that our pile does not let go of costs its rider nothing from then on."""
    outcome, reason = body["outcome"], str(body.get("reason") or "")
    if outcome in {"accepted", "confirmed"}:
        event: Event = on.Unlocked(work.now)
    elif outcome in _NOT_LET_GO and reason not in _NOT_STUCK:
        event = on.UnlockFailed(work.now)
    else:
        return
    for session in changes.open_at(work, command.pile_id, command.evse_number):
        changes.happen(work, session, [event])


_NOT_LET_GO: Final = frozenset({"rejected", "error", "timeout", "expired", "offline"})
# The pile holds the cable because a charge runs, or there is no such connector.
_NOT_STUCK: Final = frozenset({"OngoingAuthorizedTransaction", "UnknownConnector"})


def _start_events(now: datetime, attempt: int, body: Mapping[str, Any]) -> list[Event]:
    reason, transaction_id = str(body.get("reason") or ""), body.get("transaction_id")
    match body["outcome"]:
        case "accepted" | "confirmed":
            return [on.StartAccepted(now, attempt, transaction_id)]
        case "rejected" | "error":
            return [on.StartRejected(now, attempt, reason)]
        case "unknown":
            return [on.StartUnknown(now, attempt)]
        case "timeout" | "expired":
            return [on.StartTimeout(now, attempt)]
        case "offline":
            return [on.StartOffline(now, attempt)]
        case _:
            return []


def on_pile_status(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "pile.status" (StatusFact): plugs in and out, faults."""
    action_results.pile_reported(work, body["pile_id"])
    repairs.changed(work, body["pile_id"])
    booking_trouble.recheck(work, settings, body["pile_id"], body["evse_number"])
    told: dict[str, Event] = {
        "Occupied": on.Plugged(work.now),
        "Available": on.Unplugged(work.now),
        "Faulted": on.Fault(work.now, "Faulted"),
    }
    if body["status"] == "Faulted":
        outages.look(work, settings)
    else:
        outages.over(work, body["pile_id"])
    event = told.get(body["status"])
    if event is None:
        return
    for session in changes.open_at(work, body["pile_id"], body["evse_number"]):
        changes.happen(work, session, [event], settings=settings)


def on_pile_presence(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "pile.presence" (PresenceFact): sessions that run or owe a stop hear of it."""
    online = bool(body["online"])
    site_news.pile_changed(work, body["pile_id"])
    booking_trouble.recheck(work, settings, body["pile_id"])
    sessions = changes.open_at(work, body["pile_id"], None)
    if online:
        sessions += changes.owing_a_stop(work, body["pile_id"])
        outages.over(work, body["pile_id"])
    else:
        outages.look(work, settings)
    for session in sessions:
        changes.happen(
            work, session, [on.PileOnline(work.now) if online else on.PileOffline(work.now)],
            settings=settings,
        )  # fmt: skip


def on_alarm(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "pile.alarm" (AlarmFact): an alarm ends what runs at that EVSE, or at the pile, and
    whoever booked or waits there hears of it, as of its end."""
    repairs.changed(work, body["pile_id"])
    booking_trouble.recheck(work, settings, body["pile_id"], body.get("evse_number"))
    if body.get("cleared"):
        return
    for session in changes.open_at(work, body["pile_id"], body.get("evse_number")):
        changes.happen(
            work, session, [on.Fault(work.now, str(body.get("code") or ""))], settings=settings
        )


def on_payment_result(
    work: UnitOfWork, settings: Settings, hold: Hold, outcome: str, body: Mapping[str, Any]
) -> None:
    """A payment of a session got somewhere; it is in the books already, and locked."""
    session = work.session.get_one(ChargingSession, hold.session_id)
    if hold.id == session_effects.hold_of(work, session.id).id:
        event = _payment_event(work.now, hold, outcome, body)
    else:
        event = _old_hold_moved(work, hold, outcome)
    if event is not None:
        changes.happen(work, session, [event])
    replaced = hold.id != session_effects.hold_of(work, session.id).id
    if replaced and outcome in {"void", "expired", "failed"}:  # the new one has the facts now
        hold.state, hold.updated_at = outcome, work.now
    if outcome == "captured":
        money_watch.return_excess(work, session, hold)


def _old_hold_moved(work: UnitOfWork, hold: Hold, outcome: str) -> Event | None:
    """A newer hold pays for this session; what the older one took counts all the same."""
    log.warning("old_hold_moved", hold_id=hold.id, outcome=outcome)
    if outcome in {"captured", "void", "expired"}:
        hold.state, hold.updated_at = outcome, work.now
    return on.Captured(work.now, by_other=True) if outcome == "captured" else None


def _payment_event(
    now: datetime, hold: Hold, outcome: str, body: Mapping[str, Any]
) -> Event | None:
    reason, before = str(body.get("reason") or ""), body.get("capture_before")
    match outcome:
        case "held":
            return on.HoldPlaced(now, datetime.fromisoformat(before) if before else None)
        case "needs_rider":
            return on.HoldNeedsRider(now, str(body.get("url") or hold.checkout_url or ""))
        case "failed" if hold.state == "capturing":
            return on.CaptureFailed(now, reason)
        case "failed":
            return on.HoldFailed(now, reason)
        case "captured":
            return on.Captured(now)
        case "void":
            return on.Voided(now)
        case "expired":
            return on.HoldExpired(now)
        case "expiring":
            return on.HoldRunsOut(now)
        case _:
            return None


def on_refund(work: UnitOfWork, hold: Hold, refund: Refund) -> None:
    """Money went back to the rider for good, or did not."""
    entitlements.refunded(work, refund)


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "session.timer": a timer that the state machine set is due."""
    session = work.session.get(ChargingSession, int(body["session_id"]))
    if session is not None:
        withheld = power.withheld(work, session.id)
        event = on.TimerFired(work.now, str(body["name"]), withheld)
        changes.happen(work, session, [event], settings=settings)
