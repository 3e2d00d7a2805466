"""Inbound e-mail: a provider's signed POST becomes one inbox row.

Two shapes: a form as Mailgun's routes post it (timestamp, token, signature), and JSON with
Postmark's names, signed in the header X-Pilebot-Signature ("t=<seconds>,v1=<hex>", HMAC-SHA256 of
"<t>.<body>"). The secret is MAIL_WEBHOOK_SECRET.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import parseaddr
from typing import Any, Final

from flask import Blueprint, Response, abort, request

from bot.settings import Settings
from bot.store import inbox
from bot.store.database import Store
from bot.store.limits import allow

BODY_MAX: Final = 2_000_000  # letters come with pictures; those are not kept
TEXT_MAX: Final = 4000
DANGER_READ: Final = 20_000  # characters held against words of danger
SKEW_S: Final = 900
PER_SENDER: Final = 30  # letters an hour


Guess = Callable[[str], str | None]


def blueprint(
    store: Store, settings: Settings, guess: Guess, is_danger: Callable[[str], bool]
) -> Blueprint:
    """POST /webhooks/email. 404 while no secret is set, 403 for a wrong or old signature, 400 when
    it names no sender, 429 for a sender who floods. A repeat of a letter is taken once. `guess`
    tells the language of a text, `is_danger` whether it has words of danger."""
    hooks = Blueprint("mail", __name__, url_prefix="/webhooks/email")

    @hooks.post("")
    def letter() -> Response:
        if not settings.mail_webhook_secret:
            abort(404)
        if (request.content_length or 0) > BODY_MAX:
            abort(413)
        request.max_content_length = request.max_form_memory_size = BODY_MAX
        now = int(store.clock().timestamp())
        told = _form(settings, now) if request.form else _json(settings, now)
        name, address = parseaddr(told["from"])
        if "@" not in address:
            abort(400, "From is missing or no address")
        sender = hashlib.sha256(address.casefold().encode()).hexdigest()[:24]
        body = {
            "from": address[:160], "name": name[:120], "subject": told["subject"][:200],
            "text": told["text"][:TEXT_MAX], "id": told["id"][:120], "auto": told["auto"],
            "lang": guess(f"{told['subject']} {told['text'][:TEXT_MAX]}"),
            "danger": is_danger(f"{told['subject']}\n{told['text']}"[:DANGER_READ]),
        }  # fmt: skip
        with store.begin() as work:
            window = timedelta(hours=1)
            if not allow(work, f"mail:{sender}", limit=PER_SENDER, window=window):
                abort(429)
            inbox.put(
                work, source="email", source_id=body["id"], stream=f"email:{sender}",
                kind="case.email", body=body,
            )  # fmt: skip
        return Response("", 204)

    return hooks


def _form(settings: Settings, now: int) -> dict[str, Any]:
    form = request.form
    stamp, token = form.get("timestamp", ""), form.get("token", "")
    _check(settings, now, stamp, f"{stamp}{token}".encode(), form.get("signature", ""))
    return {
        "from": form.get("from") or form.get("sender", ""), "subject": form.get("subject", ""),
        "text": form.get("stripped-text") or form.get("body-plain", ""),
        "id": form.get("Message-Id") or token,
        "auto": "auto-submitted" in form.get("message-headers", "").casefold(),
    }  # fmt: skip


def _json(settings: Settings, now: int) -> dict[str, Any]:
    signed = request.headers.get("X-Pilebot-Signature", "")
    parts = dict(part.split("=", 1) for part in signed.split(",") if "=" in part)
    stamp, raw = parts.get("t", ""), request.get_data()
    _check(settings, now, stamp, stamp.encode() + b"." + raw, parts.get("v1", ""))
    told = request.get_json(silent=True)
    if not isinstance(told, Mapping):
        abort(400, "neither a form nor JSON")
    headers = told.get("Headers") or []
    names = [str(each.get("Name", "")) for each in headers if isinstance(each, Mapping)]
    return {
        "from": str(told.get("From", "")), "subject": str(told.get("Subject", "")),
        "text": str(told.get("StrippedTextReply") or told.get("TextBody") or ""),
        "id": str(told.get("MessageID") or hashlib.sha256(raw).hexdigest()),
        "auto": "auto-submitted" in (name.casefold() for name in names),
    }  # fmt: skip


def _check(settings: Settings, now: int, stamp: str, signed: bytes, signature: str) -> None:
    """403 unless the provider signed this a moment ago."""
    key = settings.mail_webhook_secret.encode()
    right = hmac.new(key, signed, hashlib.sha256).hexdigest()
    fresh = stamp.isascii() and stamp.isdigit() and abs(now - int(stamp[:12])) <= SKEW_S
    if not fresh or not hmac.compare_digest(right.encode(), signature.lower().encode()):
        abort(403)
