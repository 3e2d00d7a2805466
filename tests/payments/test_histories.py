"""Generated histories of charges with duplicate, late and missing Stripe events and crashes.

Real here: the charging service, the state machine, the outbox's deliveries and the Stripe SDK over
HTTP to the stand-in, on both databases. After any history nobody was charged twice, nothing that
was captured is lost, no hold is left behind and the ledger balances.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

import tests.charging.world as charging_world
from bot.demo.stripe_standin import create_app
from bot.demo.stripe_standin.server import serving
from bot.errors import GiveUp, TryAgain
from bot.gateways import payments
from bot.gateways.stripe_books import check_books
from bot.gateways.stripe_client import client_for
from bot.gateways.stripe_events import on_stripe_event, poll_unsettled
from bot.services import charging, payment_results, refunds
from bot.services.billing import credited_minor
from bot.store import inbox, outbox
from bot.store.charging import Bill, ChargingSession, Hold, Refund
from bot.store.database import utc_now
from bot.store.queues import Inbox
from bot.store.riders import Conversation, Rider
from bot.store.stations import Evse, Pile
from tests.databases import *  # noqa: F403 - pytest finds fixtures by their names here
from tests.payments.conftest import KEY, SECRET, make_settings

HISTORIES = int(os.environ.get("HISTORIES", "30"))
STEPS = (
    "deliver", "deliver", "deliver", "crash", "crash", "result", "result", "event", "event_again",
    "event_lost", "event_late", "poll", "lapse", "minutes", "pay", "pay_declined", "meter",
    "meter", "stop", "end", "end_lower", "collect", "staff_refund", "new_card", "busy",
)  # fmt: skip


class _Crash(Exception):
    """The process died after Stripe was asked and before our row was written."""


class Life(charging_world.World):
    """One world for all histories; each has a rider of its own."""

    def __init__(self, engine: Engine, api_url: str) -> None:
        super().__init__(engine)
        self.settings = make_settings(STRIPE_API_URL=api_url)
        self.stripe = client_for(self.settings)
        self.demo = httpx.Client(base_url=api_url, timeout=10)
        self.number = 0
        self.seen: set[str] = set()

    def drain(self) -> None:
        """Timers and answers of piles; what is about money waits for its own step."""
        while self._serve(("session.timer", "command.result")):
            pass

    def _serve(self, kinds: tuple[str, ...], row_id: int | None = None) -> bool:
        handlers: dict[str, Any] = {
            "session.timer": charging.on_timer, "command.result": charging.on_command_result,
            "payment.result": payment_results.on_payment_result, "stripe.event": on_stripe_event,
        }  # fmt: skip
        with self.store.begin() as work:
            query = select(Inbox).where(
                Inbox.state == "open", Inbox.available_at <= self.now, Inbox.kind.in_(kinds)
            )
            row = work.session.scalars(query.order_by(Inbox.id).limit(1)).first()
            if row is None:
                return False
            row.state = "done"
            handlers[row.kind](work, self.settings, row.body)
        return True

    # -- one history

    def begin(self, card: str | None) -> None:
        self.number += 1
        self.now = max(self.now, utc_now())
        with self.store.begin() as work:
            rider = Rider(created_at=self.now, lang="en")
            work.session.add(rider)
            work.session.flush()
            work.session.add(Conversation(rider_id=rider.id, created_at=self.now))
            work.session.get_one(Pile, charging_world.PILE).online = True
            work.session.get_one(Pile, charging_world.PILE).seen_at = self.now
            work.session.get_one(Evse, 1).status = "Available"
            self.rider_id = rider.id
        if card is not None:
            self.new_card(card)
        self.tx, self.wh, self.ended = f"T{self.number}", 1000, False
        self.session_id = self.says_yes(1, self.rider_id, key=f"yes-{self.number}")

    def new_card(self, card: str = "pm_card_visa") -> None:
        customer = self.stripe.v1.customers.create({"name": "Aino"})
        method = self.stripe.v1.payment_methods.attach(card, {"customer": customer.id})
        with self.store.begin() as work:
            rider = work.session.get_one(Rider, self.rider_id)
            rider.stripe_customer, rider.stripe_payment_method = customer.id, method.id
            rider.card_label = "Visa 4242"

    def row(self) -> ChargingSession:
        return self.session(self.session_id)

    def holds(self) -> list[Hold]:
        with self.store.read() as work:
            mine = select(Hold).where(Hold.session_id == self.session_id).order_by(Hold.seq)
            return list(work.session.scalars(mine))

    def do(self, step: str) -> None:
        getattr(self, f"_{step}")()

    def _deliver(self, *, crash: bool = False) -> bool:
        with self.store.begin() as work:
            row = outbox.claim(work, "worker")
        if row is None:
            return False
        state = "done"
        if row.kind.startswith("payment."):
            record = payments._record
            try:
                if crash:
                    payments._record = _die  # the process ends here
                payments.deliver_payment(self.store, self.settings, row.kind, row.body)
            except GiveUp:
                state = "failed"
            except (TryAgain, _Crash):
                state = "open"
            finally:
                payments._record = record
        with self.store.begin() as work:
            if state == "open":
                outbox.postpone(work, row, until=self.now, error="again")
            else:
                outbox.finish(work, row, state=state)
        return True

    def _crash(self) -> None:
        self._deliver(crash=True)

    def _result(self) -> bool:
        return self._serve(("payment.result",))

    def _fresh_events(self) -> list[Any]:
        listed = self.stripe.v1.events.list({"limit": 40}).data
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
        if hasattr(self, "last"):
            with self.store.begin() as work:
                on_stripe_event(work, self.settings, {"event": self.last})

    def _event_lost(self) -> None:
        self.seen |= {each.id for each in self._fresh_events()}

    def _poll(self) -> None:
        poll_unsettled(self.store, older_than=timedelta(seconds=1))

    def _lapse(self) -> None:
        for hold in self.holds():
            if hold.payment_intent:
                self.demo.post(f"/demo/payment_intents/{hold.payment_intent}/expire")

    def _minutes(self) -> None:
        self.passes(301)

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
                self.reports("Started", self.wh, tx=self.tx)
            self.passes(60)
            self.wh += 1000
            self.reports("Updated", self.wh, tx=self.tx)

    def _stop(self) -> None:
        self.says_stop(self.session_id, key=f"stop-{self.number}-{self.now.isoformat()}")

    def _end(self, wh: int | None = None) -> None:
        if self.wh > 1000 and not self.ended:
            self.ended = True
            self.reports("Ended", wh or self.wh, tx=self.tx, reason="Local")

    def _end_lower(self) -> None:
        self._end(max(1000, self.wh - 700))

    def _collect(self) -> None:
        with self.store.begin() as work:
            charging.collect(work, work.session.get_one(ChargingSession, self.session_id))

    def _staff_refund(self) -> None:
        with self.store.begin() as work:
            for hold in work.session.scalars(
                select(Hold).where(Hold.session_id == self.session_id, Hold.captured_minor > 0)
            ):
                refunds.give_back(work, hold.id, 10, reason="goodwill", at_most=True)

    def _new_card(self) -> None:
        self.new_card()

    def _busy(self) -> None:
        self.demo.post("/demo/faults", json={"match": "POST /v1/*", "status": 500})

    # -- the end of it

    def rest(self) -> None:
        """The vehicle is gone, the network is whole, and the pollers have their time."""
        self.demo.delete("/demo/faults")
        self._stop()
        for _ in range(8):
            self._poll()
            while self._deliver() or self._result():
                pass
            self.passes(3700)

    def check(self) -> None:
        row, holds = self.row(), self.holds()
        taken = back = 0
        numbers = {str(each.id) for each in holds}
        known = {each.payment_intent for each in holds}
        for intent in self.stripe.v1.payment_intents.list({"limit": 30}).data:
            mark = intent.metadata
            if mark is not None and "hold_id" in mark and mark["hold_id"] in numbers:
                stands = intent.status in {"requires_capture", "succeeded"}
                assert not stands or intent.id in known, "no payment is unknown"
        for hold in holds:
            if not hold.payment_intent:
                assert not hold.captured_minor
                continue
            intent = self.stripe.v1.payment_intents.retrieve(hold.payment_intent)
            given = self.stripe.v1.refunds.list({"payment_intent": intent.id, "limit": 100}).data
            gone = sum(each.amount for each in given if each.status == "succeeded")
            assert (hold.captured_minor or 0) == intent.amount_received, "nothing taken is lost"
            assert gone <= intent.amount_received
            assert intent.amount_received <= intent.amount
            if intent.status == "requires_capture":
                assert (row.state, hold.state) == ("debt", "held"), "no hold is left behind"
            taken, back = taken + intent.amount_received, back + gone
        with self.store.read() as work:
            bill = work.session.scalars(
                select(Bill).where(Bill.session_id == self.session_id)
            ).first()
            due = bill.total_minor - credited_minor(work, bill.id) if bill else 0
            open_ = work.session.scalars(
                select(Refund)
                .join(Hold)
                .where(Hold.session_id == self.session_id, Refund.state.in_(("open", "sent")))
            ).all()
        assert not open_
        assert row.state in {"settled", "void", "failed", "debt"}
        assert taken - back <= due, "nobody pays more than the bill, or twice"
        if row.state == "settled" and "staff_refund" not in self.steps:
            assert taken - back == due
        if row.state in {"void", "failed", "debt"} and "staff_refund" not in self.steps:
            assert taken == back

    steps: list[str]


def _die(*_: Any, **__: Any) -> None:
    raise _Crash


def test_histories(engine: Engine, monkeypatch: Any) -> None:
    now: datetime = utc_now()
    monkeypatch.setattr(charging_world, "NOW", now)
    lives: list[Life] = []  # Stripe's clock goes with ours
    standin = create_app(
        "", SECRET, KEY, clock=lambda: (lives[0].now if lives else now).timestamp()
    )
    try:
        with serving(standin) as api_url:
            life = Life(engine, api_url)
            lives.append(life)
            cards = st.sampled_from([None, "pm_card_visa", "pm_card_chargeCustomerFail"])
            count = 0

            @settings(
                max_examples=HISTORIES,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            @given(cards, st.lists(st.sampled_from(STEPS), max_size=25))
            def live(card: str | None, steps: list[str]) -> None:
                nonlocal count
                count += 1
                life.steps = steps
                life.begin(card)
                for step in steps:
                    life.do(step)
                life.rest()
                life.check()

            live()
            assert check_books(life.store, life.settings)[1] == []
            assert count >= HISTORIES
    finally:
        standin.extensions["stripe_standin"]()
