"""The charging service: offers, starts, stops and progress of sessions.

All writing goes through `session_changes.happen`; what sessions hear of is in `charging_facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bot.domain import session_events as on
from bot.domain.holds import smallest_charge, stop_threshold
from bot.domain.money import Money
from bot.domain.session import Limits, SessionFacts, Terms, dump_facts, load_facts
from bot.domain.tariffs import dump_tariff, load_tariff
from bot.errors import Refused
from bot.services import (
    bookings,
    diversion,
    entitlements,
    paying,
    payments,
)
from bot.services import session_changes as changes
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
from bot.settings import Settings
from bot.store.charging import Bill, ChargingSession, Hold
from bot.store.database import ALONE, UnitOfWork
from bot.store.riders import Rider
from bot.store.stations import Evse

log = structlog.get_logger(__name__)

RECENT: Final = timedelta(hours=1)


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
    known = changes.by_key(work, key)
    if known is not None:
        return known
    # Always in this order: rider, EVSE. Whoever holds them decides alone.
    work.session.get_one(Rider, rider.id, with_for_update=ALONE)
    work.session.get_one(Evse, evse.id, with_for_update=ALONE)
    known = changes.by_key(work, key)
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
    diversion.went(work, rider.id, evse, "start")
    if booking is not None:
        bookings.arrive(work, booking, session_id=session.id, adopted=deposit if adopted else None)
    if deposit is not None and adopted:
        payments.adopt(work, deposit, session.id)
        changes.happen(work, session, [on.HoldAdopted(work.now, deposit.capture_before)])
        return session
    if deposit is not None and booking is None:
        payments.release(work, deposit)
    changes.happen(work, session, [on.Yes(work.now)])
    return session


def _terms(settings: Settings, agreed: Agreed, hold_minor: int, evse: Evse, at: datetime) -> Terms:
    return Terms(
        tariff=agreed.tariff,
        hold_minor=hold_minor,
        stop_minor=stop_threshold(
            agreed.tariff, hold_minor=hold_minor, power_w=evse.allowed_w, at=at
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
    changes.happen(work, session, [on.StopRequested(work.now, by)], key=f"stop:{key}")


def collect(work: UnitOfWork, session: ChargingSession, *, by: str = paying.CARD) -> None:
    """Ask once more for what is owed: the saved card, else a link to the payment page; or the
    wallet, which pays at once."""
    changes.happen(work, session, [on.Collect(work.now, by)])


def corrected(work: UnitOfWork, session: ChargingSession, amount_minor: int) -> None:
    """Part of the bill was credited and is given back by staff."""
    changes.happen(work, session, [on.Corrected(work.now, amount_minor)])


def somebody_waits(work: UnitOfWork, evse_id: int, *, waits: bool) -> None:
    """Somebody waits for a place (a queue, a booking due soon), or nobody any more: what runs there
    hears of it, for tariffs whose idle fee depends on it. A repeat changes nothing."""
    evse = work.session.get_one(Evse, evse_id)
    for session in changes.open_at(work, evse.pile_id, evse.number):
        changes.happen(work, session, [on.Waiting(work.now, waits)])


def not_me(work: UnitOfWork, session: ChargingSession, *, key: str) -> None:
    """The rider says the session is not theirs: it is stopped and costs nothing."""
    changes.happen(work, session, [on.NotMe(work.now)], key=f"not-me:{key}")


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


__all__ = [
    "Offer", "Progress", "Refused", "all_taken", "last_session", "not_me", "offer",
    "open_session", "progress", "recent_session", "request_stop", "start",
]  # fmt: skip
