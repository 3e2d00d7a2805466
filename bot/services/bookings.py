"""Bookings: proposals, the yes, changes, the end, and every event they hear.

All writing goes through `happen`: lock the booking's row, let the pure state machine advance,
carry out its commands in the same transaction. Who gets a slot is decided by the database: every
five minutes of an EVSE can belong to one booking only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bot.domain import booking_facts as on
from bot.domain.booking import advance
from bot.domain.booking_facts import BookingFacts, Event, Terms, cost_minor, dump_booking
from bot.domain.booking_rules import Rules, wrong
from bot.domain.money import Money
from bot.domain.tariffs import Tariff, TariffError, dump_tariff, load_tariff
from bot.errors import GiveUp, Refused
from bot.replies import N_, Amount, Moment, Option, Say, Value
from bot.services import booking_bays, booking_effects, debts, paying, visit_times
from bot.services.booked import (
    ahead,
    booked_now,
    facts_of,
    live_of,
    mine_here,
    next_booking,
    slot_freed,
    taken_cells,
)
from bot.services.booking_notices import cancel_button, change_button
from bot.services.booking_rules import rider_paused_until, rules_for, terms_for
from bot.services.notices import pay_button
from bot.services.tariffs import price_lines, tariff_for
from bot.settings import Settings
from bot.store import inbox
from bot.store.bookings import Booking, BookingChange
from bot.store.charging import ChargingSession, Hold
from bot.store.database import ALONE, UnitOfWork
from bot.store.riders import Rider
from bot.store.stations import Evse, Pile
from bot.store.upsert import insert

log = structlog.get_logger(__name__)

PROPOSAL_LIFE: Final = timedelta(minutes=30)
TROUBLE_AHEAD: Final = timedelta(hours=2)  # bookers who come this soon hear of a broken bay


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
    if (known := _by_key(work, key)) is not None:
        return known
    # Always in this order: rider, EVSE, booking.
    work.session.get_one(Rider, rider.id, with_for_update=ALONE)
    evse = work.session.get_one(Evse, int(body["evse_id"]), with_for_update=ALONE)
    if (known := _by_key(work, key)) is not None:
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
    return booking


# --- why not


def refuse_rider(work: UnitOfWork, rules: Rules, rider: Rider, tz: str) -> None:
    """Raises Refused when this rider may not book now."""
    live = live_of(work, rider.id)
    if live is not None:
        evse = work.session.get_one(Evse, live.evse_id)
        raise Refused(
            "You have a booking already: {evse}, {start}. You can change or cancel it.",
            {
                "evse": evse.code,
                "start": Moment(live.starts_at, evse.pile.station.tz, "date_time"),
            },
            [change_button(live.id), cancel_button(live.id)],
        )
    until = rider_paused_until(work, rules, rider.id)
    if until is not None:
        raise Refused(
            "You did not come to {count} bookings, so you cannot book before {time}. You can "
            "charge at any free pile without booking.",
            {"count": rules.strikes, "time": Moment(until, tz, "date_time")},
            [Option("find_pile", Say("Find a pile"))],
        )
    owed = debts.oldest(work, rider.id)
    if owed is not None:
        raise Refused(
            "Your charge at {evse} is not paid yet ({amount}, bill {number}), so I cannot book for "
            "you. You can pay it right here.",
            {"evse": owed.evse_code, "amount": owed.due, "number": owed.bill_number},
            [pay_button(owed.session_id, owed.due)],
        )


_WRONG: Final[Mapping[str, Say]] = {
    "past": Say("That time is over already. Please name a later one."),
    "too_far": Say("I can book at most {length} ahead. Please name an earlier time."),
    "too_short": Say("A booking is {length} at least. Please name a longer time."),
    "too_long": Say("A booking is {length} at most. Please name a shorter time."),
}


def refuse_time(
    work: UnitOfWork, rules: Rules, evse: Evse, starts_at: datetime, ends_at: datetime
) -> None:
    """Raises Refused when a time is outside of what can be booked."""
    found = wrong(rules, starts_at, ends_at, work.now)
    if found is not None:
        raise Refused(_WRONG[found[0]].text, {"length": Amount(found[1], "s")})


def refuse_bay(
    work: UnitOfWork, evse: Evse, starts_at: datetime, ends_at: datetime, *, but: int | None = None
) -> None:
    """Raises Refused when the EVSE is booked then, or is out of order."""
    if not booking_bays.free_at(work, [evse], starts_at, ends_at, but=but):
        raise taken(work, evse, starts_at, ends_at)


def taken(work: UnitOfWork, evse: Evse, starts_at: datetime, ends_at: datetime) -> Refused:
    """The no to whoever comes second: other times here, and the nearest equal bay."""
    length_s = int((ends_at - starts_at).total_seconds())
    tz = evse.pile.station.tz
    query = f"length={length_s}"
    options = [
        Option(
            f"book_pile?spot=pile:{evse.code}&start={at.isoformat().replace('+', '%2B')}&{query}",
            Say("{start}", {"start": Moment(at, tz, "day_time")}),
        )
        for at in booking_bays.next_starts(work, evse, starts_at, length_s, most=2)
    ]
    other = booking_bays.equal_bay(work, evse, starts_at, ends_at)
    if other is not None:
        at = starts_at.isoformat().replace("+", "%2B")
        options.append(
            Option(
                f"book_pile?spot=pile:{other.evse.code}&start={at}&{query}",
                Say("{other} instead", {"other": other.evse.code}),
            )
        )
    values: dict[str, Value] = {
        "evse": evse.code,
        "start": Moment(starts_at, tz, "date_time"),
        "end": Moment(ends_at, tz),
    }
    visit = visit_times.in_the_way(work, evse.id, starts_at, ends_at)
    if visit is not None:
        values |= {
            "start": Moment(visit.starts_at, tz, "date_time"), "end": Moment(visit.ends_at, tz)
        }  # fmt: skip
        if not options:
            return Refused(
                "Maintenance is planned at {evse} from {start} to {end}. Please name another time "
                "or pile.",
                values,
            )
        return Refused(
            "Maintenance is planned at {evse} from {start} to {end}. These times are free:",
            values,
            options,
        )
    if not options:
        return Refused(
            "{evse} is not free from {start} to {end}. Please name another time or pile.", values
        )
    return Refused("{evse} is not free from {start} to {end}. These are:", values, options)


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
    if _known(work, booking, key):
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
    before = {"evse": booking.evse_id, **_times(facts)}
    was = booking.evse_id
    happen(work, booking, event, key=key, evse_id=evse.id)
    if elsewhere:
        slot_freed(work, was, work.now)
    note(work, booking, "moved", by, key=key, before=before, reason=reason)


def refuse_bay_for(
    work: UnitOfWork,
    booking: Booking,
    evse: Evse,
    starts_at: datetime,
    ends_at: datetime,
    *,
    charging: bool,
) -> None:
    """`refuse_bay` for a booking that has some of that time already."""
    since = max(starts_at, work.now)
    if charging:
        if taken_cells(work, [evse.id], since, ends_at, but=booking.id):
            raise taken(work, evse, starts_at, ends_at)
        return
    refuse_bay(work, evse, since, ends_at, but=booking.id)


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
    if _known(work, booking, key):
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


def over(booking: Booking) -> Refused:
    """The no to a button of a booking that is over."""
    words = {
        "FULFILLED": N_("You have used this booking already."),
        "CANCELED": N_("This booking is cancelled already."),
        "NO_SHOW": N_("This booking is over: nobody came in time."),
        "PENDING": N_("This booking still waits for its deposit."),
    }
    text = words.get(booking.state, N_("This booking is over."))
    return Refused(text, {}, [Option("book_pile", Say("Book"))])


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


def charge_ended(work: UnitOfWork, session: ChargingSession) -> None:
    """A charge is over: where that concerns a booking, it hears of it in a turn of its own."""
    concerned = select(Booking.id).where(
        (Booking.session_id == session.id) | (Booking.live & (Booking.evse_id == session.evse_id))
    )
    if work.session.scalars(concerned).first() is not None:
        inbox.put(
            work,
            source="session",
            source_id=f"over:{session.id}",
            stream=f"evse:{session.evse_id}",
            kind="session.over",
            body={"session_id": session.id},
        )


def on_session_over(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "session.over": what is left of its slot is free, and who waits for the bay hears it."""
    session = work.session.get_one(ChargingSession, int(body["session_id"]))
    booking = work.session.scalars(select(Booking).where(Booking.session_id == session.id)).first()
    if booking is not None:
        lock(work, booking)
        happen(work, booking, on.Left(work.now), key=f"left:{session.id}")
    evse = work.session.get_one(Evse, session.evse_id)
    recheck(work, settings, evse.pile_id, evse.number)


# --- the bay


def rehome(work: UnitOfWork, *, pile_id: str, reason: str) -> list[Booking]:
    """Offer those who booked at a pile that cannot be used soon another bay, or their money back.
    `reason`: "fault", "out_of_service", "offline", "reported"."""
    found = _soon_at(work, pile_id, None)
    for booking in found:
        lock(work, booking)
        happen(work, booking, on.Blocked(work.now, reason), key=f"{work.now.isoformat()}")
    return found


def recheck(
    work: UnitOfWork, settings: Settings, pile_id: str, evse_number: int | None = None
) -> None:
    """A pile's state has changed: bookers who come soon hear of what concerns them."""
    for booking in _soon_at(work, pile_id, evse_number):
        why = booking_bays.why_blocked(work, settings, booking)
        blocked = facts_of(booking).blocked
        if why == blocked or (blocked == "reported" and why):
            continue
        waits = why in {"busy", "offline"} and work.now < booking.starts_at
        if waits:  # it may well be free by then: the start decides
            continue
        lock(work, booking)
        event: Event = on.Blocked(work.now, why) if why else on.Unblocked(work.now)
        if why or blocked != "reported":
            happen(work, booking, event, key=work.now.isoformat())


def maintenance_changed(work: UnitOfWork, settings: Settings, pile_id: str) -> None:
    """The calendar of a pile is different: whoever booked in the time of a visit is offered another
    bay, however far ahead, and whoever was in the way of none any more hears that it stands."""
    work.session.flush()
    for booking in _live_at(work, pile_id):
        blocked = facts_of(booking).blocked
        why = booking_bays.why_blocked(work, settings, booking)
        if why == "maintenance" and blocked != why:
            event: Event = on.Blocked(work.now, why)
        elif blocked == "maintenance" and why != blocked:
            event = on.Unblocked(work.now)
        else:
            continue
        lock(work, booking)
        happen(work, booking, event, key=f"maintenance:{work.now.isoformat()}")


def _live_at(work: UnitOfWork, pile_id: str) -> list[Booking]:
    rows = (
        select(Booking)
        .join(Evse, Evse.id == Booking.evse_id)
        .where(Evse.pile_id == pile_id, Booking.live)
        .order_by(Booking.id)
    )
    return list(work.session.scalars(rows))


def recheck_station(work: UnitOfWork, settings: Settings, station_id: int) -> None:
    """`recheck` for every pile of a station where somebody comes soon: whatever put a pile back,
    or took it out, has said no more than that something changed there."""
    rows = (
        select(Evse.pile_id, Evse.number)
        .join(Booking, Booking.evse_id == Evse.id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(
            Pile.station_id == station_id,
            Booking.live,
            Booking.starts_at <= work.now + TROUBLE_AHEAD,
        )
        .distinct()
    )
    for pile_id, number in work.session.execute(rows).all():
        recheck(work, settings, pile_id, number)


def _soon_at(work: UnitOfWork, pile_id: str, evse_number: int | None) -> list[Booking]:
    rows = (
        select(Booking)
        .join(Evse, Evse.id == Booking.evse_id)
        .where(
            Evse.pile_id == pile_id,
            Booking.live,
            Booking.starts_at <= work.now + TROUBLE_AHEAD,
        )
        .order_by(Booking.id)
    )
    if evse_number is not None:
        rows = rows.where(Evse.number == evse_number)
    return list(work.session.scalars(rows))


# --- finding and changing bookings


def lock(work: UnitOfWork, booking: Booking) -> None:
    """Decide alone on a booking from here on."""
    work.session.flush()
    work.session.refresh(booking, with_for_update=True)


def happen(
    work: UnitOfWork, booking: Booking, *events: Event, key: str, evse_id: int | None = None
) -> None:
    """Let a locked booking live through events; `evse_id` where it goes to another bay."""
    facts = facts_of(booking)
    for event in events:
        before = facts
        facts, commands = advance(facts, event)
        elsewhere = evse_id is not None and evse_id != booking.evse_id
        early = [each for each in commands if isinstance(each, on.FreePile)]
        booking_effects.carry_out(work, booking, before, early, key=key)  # still at the old bay
        if elsewhere and evse_id is not None:
            booking.evse_id = evse_id
        rest = [each for each in commands if not isinstance(each, on.FreePile)]
        booking_effects.carry_out(work, booking, facts, rest, key=key)
        if facts.state != before.state:
            log.info("booking", booking_id=booking.id, state=facts.state)
        _note_end(work, booking, before, facts)
    booking_effects.keep(work, booking, facts)


def _note_end(work: UnitOfWork, booking: Booking, before: BookingFacts, now: BookingFacts) -> None:
    """Ends that nobody asked for are part of the history too."""
    if now.state != before.state and now.state in {"NO_SHOW", "FAILED", "REJECTED"}:
        note(work, booking, now.state.lower(), now.ended_by, key=now.state)


def note(
    work: UnitOfWork, booking: Booking, what: str, by: str, *, key: str, reason: str = "",
    before: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Keep a line of a booking's history; a repeat of `key` adds nothing."""
    body: dict[str, Any] = {"evse": booking.evse_id, **_times(facts_of(booking))}
    if before is not None:
        body["before"] = dict(before)
    work.session.execute(
        insert(work, BookingChange)
        .values(
            booking_id=booking.id, key=key[:160], at=work.now, what=what, by=by, body=body,
            reason=reason,
        )
        .on_conflict_do_nothing(index_elements=["booking_id", "key"])
    )  # fmt: skip


def _times(facts: BookingFacts) -> dict[str, str]:
    return {"starts_at": facts.starts_at.isoformat(), "ends_at": facts.ends_at.isoformat()}


def _known(work: UnitOfWork, booking: Booking, key: str) -> bool:
    there = select(BookingChange.id).where(
        BookingChange.booking_id == booking.id, BookingChange.key == key[:160]
    )
    return work.session.scalars(there).first() is not None


def _by_key(work: UnitOfWork, key: str) -> Booking | None:
    return work.session.scalars(select(Booking).where(Booking.key == key)).first()


def tariff_of(booking: Booking) -> Tariff:
    """The price that the booker was shown."""
    return load_tariff(booking.tariff)


def bookings_of(work: UnitOfWork, rider_id: int, *, most: int = 10) -> list[Booking]:
    """The rider's bookings, the newest first."""
    return list(
        work.session.scalars(
            select(Booking)
            .where(Booking.rider_id == rider_id)
            .order_by(Booking.live.desc(), Booking.starts_at.desc())
            .limit(most)
        )
    )


__all__ = [
    "Proposal",
    "ahead",
    "appeal",
    "arrive",
    "arriving",
    "book",
    "booked_now",
    "bookings_of",
    "cancel",
    "cancel_cost",
    "charge_ended",
    "extend",
    "facts_of",
    "forgive",
    "freed_at_start",
    "happen",
    "held_deposit",
    "live_of",
    "lock",
    "maintenance_changed",
    "mine_here",
    "move",
    "move_cost",
    "next_booking",
    "on_my_way",
    "on_session_over",
    "over",
    "propose",
    "recheck",
    "recheck_station",
    "rehome",
    "report_blocked",
    "slot_freed",
    "tariff_of",
]  # fmt: skip
