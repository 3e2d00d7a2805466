"""The charging service: offers, starts, stops and progress of sessions, and every event they hear.

All writing goes through `_happen`: lock the session's row, let the pure state machine advance,
carry out its commands (rows and outbox effects) in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bot.domain import session as on
from bot.domain.charging import advance
from bot.domain.holds import smallest_charge, stop_threshold
from bot.domain.money import Money
from bot.domain.pricing import Reading
from bot.domain.session import Event, Limits, SessionFacts, Terms, dump_facts, load_facts
from bot.domain.tariffs import dump_tariff, load_tariff
from bot.domain.usage import is_believable
from bot.errors import Refused
from bot.services import (
    action_results,
    billing,
    booking_news,
    bookings,
    entitlements,
    incidents,
    money_watch,
    outages,
    paying,
    payments,
    pile_results,
    power,
    receipt_watch,
    session_effects,
    site_news,
    waiting,
    wear,
)
from bot.services.offers import (
    Agreed,
    Offer,
    all_taken,
    make_offer,
    occupied,
    read_offer,
    refuse_evse,
    refuse_rider,
)
from bot.services.pile_facts import AlarmFact
from bot.settings import Settings
from bot.store import inbox
from bot.store.charging import Bill, ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.devices import Command
from bot.store.riders import Rider
from bot.store.stations import Evse

log = structlog.get_logger(__name__)

_ALONE: Final[dict[str, Any]] = {"key_share": True}  # rows that refer to it may still be written
RECENT: Final = timedelta(hours=1)
METER_JUMP: Final = "METER_JUMP"
CLOCK_SLACK: Final = timedelta(minutes=1)  # a device time further off than this is not believed


@dataclass(frozen=True, slots=True)
class Progress:
    """How a session stands, as of `meter_at`; `waiting_for` is "payment", "pile", "plug",
    "energy", "vehicle", "stop" or "" while energy flows or all is over."""

    session_id: int
    state: str
    open: bool
    waiting_for: str
    station_name: str
    evse_code: str
    tz: str
    energy_wh: int
    power_w: int | None
    cost: Money
    hold: Money
    seconds: int
    started_at: datetime | None
    ended_at: datetime | None
    meter_at: datetime | None
    offline_since: datetime | None
    pay_url: str | None
    bill_id: int | None


def offer(
    work: UnitOfWork, settings: Settings, *, evse: Evse, rider: Rider,
    keep_coupons: bool = False, pays: str | None = None,
) -> Offer:  # fmt: skip
    """What a charge costs at an EVSE now, and what is held for it. Raises Refused with the reason:
    offline, out of service, faulted, occupied, reserved, charging elsewhere, unpaid debt."""
    return make_offer(work, settings, evse=evse, rider=rider, keep_coupons=keep_coupons, pays=pays)


def start(
    work: UnitOfWork,
    settings: Settings,
    *,
    rider: Rider,
    evse: Evse,
    offer_body: Mapping[str, Any],
    key: str,
    deposit: Hold | None = None,
) -> ChargingSession:
    """Open a session for a yes to `Offer.body`; a repeat of `key` returns the same session.

    At most one open session per EVSE and per rider: the second gets Refused with another way.
    What happens next is told to the rider by notices. A booking's `deposit` is the hold where it is
    large enough and of the kind they agreed to pay by; else it is let go and the usual amount held.
    """
    known = _by_key(work, key)
    if known is not None:
        return known
    # Always in this order: rider, EVSE. Whoever holds them decides alone.
    work.session.get_one(Rider, rider.id, with_for_update=_ALONE)
    work.session.get_one(Evse, evse.id, with_for_update=_ALONE)
    known = _by_key(work, key)
    if known is not None:
        return known
    agreed = read_offer(offer_body, evse, work.now)
    refuse_rider(work, rider)
    refuse_evse(work, settings, evse, rider)
    booking = bookings.arriving(work, rider.id, evse.id)
    if booking is not None:
        deposit = bookings.held_deposit(work, booking)
    least = Money(agreed.hold_minor, agreed.tariff.currency)
    adopted = (
        deposit is not None
        and deposit.method == agreed.pays  # who agreed to a wallet is not charged by card
        and payments.adoptable(work, deposit, rider_id=rider.id, least=least)
    )
    hold, pays = agreed.hold_minor, agreed.pays
    if deposit is not None and adopted:
        hold, pays = deposit.amount_minor, deposit.method
    else:
        freed = bookings.freed_at_start(deposit) if booking is not None else None
        paying.still_pays(work, rider, least, pays, evse.code, freed=freed)
    terms = replace(_terms(settings, agreed, hold, evse, work.now), pays=pays)
    if pays != paying.CARD:  # nothing is too little for a wallet
        terms = replace(terms, smallest_minor=1)
    plugged_at = work.now if evse.status == "Occupied" else None
    facts = SessionFacts(terms=terms, created_at=work.now, plugged_at=plugged_at)
    session = ChargingSession(
        key=key,
        rider_id=rider.id,
        evse_id=evse.id,
        state=facts.state,
        facts=dump_facts(facts),
        tariff=dump_tariff(agreed.tariff),
        open=True,
        created_at=work.now,
    )
    try:
        with work.session.begin_nested():
            work.session.add(session)
            work.session.flush()
            entitlements.take(work, session, agreed.discounts, evse)
    except IntegrityError as error:  # the unique indexes have the last word
        raise occupied(work, settings, evse) from error
    if booking is not None:
        bookings.arrive(work, booking, session_id=session.id, adopted=deposit if adopted else None)
    if deposit is not None and adopted:
        payments.adopt(work, deposit, session.id)
        _happen(work, session, [on.HoldAdopted(work.now, deposit.capture_before)])
        return session
    if deposit is not None and booking is None:
        payments.release(work, deposit)
    _happen(work, session, [on.Yes(work.now)])
    return session


def _terms(settings: Settings, agreed: Agreed, hold_minor: int, evse: Evse, at: datetime) -> Terms:
    return Terms(
        tariff=agreed.tariff,
        hold_minor=hold_minor,
        stop_minor=stop_threshold(
            agreed.tariff, hold_minor=hold_minor, power_w=evse.max_power_w, at=at
        ),
        smallest_minor=smallest_charge(agreed.tariff.currency),
        limits=Limits(
            start_timeout_s=settings.start_timeout_s,
            plug_in_timeout_s=settings.plug_in_timeout_s,
            no_energy_s=settings.no_energy_s,
            max_session_s=settings.max_session_s,
        ),
        discounts=agreed.discounts,
        carry=agreed.carry,
    )


def request_stop(
    work: UnitOfWork, settings: Settings, session: ChargingSession, *, by: str, key: str
) -> None:
    """End a session in whatever state it is, for "rider", "staff" or "safety".

    The rider is told by notice what happens (stopping, start cancelled, already stopping, already
    ended); a repeat of `key` says nothing twice.
    """
    _happen(work, session, [on.StopRequested(work.now, by)], key=f"stop:{key}")


def collect(work: UnitOfWork, session: ChargingSession, *, by: str = paying.CARD) -> None:
    """Ask once more for what is owed: the saved card, else a link to the payment page; or the
    wallet, which pays at once."""
    _happen(work, session, [on.Collect(work.now, by)])


def corrected(work: UnitOfWork, session: ChargingSession, amount_minor: int) -> None:
    """Part of the bill was credited and is given back by staff."""
    _happen(work, session, [on.Corrected(work.now, amount_minor)])


def somebody_waits(work: UnitOfWork, evse_id: int, *, waits: bool) -> None:
    """Somebody waits for a place (a queue, a booking due soon), or nobody any more: what runs there
    hears of it, for tariffs whose idle fee depends on it. A repeat changes nothing."""
    evse = work.session.get_one(Evse, evse_id)
    for session in _open_at(work, evse.pile_id, evse.number):
        _happen(work, session, [on.Waiting(work.now, waits)])


def not_me(work: UnitOfWork, session: ChargingSession, *, key: str) -> None:
    """The rider says the session is not theirs: it is stopped and costs nothing."""
    _happen(work, session, [on.NotMe(work.now)], key=f"not-me:{key}")


def open_session(work: UnitOfWork, rider_id: int) -> ChargingSession | None:
    """The rider's running session, or None."""
    return work.session.scalars(
        select(ChargingSession).where(ChargingSession.rider_id == rider_id, ChargingSession.open)
    ).first()


def last_session(work: UnitOfWork, rider_id: int) -> ChargingSession | None:
    """The rider's newest session, running or not."""
    return work.session.scalars(
        select(ChargingSession)
        .where(ChargingSession.rider_id == rider_id)
        .order_by(ChargingSession.id.desc())
        .limit(1)
    ).first()


def recent_session(work: UnitOfWork, rider_id: int) -> ChargingSession | None:
    """The rider's newest session if it ended within the last hour."""
    last = last_session(work, rider_id)
    if last is None or last.ended_at is None or work.now - last.ended_at > RECENT:
        return None
    return last


def progress(work: UnitOfWork, session: ChargingSession) -> Progress:
    """How a session stands."""
    facts = load_facts(session.facts, load_tariff(session.tariff))
    evse = work.session.get_one(Evse, session.evse_id)
    currency = facts.terms.tariff.currency
    end = session.ended_at or work.now
    cost = facts.bill_minor if facts.bill_minor is not None else facts.cost_minor(end)
    url = work.session.scalars(
        select(Hold.checkout_url).where(Hold.session_id == session.id).order_by(Hold.seq.desc())
    )
    bill = work.session.scalars(select(Bill.id).where(Bill.session_id == session.id)).first()
    return Progress(
        session_id=session.id,
        state=facts.state,
        open=session.open,
        waiting_for=_waiting_for(facts),
        station_name=evse.pile.station.name,
        evse_code=evse.code,
        tz=evse.pile.station.tz,
        energy_wh=facts.energy_wh(),
        power_w=session.power_w if facts.state == "charging" else None,
        cost=Money(cost, currency),
        hold=Money(facts.terms.hold_minor, currency),
        seconds=int((end - facts.started_at).total_seconds()) if facts.started_at else 0,
        started_at=facts.started_at,
        ended_at=session.ended_at,
        meter_at=session.meter_at,
        offline_since=facts.offline_at,
        pay_url=url.first() if facts.hold == "waiting" else None,
        bill_id=bill,
    )


def _waiting_for(facts: SessionFacts) -> str:
    match facts.state:
        case "holding":
            return "payment"
        case "starting" if not (facts.accepted or facts.running):
            return "pile"
        case "starting" if facts.plugged_at is None:
            return "plug"
        case "starting":
            return "vehicle" if facts.flow in {"ev", "connected"} else "energy"
        case "suspended":
            return "pile" if facts.flow == "evse" else "vehicle"
        case "stopping":
            return "stop"
        case _:
            return ""


# --- what comes in: handlers of inbox rows, each called inside one transaction


def on_transaction(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "pile.transaction" (bot/services/pile_facts.py: TransactionFact)."""
    transaction_id = str(body["transaction_id"])
    session = _of_transaction(work, body, transaction_id)
    if session is None:
        log.info("transaction_not_ours", pile_id=body["pile_id"], transaction_id=transaction_id)
        return
    _lock(work, session)
    at = _device_time(body["at"], session, work.now)
    readings = [
        Reading(_device_time(each["at"], session, work.now), int(each["wh"]), each.get("ma"))
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
    _happen(work, session, events, heard_at=heard_at)
    if body["event"] == "Ended":
        receipt_watch.heard(work, session.id, heard_at)
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
                meter_out_of_order(work, evse, new.at)
            return readings[:place]
        last = new
    return readings


def meter_out_of_order(work: UnitOfWork, evse: Evse, at: datetime) -> None:
    """Raise the alarm of a meter that nobody can believe, once while it stands."""
    if evse.fault_code == METER_JUMP:
        return
    evse.fault_code = METER_JUMP
    body: AlarmFact = {
        "pile_id": evse.pile_id, "evse_number": evse.number, "transaction_id": None,
        "code": METER_JUMP, "value": "", "cleared": False, "at": at.isoformat(),
    }  # fmt: skip
    inbox.put(
        work, source="meter", source_id=f"{evse.id}:{int(at.timestamp())}",
        stream=f"pile:{evse.pile_id}", kind="pile.alarm", body=dict(body),
    )  # fmt: skip


_FLOWS: Final[Mapping[str, on.Flow]] = {
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
        _happen(work, session, _start_events(work.now, attempt, body))
    elif command.kind == "stop":
        transaction_id = str(command.body["transaction_id"])
        if body["outcome"] == "accepted":
            _happen(work, session, [on.StopAccepted(work.now, transaction_id)])
        elif body["outcome"] in {"rejected", "error", "timeout", "expired", "offline"}:
            reason = str(body.get("reason") or "")
            _happen(work, session, [on.StopFailed(work.now, transaction_id, reason)])
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
    for session in _open_at(work, command.pile_id, command.evse_number):
        _happen(work, session, [event])


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
    site_news.pile_changed(work, body["pile_id"])
    bookings.recheck(work, settings, body["pile_id"], body["evse_number"])
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
    for session in _open_at(work, body["pile_id"], body["evse_number"]):
        _happen(work, session, [event])


def on_pile_presence(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "pile.presence" (PresenceFact): sessions that run or owe a stop hear of it."""
    online = bool(body["online"])
    site_news.pile_changed(work, body["pile_id"])
    bookings.recheck(work, settings, body["pile_id"])
    sessions = _open_at(work, body["pile_id"], None)
    if online:
        sessions += _owing_a_stop(work, body["pile_id"])
        outages.over(work, body["pile_id"])
    else:
        outages.look(work, settings)
    for session in sessions:
        _happen(work, session, [on.PileOnline(work.now) if online else on.PileOffline(work.now)])


def on_alarm(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "pile.alarm" (AlarmFact): an alarm ends what runs at that EVSE, or at the pile."""
    if body.get("cleared"):
        return
    for session in _open_at(work, body["pile_id"], body.get("evse_number")):
        _happen(work, session, [on.Fault(work.now, str(body.get("code") or ""))])


def lock_session(work: UnitOfWork, session_id: int) -> None:
    """Take the lock under which everything happens to a session and its payments."""
    _lock(work, work.session.get_one(ChargingSession, session_id))


def account_of(work: UnitOfWork, hold: Hold) -> str:
    """Where in the ledger what a session's payment brings belongs."""
    return billing.owing(work, work.session.get_one(ChargingSession, hold.session_id))


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
        _happen(work, session, [event])
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
        _happen(work, session, [on.TimerFired(work.now, str(body["name"]), withheld)])


# --- finding and changing sessions


def _by_key(work: UnitOfWork, key: str) -> ChargingSession | None:
    return work.session.scalars(select(ChargingSession).where(ChargingSession.key == key)).first()


def _of_transaction(
    work: UnitOfWork, body: Mapping[str, Any], transaction_id: str
) -> ChargingSession | None:
    """The session a transaction belongs to: by our start command, by its id, or by a stop we sent
    for one that is nobody's. Ids alone are weak: some piles count from 1 after a power cut."""
    command = work.session.get(Command, body.get("remote_start_id") or 0)
    if command is None or command.pile_id != body["pile_id"]:
        found = work.session.scalars(
            select(ChargingSession)
            .join(Evse, Evse.id == ChargingSession.evse_id)
            .where(
                ChargingSession.transaction_id == transaction_id, Evse.pile_id == body["pile_id"]
            )
            .order_by(ChargingSession.open.desc(), ChargingSession.id.desc())
        ).first()
        if found is not None:
            return found
        command = _stop_of(work, body["pile_id"], transaction_id)
    if command is None or command.session_id is None:
        return None
    return work.session.get(ChargingSession, command.session_id)


def _stop_of(work: UnitOfWork, pile_id: str, transaction_id: str) -> Command | None:
    recent = work.session.scalars(
        select(Command)
        .where(Command.pile_id == pile_id, Command.kind == "stop", Command.session_id.is_not(None))
        .order_by(Command.id.desc())
        .limit(50)
    )
    return next((each for each in recent if each.body["transaction_id"] == transaction_id), None)


def open_sessions_at(work: UnitOfWork, pile_id: str) -> list[ChargingSession]:
    """Every running session at a pile, whoever's."""
    return _open_at(work, pile_id, None)


def _open_at(work: UnitOfWork, pile_id: str, evse_number: int | None) -> list[ChargingSession]:
    """Open sessions at an EVSE, or at all of a pile."""
    statement = (
        select(ChargingSession)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .where(Evse.pile_id == pile_id, ChargingSession.open)
        .order_by(ChargingSession.id)
    )
    if evse_number is not None:
        statement = statement.where(Evse.number == evse_number)
    return list(work.session.scalars(statement))


def _owing_a_stop(work: UnitOfWork, pile_id: str) -> list[ChargingSession]:
    """Closed sessions whose transaction the pile may still run."""
    recent = work.session.scalars(
        select(ChargingSession)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .where(
            Evse.pile_id == pile_id,
            ~ChargingSession.open,
            ChargingSession.created_at > work.now - timedelta(days=7),
        )
        .order_by(ChargingSession.id.desc())
        .limit(50)
    )
    return [each for each in reversed(recent.all()) if each.facts["owed"]]


def _device_time(raw: str, session: ChargingSession, now: datetime) -> datetime:
    """A device's time, or ours where its clock cannot be right."""
    at = datetime.fromisoformat(raw)
    if session.created_at - CLOCK_SLACK <= at <= now + CLOCK_SLACK:
        return at
    return now


def _lock(work: UnitOfWork, session: ChargingSession) -> None:
    work.session.refresh(session, with_for_update=True)


def _happen(
    work: UnitOfWork, session: ChargingSession, events: list[Event], *, key: str | None = None,
    heard_at: datetime | None = None,
) -> None:  # fmt: skip
    """Let a session live through events, one transaction, one writer at a time."""
    _lock(work, session)
    first = facts = load_facts(session.facts, load_tariff(session.tariff))
    waiting = list(events)
    while waiting:
        event, before = waiting.pop(0), facts
        facts, commands = advance(facts, event)
        answered = session_effects.carry_out(
            work, session, facts, commands, key=key, heard_at=heard_at
        )
        waiting = [*answered, *waiting]
        if facts.state != before.state:
            log.info(
                "session", session_id=session.id, state=facts.state, cause=type(event).__name__
            )
        if facts.started_at is not None and before.started_at is None:
            _went_well(work, session)
        _keep_books(work, session, before, facts)
        entitlements.follow(work, session, before, facts)
    session_effects.keep(work, session, facts)
    if facts.state != first.state:
        site_news.evse_changed(work, session.evse_id)
    if first.is_open and not facts.is_open:
        bookings.charge_ended(work, session)
    action_results.session_moved(work, session, first, facts)


def _keep_books(
    work: UnitOfWork, session: ChargingSession, before: SessionFacts, now: SessionFacts
) -> None:
    """What becomes of a bill apart from being paid: a debt, or given up."""
    if now.state == before.state or now.bill_minor is None:
        return
    if now.state == "debt":
        billing.post_owed(work, session)
    elif now.state in {"releasing", "void"} and before.state in {"billing", "debt"}:
        billing.post_waived(work, session)


def _went_well(work: UnitOfWork, session: ChargingSession) -> None:
    evse = work.session.get_one(Evse, session.evse_id)
    evse.failed_starts, evse.last_good_at = 0, work.now
    wear.count(work, evse.id, cycles=1)


__all__ = [
    "Offer", "Progress", "Refused", "all_taken", "last_session", "not_me", "offer", "on_alarm",
    "on_command_result", "on_payment_result", "on_pile_presence", "on_pile_status", "on_timer",
    "on_transaction", "open_session", "progress", "recent_session", "request_stop", "start",
]  # fmt: skip
