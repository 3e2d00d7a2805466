"""A life (tests/payments/life.py) with all else that moves a rider's money: a wallet and its
top-ups and pay-outs, plans, bookings with deposits, several charges, contests, refunds that bounce
and invoices of all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final

from flask import Flask
from sqlalchemy import Engine, select, text

from bot.domain.disputes import Reason
from bot.domain.money import Money
from bot.errors import Refused
from bot.services import (
    auto_top_ups,
    billables,
    booked,
    booking_news,
    booking_trouble,
    bookings,
    buyers,
    coupons,
    credit_notes,
    disputes,
    invoices,
    payouts,
    plans,
    refunds,
    topups,
    wallet,
)
from bot.store.bookings import Booking
from bot.store.charging import ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.invoices import Invoice, InvoicedOrder
from bot.store.offers import Plan, RefundRequest
from bot.store.riders import Rider
from bot.store.stations import Evse
from bot.store.wallet import TopUp, Wallet
from tests.offers import add_plan_offer, add_template
from tests.payments import life

MORE_STEPS: Final = (
    "all_well", "all_well", "all_well", "charge", "charge", "charge",
    "top_up", "pay_out", "buy_plan", "return_plan", "book", "come", "come", "cancel_booking",
    "forgive", "half_hour", "again", "again", "contest_rule", "contest", "bank_disputes",
    "refund_bounces", "refund_all", "invoice", "coupon", "refund_all", "contest_rule", "contest",
    "staff_refund", "refund_bounces", "bank_disputes", "invoice",
)  # fmt: skip
_MORE_SERVED: Final = {
    "booking.timer": booking_news.on_timer, "session.over": booking_trouble.on_session_over,
    "dispute.timer": disputes.on_timer, "plan.timer": plans.on_timer,
    auto_top_ups.KIND: auto_top_ups.on_settled, "invoice.refunded": credit_notes.on_refunded,
}  # fmt: skip
_OVER: Final = frozenset({"settled", "void", "failed", "debt"})
_OF_A_CHARGE: Final = frozenset(
    {"meter", "stop", "end", "end_lower", "collect", "contest_rule", "contest"}
)


class FullLife(life.Life):
    """`session_id` is that of the newest charge, 0 before the first."""

    timers = (*life.TIMERS, *_MORE_SERVED)
    handlers: ClassVar[Mapping[str, Any]] = {**life.HANDLERS, **_MORE_SERVED}

    def __init__(self, engine: Engine, standin: Flask, name: str) -> None:
        super().__init__(engine, standin, name)
        with engine.begin() as connection:  # each life begins without documents
            for statement in _TRIGGERS[engine.dialect.name]:
                connection.execute(text(statement))

    def start_over(self, card: str | None) -> None:
        """Nothing has happened yet."""
        super().start_over(card)
        self.sessions: list[int] = []
        self.count = self.session_id = 0

    def begin(self, card: str | None, *, deposit: bool) -> None:
        """A life without any of this."""
        super().begin(card, deposit=deposit)
        self.sessions.append(self.session_id)

    def begin_with(self, card: str | None, *, purse: int, plan: bool, comes_booked: bool) -> None:
        """A rider with what they paid ahead; their first charge is booked, or starts at once."""
        self.start_over(card)
        add_template(self.store)
        self.plan_offer = add_plan_offer(self.store, size=2_000)
        if purse:
            with self.store.begin() as work:
                cash, bonus = Money(purse, "EUR"), Money(500, "EUR")
                wallet.credit(work, self.rider_id, cash, bonus=False, source="gift", kind="cash")
                wallet.credit(work, self.rider_id, bonus, bonus=True, source="gift", kind="bonus")
        if plan:
            self._buy_plan()
            self._deliver()
            self._result()
        if comes_booked:
            self._book()
        else:
            self._again()

    def do(self, step: str) -> None:
        """One thing happens; what is of a charge needs one."""
        if self.session_id or step not in _OF_A_CHARGE:
            super().do(step)

    def _key(self, name: str) -> str:
        self.count += 1
        return f"{name}-{self.count}"

    def _try(self, act: Callable[[UnitOfWork, Rider], object]) -> None:
        """The rider does something, or hears why not."""
        try:
            with self.store.begin() as work:
                act(work, work.session.get_one(Rider, self.rider_id))
        except Refused:
            return

    # -- charges

    def reports(self, event: str, wh: int | None = None, **more: Any) -> None:
        """Each charge is a transaction of its own."""
        super().reports(event, wh, tx=f"T{self.session_id}", **more)

    def _again(self) -> None:
        if self.session_id and self.row().state not in _OVER:
            return
        self._comes(1)

    def _comes(self, evse_id: int) -> None:
        for number in (1, 2, 3):
            self.status("Available", number)
        try:
            self.session_id = self.says_yes(evse_id, self.rider_id, key=self._key("yes"))
        except Refused:
            return
        self.sessions.append(self.session_id)
        self.wh, self.ended = 1000, False

    def _all_well(self) -> None:
        """The rider pays what pages ask for, and everything gets through."""
        self._pay()
        self._poll()
        self._work_off()

    def _charge(self) -> None:
        """A whole charge without trouble, from where the rider stands."""
        self._come()
        self._again()
        self._all_well()
        for step in ("meter", "meter", "end"):
            self.do(step)
        self._all_well()

    # -- prepaid

    def _top_up(self) -> None:
        money = Money(2000, "EUR")
        self._try(
            lambda work, rider: topups.start(
                work, self.settings, rider, money, key=self._key("top-up")
            )
        )

    def _pay_out(self) -> None:
        def act(work: UnitOfWork, rider: Rider) -> None:
            cash = wallet.balance(work, rider.id, "EUR").cash
            payouts.start(work, rider, cash, key=self._key("pay-out"))

        self._try(act)

    def _buy_plan(self) -> None:
        self._try(
            lambda work, rider: plans.buy(work, rider.id, self.plan_offer, key=self._key("plan"))
        )

    def _return_plan(self) -> None:
        for plan in self.every(Plan):

            def act(work: UnitOfWork, rider: Rider, plan_id: int = plan.id) -> None:
                plans.give_back(work, rider.id, plan_id)

            self._try(act)

    def _coupon(self) -> None:
        key = self._key("coupon")
        self._try(lambda work, rider: coupons.issue(work, rider.id, "sorry", cause=key, key=key))

    # -- bookings

    def _book(self) -> None:
        starts_at = self.now + timedelta(minutes=30)

        def act(work: UnitOfWork, rider: Rider) -> None:
            evse = work.session.get_one(Evse, 2)
            proposal = bookings.propose(
                work, self.settings, rider=rider, evse=evse, starts_at=starts_at,
                ends_at=starts_at + timedelta(hours=1),
            )  # fmt: skip
            bookings.book(
                work, self.settings, rider=rider, body=proposal.body, key=self._key("book")
            )

        self._try(act)

    def _live(self) -> Booking | None:
        with self.store.read() as work:
            return booked.live_of(work, self.rider_id)

    def _come(self) -> None:
        booking = self._live()
        if booking is None or (self.session_id and self.row().state not in _OVER):
            return
        early = booking.starts_at - timedelta(minutes=4) - self.now
        if early > timedelta(0):
            self.passes(early.total_seconds())
        if self._live() is not None:
            self._comes(booking.evse_id)

    def _cancel_booking(self) -> None:
        if (live := self._live()) is not None:
            self._try(
                lambda work, _: bookings.cancel(
                    work, work.session.get_one(Booking, live.id), key=self._key("cancel")
                )
            )

    def _forgive(self) -> None:
        for booking in self.every(Booking):

            def act(work: UnitOfWork, _: Rider, booking_id: int = booking.id) -> None:
                row = work.session.get_one(Booking, booking_id)
                bookings.forgive(work, row, by="staff:1", reason="x", key=self._key("forgive"))

            self._try(act)

    def _half_hour(self) -> None:
        self.passes(1801)

    # -- back

    def _staff_refund(self, amount: int = 10) -> None:
        """Staff give back of charges; of all else there are other ways."""
        with self.store.begin() as work:
            for hold in work.session.scalars(
                select(Hold).where(Hold.captured_minor > 0, Hold.session_id.is_not(None))
            ):
                refunds.give_back(work, hold.id, amount, reason="goodwill", at_most=True)

    def _refund_all(self) -> None:
        self._staff_refund(100_000)

    def _contest_rule(self) -> None:
        reasons: tuple[Reason, ...] = ("overcharged", "coupon", "twice")
        self._contested(lambda work, found: [disputes.check(work, found, why) for why in reasons])

    def _contest(self) -> None:
        self._contested(
            lambda work, found: disputes.open_request(
                work, self.settings, found, "overcharged", text="x"
            )
        )

    def _contested(self, act: Callable[[UnitOfWork, disputes.Contested], object]) -> None:
        with self.store.begin() as work:
            found = disputes.look(work, work.session.get_one(ChargingSession, self.session_id))
            if found is not None:
                act(work, found)

    def _bank_disputes(self) -> None:
        """The cardholder contests the newest payment that was taken."""
        taken = [each for each in self.holds() if each.payment_intent and each.captured_minor]
        for hold in taken[-1:]:
            self.demo.post(f"/demo/payment_intents/{hold.payment_intent}/dispute", json={})

    def _refund_bounces(self) -> None:
        """The bank sends the newest refund back; nothing but its event tells of that."""
        self._staff_refund()
        self._all_well()
        done = [each for each in self.every(Refund) if each.state == "done" and each.provider_id]
        for refund in done[-1:]:
            self.demo.post(f"/demo/refunds/{refund.provider_id}/fail", json={})
            for event in self._fresh_events():
                if event.type in {"refund.failed", "refund.updated", "charge.refund.updated"}:
                    self._put_event(event)

    def _invoice(self) -> None:
        def act(work: UnitOfWork, rider: Rider) -> None:
            buyers.keep(work, rider.id, business=True, name="Acme", address="1", number=None)
            orders = billables.billable(work, self.settings, rider.id)
            subjects = [each.entry.subject for each in orders]
            if subjects:
                invoices.make(work, self.settings, rider, subjects, key=self._key("invoice"))

        self._try(act)

    # -- the end of it

    def rest(self) -> None:
        """A booking that is left ends; the rest ends as ever."""
        self._cancel_booking()
        if any(each.state == "open" for each in self.every(RefundRequest)):
            self.passes(25 * 3600)  # nobody decides, so the clock does
        super().rest()

    def _stop(self) -> None:
        if self.session_id:
            super()._stop()

    def check(self) -> None:
        """As ever, for every charge; and what was paid ahead is there once, or went back."""
        holds = self.holds()
        self._check_provider([each for each in holds if each.method == "card"])
        for number in self.sessions:
            self.session_id = number
            self._check_session([each for each in holds if each.session_id == number])
        for hold in holds:
            if hold.subject.startswith("thing:") and hold.purpose != "card":
                self._check_other(hold)
        taken = self._taken(holds)
        self._check_ahead(taken)
        self._check_papers(taken)
        self._check_books()

    def _taken(self, holds: list[Hold]) -> dict[str, int]:
        """What is kept of each order, by its subject; a refund that came into the wallet went
        back."""
        found: dict[str, int] = {}
        with self.store.read() as work:
            for hold in holds:
                back = self.back_of(work, [hold])
                found[hold.subject] = found.get(hold.subject, 0) + (hold.captured_minor or 0) - back
        return found

    def _check_ahead(self, taken: dict[str, int]) -> None:
        for wallet_ in self.every(Wallet):
            assert wallet_.cash_held_minor == wallet_.bonus_held_minor == 0, "nothing is reserved"
        captured = {each.subject: each.captured_minor or 0 for each in self.holds()}
        for top_up in self.every(TopUp):
            paid = captured.get(f"topup:{top_up.id}", 0)
            assert paid == (top_up.amount_minor if top_up.state == "paid" else 0)
        for plan in self.every(Plan):
            price = plan.price_minor if plan.state in {"active", "used_up", "expired"} else 0
            given = taken.get(f"plan:{plan.id}", 0)
            assert given == price or (plan.state in {"used_up", "expired"} and 0 <= given < price)
            assert 0 <= plan.used <= plan.size
            assert plan.session_id is None
        for booking in self.every(Booking):
            assert not booking.live
            fee = min(booking.facts["terms"]["fee_minor"], booking.facts["terms"]["deposit_minor"])
            assert taken.get(f"booking:{booking.id}", 0) in {0, fee}

    def _check_papers(self, taken: dict[str, int]) -> None:
        """What documents say of an order is what was paid for it in the end."""
        self._invoice()
        while self._serve(("invoice.refunded",)):
            pass
        with self.store.read() as work:
            for row in work.session.scalars(select(InvoicedOrder)):
                invoice = work.session.get_one(Invoice, row.invoice_id)
                left = {
                    each.subject: each.gross_minor for each in credit_notes.left_of(work, invoice)
                }
                assert left.get(row.subject, 0) == max(0, taken[row.subject]), row.subject

    def every(self, table: Any) -> list[Any]:
        """All rows of a table."""
        with self.store.read() as work:
            return list(work.session.scalars(select(table).order_by(table.id)))


_TRIGGERS: Final = {
    "sqlite": ("DROP TRIGGER invoice_no_update", "DROP TRIGGER invoice_no_delete"),
    "postgresql": ("DROP TRIGGER invoice_no_change ON invoice",),
}
