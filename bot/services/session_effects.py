"""Carrying out what the session state machine calls for: rows and outbox effects, never network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from bot.domain import session_events as on
from bot.domain.money import Money
from bot.domain.session import OPEN, SessionFacts, dump_facts, load_facts
from bot.domain.session_events import Command
from bot.domain.tariffs import load_tariff
from bot.replies import Say
from bot.services import (
    billing,
    case_intake,
    clocks,
    diversion,
    nearest,
    payments,
    piles,
    refund_words,
    refunds,
    wallet_method,
    wear,
)
from bot.services.nearest import Way
from bot.services.notices import Occasion, notice
from bot.services.outbound import conversation_of, tell_rider
from bot.settings import Settings
from bot.store import inbox
from bot.store.charging import Bill, ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.stations import Evse

HOLD_NOTE: Final = Say("Held on your card. You pay only for what you charge; the rest is released.")
DEBT_NOTE: Final = Say("Payment of bill {number} for your charge at {evse}.")
_AS_IT_IS: Final = "{text}"

STOP_TTL_S: Final = 600  # a pile that comes back within this still carries a stop out
# What directly answers somebody's wish, as opposed to what follows from it.
_ANSWERS: Final = frozenset(
    {"stopping", "stop_offline", "danger", "start_cancelled", "already_stopping", "already_stopped",
     "not_me_stopped", "not_me_noted"}
)  # fmt: skip
_FAILED: Final = frozenset({"fault", "start_failed", "ended_offline"})  # told with a way on
_NOT_ITS_FAULT: Final = frozenset({"vehicle", "plug_in", "hold_expired"})
_ANSWERED: Final[Mapping[str, Callable[[datetime], on.Event]]] = {
    "held": on.HoldPlaced, "captured": on.Captured, "void": on.Voided, "failed": on.HoldFailed,
}  # fmt: skip
_HOLD_STATES: Final = {"placing": "creating"}  # the others have the same name in the row


class _Effects:
    """One event's commands at work on the rows of its session."""

    def __init__(
        self, work: UnitOfWork, session: ChargingSession, facts: SessionFacts, key: str | None,
        heard_at: datetime | None, settings: Settings | None,
    ) -> None:  # fmt: skip
        self.work = work
        self.settings = settings
        self.session = session
        self.facts = facts
        self.key = key
        self.heard_at = heard_at
        self.refunded: Refund | None = None
        self.then: list[on.Event] = []  # what a wallet answered, at once

    @property
    def evse(self) -> Evse:
        return self.work.session.get_one(Evse, self.session.evse_id)

    def hold(self) -> Hold:
        return hold_of(self.work, self.session.id)

    def place_hold(self, command: on.PlaceHold) -> None:
        code, title, note = self.evse.code, self.evse.code, HOLD_NOTE
        if command.take:
            title = occasion(self.work, self.session, {}, self.facts).bill_number
            note = Say(DEBT_NOTE.text, {"number": title, "evse": code})
        hold = payments.ask(
            self.work,
            rider_id=self.session.rider_id,
            subject=f"session:{self.session.id}",
            session_id=self.session.id,
            purpose="debt" if command.take else "hold",
            amount=Money(command.amount_minor, self.facts.terms.tariff.currency),
            title=Say(_AS_IT_IS, {"text": title}),
            note=note,
            method="card" if command.by == "card" else wallet_method.NAME,
            methods=() if command.by == "card" else (command.by,),
        )
        self.hear(hold)

    def hear(self, hold: Hold) -> None:
        """A wallet answers in this very transaction, a card later."""
        if hold.method == wallet_method.NAME:
            self.then.append(_ANSWERED[hold.state](self.work.now))

    def check_hold(self, command: on.CheckHold) -> None:
        hold = self.hold()
        payments.way(hold).check(self.work, hold, f"check:{hold.id}:session:{command.number}")

    def capture(self, command: on.Capture) -> None:
        hold = self.hold()
        payments.take(self.work, hold, command.amount_minor, command.attempt)
        self.hear(hold)

    def void(self, command: on.Void) -> None:
        hold = self.hold()
        payments.let_go(self.work, hold, command.attempt)
        self.hear(hold)

    def refund(self, command: on.Refund) -> None:
        # Staff may have given it all back by now.
        amount, reason = command.amount_minor, command.reason
        refund = refunds.give_back(self.work, self.hold().id, amount, reason=reason, at_most=True)
        self.refunded = refund
        if refund is not None:
            billing.refund_credited(self.work, self.session.id, refund)

    def credit(self, command: on.Credit) -> None:
        billing.make_credit_note(
            self.work, self.session, self.facts, command.amount_minor, reason="meter"
        )

    def send_start(self, command: on.SendStart) -> None:
        limits = self.facts.terms.limits
        piles.command(
            self.work,
            key=f"start:{self.session.id}:{command.attempt}",
            pile_id=self.evse.pile_id,
            kind="start",
            evse_number=self.evse.number,
            session_id=self.session.id,
            body={"id_token": f"rider:{self.session.rider_id}"},
            ttl_s=limits.start_timeout_s,
        )

    def send_stop(self, command: on.SendStop) -> None:
        piles.command(
            self.work,
            key=f"stop:{self.session.id}:{command.transaction_id}:{command.attempt}",
            pile_id=self.evse.pile_id,
            kind="stop",
            evse_number=self.evse.number,
            session_id=self.session.id,
            body={"transaction_id": command.transaction_id},
            ttl_s=STOP_TTL_S,
        )

    def set_timer(self, command: on.SetTimer) -> None:
        inbox.put(
            self.work,
            source="timer",
            source_id=f"session:{self.session.id}:{command.name}",
            stream=f"session:{self.session.id}",
            kind="session.timer",
            body={"session_id": self.session.id, "name": command.name},
            available_at=command.at,
            coalesce=True,
        )

    def cancel_timer(self, command: on.CancelTimer) -> None:
        source_id = f"session:{self.session.id}:{command.name}"
        inbox.cancel(self.work, source="timer", source_id=source_id)

    def make_bill(self, _command: on.MakeBill) -> None:
        billing.make_bill(self.work, self.session, self.facts, heard_at=self.heard_at)
        chat = conversation_of(self.work, self.session.rider_id)
        clocks.start(
            self.work, "bill", f"session:{self.session.id}", at=self.heard_at,
            rider_id=self.session.rider_id, conversation_id=chat.id,
        )  # fmt: skip

    def mark_suspect(self, _command: on.MarkSuspect) -> None:
        self.evse.failed_starts += 1
        wear.count(self.work, self.evse.id, failed_starts=1)

    def tell(self, command: on.Tell) -> None:
        told = occasion(self.work, self.session, command.values, self.facts)
        failed = command.notice in _FAILED and command.values.get("why") not in _NOT_ITS_FAULT
        if failed and self.settings is not None:
            told = replace(told, way=self.way_on(self.settings))
        reply = notice(command.notice, told)
        if command.notice == "refund":  # the one message that names the refund's own row
            if self.refunded is None:
                return
            why = Say("The final meter reading was lower than billed.")
            reply = refund_words.told(self.work, self.refunded, why)
        key = self.key or f"session:{self.session.id}:{command.number}"
        tell_rider(self.work, self.session.rider_id, reply, key=f"{key}:{_once(command, self.key)}")
        if command.notice in {
            "debt",
            "pay_debt",
        }:  # told what is owed: the receipt comes when it is paid
            clocks.drop(self.work, f"session:{self.session.id}", event="told as a debt")
        if told.way is not None:
            pile, rider_id = self.evse.pile, self.session.rider_id
            diversion.note(self.work, rider_id, pile, command.notice, [told.way])
        if command.notice == "fault":
            case_intake.power_lost(self.work, self.session, self.evse)

    def way_on(self, settings: Settings) -> Way | None:
        """The nearest socket that works, for whoever stands at this one; at its pile none does
        that can be trusted."""
        pile, connectors = self.evse.pile, [self.evse.connector_type]
        found = nearest.ways(self.work, settings, pile, connectors=connectors, limit=1)
        return found[0] if found else None


def occasion(
    work: UnitOfWork,
    session: ChargingSession,
    values: Mapping[str, str],
    facts: SessionFacts | None = None,
) -> Occasion:
    """What a notice about a session can draw on; `facts` where they are not written back yet."""
    evse = work.session.get_one(Evse, session.evse_id)
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).first()
    return Occasion(
        session_id=session.id,
        evse_code=evse.code,
        station_name=evse.pile.station.name,
        facts=facts or load_facts(session.facts, load_tariff(session.tariff)),
        bill_id=bill.id if bill else None,
        bill_number=bill.number if bill else "",
        now=work.now,
        values=values,
        find=nearest.find_near(evse.pile.station),
    )


def _once(command: on.Tell, key: str | None) -> str:
    """A cause with a key of its own is answered once, in the words of the first time."""
    return "answer" if key is not None and command.notice in _ANSWERS else command.notice


_HANDLERS: Final[dict[type[Command], Callable[[_Effects, Any], None]]] = {
    on.PlaceHold: _Effects.place_hold,
    on.CheckHold: _Effects.check_hold,
    on.Capture: _Effects.capture,
    on.Void: _Effects.void,
    on.Refund: _Effects.refund,
    on.Credit: _Effects.credit,
    on.SendStart: _Effects.send_start,
    on.SendStop: _Effects.send_stop,
    on.SetTimer: _Effects.set_timer,
    on.CancelTimer: _Effects.cancel_timer,
    on.MakeBill: _Effects.make_bill,
    on.MarkSuspect: _Effects.mark_suspect,
    on.Tell: _Effects.tell,
}


def carry_out(
    work: UnitOfWork,
    session: ChargingSession,
    facts: SessionFacts,
    commands: Sequence[Command],
    *,
    key: str | None = None,
    heard_at: datetime | None = None,
    settings: Settings | None = None,
) -> list[on.Event]:
    """Carry out what one event called for; `facts` are those after it. `key` names the cause
    where the caller knows one, so that its repeat tells nothing twice; `heard_at` is when the
    pile's word that is the cause came in; with `settings` the words for a failure name what works
    instead. Returns what follows at
    once: a wallet has answered."""
    effects = _Effects(work, session, facts, key, heard_at, settings)
    for command in commands:
        _HANDLERS[type(command)](effects, command)
    return effects.then


def keep(work: UnitOfWork, session: ChargingSession, facts: SessionFacts) -> None:
    """Write facts back to the row, the columns other code asks for, and the hold's state."""
    session.facts = dump_facts(facts)
    session.state = facts.state
    session.open = facts.state in OPEN
    session.transaction_id = facts.transaction_id
    session.started_at = facts.started_at
    session.stop_requested_at = facts.stop_at
    if not session.open and session.ended_at is None:
        session.ended_at = facts.ended_at or work.now
    if facts.readings:
        session.meter_start_wh = facts.readings[0].wh
        session.meter_wh = facts.readings[-1].wh
        session.meter_at = facts.readings[-1].at
    if facts.hold != "none":
        hold = hold_of(work, session.id)
        state = _HOLD_STATES.get(facts.hold, facts.hold)
        if hold.state != state:
            hold.state = state
        hold.updated_at = work.now
    work.session.flush()


def hold_of(work: UnitOfWork, session_id: int) -> Hold:
    """The session's hold."""
    return work.session.scalars(
        select(Hold).where(Hold.session_id == session_id).order_by(Hold.seq.desc()).limit(1)
    ).one()
