"""Twilio's webhooks: check the signature, record one inbox row, answer at once."""

from __future__ import annotations

import re
from typing import Any, Final

from flask import Blueprint, Response, abort, request

from bot.gateways import statuses
from bot.gateways.inbound import record
from bot.gateways.whatsapp import sender_addresses, signature_ok
from bot.settings import Settings
from bot.store.database import Store

BODY_MAX: Final = 256 * 1024
_SID: Final = re.compile(r"[A-Za-z0-9]{8,64}")
_STATUS: Final = re.compile(r"[a-z_]{1,24}")
_EMPTY_TWIML: Final = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


def blueprint(store: Store, settings: Settings) -> Blueprint:
    """POST /webhooks/whatsapp and POST /webhooks/whatsapp/status.

    413 for a body over 256 kB, 403 unless our Twilio account signed it, 400 when it names no
    message or no WhatsApp sender. A 5xx means that nothing was recorded: Twilio tries again.
    """
    hooks = Blueprint("whatsapp", __name__, url_prefix="/webhooks/whatsapp")

    @hooks.before_request
    def check() -> None:
        if (request.content_length or 0) > BODY_MAX:
            abort(413)
        request.max_content_length = BODY_MAX  # for bodies that do not tell their length
        request.max_form_memory_size = BODY_MAX
        query = request.query_string.decode("latin-1")
        signature = request.headers.get("X-Twilio-Signature", "")
        if not signature_ok(settings, request.path, query, request.form, signature):
            abort(403)
        if request.form.get("AccountSid") != settings.twilio_account_sid:
            abort(403)
        if not _SID.fullmatch(request.form.get("MessageSid", "")):
            abort(400, "MessageSid is missing or malformed")

    @hooks.post("")
    def message() -> Response:
        params = _params()
        if not sender_addresses(params):
            abort(400, "From is missing or not a WhatsApp address")
        with store.begin() as work:
            record(work, params)
        return _done()

    @hooks.post("/status")
    def status() -> Response:
        news = request.form.get("MessageStatus", "")
        if not _STATUS.fullmatch(news):
            abort(400, "MessageStatus is missing or malformed")
        # Applied at once, not by way of the inbox: it is one small update that may come in any
        # order, there are several for every message, and a 5xx makes Twilio tell it again.
        with store.begin() as work:
            statuses.on_whatsapp_status(work, {**_params(), "m": request.args.get("m", "")})
        return _done()

    return hooks


def _params() -> dict[str, Any]:
    """Every parameter as it came; one that came several times is a list."""
    lists = request.form.to_dict(flat=False)
    return {name: values[0] if len(values) == 1 else values for name, values in lists.items()}


def _done() -> Response:
    return Response(_EMPTY_TWIML, content_type="text/xml; charset=utf-8")
