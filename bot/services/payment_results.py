"""What became of a payment: noted in the books, then told to the service it was for.

A service is found by the prefix of the payment's subject ("session:12"); add yours to `SERVICES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog

from bot.domain.payment import after, capture_again_s
from bot.services import (
    action_results,
    billing,
    booking_news,
    cards,
    charging_facts,
    failed_refunds,
    money_watch,
    payments,
    payouts,
    plans,
    session_changes,
    topup_results,
)
from bot.settings import Settings
from bot.store import inbox
from bot.store.charging import Hold, Refund
from bot.store.database import UnitOfWork

log = structlog.get_logger(__name__)

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """What a part of the product does about its payments.

    `settle(work, settings, hold, outcome, body)` hears "held", "needs_rider" (body["url"] is the
    page), "captured", "void", "expired", "failed", "expiring" and "saved", each only when it
    changed the payment's state, which the row has already. `lock(work, number)` takes the lock of
    the subject's own row before the payment's. `account(work, hold)` is whose money it is once
    taken, in the ledger; without it the rider's. `on_refund` hears when a refund is "done" or
    "failed" (its state; a bank may send back what was done). `own_state`: the service moves the
    row itself and hears everything until the money is taken.
    """

    settle: Callable[[UnitOfWork, Settings, Hold, str, Body], None]
    lock: Callable[[UnitOfWork, int], None] | None = None
    account: Callable[[UnitOfWork, Hold], str] | None = None
    on_refund: Callable[[UnitOfWork, Hold, Refund], None] | None = None
    own_state: bool = False


SERVICES: Final[dict[str, Service]] = {
    "session": Service(
        charging_facts.on_payment_result,
        lock=session_changes.lock_session,
        account=session_changes.account_of,
        on_refund=charging_facts.on_refund,
        own_state=True,
    ),
    "booking": Service(
        booking_news.on_payment,
        lock=booking_news.lock_booking,
        account=booking_news.account_of,
    ),
    "topup": Service(
        topup_results.on_result,
        lock=topup_results.lock,
        account=topup_results.account_of,
        on_refund=payouts.on_refund,
    ),
    "card": Service(cards.on_payment_result),
    "plan": Service(plans.settle_payment, lock=plans.lock, account=plans.account),
}


def service_of(hold: Hold) -> Service:
    """Whose payment it is. Raises KeyError for a subject nobody has registered for."""
    return SERVICES[hold.subject.partition(":")[0]]


def account_of(work: UnitOfWork, hold: Hold) -> str:
    """The account of the ledger that what a payment brings belongs to."""
    service = service_of(hold)
    return service.account(work, hold) if service.account else f"rider:{hold.rider_id}"


def on_payment_result(work: UnitOfWork, settings: Settings, body: Body) -> None:
    """Inbox kind "payment.result" (bot/gateways/payments.py): a payment or refund got somewhere."""
    outcome = str(body["outcome"])
    if "refund_id" in body:
        _refund_settled(work, settings, body)
        return
    hold = _locked(work, int(body["hold_id"]))
    service = service_of(hold)
    now = after(hold.state, outcome)
    if hold.captured_minor is not None if service.own_state else now is None:
        log.info("payment_result_late", hold_id=hold.id, state=hold.state, outcome=outcome)
        return
    before = hold.state
    _note(work, hold, outcome, body)
    if not service.own_state and now is not None:
        hold.state, hold.updated_at = now, work.now
        if before == "capturing" and outcome == "failed" and _capture_later(work, hold):
            return
    service.settle(work, settings, hold, outcome, body)


def on_timer(work: UnitOfWork, settings: Settings, body: Body) -> None:
    """Inbox kind "payment.timer": a refused capture is tried again."""
    hold = _locked(work, int(body["hold_id"]))
    if hold.state == "held" and hold.captures == int(body["captures"]):
        payments.take(work, hold, hold.capture_minor or 0, hold.captures + 1)


def _locked(work: UnitOfWork, hold_id: int) -> Hold:
    """The payment, locked after the row of its subject, which may change while we wait."""
    hold = work.session.get_one(Hold, hold_id)
    while True:
        subject, service = hold.subject, service_of(hold)
        if service.lock is not None:
            service.lock(work, int(subject.partition(":")[2]))
        work.session.refresh(hold, with_for_update=True)
        if hold.subject == subject:
            return hold


def _note(work: UnitOfWork, hold: Hold, outcome: str, body: Body) -> None:
    """What every payment has in common: the books, the reason, staff where a release is refused.
    A method other than "card" keeps its own books."""
    card = hold.method == "card"
    if outcome == "captured" and hold.captured_minor is None:
        hold.captured_minor = int(body["amount_minor"])
        if card:
            billing.post_captured(work, hold, hold.captured_minor, account_of(work, hold))
    stands = outcome == "failed" and hold.state in {"capturing", "voiding"}
    if outcome in {"held", "captured", "void", "expired", "failed"} and card and not stands:
        billing.post_held(work, hold, held=outcome == "held")
    if body.get("reason"):
        hold.reason = str(body["reason"])[:120]
    if outcome == "failed" and hold.state == "voiding":
        money_watch.hold_stuck(work, hold, hold.reason or "")


def _capture_later(work: UnitOfWork, hold: Hold) -> bool:
    wait_s = capture_again_s(hold.captures)
    if wait_s is None:
        return False
    inbox.put(
        work,
        source="timer",
        source_id=f"capture:{hold.id}:{hold.captures}",
        stream=hold.subject,
        kind="payment.timer",
        body={"hold_id": hold.id, "captures": hold.captures},
        available_at=work.now + timedelta(seconds=wait_s),
    )
    return True


def _refund_settled(work: UnitOfWork, settings: Settings, body: Body) -> None:
    outcome, reason = str(body["outcome"]), str(body.get("reason") or "")
    refund = work.session.get_one(Refund, int(body["refund_id"]))
    hold = _locked(work, refund.hold_id)
    work.session.refresh(refund, with_for_update=True)
    service, before = service_of(hold), refund.state
    if outcome == "refunded" and before != "failed":
        refund.state = "done"
        if hold.method == "card":
            billing.post_refunded(work, refund, account_of(work, hold))
        else:
            billing.tell_invoices(work, refund)
    elif outcome == "refund_failed" and before != "failed":
        refund.state = "failed"
        if before == "done":  # the rider's bank sent it back
            billing.post_refunded(work, refund, account_of(work, hold), failed=True)
        account = account_of(work, hold)
        instead = failed_refunds.to_wallet(work, settings, hold, refund, account)
        money_watch.refund_failed(work, refund, reason, in_wallet=instead)
        if before == "done" and not instead:
            billing.tell_invoices(work, refund, bounced=True)
    if service.on_refund is not None and refund.state != before:
        service.on_refund(work, hold, refund)
    action_results.refund_settled(work, refund, reason=reason)
