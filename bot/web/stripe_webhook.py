"""Stripe's webhook: check the signature, keep the event's gist in the inbox, answer at once."""

from __future__ import annotations

import json
import re
import time
from typing import Any, Final

import stripe
import structlog
from flask import Blueprint, request
from werkzeug.exceptions import RequestEntityTooLarge

from bot.settings import Settings
from bot.store.database import Store
from bot.store.inbox import put

log = structlog.get_logger(__name__)

TOLERANCE_S: Final = 300
BODY_LIMIT: Final = 512 * 1024
_ID: Final = re.compile(r"[A-Za-z0-9_]{1,72}")
_TIMESTAMP: Final = re.compile(r"(?:^|,)t=(\d{1,12})(?:,|$)")
# Names, e-mail addresses and card details stay with Stripe: a handler looks there again anyway.
_KEPT: Final = (
    "id", "object", "payment_intent", "charge", "client_reference_id", "status", "amount",
    "currency", "reason", "failure_reason",
)  # fmt: skip
_KEPT_METADATA: Final = ("hold_id", "hold_ref", "refund_id", "refund_ref")


def blueprint(store: Store, settings: Settings) -> Blueprint:
    """POST /webhooks/stripe: 200 once the event is in the inbox, 4xx for what is not Stripe's."""
    routes = Blueprint("stripe_webhook", __name__)

    @routes.post("/webhooks/stripe")
    def receive() -> tuple[str, int]:
        request.max_content_length = BODY_LIMIT
        try:
            raw = request.get_data(cache=False)
        except RequestEntityTooLarge:
            return "too large", 413
        event = _verified(raw, request.headers.get("Stripe-Signature", ""), settings)
        if event is None:
            return "not a signed event", 400
        with store.begin() as work:
            put(
                work,
                source="stripe",
                source_id=event["id"],
                stream=f"payment:{_subject(event['data']['object'])}",
                kind="stripe.event",
                body={"event": event},
            )
        return "", 200

    return routes


def _verified(raw: bytes, header: str, settings: Settings) -> dict[str, Any] | None:
    """The event cut to what is needed, or None when it is not a fresh, signed snapshot event."""
    try:
        if not header.isascii():  # the SDK's comparison raises TypeError on other characters
            return None
        stripe.WebhookSignature.verify_header(
            raw, header, settings.stripe_webhook_secret, TOLERANCE_S
        )
        event = json.loads(raw)
    except (stripe.SignatureVerificationError, ValueError, RecursionError) as error:
        log.warning("stripe_webhook_refused", why=type(error).__name__)
        return None
    # The SDK accepts timestamps of any future, which would make a leaked event replayable.
    sent = _TIMESTAMP.search(header)
    if sent is None or int(sent[1]) > time.time() + TOLERANCE_S:
        return None
    return _gist(event)


def _gist(event: Any) -> dict[str, Any] | None:
    if not isinstance(event, dict) or event.get("object") != "event":
        return None
    data = event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    if not isinstance(thing, dict) or not all(_is_id(each.get("id")) for each in (event, thing)):
        return None
    kept = {name: thing[name] for name in _KEPT if isinstance(thing.get(name), str | int)}
    metadata = thing.get("metadata")
    if isinstance(metadata, dict):
        kept["metadata"] = {
            name: str(metadata[name]) for name in _KEPT_METADATA if name in metadata
        }
    return {"id": event["id"], "type": str(event.get("type")), "data": {"object": kept}}


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _subject(thing: dict[str, Any]) -> str:
    """What orders events: the payment intent where there is one, else the object itself."""
    intent = thing.get("payment_intent")
    return str(intent if _is_id(intent) else thing["id"])
