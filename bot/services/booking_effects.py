"""Carrying out what the booking state machine calls for: rows and outbox effects, never network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import delete, insert, select

from bot.domain import booking_facts as on
from bot.domain.booking_facts import BookingFacts, Command, dump_booking, load_booking
from bot.domain.booking_rules import cells
from bot.domain.money import Money
from bot.replies import Amount, Choose, Moment, Say, Value
from bot.services import (
    billing,
    booking_bays,
    payments,
    piles,
    refunds,
    wallet,
    wallet_method,
)
from bot.services.booked import slot_freed
from bot.services.booking_notices import Occasion, notice, rehome
from bot.services.notices import status_button, stop_button
from bot.services.outbound import tell_rider
from bot.store import inbox
from bot.store.bookings import Booking, BookingCell
from bot.store.charging import Hold, LedgerEntry
from bot.store.database import UnitOfWork
from bot.store.devices import Command as PileCommand
from bot.store.stations import Evse

PILE_TTL_S: Final = 120
# Money held for bookings, for information only, as it is not ours: what is held comes to be
# returned, applied to a charge, or taken.
DEPOSITS: Final = "deposits"
FEES: Final = "no_show_fees"


class _Effects:
    """One event's commands at work on the rows of its booking."""

    def __init__(self, work: UnitOfWork, booking: Booking, facts: BookingFacts, key: str) -> None:
        self.work, self.booking, self.facts, self.key = work, booking, facts, key

    @property
    def evse(self) -> Evse:
        return self.work.session.get_one(Evse, self.booking.evse_id)

    # --- money

    def ask_deposit(self, command: on.AskDeposit) -> None:
        evse, terms = self.evse, self.facts.terms
        amount = Money(terms.deposit_minor, terms.currency)
        method = self._method(amount)
        start = Moment(self.facts.starts_at, evse.pile.station.tz, "date_time")
        values: dict[str, Value] = {
            "evse": evse.code, "station": evse.pile.station.name, "start": start,
        }  # fmt: skip
        payments.ask(
            self.work,
            rider_id=self.booking.rider_id,
            subject=subject(self.booking.id),
            purpose="card" if command.card else "deposit",
            amount=amount,
            title=Say("Booking at {evse}, {station}, {start}", values),
            note=Say("Held, not taken: it is used for your charge, the rest is released."),
            method=method,
            methods=() if method == "card" else (wallet.OWN,),
        )

    def _method(self, amount: Money) -> str:
        """The wallet where that was agreed to; the card, where it does not cover a later one."""
        by = self.facts.terms.pays
        rider_id = self.booking.rider_id
        covers = by != "card" and wallet.payer(self.work, rider_id, amount, by=by) is not None
        return wallet_method.NAME if covers else "card"

    def take(self, command: on.Take) -> None:
        hold = deposit(self.work, self.booking.id, command.number)
        if hold is not None and hold.state == "held":
            payments.capture(self.work, hold, command.amount_minor)

    def release(self, command: on.Release) -> None:
        hold = deposit(self.work, self.booking.id, command.number)
        if hold is not None and hold.state in {"creating", "waiting", "held"}:
            payments.release(self.work, hold)

    def give_back(self, command: on.GiveBack) -> None:
        hold = deposit(self.work, self.booking.id, command.number)
        if hold is not None:
            reason = f"booking {self.booking.id}"
            refunds.give_back(self.work, hold.id, command.amount_minor, reason=reason, at_most=True)

    # --- the pile

    def keep_pile(self, command: on.KeepPile) -> None:
        evse = self.evse
        piles.command(
            self.work,
            key=reservation_key(self.booking.id, command.number),
            pile_id=evse.pile_id,
            kind="reserve",
            evse_number=evse.number,
            body={
                "id_token": f"rider:{self.booking.rider_id}",
                "until": command.until.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            },
            ttl_s=PILE_TTL_S,
        )

    def free_pile(self, command: on.FreePile) -> None:
        key = reservation_key(self.booking.id, command.number)
        asked = self.work.session.scalars(select(PileCommand).where(PileCommand.key == key)).first()
        if asked is None:
            return
        piles.command(
            self.work,
            key=f"un{key}",
            pile_id=asked.pile_id,
            kind="cancel_reservation",
            evse_number=asked.evse_number,
            body={"reservation_id": asked.id},
            ttl_s=PILE_TTL_S,
        )

    # --- the slot

    def free_slot(self, _command: on.FreeSlot) -> None:
        give_cells_back(self.work, self.booking)
        slot_freed(self.work, self.booking.evse_id, self.work.now)

    def ask_to_finish(self, _command: on.AskToFinish) -> None:
        session = booking_bays.other_charge(self.work, self.booking)
        if session is None:
            return
        evse = self.evse
        tell_rider(
            self.work,
            session.rider_id,
            Choose(
                Say(
                    "{evse} is booked by somebody else from {time}. Please be done by then and "
                    "unplug, if you can. Nobody cuts your charge off.",
                    {
                        "evse": evse.code,
                        "time": Moment(self.facts.starts_at, evse.pile.station.tz),
                    },
                ),
                [status_button(session.id), stop_button(session.id)],
            ),
            key=f"booking:{self.booking.id}:finish:{session.id}",
        )

    def rehome(self, command: on.Rehome) -> None:
        other = booking_bays.elsewhere(self.work, self.booking)
        way: Value = Say("same station")
        if other is not None and other.distance_m:
            way = Amount(other.distance_m, "m")
        reply = rehome(
            occasion(self.work, self.booking, {}, self.facts),
            command.why,
            other.evse.code if other else None,
            other.evse.pile.station.name if other else "",
            way,
        )
        key = f"booking:{self.booking.id}:rehome:{self.key}"
        tell_rider(self.work, self.booking.rider_id, reply, key=key)

    # --- time and words

    def set_timer(self, command: on.SetTimer) -> None:
        inbox.put(
            self.work,
            source="timer",
            source_id=f"{subject(self.booking.id)}:{command.name}",
            stream=subject(self.booking.id),
            kind="booking.timer",
            body={"booking_id": self.booking.id, "name": command.name},
            available_at=command.at,
            coalesce=True,
        )

    def cancel_timer(self, command: on.CancelTimer) -> None:
        source_id = f"{subject(self.booking.id)}:{command.name}"
        inbox.cancel(self.work, source="timer", source_id=source_id)

    def tell(self, command: on.Tell) -> None:
        reply = notice(
            command.notice, occasion(self.work, self.booking, command.values, self.facts)
        )
        key = f"booking:{self.booking.id}:{command.number}:{command.notice}"
        tell_rider(self.work, self.booking.rider_id, reply, key=key)


_HANDLERS: Final[dict[type[Command], Callable[[_Effects, Any], None]]] = {
    on.AskDeposit: _Effects.ask_deposit,
    on.Take: _Effects.take,
    on.Release: _Effects.release,
    on.GiveBack: _Effects.give_back,
    on.KeepPile: _Effects.keep_pile,
    on.FreePile: _Effects.free_pile,
    on.FreeSlot: _Effects.free_slot,
    on.AskToFinish: _Effects.ask_to_finish,
    on.Rehome: _Effects.rehome,
    on.SetTimer: _Effects.set_timer,
    on.CancelTimer: _Effects.cancel_timer,
    on.Tell: _Effects.tell,
}


def carry_out(
    work: UnitOfWork,
    booking: Booking,
    facts: BookingFacts,
    commands: Sequence[Command],
    *,
    key: str,
) -> None:
    """Carry out what one event called for; `facts` are those after it, `key` names its cause."""
    effects = _Effects(work, booking, facts, key)
    for command in commands:
        _HANDLERS[type(command)](effects, command)


def keep(work: UnitOfWork, booking: Booking, facts: BookingFacts) -> None:
    """Write facts back to the row, with the columns that other code asks for."""
    booking.facts = dump_booking(facts)
    booking.state, booking.live = facts.state, facts.live
    booking.starts_at, booking.ends_at = facts.starts_at, facts.ends_at
    booking.session_id, booking.forgiven = facts.session_id, facts.forgiven
    booking.ended_at = facts.ended_at
    work.session.flush()


def occasion(
    work: UnitOfWork,
    booking: Booking,
    values: Mapping[str, str],
    facts: BookingFacts | None = None,
) -> Occasion:
    """What a notice about a booking can draw on."""
    evse = work.session.get_one(Evse, booking.evse_id)
    station = evse.pile.station
    facts = facts or load_booking(booking.facts)
    held = deposit(work, booking.id, facts.asked)
    return Occasion(
        booking_id=booking.id,
        evse_code=evse.code,
        station_name=station.name,
        tz=station.tz,
        facts=facts,
        now=work.now,
        values=values,
        in_wallet=held is not None and held.method == wallet_method.NAME,
    )


def subject(booking_id: int) -> str:
    """What a booking's payments are for, and the stream of what happens to it."""
    return f"booking:{booking_id}"


def reservation_key(booking_id: int, number: int) -> str:
    """The key of the command that has a pile keep a bay."""
    return f"reserve:{booking_id}:{number}"


def deposit(work: UnitOfWork, booking_id: int, number: int) -> Hold | None:
    """A booking's deposit by its number; None once a charge has adopted it."""
    return work.session.scalars(
        select(Hold).where(Hold.subject == subject(booking_id), Hold.seq == number)
    ).first()


def give_cells_back(work: UnitOfWork, booking: Booking) -> None:
    """Every cell of a booking is anybody's."""
    work.session.execute(delete(BookingCell).where(BookingCell.booking_id == booking.id))


def take_cells(work: UnitOfWork, booking: Booking, evse_id: int, facts: BookingFacts) -> None:
    """Take the cells of a booking's time. Raises IntegrityError when one is somebody else's."""
    rows = [
        {"evse_id": evse_id, "number": number, "booking_id": booking.id}
        for number in cells(facts.starts_at, facts.ends_at)
    ]
    work.session.execute(insert(BookingCell), rows)


def post(work: UnitOfWork, hold: Hold, kind: str, amount_minor: int) -> None:
    """What becomes of a deposit: held, then returned, applied or taken, in whole or in parts."""
    sign = 1 if kind == "held" else -1
    billing.post(
        work,
        source=f"deposit:{hold.id}",
        kind=kind,
        currency=hold.currency,
        amounts={
            DEPOSITS: sign * amount_minor,
            f"{DEPOSITS}:{hold.rider_id}": -sign * amount_minor,
        },
    )


def was_held(work: UnitOfWork, hold: Hold) -> bool:
    """Whether the books know a deposit as held."""
    known = select(LedgerEntry.id).where(
        LedgerEntry.source == f"deposit:{hold.id}", LedgerEntry.kind == "held"
    )
    return work.session.scalars(known).first() is not None
