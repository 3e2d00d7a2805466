"""One rider's life with duplicate, late and missing Stripe events and crashes at any point.

Real here: the services, the state machines, the outbox's deliveries, both databases, the Stripe
SDK and the whole stand-in (tests/payments/direct.py spares the sockets).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final

from flask import Flask
from sqlalchemy import Engine, delete, select

import tests.charging.world as charging_world
from bot.domain.money import Money
from bot.errors import GiveUp, TryAgain
from bot.gateways import payments as gateway
from bot.gateways.stripe_books import check_books
from bot.gateways.stripe_client import client_for
from bot.gateways.stripe_events import on_stripe_event, poll_unsettled
from bot.replies import Say
from bot.services import (
    case_timers,
    charging,
    charging_facts,
    clock_breach,
    payment_results,
    payments,
    refunds,
)
from bot.services.billing import credited_minor
from bot.services.failed_refunds import in_wallet
from bot.settings import Settings
from bot.store import inbox, outbox
from bot.store.charging import Bill, ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.queues import Inbox, Outbox
from bot.store.riders import Conversation, Rider
from bot.store.stations import Evse, Pile
from bot.store.tables import Base
from tests.payments.conftest import make_settings

STEPS: Final = (
    "deliver", "deliver", "deliver", "crash", "crash", "crash_after", "result", "result",
    "crash_result", "event", "event_again", "event_lost", "event_late", "poll", "lapse", "minutes",
    "day", "pay", "pay_declined", "meter", "meter", "stop", "end", "end_lower", "collect",
    "staff_refund", "new_card", "no_card", "busy", "down", "down_after", "slow_down", "sale",
    "sale_page", "deposit", "deposit_take", "deposit_release", "save_card",
)  # fmt: skip
TIMERS: Final = ("session.timer", "command.result", "case.timer", "clock.timer", "payment.timer")
HANDLERS: Final[dict[str, Any]] = {
    "session.timer": charging_facts.on_timer, "command.result": charging_facts.on_command_result,
    "case.timer": case_timers.on_timer, "clock.timer": clock_breach.on_timer,
    "payment.timer": payment_results.on_timer, "stripe.event": on_stripe_event,
    "payment.result": payment_results.on_payment_result,
}  # fmt: skip
_KEPT: Final = {
    "station",
    "pile",
    "evse",
    "tariff",
    "tariff_version",
    "audit",
    "invoice_file",
}
# Steps after which a rider may have paid less than the bill.
GIVEN_BY_HAND: Final = frozenset(
    {"staff_refund", "refund_all", "contest_rule", "contest", "refund_bounces"}
)
_UNSETTLED: Final = ("creating", "waiting", "capturing", "voiding")


class Crash(Exception):
    """The process died."""


class Life(charging_world.World):
    """One world for all histories; each begins anew."""

    timers: tuple[str, ...] = TIMERS
    handlers: ClassVar[Mapping[str, Any]] = HANDLERS

    def __init__(self, engine: Engine, standin: Flask, name: str) -> None:
        super().__init__(engine)
        self.settings = make_settings(STRIPE_API_URL=f"http://{name}.test")
        self.stripe = client_for(self.settings)
        self.demo = standin.test_client()
        self.steps: list[str] = []

    # -- one history

    def begin(self, card: str | None, *, deposit: bool) -> None:
        """A rider who says yes at a free pile, perhaps with a booking's deposit."""
        self.start_over(card)
        self.wh, self.ended, held = 1000, False, None
        if deposit:
            held = self._ask("deposit", 3000)
            self._deliver()
            self._result()
        self.session_id = self.says_yes(1, self.rider_id, key="yes", deposit=held)

    def start_over(self, card: str | None) -> None:
        """A rider of whom nothing is known but a card, at a free pile."""
        self._wipe()
        self.seen: set[str] = set()
        self.last: dict[str, Any] | None = None
        self.outcomes: list[tuple[int, str]] = []
        with self.store.begin() as work:
            rider = Rider(created_at=self.now, lang="en")
            work.session.add(rider)
            work.session.flush()
            work.session.add(Conversation(rider_id=rider.id, created_at=self.now))
            work.session.get_one(Pile, charging_world.PILE).seen_at = self.now
            work.session.get_one(Evse, 1).status = "Available"
            self.rider_id = rider.id
        if card is not None:
            self.new_card(card)

    def _wipe(self) -> None:
        self.demo.delete("/demo/everything")
        with self.store.engine.begin() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                if table.name not in _KEPT:
                    connection.execute(delete(table))

    def note(
        self, _work: UnitOfWork, _settings: Settings, hold: Hold, outcome: str, _body: Any
    ) -> None:
        """The service of sales and deposits hears of one."""
        self.outcomes.append((hold.id, outcome))

    def do(self, step: str) -> None:
        """One thing happens."""
        getattr(self, f"_{step}")()

    def _ask(self, purpose: Any, amount_minor: int, **more: Any) -> int:
        with self.store.begin() as work:
            return payments.ask(
                work, rider_id=self.rider_id, subject="thing:1", purpose=purpose,
                amount=Money(amount_minor, "EUR"), title=Say("Thing"), note=Say("Thing"), **more,
            ).id  # fmt: skip

    def _sale(self) -> None:
        self._ask("sale", 1000)

    def _sale_page(self) -> None:
        self._ask("sale", 1100, saved_card=False)

    def _deposit(self) -> None:
        self._ask("deposit", 500)

    def _save_card(self) -> None:
        self._ask("card", 0)

    def _deposit_take(self) -> None:
        self._each_deposit(lambda work, hold: payments.capture(work, hold, 300), ("held",))

    def _deposit_release(self) -> None:
        self._each_deposit(payments.release, ("creating", "waiting", "held"))

    def _each_deposit(self, do: Any, states: tuple[str, ...]) -> None:
        with self.store.begin() as work:
            for hold in work.session.scalars(
                select(Hold).where(
                    Hold.subject == "thing:1", Hold.purpose == "deposit", Hold.state.in_(states)
                )
            ):
                do(work, hold)

    # -- what is served

    def drain(self) -> None:
        """Timers and answers of piles; what is about money waits for its own step."""
        while self._serve(self.timers):
            pass

    def _serve(self, kinds: tuple[str, ...], *, crash: bool = False) -> bool:
        heard = list(self.outcomes)
        try:
            with self.store.begin() as work:
                query = select(Inbox).where(
                    Inbox.state == "open", Inbox.available_at <= self.now, Inbox.kind.in_(kinds)
                )
                row = work.session.scalars(query.order_by(Inbox.id).limit(1)).first()
                if row is None:
                    return False
                row.state = "done"
                self.handlers[row.kind](work, self.settings, row.body)
                if crash:
                    raise Crash
        except Crash:
            self.outcomes = heard  # what was heard is as if it had never been
        return True

    def _deliver(self, *, dies: str = "") -> bool:
        """One money effect; the process may die before or after writing down what came of it."""
        with self.store.begin() as work:
            row = outbox.claim(work, "worker")
        if row is None:
            return False
        state = "done"
        if row.kind.startswith("payment."):
            state = self._pay_effect(row.kind, row.body, dies)
        with self.store.begin() as work:
            if state == "open":
                outbox.postpone(work, row, until=self.now, error="again")
            else:
                outbox.finish(work, row, state=state)
        return True

    def _pay_effect(self, kind: str, body: Mapping[str, Any], dies: str) -> str:
        record = gateway._record
        if dies == "before":
            gateway._record = _die
        try:
            gateway.deliver_payment(self.store, self.settings, kind, dict(body))
        except GiveUp:
            return "failed"
        except (TryAgain, Crash):
            return "open"
        finally:
            gateway._record = record
        return "open" if dies else "done"

    def _crash(self) -> None:
        self._deliver(dies="before")

    def _crash_after(self) -> None:
        self._deliver(dies="after")

    def _result(self) -> bool:
        return self._serve(("payment.result",))

    def _crash_result(self) -> None:
        self._serve(("payment.result",), crash=True)

    # -- Stripe's events

    def _fresh_events(self) -> list[Any]:
        listed = self.stripe.v1.events.list({"limit": 60}).data
        return [each for each in reversed(listed) if each.id not in self.seen]

    def _put_event(self, event: Any) -> None:
        self.seen.add(event.id)
        thing = event.to_dict()["data"]["object"]
        body = {"id": event.id, "type": event.type, "data": {"object": thing}}
        with self.store.begin() as work:
            inbox.put(work, source="stripe", source_id=event.id, stream="payment:x",
                      kind="stripe.event", body={"event": body})  # fmt: skip
        while self._serve(("stripe.event",)):
            pass
        self.last = body

    def _event(self) -> None:
        for event in self._fresh_events()[:1]:
            self._put_event(event)

    def _event_late(self) -> None:
        for event in self._fresh_events()[-1:]:
            self._put_event(event)

    def _event_again(self) -> None:
        if self.last is not None:
            with self.store.begin() as work:
                on_stripe_event(work, self.settings, {"event": self.last})

    def _event_lost(self) -> None:
        self.seen |= {each.id for each in self._fresh_events()}

    def _poll(self) -> None:
        poll_unsettled(self.store, older_than=timedelta(seconds=1))

    # -- the world outside

    def holds(self) -> list[Hold]:
        """Every payment of this life."""
        with self.store.read() as work:
            return list(work.session.scalars(select(Hold).order_by(Hold.id)))

    def _lapse(self) -> None:
        for hold in self.holds():
            if hold.payment_intent and hold.state in {"held", "capturing", "voiding"}:
                self.demo.post(f"/demo/payment_intents/{hold.payment_intent}/expire", json={})

    def _minutes(self) -> None:
        self.passes(301)

    def _day(self) -> None:
        self.passes(26 * 3600)
        self.demo.delete("/demo/idempotency")
        self.demo.post("/demo/lapse")

    def _pay(self, card: str = "4242424242424242") -> None:
        for hold in self.holds():
            if hold.checkout_session:
                page = f"/demo/checkout/{hold.checkout_session}/pay"
                self.demo.post(page, json={"card": card})

    def _pay_declined(self) -> None:
        self._pay("4000000000000002")

    def _meter(self) -> None:
        if self.row().state in {"starting", "charging", "suspended"} and not self.ended:
            if self.wh == 1000:
                self.answers("start", "accepted")
                self.reports("Started", self.wh)
            self.passes(60)
            self.wh += 1000
            self.reports("Updated", self.wh)

    def _stop(self) -> None:
        self.says_stop(self.session_id, key=f"stop-{self.now.isoformat()}")

    def _end(self, wh: int | None = None) -> None:
        if self.wh > 1000 and not self.ended:
            self.ended = True
            self.reports("Ended", wh or self.wh, reason="Local")

    def _end_lower(self) -> None:
        self._end(max(1000, self.wh - 700))

    def _collect(self) -> None:
        with self.store.begin() as work:
            charging.collect(work, work.session.get_one(ChargingSession, self.session_id))

    def _staff_refund(self) -> None:
        with self.store.begin() as work:
            for hold in work.session.scalars(select(Hold).where(Hold.captured_minor > 0)):
                refunds.give_back(work, hold.id, 10, reason="goodwill", at_most=True)

    def new_card(self, card: str = "pm_card_visa") -> None:
        """The rider has a saved card from now on."""
        customer = self.stripe.v1.customers.create({"name": "Aino"})
        method = self.stripe.v1.payment_methods.attach(card, {"customer": customer.id})
        self._set_card(customer.id, method.id)

    def _set_card(self, customer: str | None, method: str | None) -> None:
        with self.store.begin() as work:
            rider = work.session.get_one(Rider, self.rider_id)
            rider.stripe_customer, rider.stripe_payment_method = customer, method
            rider.card_label = "Visa 4242" if method else None

    def _new_card(self) -> None:
        self.demo.delete("/demo/faults")
        self.new_card()

    def _no_card(self) -> None:
        self._set_card(None, None)

    def _busy(self, **fault: Any) -> None:
        self.demo.post("/demo/faults", json={"match": "POST /v1/*", "status": 500, **fault})

    def _down(self) -> None:
        self._busy(times=3)

    def _down_after(self) -> None:
        self._busy(times=3, status=502, after=True)

    def _slow_down(self) -> None:
        self._busy(status=429)

    # -- the end of it

    def rest(self) -> None:
        """The vehicle is gone, the network is whole, and the pollers have their time."""
        self.demo.delete("/demo/faults")
        self._stop()
        self._deposit_release()
        for _ in range(9):
            self._poll()
            self._work_off()
            if self._quiet():
                break
            self.passes(3700)
        for _ in range(10):  # past the end of any hold, the sweeper ahead of it
            if not any(each.state == "held" for each in self.holds()):
                break
            self.passes(12 * 3600)
            self._poll()
            self._work_off()
            self.demo.post("/demo/lapse")
        self._work_off()

    def _work_off(self) -> None:
        while self._deliver() or self._result():
            pass

    def _quiet(self) -> bool:
        """Nothing is on its way any more."""
        with self.store.read() as work:
            ask = work.session.scalars
            busy = (
                select(Outbox.id).where(Outbox.state == "open", Outbox.kind.like("payment.%")),
                select(Inbox.id).where(Inbox.state == "open", Inbox.kind.like("payment.%")),
                select(Hold.id).where(Hold.state.in_(_UNSETTLED)),
                select(Refund.id).where(Refund.state.in_(("open", "sent"))),
                select(ChargingSession.id).where(
                    ChargingSession.state.not_in(("settled", "void", "failed", "debt"))
                ),
            )
            return not any(ask(each.limit(1)).first() for each in busy)

    def row(self) -> ChargingSession:
        """The charge as it is now."""
        return self.session(self.session_id)

    def check(self) -> None:
        """Nobody was charged twice, nothing captured is lost, no hold is left behind."""
        holds = self.holds()
        self._check_provider(holds)
        self._check_session([each for each in holds if each.session_id is not None])
        for hold in holds:
            if hold.session_id is None and hold.purpose != "card":
                self._check_other(hold)
        self._check_books()

    def _check_books(self) -> None:
        assert check_books(self.store, self.settings)[1] == []

    @staticmethod
    def back_of(work: UnitOfWork, holds: list[Hold]) -> int:
        """What went back of some payments, to where it came from or into the wallet."""
        return sum(each.refunded_minor for each in refunds.balances(work, holds).values())

    def _check_provider(self, holds: list[Hold]) -> None:
        known = {each.payment_intent: each for each in holds if each.payment_intent}
        intents = list(self.stripe.v1.payment_intents.list({"limit": 100}).data)
        for intent in intents:
            assert intent.status != "requires_capture", "no hold is left behind"
            hold = known.get(intent.id)
            if hold is None:
                assert intent.status != "succeeded", "no payment is unknown"
                continue
            assert (hold.captured_minor or 0) == intent.amount_received, "nothing taken is lost"
            assert intent.amount_received <= intent.amount
            assert hold.state not in _UNSETTLED, f"{hold.purpose} {hold.state} for ever"
        missing = known.keys() - {each.id for each in intents}
        assert not missing, "Stripe knows every payment of ours"
        for hold in holds:
            assert hold.payment_intent or not hold.captured_minor

    def _check_session(self, holds: list[Hold]) -> None:
        row = self.row()
        ids = [each.id for each in holds]
        with self.store.read() as work:
            bill = work.session.scalars(
                select(Bill).where(Bill.session_id == self.session_id)
            ).first()
            due = bill.total_minor - credited_minor(work, bill.id) if bill else 0
            lost = select(Refund.id).where(Refund.hold_id.in_(ids), Refund.state != "done")
            assert work.session.scalars(lost.where(~in_wallet())).all() == []
            back = self.back_of(work, holds)
        taken = sum(each.captured_minor or 0 for each in holds)
        assert row.state in {"settled", "void", "failed", "debt"}
        assert taken - back <= due, "nobody pays more than the bill, or twice"
        if GIVEN_BY_HAND.isdisjoint(self.steps):
            assert taken - back == (due if row.state == "settled" else 0)

    def _check_other(self, hold: Hold) -> None:
        """A sale is taken whole or not at all, of a deposit what was asked for; either is told
        once."""
        taken = hold.captured_minor or 0
        assert taken in ({0, hold.amount_minor} if hold.purpose == "sale" else {0, 300})
        assert self.outcomes.count((hold.id, "captured")) == bool(taken)
        assert hold.state in {"captured", "void", "failed", "expired"}


def things(work: UnitOfWork) -> dict[tuple[str, str], int]:
    """What the ledger must hold of sales and deposits: all that was taken for them."""
    mine = select(Hold).where(Hold.subject.like("thing:%"), Hold.captured_minor > 0)
    taken: dict[tuple[str, str], int] = {}
    for hold in work.session.scalars(mine):
        side = f"thing:{hold.rider_id}", hold.currency
        taken[side] = taken.get(side, 0) - (hold.captured_minor or 0)
    return taken


def _die(*_: Any, **__: Any) -> None:
    raise Crash
