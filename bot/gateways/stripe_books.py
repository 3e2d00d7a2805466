"""Our books against the payment provider's records, both ways, by way of its own SDK."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

import stripe
from sqlalchemy import select

from bot.gateways.stripe_client import client_for, from_stripe, hold_ref, stripe_errors
from bot.services import books
from bot.settings import Settings
from bot.store.charging import Hold, Refund
from bot.store.database import Store

_SLACK = timedelta(minutes=5)  # between our clock and theirs


def check_books(store: Store, settings: Settings) -> tuple[int, list[str]]:
    """How many payments were compared, and every fault of the books, a line each.

    Raises TryAgain and GiveUp when Stripe cannot be asked: then nothing is proven.
    """
    with store.read() as work:
        faults = books.audit(work)
        at_stripe = select(Hold).where(Hold.method == "card", Hold.purpose != "card")
        holds = list(work.session.scalars(at_stripe.order_by(Hold.id)))
        refunds = list(work.session.scalars(select(Refund).order_by(Refund.id)))
    if not holds:
        return 0, faults
    with stripe_errors():
        client = client_for(settings)
        since = int((min(each.created_at for each in holds) - _SLACK).timestamp())
        intents = {each.id: each for each in _intents(client, since)}
        given: dict[str, list[stripe.Refund]] = defaultdict(list)
        listed = client.v1.refunds.list({"created": {"gte": since}, "limit": 100})
        for each in listed.auto_paging_iter():
            given[str(each.payment_intent)].append(each)
        for hold in holds:
            if hold.payment_intent and hold.payment_intent not in intents:
                found = _retrieve(client, hold.payment_intent)
                if found is not None:
                    intents[found.id] = found
    known = {each.payment_intent: each for each in holds if each.payment_intent}
    faults += [fault for each in holds for fault in _of_hold(each, intents)]
    faults += _strangers(holds, known, intents)
    faults += _of_refunds(holds, refunds, given)
    return len(holds), faults


def _intents(client: stripe.StripeClient, since: int) -> Iterator[stripe.PaymentIntent]:
    listed = client.v1.payment_intents.list({"created": {"gte": since}, "limit": 100})
    yield from listed.auto_paging_iter()


def _retrieve(client: stripe.StripeClient, intent_id: str) -> stripe.PaymentIntent | None:
    try:
        return client.v1.payment_intents.retrieve(intent_id)
    except stripe.InvalidRequestError:
        return None  # told as unknown


def _of_hold(hold: Hold, intents: dict[str, stripe.PaymentIntent]) -> Iterator[str]:
    ours, name = hold.captured_minor or 0, f"hold {hold.id} ({hold.payment_intent or 'no payment'})"
    intent = intents.get(hold.payment_intent or "")
    if intent is None:
        if hold.payment_intent or ours:
            yield f"{name}: Stripe does not know it; the books say {ours} {hold.currency}"
        return
    theirs = from_stripe(intent.amount_received, hold.currency)
    if intent.currency.upper() != hold.currency:
        yield f"{name}: {hold.currency} in the books, {intent.currency.upper()} at Stripe"
    if theirs != ours:
        yield f"{name}: {ours} {hold.currency} taken by the books, {theirs} by Stripe"
    stands = intent.status == "requires_capture"
    if stands and hold.state in {"captured", "void", "expired"}:
        yield f"{name}: {hold.state} in the books, still held at Stripe"
    if not stands and hold.state == "held":
        yield f"{name}: held in the books, {intent.status} at Stripe"


def _strangers(
    holds: list[Hold],
    known: dict[str, Hold],
    intents: dict[str, stripe.PaymentIntent],
) -> Iterator[str]:
    """Payments at Stripe that carry our mark and that no hold goes by."""
    refs = {hold_ref(each) for each in holds}
    for intent in intents.values():
        metadata = intent.metadata
        if intent.id in known or metadata is None or "hold_ref" not in metadata:
            continue
        if metadata["hold_ref"] in refs and intent.status in {"requires_capture", "succeeded"}:
            yield (
                f"{intent.id} of hold {metadata['hold_id']}: {intent.status} at Stripe "
                f"({intent.amount} {intent.currency.upper()}), not in the books"
            )


def _of_refunds(
    holds: list[Hold], refunds: list[Refund], given: dict[str, list[stripe.Refund]]
) -> Iterator[str]:
    for hold in holds:
        if not hold.payment_intent:
            continue
        done = [each for each in refunds if each.hold_id == hold.id and each.state == "done"]
        ours = sum(each.amount_minor for each in done)
        theirs = sum(
            from_stripe(each.amount, hold.currency)
            for each in given.get(hold.payment_intent, [])
            if each.status == "succeeded"
        )
        if ours != theirs:
            yield (
                f"hold {hold.id} ({hold.payment_intent}): {ours} {hold.currency} given back by "
                f"the books, {theirs} by Stripe"
            )
        if theirs > (hold.captured_minor or 0):
            yield f"hold {hold.id}: more was given back ({theirs}) than taken"
