"""Bookings: proposals, the yes, what riders and staff change, and the booker's start.

All writing goes through `booking_changes.happen`. Who gets a slot is decided by the database: every
five minutes of an EVSE can belong to one booking only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.exc import IntegrityError

from bot.domain import booking_facts as on
from bot.domain.booking_facts import BookingFacts, Terms, cost_minor, dump_booking
from bot.domain.money import Money
from bot.domain.tariffs import Tariff, TariffError, dump_tariff
from bot.errors import GiveUp, Refused
from bot.replies import Say
from bot.services import booking_effects, diversion, paying
from bot.services.booked import facts_of, mine_here, slot_freed
from bot.services.booking_changes import by_key, happen, lock, note, times, was_done
from bot.services.booking_refusals import (
    over,
    refuse_bay,
    refuse_bay_for,
    refuse_rider,
    refuse_time,
    taken,
)
from bot.services.booking_rules import rules_for, terms_for
from bot.services.tariffs import price_lines, tariff_for
from bot.settings import Settings
from bot.store.bookings import Booking
from bot.store.charging import Hold
from bot.store.database import ALONE, UnitOfWork
from bot.store.riders import Rider
from bot.store.stations import Evse

PROPOSAL_LIFE: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A booking that the rider may say yes to."""

    evse: Evse
    starts_at: datetime
    ends_at: datetime
    tariff: Tariff
    terms: Terms
    lines: tuple[Say, ...]
    at: datetime

    @property
    def deposit(self) -> Money:
        """What is held."""
        return Money(self.terms.deposit_minor, self.terms.currency)

    @property
    def fee(self) -> Money:
        """What staying away costs."""
        return Money(self.terms.fee_minor, self.terms.currency)

    @property
    def body(self) -> dict[str, Any]:
        """What the dialog keeps until the yes."""
        return {
            "evse_id": self.evse.id,
            "starts_at": self.starts_at.isoformat(),
            "ends_at": self.ends_at.isoformat(),
            "tariff": dump_tariff(self.tariff),
            "terms": {name: getattr(self.terms, name) for name in Terms.__slots__},
            "at": self.at.isoformat(),
        }


def propose(
    work: UnitOfWork,
    settings: Settings,
    *,
    rider: Rider,
    evse: Evse,
    starts_at: datetime,
    ends_at: datetime,
) -> Proposal:
    """What a booking would be, with its price and rules. Raises Refused with the reason and a way
    on: a booking there is, too often not come, debts, the time, the bay."""
    rules = rules_for(work, settings, evse.pile.station)
    refuse_rider(work, rules, rider, evse.pile.station.tz)
    refuse_time(work, rules, evse, starts_at, ends_at)
    refuse_bay(work, evse, starts_at, ends_at)
    try:
        tariff = tariff_for(work, evse, starts_at)
    except (GiveUp, TariffError) as error:
        raise Refused(
            "No price is set for {evse} at that time, so I cannot book it.", {"evse": evse.code}
        ) from error
    terms = terms_for(rules, evse, tariff, starts_at)
    lines = price_lines(tariff, starts_at)
    way = paying.for_deposit(work, settings, rider, Money(terms.deposit_minor, terms.currency))
    if way is not None:
        terms, lines = replace(terms, pays=way.by), (*lines, way.text)
    return Proposal(evse, starts_at, ends_at, tariff, terms, lines, work.now)


def book(
    work: UnitOfWork, settings: Settings, *, rider: Rider, body: Mapping[str, Any], key: str
) -> Booking:
    """Take the slot of a `Proposal.body`; a repeat of `key` returns the same booking.

    The slot is the rider's for as long as the deposit may take; what comes next is told by
    notices. Raises Refused when somebody else was faster.
    """
    if (known := by_key(work, key)) is not None:
        return known
    # Always in this order: rider, EVSE, booking.
    work.session.get_one(Rider, rider.id, with_for_update=ALONE)
    evse = work.session.get_one(Evse, int(body["evse_id"]), with_for_update=ALONE)
    if (known := by_key(work, key)) is not None:
        return known
    if work.now - datetime.fromisoformat(body["at"]) > PROPOSAL_LIFE:
        raise Refused("That was shown a while ago. Please write BOOK to see what is free now.")
    starts_at, ends_at = (datetime.fromisoformat(body[name]) for name in ("starts_at", "ends_at"))
    rules = rules_for(work, settings, evse.pile.station)
    refuse_rider(work, rules, rider, evse.pile.station.tz)
    refuse_time(work, rules, evse, starts_at, ends_at)
    refuse_bay(work, evse, starts_at, ends_at)
    terms = Terms(**body["terms"])
    paying.still_covers(work, rider, Money(terms.deposit_minor, terms.currency), terms.pays)
    facts = BookingFacts(terms, work.now, starts_at, ends_at)
    booking = Booking(
        key=key,
        rider_id=rider.id,
        evse_id=evse.id,
        state=facts.state,
        live=True,
        facts=dump_booking(facts),
        tariff=dict(body["tariff"]),
        starts_at=starts_at,
        ends_at=ends_at,
        created_at=work.now,
    )
    try:
        with work.session.begin_nested():
            work.session.add(booking)
            work.session.flush()
            booking_effects.take_cells(work, booking, evse.id, facts)
    except IntegrityError as error:  # the unique keys have the last word
        raise taken(work, evse, starts_at, ends_at) from error
    card = rider.stripe_payment_method is not None
    happen(work, booking, on.Booked(work.now, card), key=key)
    note(work, booking, "booked", "rider", key=key)
    diversion.went(work, rider.id, evse, "booking")
    return booking


# --- changing


def move_cost(booking: Booking, starts_at: datetime, now: datetime) -> Money:
    """What it costs the rider to change a booking to begin then; a new end alone costs nothing."""
    facts = facts_of(booking)
    cost = cost_minor(facts, now) if starts_at != booking.starts_at else 0
    return Money(cost, facts.terms.currency)


def cancel_cost(booking: Booking, now: datetime) -> Money:
    """What it costs the rider to cancel now."""
    facts = facts_of(booking)
    return Money(cost_minor(facts, now), facts.terms.currency)


def move(
    work: UnitOfWork,
    settings: Settings,
    booking: Booking,
    *,
    evse: Evse,
    starts_at: datetime,
    ends_at: datetime,
    by: str = "rider",
    cost: Money | None = None,
    reason: str = "",
    key: str,
) -> None:
    """Another time or another bay for a booking; a repeat of `key` changes nothing more.

    `cost` is what the rider agreed to. Raises Refused: over, outside of the rules, or not free.
    """
    if was_done(work, booking, key):
        return
    work.session.get_one(Rider, booking.rider_id, with_for_update=ALONE)
    for evse_id in sorted({booking.evse_id, evse.id}):
        work.session.get_one(Evse, evse_id, with_for_update=ALONE)
    lock(work, booking)
    facts, staff = facts_of(booking), by != "rider"
    charging = facts.state == "FULFILLED" and facts.ended_at is None
    if not (facts.live or (charging and evse.id == booking.evse_id)):
        raise over(booking)
    if charging:
        starts_at = facts.starts_at
    rules = rules_for(work, settings, evse.pile.station)
    if starts_at != facts.starts_at or not (staff or charging):
        begun = starts_at <= facts.starts_at <= work.now
        if not begun:
            refuse_time(work, rules, evse, starts_at, ends_at)
    if ends_at <= max(starts_at, work.now):
        raise Refused("That time is over already. Please name a later one.")
    refuse_bay_for(work, booking, evse, starts_at, ends_at, charging=charging)
    now_cost = move_cost(booking, starts_at, work.now) if not staff else Money(0, "")
    if cost is not None and now_cost.amount_minor > cost.amount_minor:
        raise Refused(
            "Meanwhile a change costs {fee}. Please say once more what you want.",
            {"fee": now_cost},
        )
    _take_time(work, booking, facts, evse, starts_at, ends_at)
    elsewhere = evse.id != booking.evse_id
    rider = work.session.get_one(Rider, booking.rider_id)
    event = on.Moved(
        work.now, starts_at, ends_at, now_cost.amount_minor, "staff" if staff else "rider",
        rider.stripe_payment_method is not None, elsewhere,
    )  # fmt: skip
    before = {"evse": booking.evse_id, **times(facts)}
    was = booking.evse_id
    happen(work, booking, event, key=key, evse_id=evse.id)
    if elsewhere:
        slot_freed(work, was, work.now)
    note(work, booking, "moved", by, key=key, before=before, reason=reason)


def _take_time(
    work: UnitOfWork,
    booking: Booking,
    facts: BookingFacts,
    evse: Evse,
    starts_at: datetime,
    ends_at: datetime,
) -> None:
    """Swap the cells of a booking for others, or leave all as it was."""
    wanted = BookingFacts(facts.terms, facts.created_at, starts_at, ends_at)
    try:
        with work.session.begin_nested():
            booking_effects.give_cells_back(work, booking)
            booking_effects.take_cells(work, booking, evse.id, wanted)
    except IntegrityError as error:
        raise taken(work, evse, starts_at, ends_at) from error


def extend(
    work: UnitOfWork, settings: Settings, booking: Booking, *, ends_at: datetime,
    by: str = "rider", reason: str = "", key: str,
) -> None:  # fmt: skip
    """Keep the bay longer, also while the booker charges. Raises Refused when it is not free."""
    evse = work.session.get_one(Evse, booking.evse_id)
    move(
        work, settings, booking, evse=evse, starts_at=booking.starts_at, ends_at=ends_at, by=by,
        reason=reason, key=key,
    )  # fmt: skip


def cancel(
    work: UnitOfWork, booking: Booking, *, by: str = "rider", reason: str = "", key: str
) -> None:
    """End a booking. Raises Refused when it is over already."""
    if was_done(work, booking, key):
        return
    lock(work, booking)
    if not booking.live:
        raise over(booking)
    who = "staff" if by.startswith("staff") else "rider"
    happen(work, booking, on.Cancel(work.now, who), key=key)
    note(work, booking, "canceled", by, key=key, reason=reason)


def on_my_way(work: UnitOfWork, booking: Booking, *, key: str) -> None:
    """The rider says that they are coming. Raises Refused when the booking is over."""
    lock(work, booking)
    if booking.state != "RESERVED":
        raise over(booking)
    happen(work, booking, on.OnMyWay(work.now), key=key)
    note(work, booking, "on_my_way", "rider", key=key)


def report_blocked(work: UnitOfWork, booking: Booking, *, key: str) -> None:
    """The booker says that somebody stands in the bay: another one, or the end at no cost."""
    lock(work, booking)
    if booking.state != "RESERVED":
        raise over(booking)
    happen(work, booking, on.Blocked(work.now, "reported"), key=key)
    note(work, booking, "blocked", "rider", key=key)


def appeal(work: UnitOfWork, booking: Booking, *, key: str) -> bool:
    """The rider says that a fee is not right; False when staff have it already, or gave it back."""
    lock(work, booking)
    if facts_of(booking).appealed_at is not None or booking.forgiven:
        return False
    happen(work, booking, on.Appealed(work.now), key=key)
    note(work, booking, "appealed", "rider", key=key)
    return True


def forgive(work: UnitOfWork, booking: Booking, *, by: str, reason: str, key: str) -> bool:
    """Staff give a fee back, and the time counts for no ladder; False: nothing to forgive."""
    lock(work, booking)
    if booking.forgiven:
        return False
    happen(work, booking, on.Forgiven(work.now), key=key)
    if booking.forgiven:
        note(work, booking, "forgiven", by, key=key, reason=reason)
    return booking.forgiven


# --- the start


def arriving(work: UnitOfWork, rider_id: int, evse_id: int) -> Booking | None:
    """The rider's booking at this EVSE when its time has come, locked; else None."""
    booking = mine_here(work, rider_id, evse_id, work.now)
    if booking is None:
        return None
    lock(work, booking)
    return booking if booking.state == "RESERVED" else None


def held_deposit(work: UnitOfWork, booking: Booking) -> Hold | None:
    """The deposit that a charge of the booker could use: held, and not running out."""
    facts = facts_of(booking)
    hold = booking_effects.deposit(work, booking.id, facts.asked)
    return hold if facts.deposit == "held" and hold is not None and hold.state == "held" else None


def freed_at_start(deposit: Hold | None) -> Money | None:
    """What is free in the rider's own wallet again when their charge begins, as the deposit there
    is too small for it."""
    if deposit is None or deposit.method == "card":
        return None
    return Money(deposit.amount_minor, deposit.currency)


def arrive(work: UnitOfWork, booking: Booking, *, session_id: int, adopted: Hold | None) -> None:
    """The booker starts a charge: the booking is fulfilled. `adopted` is the deposit where it
    becomes what is held for the charge; else it is released."""
    if adopted is not None:
        booking_effects.post(work, adopted, "applied", adopted.amount_minor)
    event = on.Arrived(work.now, session_id, adopted is not None)
    happen(work, booking, event, key=f"session:{session_id}")
    note(work, booking, "arrived", "rider", key=f"session:{session_id}")
