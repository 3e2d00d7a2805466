"""Money effects of the outbox: asks Stripe outside any transaction, then records what it said."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import structlog
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

from bot.domain.pay_methods import offered, read_methods
from bot.errors import GiveUp
from bot.gateways.stripe_client import client_for, stripe_errors
from bot.gateways.stripe_holds import Card, HoldDesk, Outcome, Payer, forget_card
from bot.gateways.stripe_refunds import pursue_refund
from bot.gateways.translate import language, say
from bot.replies import load
from bot.services import cards
from bot.settings import Settings
from bot.store.charging import Hold, Refund
from bot.store.database import Store, UnitOfWork
from bot.store.inbox import put
from bot.store.riders import Rider

log = structlog.get_logger(__name__)
T = TypeVar("T")

KINDS: Final = frozenset(
    {"payment.hold", "payment.check", "payment.capture", "payment.void", "payment.refund",
     "payment.forget_card"}
)  # fmt: skip


def deliver_payment(store: Store, settings: Settings, kind: str, body: dict[str, Any]) -> None:
    """Carry out one money effect and put its result into the inbox ("payment.result").

    `body` is {refund_id}, {payment_method} of a card to forget, or {hold_id} with perhaps
    `attempt` (of a capture or void that is asked for again after a definite no) or
    `payment_intent` (an authorisation an event told of).
    Safe to deliver any number of times. Call it outside any transaction.
    Raises TryAgain (Stripe away or busy) and GiveUp (staff must look; a result may be recorded).
    """
    if kind == "payment.refund":
        _deliver_refund(store, settings, int(body["refund_id"]))
        return
    if kind == "payment.forget_card":
        with stripe_errors():
            forget_card(client_for(settings), str(body["payment_method"]))
        return
    with store.read() as work:
        hold = _row(work.session, Hold, int(body["hold_id"]))
        payer = _payer(work.session, settings, hold)
        now = work.now
    attempt = int(body.get("attempt", 1))
    try:
        desk = HoldDesk(client_for(settings), hold, payer, now, attempt)
    except GiveUp as error:  # an amount that no provider takes: whoever asked must know
        _record(store, hold, Outcome("failed", reason="bad_amount", staff=str(error)))
        return
    with stripe_errors():
        if kind == "payment.hold":
            outcome = desk.place()
        elif kind == "payment.check":
            outcome = desk.look()
            known = outcome.payment_intent or hold.payment_intent
            if (told := body.get("payment_intent")) and told != known:
                desk.release_stray(told, known)
        elif kind == "payment.capture":
            outcome = desk.capture()
        elif kind == "payment.void":
            outcome = desk.void()
        else:
            raise GiveUp(f"unknown payment effect {kind!r}")
    _record(store, hold, outcome, attempt=attempt)


def pay_token(settings: Settings, hold_id: int) -> str:
    """What names a hold in the addresses Checkout returns to; cannot be guessed."""
    token = URLSafeSerializer(settings.secret_key, salt="pay").dumps(hold_id)
    return token if isinstance(token, str) else token.decode()


def read_pay_token(settings: Settings, token: str) -> int | None:
    """The hold a return address names; None when it was not made by us."""
    try:
        hold_id = URLSafeSerializer(settings.secret_key, salt="pay").loads(token)
    except BadSignature:
        return None
    return hold_id if isinstance(hold_id, int) else None


def _deliver_refund(store: Store, settings: Settings, refund_id: int) -> None:
    with store.read() as work:
        refund = _row(work.session, Refund, refund_id)
        hold = _row(work.session, Hold, refund.hold_id)
        now = work.now
    with stripe_errors():
        outcome = pursue_refund(client_for(settings), hold, refund, now)
    _record(store, hold, outcome, refund)


def _row(session: Session, table: type[T], row_id: int) -> T:
    row = session.get(table, row_id)
    if row is None:
        raise GiveUp(f"no {table.__name__.lower()} {row_id}")
    return row


def _payer(session: Session, settings: Settings, hold: Hold) -> Payer:
    rider = _row(session, Rider, hold.rider_id)
    title, note = load(hold.about["title"]), load(hold.about["note"])
    customer, saved = rider.stripe_customer, rider.stripe_payment_method
    if "card" in hold.about:  # pinned when it was asked for
        pinned = hold.about["card"] or {}
        customer, saved = pinned.get("customer", customer), pinned.get("payment_method")
    return Payer(
        customer=customer,
        payment_method=saved,
        locale=language(rider.lang) if rider.lang else None,  # Checkout's names are the same
        title=f"{settings.brand} {say(rider.lang, title)}",
        note=say(rider.lang, note),
        return_url=f"{settings.public_url.rstrip('/')}/pay/{pay_token(settings, hold.id)}",
        methods=offered(
            read_methods(settings.payment_methods),
            hold.purpose,
            hold.currency,
            hold.about.get("methods", ()),
        ),
    )


def _record(
    store: Store, seen: Hold, outcome: Outcome, refund: Refund | None = None, attempt: int = 1
) -> None:
    """Fill the provider's columns and tell the subject, once per outcome and attempt."""
    subject = refund.id if refund else seen.id
    again = f":{attempt}" if attempt > 1 else ""
    step = {"capturing": ":capture", "voiding": ":void"}.get(seen.state, "")
    step = step if outcome.name == "failed" else ""
    with store.begin() as work:
        hold = work.session.get(Hold, seen.id, with_for_update=True)
        assert hold is not None
        if outcome.payment_intent:
            hold.payment_intent = outcome.payment_intent
        if outcome.checkout_session:
            hold.checkout_session = outcome.checkout_session
        if outcome.url:
            hold.checkout_url = outcome.url
        if outcome.capture_before:
            hold.capture_before = outcome.capture_before
        if outcome.card:
            _keep_card(work, hold, outcome.card)
        if refund is not None and outcome.refund:
            _row(work.session, Refund, refund.id).provider_id = outcome.refund
        if outcome.name:
            put(
                work,
                source="payments",
                source_id=f"{outcome.name}:{subject}:{seen.attempt}{step}{again}",
                stream=hold.subject,
                kind="payment.result",
                body=_result(seen, refund, outcome),
            )
    log.info("payment_result", hold_id=seen.id, outcome=outcome.name, reason=outcome.reason)
    if outcome.staff:
        raise GiveUp(outcome.staff)


def _keep_card(work: UnitOfWork, hold: Hold, card: Card) -> None:
    """The rider is charged by this card from now on; one it replaces at their wish is forgotten."""
    rider = _row(work.session, Rider, hold.rider_id)
    before = rider.stripe_payment_method
    if hold.purpose == "card" and before and before != card.payment_method:
        cards.forget(work, rider.id, before)
    rider.stripe_customer = card.customer
    rider.stripe_payment_method = card.payment_method
    rider.card_label = card.label


def _result(hold: Hold, refund: Refund | None, outcome: Outcome) -> dict[str, Any]:
    body: dict[str, Any] = {"hold_id": hold.id, "outcome": outcome.name}
    if refund is not None:
        body["refund_id"] = refund.id
    moment = outcome.capture_before
    optional = {
        "amount_minor": outcome.amount_minor,
        "url": outcome.url,
        "reason": outcome.reason,
        "payment_intent": outcome.payment_intent,
        "capture_before": moment.isoformat() if moment else None,
    }
    return body | {name: value for name, value in optional.items() if value is not None}
