"""One refund at Stripe: made once, looked at as often as needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import stripe

from bot.errors import GiveUp
from bot.gateways.stripe_client import from_stripe, hold_ref, refund_key, to_stripe, was_replayed
from bot.gateways.stripe_holds import REPLAY_LIMIT, Outcome
from bot.store.charging import Hold, Refund

if TYPE_CHECKING:
    from stripe.params._refund_create_params import RefundCreateParams


def refund_params(hold: Hold, refund: Refund) -> RefundCreateParams:
    """Money back to the card it came from."""
    return {
        "payment_intent": hold.payment_intent or "",
        "amount": to_stripe(refund.amount_minor, refund.currency),
        "reason": "requested_by_customer",
        "metadata": {
            "refund_id": str(refund.id),
            "refund_ref": refund_key(refund),
            "hold_id": str(hold.id),
            "hold_ref": hold_ref(hold),
        },
    }


def pursue_refund(
    client: stripe.StripeClient, hold: Hold, refund: Refund, now: datetime
) -> Outcome:
    """Create or look at a refund: "refunded", "refund_failed", or nothing to tell while pending."""
    if not hold.payment_intent:
        raise GiveUp(f"refund {refund.id}: hold {hold.id} has no payment")
    try:
        given = _refund_at_stripe(client, hold, refund, now)
    except stripe.InvalidRequestError as error:
        return Outcome("refund_failed", reason=error.code or "refused", staff=str(error))
    ours = Outcome(refund=given.id, amount_minor=from_stripe(given.amount, refund.currency))
    if given.status == "succeeded":
        return replace(ours, name="refunded")
    if given.status in ("failed", "canceled"):
        return replace(ours, name="refund_failed", reason=given.failure_reason or given.status)
    return ours


def _refund_at_stripe(
    client: stripe.StripeClient, hold: Hold, refund: Refund, now: datetime
) -> stripe.Refund:
    refunds = client.v1.refunds
    if refund.provider_id:
        return refunds.retrieve(refund.provider_id)
    key = refund_key(refund)
    if now - refund.created_at <= REPLAY_LIMIT:
        try:
            return refunds.create(refund_params(hold, refund), {"idempotency_key": key})
        except stripe.APIError as error:
            if not was_replayed(error):
                raise
    # The key is pruned or stuck on an error: look first, for repeating would pay twice.
    listed = refunds.list({"payment_intent": hold.payment_intent or "", "limit": 100})
    for given in listed.auto_paging_iter():
        if _is_refund(given, refund):
            return given
    return refunds.create(refund_params(hold, refund), {"idempotency_key": f"{key}:again"})


def _is_refund(given: stripe.Refund, refund: Refund) -> bool:
    metadata = given.metadata
    return (
        metadata is not None
        and "refund_ref" in metadata
        and metadata["refund_ref"] == refund_key(refund)
    )
